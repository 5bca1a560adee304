use spikeslab::report::WIDTH;
use spikeslab::report::axes::Axis;
use spikeslab::report::panel::{Panel, legend, legend_width};
use spikeslab::report::svg::{Paint, Svg};

use super::{read, texts};

fn panel(epochs: usize, y: Axis) -> Panel {
    Panel { left: 100.0, top: 50.0, width: 600.0, height: 200.0, x: Axis::epochs(epochs), y }
}

#[test]
fn values_stand_in_the_frame_and_y_grows_upwards() {
    let panel = panel(5, Axis::linear([0.0, 1.0]));
    let (low, high) = (panel.place_y(0.0).unwrap(), panel.place_y(1.0).unwrap());
    assert!(panel.top < high && high < low && low < panel.bottom());
    assert_eq!(panel.place_x(3.0), Some(400.0));
    assert_eq!((panel.right(), panel.bottom()), (700.0, 250.0));
    assert_eq!(panel.place_x(0.0), None);
    assert_eq!(panel.place_y(f64::NAN), None);
}

#[test]
fn a_curve_breaks_where_a_value_has_no_place() {
    let panel = panel(6, Axis::log10([1.0, 100.0]));
    let values = [1.0, 10.0, f64::NAN, 100.0, -1.0, 0.0];
    let curve = panel.curve(&values);
    assert_eq!((curve.matches('M').count(), curve.matches('L').count()), (3, 1));
    assert!(curve.ends_with(" 250"), "0 lies on the lower edge: {curve}");
    assert_eq!(panel.dots(&values).matches('M').count(), 4);
    assert_eq!((panel.curve(&[]), panel.dots(&[f64::NAN])), (String::new(), String::new()));
}

#[test]
fn axes_are_labelled_at_their_ticks() {
    let panel = panel(5, Axis::log10([1.0, 1000.0]));
    let mut svg = Svg::new(WIDTH, 300.0, "");
    panel.draw_axes(&mut svg);
    panel.name_x(&mut svg, "epoch");
    panel.name_y(&mut svg, "loss", 50.0);
    let elements = read(&svg.finish());
    assert_eq!(texts(&elements), ["1", "2", "3", "4", "5", "1", "10", "100", "1,000", "epoch", "loss"]);
    let ten = elements.iter().find(|e| e.text == "10").unwrap();
    assert!((ten.number("y") - panel.place_y(10.0).unwrap()).abs() < 6.0, "beside its grid line");
    let grid = elements.iter().find(|e| e.name == "path").unwrap().get("d").to_string();
    assert_eq!((grid.matches('V').count(), grid.matches('H').count()), (5, 4));
}

#[test]
fn legend_entries_stand_side_by_side() {
    let entries: [(&[Paint], &str); 3] = [
        (&[Paint::Fill("#000000")], "a < b"),
        (&[Paint::Line("#000000", 1.0), Paint::Squares("#000000", 4.0)], "a rather long name"),
        (&[Paint::Dashed("#000000", 1.0)], "c"),
    ];
    let mut svg = Svg::new(WIDTH, 40.0, "");
    legend(&mut svg, 10.0, 20.0, &entries);
    let elements = read(&svg.finish());
    assert_eq!(texts(&elements), ["a < b", "a rather long name", "c"]);
    assert_eq!(elements.iter().filter(|e| e.name == "path").count(), 4);
    let x: Vec<f64> = elements.iter().filter(|e| e.name == "text").map(|e| e.number("x")).collect();
    for i in 1..3 {
        assert!((x[i] - x[0] - legend_width(&entries[..i])).abs() < 0.02, "{x:?}");
    }
    assert_eq!(legend_width(&[]), 0.0);
}
