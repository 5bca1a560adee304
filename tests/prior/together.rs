//! Many weights at a time are one weight at a time, to the bit.

use crate::common::Precision;
use crate::common::random::Random;
use spikeslab::prior::{Codebook, Form, MultiSpike};
use spikeslab::scalar::spike_kl::Spike;

fn check<F: Precision>(form: Form, level_weight: fn(usize) -> f64) {
    // `vnq` wants a level at zero, `windows` none.
    let fits = |levels: usize| match form {
        Form::Vnq => levels % 2 == 1,
        Form::Windows => levels.is_multiple_of(2),
        _ => true,
    };
    let mut random = Random::new(17);
    // The sign of a NaN or of a zero is of no meaning.
    let bits = |value: &F| if value.is_nan() { u64::MAX } else { (value.as_f64() + 0.0).to_bits() };
    let as_bits = |values: &[F]| -> Vec<u64> { values.iter().map(bits).collect() };
    let layers = [(2, 63), (2, 64), (3, 200), (3, 4096 + 130), (4, 65), (5, 128), (8, 1000), (16, 700)];
    for (levels, count) in layers.into_iter().filter(|(levels, _)| fits(*levels)) {
        let levels = Codebook::<F>::symmetric(levels).expect("levels").levels().to_vec();
        let total: f64 = (0..levels.len()).map(level_weight).sum();
        let level_weights = (0..levels.len()).map(|k| F::of(level_weight(k) / total)).collect();
        let codebook = Codebook::with_level_weights(levels.clone(), level_weights).expect("weights");
        let mut theta: Vec<F> = random.uniforms(-0.6, 0.6, count).to_vec();
        let mut log_sigma2: Vec<F> = random.uniforms(-10.0, 1.0, count).to_vec();
        // On a level, on a partition, and what is no posterior at all.
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

#[test]
fn nearest() {
    check::<f64>(Form::Nearest, |_| 1.0);
    check::<f32>(Form::Nearest, |_| 1.0);
}

#[test]
fn mixture() {
    check::<f64>(Form::Mixture, |k| 1.0 + k as f64);
    check::<f32>(Form::Mixture, |k| 1.0 + k as f64);
}

#[test]
fn vnq() {
    check::<f64>(Form::Vnq, |_| 1.0);
    check::<f32>(Form::Vnq, |_| 1.0);
}

#[test]
fn windows() {
    check::<f64>(Form::Windows, |_| 1.0);
    check::<f32>(Form::Windows, |_| 1.0);
}
