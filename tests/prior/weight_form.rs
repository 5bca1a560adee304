//! A vector of weights has the same results as one weight at a time: with the fit of D to the bit; with D exact, which
//! is computed in another way, to rounding.

use crate::common::Precision;
use crate::common::compare::assert_close;
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::prior::{Codebook, Form, MultiSpike};
use spikeslab::scalar::WeightKl;
use spikeslab::scalar::spike_kl::Spike;

/// Whether a form is defined for the symmetric codebook: `vnq` needs a zero level, `windows` must have none.
fn fits(form: Form, levels: usize) -> bool {
    match form {
        Form::Vnq => levels % 2 == 1,
        Form::Windows => levels.is_multiple_of(2),
        _ => true,
    }
}

fn codebook<F: Precision>(levels: usize, level_weight: fn(usize) -> f64) -> Codebook<F> {
    let total: f64 = (0..levels).map(level_weight).sum();
    let level_weights = (0..levels).map(|k| F::of(level_weight(k) / total)).collect();
    let levels = Codebook::<F>::symmetric(levels).expect("levels").levels().to_vec();
    Codebook::with_level_weights(levels, level_weights).expect("weights")
}

fn check<F: Precision>(form: Form, level_weight: fn(usize) -> f64) {
    let mut random = Random::new(17);
    // The sign of a NaN or of a zero is ignored.
    let bits = |value: &F| if value.is_nan() { u64::MAX } else { (value.as_f64() + 0.0).to_bits() };
    let as_bits = |values: &[F]| -> Vec<u64> { values.iter().map(bits).collect() };
    let layers = [(2, 63), (2, 64), (3, 200), (3, 4096 + 130), (4, 65), (5, 128), (8, 1000), (16, 700)];
    for (levels, count) in layers.into_iter().filter(|(levels, _)| fits(form, *levels)) {
        let codebook = codebook::<F>(levels, level_weight);
        let levels = codebook.levels();
        let mut theta: Vec<F> = random.uniforms(-0.6, 0.6, count).to_vec();
        let mut log_sigma2: Vec<F> = random.uniforms(-10.0, 1.0, count).to_vec();
        // θ on a level, on a partition, and values that are not a posterior.
        theta[0] = levels[0];
        theta[1] = (levels[0] + levels[1]) / F::of(2.0);
        (theta[2], theta[3], log_sigma2[4], log_sigma2[5]) = (F::nan(), F::of(1e30), F::nan(), F::of(-200.0));
        let prior = MultiSpike::new(form, Spike::Fit);
        let kl = prior.kl(&theta, &log_sigma2, &codebook);
        let (weight_kl, mut unused) = (prior.weight_kl(&codebook), vec![F::zero(); levels.len()]);
        let posterior = theta.iter().zip(&log_sigma2);
        let one_by_one: Vec<_> = posterior.map(|(theta, s)| weight_kl(*theta, *s, &mut unused)).collect();
        let [dtheta, dlog_sigma2]: [Vec<F>; 2] =
            [one_by_one.iter().map(|kl| kl.dtheta).collect(), one_by_one.iter().map(|kl| kl.dlog_sigma2).collect()];
        let what = format!("{form:?}, {} levels, {count} weights", levels.len());
        assert_eq!(as_bits(&kl.dtheta), as_bits(&dtheta), "dθ, {what}");
        assert_eq!(as_bits(&kl.dlog_sigma2), as_bits(&dlog_sigma2), "dlnσ², {what}");
    }
}

fn check_exact<F: Precision>(form: Form, level_weight: fn(usize) -> f64) {
    let tolerance = tolerance("weight_form exact", F::DTYPE, Check::Reference);
    let mut random = Random::new(18);
    for levels in [2, 3, 4, 5, 16].into_iter().filter(|levels| fits(form, *levels)) {
        let codebook = codebook::<F>(levels, level_weight);
        let theta: Vec<F> = random.uniforms(-0.6, 0.6, 1000).to_vec();
        let log_sigma2: Vec<F> = random.uniforms(-10.0, 1.0, 1000).to_vec();
        let prior = MultiSpike::new(form, Spike::Exact);
        let kl = prior.kl(&theta, &log_sigma2, &codebook);
        let (weight_kl, mut dlevels) = (prior.weight_kl(&codebook), vec![F::zero(); levels]);
        let one_by_one: Vec<_> = theta.iter().zip(&log_sigma2).map(|(t, s)| weight_kl(*t, *s, &mut dlevels)).collect();
        let of = |part: fn(&WeightKl<F>) -> F| -> Vec<f64> { one_by_one.iter().map(|kl| part(kl).as_f64()).collect() };
        let what = |part: &str| format!("{form:?}, {levels} levels: {part}");
        assert_close(&what("dθ"), &kl.dtheta, &of(|kl| kl.dtheta), tolerance);
        assert_close(&what("dlnσ²"), &kl.dlog_sigma2, &of(|kl| kl.dlog_sigma2), tolerance);
        let dlevels: Vec<f64> = dlevels.iter().map(|dlevel| dlevel.as_f64()).collect();
        assert_close(&what("dℓ"), &kl.dlevels, &dlevels, tolerance);
        assert_close(&what("F"), &kl.value, &of(|kl| kl.value).iter().sum::<f64>(), tolerance);
    }
}

#[test]
fn nearest() {
    for level_weight in [|_| 1.0, |k| 1.0 + k as f64] {
        check::<f64>(Form::Nearest, level_weight);
        check::<f32>(Form::Nearest, level_weight);
        check_exact::<f64>(Form::Nearest, level_weight);
        check_exact::<f32>(Form::Nearest, level_weight);
    }
}

#[test]
fn mixture() {
    check::<f64>(Form::Mixture, |k| 1.0 + k as f64);
    check::<f32>(Form::Mixture, |k| 1.0 + k as f64);
    check_exact::<f64>(Form::Mixture, |k| 1.0 + k as f64);
    check_exact::<f32>(Form::Mixture, |k| 1.0 + k as f64);
}

#[test]
fn vnq() {
    check::<f64>(Form::Vnq, |_| 1.0);
    check::<f32>(Form::Vnq, |_| 1.0);
    check_exact::<f64>(Form::Vnq, |_| 1.0);
    check_exact::<f32>(Form::Vnq, |_| 1.0);
}

#[test]
fn windows() {
    check::<f64>(Form::Windows, |_| 1.0);
    check::<f32>(Form::Windows, |_| 1.0);
    check_exact::<f64>(Form::Windows, |_| 1.0);
    check_exact::<f32>(Form::Windows, |_| 1.0);
}
