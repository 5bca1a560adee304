use crate::common::forms::{
    SPIKES, assert_finite_and_nan_kept, assert_golden, assert_gradient_at, assert_gradients, assert_symmetric,
    assert_unchanged_by_scale, one_weight,
};
use spikeslab::prior::nearest::Nearest;
use spikeslab::prior::spike::{Sigma, spike_kl};
use spikeslab::prior::weight_form::WeightForm;
use spikeslab::prior::{Form, MultiSpike};
use spikeslab::scalar::spike_kl::Spike;

#[test]
fn golden_f64() {
    assert_golden::<f64>(Form::Nearest, 46);
}

#[test]
fn golden_f32() {
    assert_golden::<f32>(Form::Nearest, 46);
}

#[test]
fn gradients() {
    assert_gradients(Form::Nearest);
}

#[test]
fn gradients_with_unequal_weights() {
    for (spike, theta) in SPIKES.iter().flat_map(|spike| [-0.21, -0.02, 0.03, 0.12, 0.4].map(|theta| (*spike, theta))) {
        assert_gradient_at(Form::Nearest, spike, theta, -3.0, &[-0.2, 0.0, 0.2], Some(&[0.05, 0.8, 0.15]));
    }
}

#[test]
fn unchanged_when_all_is_scaled_together() {
    assert_unchanged_by_scale(Form::Nearest);
}

#[test]
fn symmetric_for_a_symmetric_codebook() {
    assert_symmetric(Form::Nearest);
}

#[test]
fn finite_everywhere_and_nan_kept() {
    assert_finite_and_nan_kept::<f64>(Form::Nearest);
    assert_finite_and_nan_kept::<f32>(Form::Nearest);
}

#[test]
fn a_single_level_of_full_mass_gives_the_spike_itself() {
    for spike in SPIKES {
        for (theta, log_sigma2) in [(0.3, -4.0), (0.17, -8.0), (-2.0, 1.0)] {
            let mut dlevels = [0.0];
            let kl = Nearest::new(spike, &[0.17], &[0.0]).of_one(theta, log_sigma2, &mut dlevels);
            let one = spike_kl(spike, theta, Sigma::new(log_sigma2), 0.17);
            assert_eq!((kl, dlevels[0]), (one, -one.dtheta), "{spike:?}, θ = {theta}");
        }
    }
}

/// The levels with a gradient that is not 0: those that the weight is assigned to.
fn pulling(theta: f64, log_sigma2: f64, levels: &[f64], weights: Option<&[f64]>) -> Vec<usize> {
    let prior = MultiSpike::new(Form::Nearest, SPIKES[0]);
    let (kl, dlevels) = one_weight(&prior, theta, log_sigma2, levels, weights);
    let pulling: Vec<usize> = (0..levels.len()).filter(|k| dlevels[*k] != 0.0).collect();
    for k in &pulling {
        assert_eq!(dlevels[*k], -kl.dtheta);
    }
    pulling
}

#[test]
fn only_the_weight_s_own_level_pulls_and_a_tie_goes_to_the_lower_one() {
    let levels = [-0.25, 0.0, 0.25];
    for (theta, own) in [(-1.0, 0), (-0.126, 0), (-0.125, 0), (-0.124, 1), (0.124, 1), (0.125, 1), (0.126, 2), (0.3, 2)]
    {
        for log_sigma2 in [-9.0, -2.0, 1.0] {
            assert_eq!(pulling(theta, log_sigma2, &levels, None), [own], "θ = {theta}, ln σ² = {log_sigma2}");
        }
    }
}

#[test]
fn a_heavier_level_draws_weights_beyond_the_middle() {
    let (levels, light_first) = ([-0.25, 0.25], Some([0.1, 0.9]));
    let weights = light_first.as_ref().map(|weights| weights.as_slice());
    // The weight is assigned to the level with the smaller mass only if its D(t) is lower by ln 9.
    assert_eq!(pulling(-0.05, -6.0, &levels, weights), [1]);
    assert_eq!(pulling(-0.24, -6.0, &levels, weights), [0]);
    assert_eq!(pulling(0.05, -6.0, &levels, Some(&[0.9, 0.1])), [0]);
}

#[test]
fn on_a_level_the_cost_of_the_choice_remains() {
    let prior = MultiSpike::new(Form::Nearest, SPIKES[0]);
    for (weights, cost) in [(None, 3_f64.ln()), (Some([0.5, 0.25, 0.25].as_slice()), 4_f64.ln())] {
        let (kl, dlevels) = one_weight(&prior, 0.2, -8.0, &[-0.2, 0.0, 0.2], weights);
        assert_eq!(kl.value, cost);
        assert_eq!((kl.dtheta, kl.dlog_sigma2, dlevels), (0.0, 0.0, vec![0.0; 3]));
    }
}

/// Two levels with small costs tie, and both have a smaller sum than the closest level, whose cost is large: the lower
/// gets the weight.
#[test]
fn of_two_levels_that_cost_the_same_the_lower_wins() {
    let (levels, costs) = ([-0.2, 0.0, 0.2], [0.8, 2.3, 0.8]);
    let mut dlevels = [0.0; 3];
    let kl = Nearest::new(Spike::Exact, &levels, &costs).of_one(0.0, 0.0, &mut dlevels);
    let one = spike_kl(Spike::Exact, 0.0, Sigma::new(0.0), levels[0]);
    assert_eq!((kl.value, kl.dtheta), (one.value + costs[0], one.dtheta));
    assert!(one.dtheta > 0.0);
    assert_eq!(dlevels, [-one.dtheta, 0.0, 0.0]);
}
