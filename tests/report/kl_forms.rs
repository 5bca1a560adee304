use spikeslab::report::kl_forms;
use spikeslab::report::kl_forms::FormValues;

use super::{paths, read, texts};

#[test]
fn one_panel_a_variance_and_one_curve_a_form() {
    let theta = [-0.5, 0.0, 0.5];
    let panel = |log_sigma2, height: f64| FormValues { log_sigma2, kl: vec![vec![1.0, 0.0, 1.0], vec![height; 3]] };
    let elements = read(&kl_forms(&["truth", "form"], &theta, &[-0.2, 0.2], &[panel(-8.0, 2.0), panel(0.0, 3.0)]));
    let curves = paths(&elements, "stroke", "#0072b2");
    // One sample in the legend, and one curve per panel.
    assert_eq!(curves.iter().filter(|path| path.get("d").matches('L').count() == 2).count(), 2);
    let texts = texts(&elements);
    for text in ["truth", "form", "level", "ln σ² = −8", "ln σ² = 0", "θ", "KL, nats"] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
}

#[test]
fn values_that_are_not_finite_break_a_curve() {
    let panel = FormValues { log_sigma2: -1.0, kl: vec![vec![1.0, f64::NAN, 1.0, 2.0]] };
    let svg = kl_forms(&["truth"], &[0.0, 1.0, 2.0, 3.0], &[], &[panel]);
    assert!(!svg.contains("NaN"));
    read(&svg);
    read(&kl_forms(&[], &[], &[], &[]));
}
