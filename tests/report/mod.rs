//! The figures, read back from their SVG.

mod accuracy;
mod axes;
mod chart;
mod comparison;
mod confusion;
mod contact_sheet;
mod entropies;
#[cfg(feature = "files")]
mod formats;
mod funnel;
mod histogram;
mod kl_forms;
mod kl_funnels;
mod layers;
mod levels;
mod panel;
#[cfg(feature = "files")]
mod quantized_loss;
mod reliability;
mod risk_coverage;
mod svg;
mod xml;

use crate::common::random::Random;
use xml::Element;

/// Reads a figure and checks the properties of all figures: it is well formed, 800 units wide, white, and no text is
/// too small or begins outside the figure.
fn read(svg: &str) -> Vec<Element> {
    let elements = xml::read(svg).expect("a well-formed figure");
    assert_eq!(elements[0].name, "svg");
    assert_eq!(elements[0].number("width"), 800.0);
    let ground = elements.iter().find(|e| e.name == "rect").expect("a ground");
    assert_eq!(ground.get("fill"), "#ffffff");
    assert_eq!(ground.get("height"), elements[0].get("height"));
    for element in &elements {
        for (key, value) in &element.attributes {
            assert!(!value.contains("NaN") && !value.contains("inf"), "{}: {key}={value}", element.name);
        }
        if element.name == "text" {
            assert!(element.number("font-size") >= 11.0, "{element:?}");
            if element.has("x") {
                assert!((0.0..=800.0).contains(&element.number("x")), "{element:?}");
                let height = elements[0].number("height");
                assert!((0.0..=height).contains(&element.number("y")), "{element:?}");
            }
        }
    }
    elements
}

/// The names of classes that have none: their numbers.
fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// The figure's texts, in the order they are drawn.
fn texts(elements: &[Element]) -> Vec<&str> {
    elements.iter().filter(|e| e.name == "text").map(|e| e.text.as_str()).collect()
}

/// The paths of a stroke or fill colour.
fn paths<'a>(elements: &'a [Element], key: &str, color: &str) -> Vec<&'a Element> {
    elements.iter().filter(|e| e.name == "path" && e.has(key) && e.get(key) == color).collect()
}

/// Numbers in [0, 1), the same in every run.
fn uniform(seed: u64) -> impl Iterator<Item = f64> {
    let mut random = Random::new(seed);
    std::iter::repeat_with(move || random.uniform(0.0, 1.0))
}
