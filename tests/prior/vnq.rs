use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::forms::{
    SPIKES, assert_finite_and_nan_kept, assert_golden, assert_gradients, assert_symmetric, assert_unchanged_by_scale,
    one_weight,
};
use crate::common::gradient::assert_gradient;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::prior::spike::{Sigma, spike_kl};
use spikeslab::prior::vnq::Vnq;
use spikeslab::prior::weight_form::WeightForm;
use spikeslab::prior::{Form, MultiSpike};

#[test]
fn golden_f64() {
    assert_golden::<f64>(Form::Vnq, 38);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(Form::Vnq, 38);
}

#[test]
fn gradients() {
    assert_gradients(Form::Vnq);
}

#[test]
fn gradients_at_other_widths() {
    for (ratio, theta) in [(0.125, 0.18), (1.0, 0.1), (1.0, -0.33)] {
        let prior = MultiSpike { window_ratio: ratio, ..MultiSpike::new(Form::Vnq, SPIKES[0]) };
        let x = [theta, -3.0, -0.2, 0.0, 0.2];
        let (kl, dlevels) = one_weight(&prior, x[0], x[1], &x[2..], None);
        let gradient = [&[kl.dtheta, kl.dlog_sigma2], dlevels.as_slice()].concat();
        // The derivative with respect to the zero level is left out, since here the zero level stays exactly zero.
        let others = [gradient[0], gradient[1], gradient[2], gradient[4]];
        assert_gradient(
            "vnq",
            &format!("ρ = {ratio}, θ = {theta}"),
            1e-4,
            &[x[0], x[1], x[2], x[4]],
            &others[..],
            |x| one_weight(&prior, x[0], x[1], &[x[2], 0.0, x[3]], None).0.value,
        );
    }
}

#[test]
fn unchanged_when_all_is_scaled_together() {
    assert_unchanged_by_scale(Form::Vnq);
}

#[test]
fn symmetric_for_a_symmetric_codebook() {
    assert_symmetric(Form::Vnq);
}

#[test]
fn finite_everywhere_and_nan_kept() {
    assert_finite_and_nan_kept::<f64>(Form::Vnq);
    assert_finite_and_nan_kept::<f32>(Form::Vnq);
}

#[test]
fn a_zero_level_alone_gives_the_spike_itself() {
    for spike in SPIKES {
        for (theta, log_sigma2) in [(0.3, -4.0), (0.0, -8.0), (-2.0, 1.0)] {
            let mut dlevels = [0.0];
            let vnq = Vnq { spike, levels: &[0.0], zero: 0, ratio: 0.375 };
            let kl = vnq.of_one(theta, log_sigma2, &mut dlevels);
            let one = spike_kl(spike, theta, Sigma::new(log_sigma2), 0.0);
            assert_eq!((kl, dlevels[0]), (one, -one.dtheta), "{spike:?}, θ = {theta}");
        }
    }
}

/// On a level its window is Ω = 1 with ∂Ω = 0, so that the share of the zero level is minus the window of the other
/// level.
#[test]
fn on_a_level_zero_has_hardly_a_share() {
    let tolerance = tolerance("vnq", F64, Check::Property);
    let levels = [-0.2, 0.0, 0.2];
    let (log_sigma2, theta) = (-5.0, 0.2);
    let (kl, _) = one_weight(&MultiSpike::new(Form::Vnq, SPIKES[0]), theta, log_sigma2, &levels, None);
    let other = (-(0.4_f64.powi(2)) / (2.0 * (0.375 * 0.2_f64).powi(2))).exp();
    let spike = |level: f64| spike_kl(SPIKES[0], theta, Sigma::new(log_sigma2), level).value;
    let expected = other * spike(-0.2) - other * spike(0.0);
    assert_close("F", &kl.value, &expected, tolerance);
}

#[test]
fn between_two_levels_on_one_side_the_share_of_zero_turns_negative() {
    let levels = [0.0, 0.25, 0.3];
    let prior = MultiSpike::new(Form::Vnq, SPIKES[0]);
    let (kl, dlevels) = one_weight(&prior, 0.275, -6.0, &levels, None);
    // The zero level has a negative share: its derivative has the opposite sign.
    let pull = -spike_kl(SPIKES[0], 0.275, Sigma::new(-6.0), 0.0).dtheta;
    assert!(dlevels[0] * pull < 0.0, "{dlevels:?}");
    assert!(kl.value < 0.0, "{}", kl.value);
}
