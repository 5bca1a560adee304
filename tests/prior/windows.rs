use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::forms::{
    SPIKES, assert_finite_and_nan_kept, assert_golden, assert_gradients, assert_symmetric, assert_unchanged_by_scale,
    one_weight,
};
use crate::common::tolerance::{Check, tolerance};
use spikeslab::prior::spike::{Sigma, spike_kl};
use spikeslab::prior::{Form, MultiSpike};
use spikeslab::scalar::spike_kl::Spike;

#[test]
fn golden_f64() {
    assert_golden::<f64>(Form::Windows, 30);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(Form::Windows, 30);
}

#[test]
fn gradients() {
    assert_gradients(Form::Windows);
}

#[test]
fn unchanged_when_all_is_scaled_together() {
    assert_unchanged_by_scale(Form::Windows);
}

#[test]
fn symmetric_for_a_symmetric_codebook() {
    assert_symmetric(Form::Windows);
}

#[test]
fn finite_everywhere_and_nan_kept() {
    assert_finite_and_nan_kept::<f64>(Form::Windows);
    assert_finite_and_nan_kept::<f32>(Form::Windows);
}

#[test]
fn far_from_every_window_there_is_neither_kl_nor_gradient() {
    for spike in SPIKES {
        for theta in [-3.0, 0.0, 3.0] {
            let (kl, dlevels) = one_weight(&MultiSpike::new(Form::Windows, spike), theta, -4.0, &[-0.2, 0.2], None);
            let largest = [kl.value, kl.dtheta, kl.dlog_sigma2, dlevels[0], dlevels[1]]
                .iter()
                .fold(0.0, |largest: f64, value| largest.max(value.abs()));
            assert!(largest < 1e-6, "{spike:?}, θ = {theta}: {kl:?}, {dlevels:?}");
        }
    }
}

#[test]
fn the_sum_over_levels_of_window_times_spike() {
    let tolerance = tolerance("windows", F64, Check::Property);
    let levels = [-0.3, -0.1, 0.1, 0.3];
    for (theta, log_sigma2, ratio) in [(0.1, -5.0, 0.15), (0.12, -2.0, 0.5), (-0.29, -8.0, 0.15)] {
        let prior = MultiSpike { window_ratio: ratio, ..MultiSpike::new(Form::Windows, SPIKES[1]) };
        let expected: f64 = levels
            .iter()
            .map(|level: &f64| {
                let width = ratio * level.abs();
                let window = (-(theta - level).powi(2) / (2.0 * width * width)).exp();
                window * spike_kl(SPIKES[1], theta, Sigma::new(log_sigma2), *level).value
            })
            .sum();
        let seen = one_weight(&prior, theta, log_sigma2, &levels, None).0.value;
        assert_close(&format!("θ = {theta}"), &seen, &expected, tolerance);
    }
}

/// The width of its window is 0 in floating point, so that the exponent would be 0/0.
#[test]
fn a_level_too_small_for_a_window_has_neither_kl_nor_gradient() {
    let smallest = f64::from_bits(1);
    for theta in [-smallest, 0.0, smallest, 0.1] {
        let prior = MultiSpike::new(Form::Windows, Spike::Exact);
        let (kl, dlevels) = one_weight(&prior, theta, -4.0, &[-smallest, smallest], None);
        assert_eq!((kl.value, kl.dtheta, kl.dlog_sigma2, dlevels), (0.0, 0.0, 0.0, vec![0.0, 0.0]), "θ = {theta}");
    }
}

/// F does not change when θ, σ and the levels are scaled together, even where the square of a window's width is 0 or
/// infinite.
#[test]
fn the_windows_scale_with_the_levels() {
    for form in [Form::Windows, Form::Vnq] {
        let levels: &[f64] = if form == Form::Vnq { &[-0.2, 0.0, 0.2] } else { &[-0.2, 0.2] };
        let at = |scale: f64| {
            let levels: Vec<f64> = levels.iter().map(|level| scale * level).collect();
            let log_sigma2 = -5.0 + 2.0 * scale.ln();
            let (kl, dlevels) =
                one_weight(&MultiSpike::new(form, Spike::Exact), scale * 0.19, log_sigma2, &levels, None);
            let slopes = [&[kl.dtheta][..], &dlevels].concat();
            [vec![kl.value, kl.dlog_sigma2], slopes.into_iter().map(|slope| scale * slope).collect()].concat()
        };
        // ln σ² of −1400 is rounded by 1e-13.
        let tolerance = tolerance("windows scaled", F64, Check::Property);
        for scale in [1e-200, 1e200] {
            assert_close(&format!("{form:?}, scale {scale:e}"), &at(scale), &at(1.0), tolerance);
        }
    }
}
