use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::forms::{
    SPIKES, assert_finite_and_nan_kept, assert_golden, assert_gradient_at, assert_gradients, assert_symmetric,
    assert_unchanged_by_scale, one_weight,
};
use crate::common::tolerance::{Check, tolerance};
use spikeslab::prior::mixture::Mixture;
use spikeslab::prior::spike::{Sigma, spike_kl};
use spikeslab::prior::weight_form::WeightForm;
use spikeslab::prior::{Form, MultiSpike};

#[test]
fn golden_f64() {
    assert_golden::<f64>(Form::Mixture, 46);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(Form::Mixture, 46);
}

#[test]
fn gradients() {
    assert_gradients(Form::Mixture);
}

#[test]
fn gradients_with_unequal_weights() {
    for (spike, theta) in SPIKES.iter().flat_map(|spike| [-0.21, 0.0, 0.1, 0.4].map(|theta| (*spike, theta))) {
        assert_gradient_at(Form::Mixture, spike, theta, -3.0, &[-0.2, 0.0, 0.2], Some(&[0.05, 0.8, 0.15]));
    }
}

#[test]
fn unchanged_when_all_is_scaled_together() {
    assert_unchanged_by_scale(Form::Mixture);
}

#[test]
fn symmetric_for_a_symmetric_codebook() {
    assert_symmetric(Form::Mixture);
}

#[test]
fn finite_everywhere_and_nan_kept() {
    assert_finite_and_nan_kept::<f64>(Form::Mixture);
    assert_finite_and_nan_kept::<f32>(Form::Mixture);
}

#[test]
fn a_single_level_of_full_mass_gives_the_spike_itself() {
    for spike in SPIKES {
        for (theta, log_sigma2) in [(0.3, -4.0), (0.17, -8.0), (-2.0, 1.0)] {
            let mut dlevels = [0.0];
            let mixture = Mixture { spike, levels: &[0.17], costs: &[0.0] };
            let kl = mixture.of_one(theta, log_sigma2, &mut dlevels);
            let one = spike_kl(spike, theta, Sigma::new(log_sigma2), 0.17);
            assert_eq!((kl, dlevels[0]), (one, -one.dtheta), "{spike:?}, θ = {theta}");
        }
    }
}

#[test]
fn moving_weight_and_levels_together_changes_nothing() {
    let tolerance = tolerance("mixture", F64, Check::Property);
    for (spike, theta) in SPIKES.iter().flat_map(|spike| [-0.31, 0.0, 0.07, 0.11].map(|theta| (*spike, theta))) {
        let (kl, dlevels) =
            one_weight(&MultiSpike::new(Form::Mixture, spike), theta, -3.0, &[-0.3, -0.1, 0.1, 0.3], None);
        // ∂F/∂θ + Σ ∂F/∂ℓ = 0
        assert_close(&format!("θ = {theta}"), &kl.dtheta, &-dlevels.iter().sum::<f64>(), tolerance);
    }
}

#[test]
fn below_nearest_by_less_than_ln_m_and_by_ln_m_far_away() {
    let levels = [-0.3, -0.1, 0.1, 0.3];
    let [mixture, nearest] = [Form::Mixture, Form::Nearest].map(|form| MultiSpike::new(form, SPIKES[0]));
    for (theta, log_sigma2) in [(0.1, -10.0), (0.0, -4.0), (0.2, 1.0), (5.0, 1.0)] {
        let [soft, hard] =
            [&mixture, &nearest].map(|prior| one_weight(prior, theta, log_sigma2, &levels, None).0.value);
        assert!(soft < hard && soft > hard - 4_f64.ln(), "θ = {theta}, ln σ² = {log_sigma2}: {soft}, {hard}");
    }
    let [soft, hard] = [&mixture, &nearest].map(|prior| one_weight(prior, 1e9, 0.0, &levels, None).0.value);
    assert_close("far away", &(hard - soft), &4_f64.ln(), tolerance("limit", F64, Check::Property));
}
