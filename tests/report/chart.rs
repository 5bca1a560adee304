use spikeslab::report::axes::Axis;
use spikeslab::report::chart::{Chart, Plot, TRUTH, chart, line, points};

use super::{paths, read, texts};

fn plot(title: &str, curve: Vec<(f64, f64)>) -> Plot<'_> {
    Plot {
        title: title.to_string(),
        x: ("time", Axis::linear([0.0, 3.0])),
        y: ("height", Axis::linear([0.0, 9.0])),
        curves: vec![(TRUTH, curve.clone()), (points(0), curve)],
        levels: vec![1.0],
    }
}

#[test]
fn each_plot_has_its_curves_axes_and_levels() {
    let curve = vec![(0.0, 0.0), (1.0, 1.0), (2.0, 4.0), (3.0, 9.0)];
    let plots = vec![plot("one", curve.clone()), plot("two", curve)];
    let elements = read(&chart(&Chart { heading: "Squares", entries: vec![(TRUTH, "square")], plots }));
    let lines: Vec<_> = paths(&elements, "stroke", "#bdbdbd").into_iter().map(|e| e.get("d")).collect();
    // One is the legend's sample.
    assert_eq!(lines.iter().filter(|d| d.matches('L').count() == 3).count(), 2, "{lines:?}");
    let discs = paths(&elements, "stroke", "#d55e00").into_iter().map(|e| e.get("d"));
    assert_eq!(discs.filter(|d| d.matches("h.01").count() == 4).count(), 2);
    let texts = texts(&elements);
    for (text, count) in [("Squares", 1), ("square", 1), ("one", 1), ("two", 1), ("time", 2), ("height", 2)] {
        assert_eq!(texts.iter().filter(|t| **t == text).count(), count, "{text} in {texts:?}");
    }
}

#[test]
fn points_off_the_axes_or_not_finite_interrupt_a_curve() {
    let curve = vec![(0.0, 1.0), (0.5, f64::NAN), (1.0, 1.0), (1.5, 100.0), (2.0, 1.0), (2.5, 2.0)];
    let svg = chart(&Chart { heading: "", entries: Vec::new(), plots: vec![plot("", curve)] });
    assert!(!svg.contains("NaN"), "{svg}");
    let elements = read(&svg);
    let line = paths(&elements, "stroke", "#bdbdbd")[0].get("d").to_string();
    assert_eq!((line.matches('M').count(), line.matches('L').count()), (3, 1), "{line}");
}

#[test]
fn entries_that_do_not_fit_take_another_row() {
    let height = |entries: usize| {
        let entries = (0..entries).map(|i| (line(i), "an entry of some length")).collect();
        read(&chart(&Chart { heading: "", entries, plots: Vec::new() }))[0].number("height")
    };
    assert_eq!(height(1), height(3));
    assert!(height(8) > height(3));
    read(&chart(&Chart { heading: "a < b", entries: Vec::new(), plots: Vec::new() }));
}
