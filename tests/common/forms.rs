//! The checks that every form of the multi-spike prior's KL must pass.

use super::Dtype::F64;
use super::Precision;
use super::compare::{ToTensor, assert_close};
use super::fixture::for_each_case;
use super::gradient::assert_gradient;
use super::tolerance::{Check, tolerance};
use spikeslab::prior::multi_spike::zero_level;
use spikeslab::prior::weight_form::WeightForm;
use spikeslab::prior::{Codebook, Form, MultiSpike, vnq, windows};
use spikeslab::scalar::WeightKl;
use spikeslab::scalar::spike_kl::Spike;

pub const SPIKES: [Spike; 2] = [Spike::Exact, Spike::Fit];

/// Codebooks without a zero level: M = 2, 3, 4, 5, 8, 16.
const NONZERO: [&[f64]; 6] = [
    &[-0.2, 0.2],
    &[-0.27, 0.08, 0.19],
    &[-0.3, -0.1, 0.1, 0.3],
    &[-0.4, -0.18, 0.05, 0.16, 0.33],
    &[-0.35, -0.25, -0.15, -0.05, 0.05, 0.15, 0.25, 0.35],
    &[
        -0.375, -0.325, -0.275, -0.225, -0.175, -0.125, -0.075, -0.025, 0.025, 0.075, 0.125, 0.175, 0.225, 0.275,
        0.325, 0.375,
    ],
];

/// Codebooks with a zero level: M = 2, 3, 4, 5, 8, 16.
const WITH_ZERO: [&[f64]; 6] = [
    &[-0.2, 0.0],
    &[-0.2, 0.0, 0.2],
    &[-0.33, 0.0, 0.09, 0.24],
    &[-0.3, -0.15, 0.0, 0.15, 0.3],
    &[-0.4, -0.3, -0.2, -0.1, 0.0, 0.15, 0.25, 0.45],
    &[-0.44, -0.38, -0.32, -0.26, -0.2, -0.14, -0.08, 0.0, 0.08, 0.14, 0.2, 0.26, 0.32, 0.38, 0.44, 0.55],
];

/// The codebooks a form is defined for.
pub fn codebooks(form: Form) -> Vec<&'static [f64]> {
    match form {
        Form::Vnq => WITH_ZERO.to_vec(),
        Form::Windows => NONZERO.to_vec(),
        Form::Nearest | Form::Mixture | Form::Quadrature => [NONZERO, WITH_ZERO].concat(),
    }
}

/// The functions D with which a form is tested: the quadrature does not use the fit.
pub fn spikes(form: Form) -> &'static [Spike] {
    if form == Form::Quadrature { &SPIKES[..1] } else { &SPIKES }
}

/// F of one weight, and its derivative with respect to the levels.
pub fn one_weight(
    prior: &MultiSpike,
    theta: f64,
    log_sigma2: f64,
    levels: &[f64],
    weights: Option<&[f64]>,
) -> (WeightKl<f64>, Vec<f64>) {
    let codebook = match weights {
        None => Codebook::new(levels.to_vec()),
        Some(weights) => Codebook::with_level_weights(levels.to_vec(), weights.to_vec()),
    };
    let mut dlevels = vec![0.0; levels.len()];
    let kl = prior.weight_kl(&codebook.expect("a codebook"))(theta, log_sigma2, &mut dlevels);
    (kl, dlevels)
}

/// Golden values of each weight's KL and of the gradient of their sum.
pub fn assert_golden<F: Precision>(form: Form, count: usize) {
    for_each_case::<F>(&format!("prior/{}", form.name()), count, |case| {
        let spike = if case.name.contains(": fit-") { Spike::Fit } else { Spike::Exact };
        let (theta, log_sigma2, levels) = (case.vec("theta"), case.vec("log_sigma2"), case.vec("levels"));
        let codebook = if case.has("level_weights") {
            Codebook::with_level_weights(levels.clone(), case.vec("level_weights")).expect("a codebook")
        } else {
            Codebook::new(levels.clone()).expect("a codebook")
        };
        let mut prior = MultiSpike::new(form, spike);
        if case.has("window_ratio") {
            prior.window_ratio = case.stored_scalar("window_ratio");
        }
        prior.check(&levels).expect("a form defined for these levels");

        let shaped = |values: &[F]| {
            let mut tensor = values.to_tensor();
            tensor.shape.clone_from(&case.stored("theta").shape);
            tensor
        };
        let weight_kl = prior.weight_kl(&codebook);
        let mut dlevels = vec![F::zero(); levels.len()];
        let each: Vec<_> = (0..theta.len()).map(|i| weight_kl(theta[i], log_sigma2[i], &mut dlevels)).collect();
        let of_each = |part: fn(&WeightKl<F>) -> F| shaped(&each.iter().map(part).collect::<Vec<F>>());
        case.expect("kl", &of_each(|kl| kl.value));
        case.expect("dtheta", &of_each(|kl| kl.dtheta));
        case.expect("dlog_sigma2", &of_each(|kl| kl.dlog_sigma2));
        case.expect("dlevels", &dlevels);

        let sum = prior.kl(&theta, &log_sigma2, &codebook);
        let golden_sum: f64 = case.stored("kl").values.iter().sum();
        assert_close(&format!("{}: sum", case.name), &sum.value, &golden_sum, case.tolerance());
        case.expect("dtheta", &shaped(&sum.dtheta));
        case.expect("dlog_sigma2", &shaped(&sum.dlog_sigma2));
        case.expect("dlevels", &sum.dlevels);
    });
}

/// Checks the gradient with respect to θ, ln σ² and every level, for each codebook, with θ on levels, between them and
/// outside.
pub fn assert_gradients(form: Form) {
    for levels in codebooks(form) {
        let last = levels.len() - 1;
        let gap = levels[last] - levels[last - 1];
        let places = [levels[0], levels[0] + 0.31 * gap, levels[last] - 0.2 * gap, levels[last] + 0.4, -0.71];
        for (i, log_sigma2) in [-8.0, -4.5, -1.0, 0.9].into_iter().enumerate() {
            for (k, spike) in spikes(form).iter().enumerate() {
                // Every θ is tried with every spike, but not every combination of all three.
                for theta in places.iter().skip((i + k) % 2).step_by(2) {
                    assert_gradient_at(form, *spike, *theta, log_sigma2, levels, None);
                }
            }
        }
    }
}

/// Checks the gradient of one weight's KL with respect to θ, ln σ² and every level.
pub fn assert_gradient_at(
    form: Form,
    spike: Spike,
    theta: f64,
    log_sigma2: f64,
    levels: &[f64],
    weights: Option<&[f64]>,
) {
    let prior = MultiSpike::new(form, spike);
    let (kl, dlevels) = one_weight(&prior, theta, log_sigma2, levels, weights);
    let gradient = [&[kl.dtheta, kl.dlog_sigma2], dlevels.as_slice()].concat();
    let x = [&[theta, log_sigma2], levels].concat();
    let zero = zero_level(levels);
    assert_gradient(form.name(), &what(spike, theta, log_sigma2, levels), step(form, &x), &x, &gradient, |x| {
        let levels = &x[2..];
        match form {
            // The zero level moves too, so the function is told its position.
            Form::Vnq => {
                let zero = zero.expect("a zero level");
                let mut unused = vec![0.0; levels.len()];
                vnq::Vnq { spike, levels, zero, ratio: prior.window_ratio }.of_one(x[0], x[1], &mut unused).value
            }
            _ => one_weight(&prior, x[0], x[1], levels, weights).0.value,
        }
    });
}

/// A step for differences at `x` = (θ, ln σ², ℓ …), small against every length over which a form changes: σ, the widths
/// of the windows, the gaps between the levels and, for the fit, which is not analytic on a level, the distance to the
/// level.
fn step(form: Form, x: &[f64]) -> f64 {
    let (theta, sigma, levels) = (x[0], (0.5 * x[1]).exp(), &x[2..]);
    let gaps = levels.windows(2).map(|pair| pair[1] - pair[0]);
    let distances = levels.iter().map(|level| (theta - level).abs()).filter(|distance| *distance > 0.0);
    let ratio = match form {
        Form::Vnq => vnq::WINDOW_RATIO,
        Form::Windows => windows::WINDOW_RATIO,
        Form::Nearest | Form::Mixture | Form::Quadrature => f64::INFINITY,
    };
    let widths = levels.iter().filter(|level| **level != 0.0).map(|level| ratio * level.abs());
    4e-3 * gaps.chain(distances).chain(widths).fold(sigma.min(1.0), f64::min)
}

fn what(spike: Spike, theta: f64, log_sigma2: f64, levels: &[f64]) -> String {
    format!("{spike:?}, θ = {theta}, ln σ² = {log_sigma2}, levels {levels:?}")
}

/// F does not change when θ, σ and the levels are scaled together; its derivatives in θ and ℓ are divided by the scale.
pub fn assert_unchanged_by_scale(form: Form) {
    let tolerance = tolerance(form.name(), F64, Check::Property);
    for levels in codebooks(form) {
        for (&spike, theta, log_sigma2) in
            spikes(form).iter().flat_map(|spike| [(spike, 0.137, -6.3), (spike, -0.42, -1.2), (spike, levels[1], 0.4)])
        {
            let prior = MultiSpike::new(form, spike);
            let (kl, dlevels) = one_weight(&prior, theta, log_sigma2, levels, None);
            let plain = [&[kl.value, kl.dtheta, kl.dlog_sigma2], dlevels.as_slice()].concat();
            for scale in [1e-3, 0.3, 17.0] {
                let scaled_levels: Vec<f64> = levels.iter().map(|level| scale * level).collect();
                let (kl, dlevels) =
                    one_weight(&prior, scale * theta, log_sigma2 + 2.0 * scale.ln(), &scaled_levels, None);
                let dlevels: Vec<f64> = dlevels.iter().map(|dlevel| scale * dlevel).collect();
                let scaled = [&[kl.value, scale * kl.dtheta, kl.dlog_sigma2], dlevels.as_slice()].concat();
                assert_close(
                    &format!("{}, {spike:?}, θ = {theta}, scale {scale}, {levels:?}", form.name()),
                    &scaled,
                    &plain,
                    tolerance,
                );
            }
        }
    }
}

/// A symmetric codebook gives a KL that is even in θ, and gradients that are odd.
pub fn assert_symmetric(form: Form) {
    let tolerance = tolerance(form.name(), F64, Check::Property);
    let symmetric: Vec<&[f64]> = codebooks(form)
        .into_iter()
        .filter(|levels| levels.iter().zip(levels.iter().rev()).all(|(a, b)| *a == -b))
        .collect();
    assert!(symmetric.len() >= 2);
    for levels in symmetric {
        for (&spike, theta) in spikes(form).iter().flat_map(|spike| [0.013, 0.06, 0.2, 0.33, 0.9].map(|t| (spike, t))) {
            for log_sigma2 in [-9.0, -4.0, 0.5] {
                let prior = MultiSpike::new(form, spike);
                let (right, right_dlevels) = one_weight(&prior, theta, log_sigma2, levels, None);
                let (left, left_dlevels) = one_weight(&prior, -theta, log_sigma2, levels, None);
                let mirrored: Vec<f64> = left_dlevels.iter().rev().map(|dlevel| -dlevel).collect();
                assert_close(
                    &format!("{}, {spike:?}, θ = {theta}, ln σ² = {log_sigma2}, {levels:?}", form.name()),
                    &[&[left.value, -left.dtheta, left.dlog_sigma2], mirrored.as_slice()].concat(),
                    &[&[right.value, right.dtheta, right.dlog_sigma2], right_dlevels.as_slice()].concat(),
                    tolerance,
                );
            }
        }
    }
}

/// The KL and its gradient are finite on levels, on partitions, far away, at and beyond the bounds of ln σ²; NaN gives
/// NaN.
pub fn assert_finite_and_nan_kept<F: Precision>(form: Form) {
    for levels in codebooks(form) {
        let levels: Vec<F> = levels.iter().map(|level| F::of(*level)).collect();
        let codebook = Codebook::new(levels.clone()).expect("a codebook");
        let mut places: Vec<F> = levels.windows(2).map(|pair| (pair[0] + pair[1]) / F::of(2.0)).collect();
        places.extend(levels.iter().copied());
        places.extend([-1e4, -3.0, 0.0, 3.0, 1e4].map(F::of));
        for &spike in spikes(form) {
            let prior = MultiSpike::new(form, spike);
            let weight_kl = prior.weight_kl(&codebook);
            let all = |theta: F, log_sigma2: F| {
                let mut dlevels = vec![F::zero(); levels.len()];
                let kl = weight_kl(theta, log_sigma2, &mut dlevels);
                [vec![kl.value, kl.dtheta, kl.dlog_sigma2], dlevels].concat()
            };
            for (theta, log_sigma2) in places.iter().flat_map(|theta| [-20.0, -10.0, 1.0, 4.0].map(|s| (*theta, s))) {
                let seen = all(theta, F::of(log_sigma2));
                assert!(
                    seen.iter().all(|value| value.is_finite()),
                    "{}, {spike:?}, θ = {theta}, ln σ² = {log_sigma2}, {levels:?}: {seen:?}",
                    form.name()
                );
            }
            for (theta, log_sigma2) in [(F::nan(), F::of(-2.0)), (F::of(0.1), F::nan()), (F::nan(), F::nan())] {
                let seen = all(theta, log_sigma2);
                assert!(seen[0].is_nan(), "{}, {spike:?}, θ = {theta}, ln σ² = {log_sigma2}: {seen:?}", form.name());
            }
        }
    }
}
