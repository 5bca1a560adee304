use spikeslab::report::svg::{Font, Paint, Svg, escape, number};

use super::xml;

#[test]
fn number_is_compact() {
    for (x, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (-0.004, "0"),
        (1.0, "1"),
        (-12.5, "-12.5"),
        (2.34159, "2.34"),
        (99.999, "100"),
        (f64::NAN, "0"),
        (f64::NEG_INFINITY, "0"),
    ] {
        assert_eq!(number(x), text, "{x}");
    }
}

#[test]
fn escape_leaves_no_markup() {
    assert_eq!(escape("a<b>&\"c\" θ 𝜃"), "a&lt;b&gt;&amp;&quot;c&quot; θ 𝜃");
    assert_eq!(escape("\u{0}\u{1b}\u{ffff}\t\n"), "\u{fffd}\u{fffd}\u{fffd}\t\n");
}

#[test]
fn every_element_is_well_formed_and_in_order() {
    let mut svg = Svg::new(80.0, 40.5, "a <title> & more");
    svg.path("M0 0H1", Paint::Fill("#123456"));
    svg.path("M0 0H2", Paint::Line("#123456", 2.0));
    svg.path("M0 0H3", Paint::Dashed("#123456", 1.25));
    svg.path("M0 0h.01", Paint::Discs("#123456", 6.0));
    svg.path("M1 0h.01", Paint::Squares("#123456", 6.0));
    svg.path("", Paint::Fill("#123456"));
    svg.raster("M0 0.5h3", (1.0, 2.0), (2.5, 2.0), "#abcdef");
    svg.raster("", (1.0, 2.0), (2.5, 2.0), "#abcdef");
    svg.rect(1.0, 2.0, 3.0, 4.0, "#abcdef");
    svg.text(1.0, 2.0, "<θ>", Font::NAME);
    svg.text_upwards(3.0, 4.0, "&", Font::TITLE);
    let elements = xml::read(&svg.finish()).expect("well formed");
    let names: Vec<&str> = elements.iter().map(|e| e.name.as_str()).collect();
    // The empty path and the empty raster draw nothing.
    let paths = ["path"; 6];
    assert_eq!(names[..3], ["svg", "title", "rect"]);
    assert_eq!(names[3..9], paths);
    assert_eq!(names[9..], ["rect", "text", "text"]);
    assert_eq!(elements[0].get("viewBox"), "0 0 80 40.5");
    assert_eq!(elements[1].text, "a <title> & more");
    assert_eq!(elements[8].get("transform"), "translate(1 2)scale(2.5 2)");
    assert_eq!((elements[10].text.as_str(), elements[10].get("text-anchor")), ("<θ>", "middle"));
    assert_eq!((elements[11].text.as_str(), elements[11].get("font-weight")), ("&", "bold"));
    assert_eq!(elements[11].get("transform"), "translate(3 4)rotate(-90)");
}

/// Advance widths in ems of DejaVu Sans, one of the widest fonts that a reader may have.
#[test]
fn width_is_no_less_than_in_a_wide_face() {
    for (text, ems) in
        [("0123456789", 6.362), ("weights per bin", 8.613), ("block1.layer12.conv", 10.82), ("100%", 2.859)]
    {
        let width = Font::SMALL.width(text) / Font::SMALL.size;
        assert!((ems * 0.96..ems * 1.2).contains(&width), "{text}: {width} ems, in the face {ems}");
    }
}
