use spikeslab::report::{Curve, comparison};

use super::{paths, read, texts};

fn curve(label: &str, loss: &[f64], mean: &[f64], quantized: &[f64]) -> Curve {
    Curve {
        label: label.to_string(),
        quantized_loss: loss.to_vec(),
        accuracy_mean: mean.to_vec(),
        accuracy_quantized: quantized.to_vec(),
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
    for (color, tint) in [("#d55e00", "#f3cdb0"), ("#0072b2", "#a9cfe6")] {
        let (lines, broad) = (drawn(color), drawn(tint));
        assert_eq!((lines.len(), broad.len()), (2, 1), "{color}");
        assert!(lines.iter().chain(&broad).all(|d| d.matches('L').count() == 2), "three epochs");
    }
    // Both runs have the same accuracy with mean weights: the same path, and the later line is narrower.
    assert_eq!(drawn("#f3cdb0"), drawn("#a9cfe6"));
    let width = |tint| paths(&elements, "stroke", tint)[0].number("stroke-width");
    assert!(width("#f3cdb0") > width("#a9cfe6"));
    let texts = texts(&elements);
    for text in ["Gaussian prior", "multi-spike prior", "quantized weights", "mean weights"] {
        assert_eq!(texts.iter().filter(|t| **t == text).count(), 1, "{text}");
    }
    for text in ["quantized loss Σ(θ − Q(θ))²", "accuracy, %", "100", "40"] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
    assert_eq!(texts.iter().filter(|t| **t == "epoch").count(), 2);
}

/// Where mean and quantized weights have equal accuracy, the thin line is along the broad line.
#[test]
fn equal_accuracies_coincide() {
    let elements = read(&comparison(&[curve("a", &[1.0, 2.0], &[0.5, 0.7], &[0.5, 0.7])]));
    let broad = paths(&elements, "stroke", "#f3cdb0")[0].get("d").to_string();
    assert!(paths(&elements, "stroke", "#d55e00").iter().any(|e| e.get("d") == broad), "{broad}");
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
