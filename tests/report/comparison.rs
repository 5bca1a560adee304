use spikeslab::report::{Curve, comparison};

use super::{paths, read, texts};

fn curve(label: &str, loss: &[f64], mean: &[f64], quantized: &[f64]) -> Curve {
    Curve {
        label: label.to_string(),
        quantized_loss: loss.to_vec(),
        accuracy_mean: mean.iter().copied().map(Some).collect(),
        accuracy_quantized: quantized.iter().copied().map(Some).collect(),
    }
}

fn published() -> [Curve; 2] {
    [
        curve("Gaussian prior", &[700.0, 710.0, 720.0], &[0.95, 0.98, 0.99], &[0.5, 0.6, 0.4]),
        curve("multi-spike prior", &[600.0, 20.0, 0.5], &[0.95, 0.98, 0.99], &[0.6, 0.97, 0.99]),
    ]
}

#[test]
fn each_run_has_three_curves_and_a_name() {
    let elements = read(&comparison(&published()));
    let drawn = |color: &str| -> Vec<String> {
        let paths = paths(&elements, "stroke", color);
        paths.iter().map(|e| e.get("d").to_string()).filter(|d| d.contains('L')).collect()
    };
    for color in ["#d55e00", "#0072b2"] {
        let lines = drawn(color);
        assert_eq!(lines.len(), 3, "{color}");
        assert!(lines.iter().all(|d| d.matches('L').count() == 2), "three epochs");
        let dashed = paths(&elements, "stroke", color).into_iter().filter(|e| e.has("stroke-dasharray"));
        assert_eq!(dashed.count(), 1, "mean weights");
    }
    // Both runs have the same accuracy with mean weights.
    assert_eq!(drawn("#d55e00")[2], drawn("#0072b2")[2]);
    let texts = texts(&elements);
    for text in ["Gaussian prior", "multi-spike prior", "quantized weights", "mean weights"] {
        assert_eq!(texts.iter().filter(|t| **t == text).count(), 1, "{text}");
    }
    for text in ["quantized loss Σ(θ − Q(θ))², log scale", "error: 100 − accuracy, %, log scale", "1", "50"] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
    assert_eq!(texts.iter().filter(|t| **t == "epoch").count(), 2);
}

#[test]
fn epochs_that_were_not_evaluated_have_no_point() {
    let mut curves = published();
    for curve in &mut curves {
        curve.accuracy_mean[1] = None;
        curve.accuracy_quantized[1] = None;
    }
    let elements = read(&comparison(&curves));
    let lines: Vec<usize> = paths(&elements, "stroke", "#d55e00")
        .iter()
        .map(|e| e.get("d").matches('L').count())
        .filter(|lines| *lines > 0)
        .collect();
    // The quantized loss has three epochs, the errors have two.
    assert_eq!(lines, [2, 1, 1]);
}

/// Where mean and quantized weights have equal accuracy, the dashed line is along the other.
#[test]
fn equal_accuracies_coincide() {
    let elements = read(&comparison(&[curve("a", &[1.0, 2.0], &[0.5, 0.7], &[0.5, 0.7])]));
    let lines: Vec<_> =
        paths(&elements, "stroke", "#d55e00").into_iter().filter(|e| e.get("d").contains('L')).collect();
    let dashed = lines.iter().find(|e| e.has("stroke-dasharray")).unwrap().get("d");
    assert_eq!(lines.iter().filter(|e| e.get("d") == dashed).count(), 2, "{dashed}");
}

/// Accuracies of 97 and 98 % are as far apart as those of 40 and 60 %, although the first epochs are at 45 %.
#[test]
fn late_epochs_are_apart() {
    let accuracies = [&[0.45, 0.97, 0.97], &[0.45, 0.98, 0.98]];
    let curves = accuracies.map(|accuracy| curve("a", &[1.0; 3], accuracy, accuracy));
    let elements = read(&comparison(&curves));
    let last = |color: &str| -> f64 {
        let lines = paths(&elements, "stroke", color);
        let d = lines.iter().find(|e| e.has("stroke-dasharray")).unwrap().get("d");
        d.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert!(last("#0072b2") - last("#d55e00") > 20.0);
}

#[test]
fn no_errors_are_drawn_at_zero() {
    let elements = read(&comparison(&[curve("a", &[1.0, 0.0], &[0.9, 1.0], &[0.9, 1.0])]));
    // The lowest tick of both axes.
    let zeros: Vec<f64> = elements.iter().filter(|e| e.text == "0").map(|e| e.number("y")).collect();
    assert!(zeros.len() == 2 && zeros[0] == zeros[1], "{zeros:?}");
}

#[test]
fn long_names_take_a_row_of_their_own() {
    let top = |label: &str| {
        let elements = read(&comparison(&[curve(label, &[1.0], &[0.5], &[0.5])]));
        let y = |text: &str| elements.iter().find(|e| e.text == text).unwrap().number("y");
        (y(label), y("mean weights"))
    };
    let (short, long) = (top("a < b & c"), top(&"a name ".repeat(12)));
    assert_eq!(short.0, short.1);
    assert!(long.0 + 15.0 < long.1, "{long:?}");
}

#[test]
fn odd_runs_are_drawn() {
    let texts_of =
        |curves: &[Curve]| -> Vec<String> { texts(&read(&comparison(curves))).iter().map(|t| t.to_string()).collect() };
    assert_eq!(texts_of(&[]).iter().filter(|t| *t == "no epochs").count(), 2);
    let nan = [f64::NAN, f64::INFINITY, -1.0, 0.0];
    let odd = [
        curve("nothing finite", &nan, &nan, &nan),
        curve("one epoch", &[0.0], &[1.0], &[f64::NAN]),
        curve("uneven", &[1.0, 2.0, 3.0], &[0.5], &[]),
        curve("", &[], &[], &[]),
    ];
    let many: Vec<Curve> = (0..7).map(|_| odd[2].clone()).collect();
    for curves in [&odd[..], &odd[..1], &odd[1..2], &odd[3..], &many[..]] {
        let texts = texts_of(curves);
        assert!(curves.iter().all(|c| texts.contains(&c.label)), "{texts:?}");
        assert!(!texts.iter().any(|t| t.contains("NaN")), "{texts:?}");
    }
}
