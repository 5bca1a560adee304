//! The KL between two Gaussians: the baseline prior of the published comparison (Chien & Chang 2020).
//!
//! ```text
//! KL(N(θ, σ²) ‖ N(μ₀, σ₀²))                                  [nats]
//!          = ½ [ln σ₀² − ln σ² + (σ² + (θ − μ₀)²)/σ₀² − 1]
//!          = ½ [(eʳ − 1 − r) + u²],
//!            r = ln σ² − ln σ₀²,   u = (θ − μ₀)/σ₀
//! ∂/∂θ     = (θ − μ₀)/σ₀²
//! ∂/∂ln σ² = ½ [σ²/σ₀² − 1] = ½ (eʳ − 1)
//! ```
//!
//! Neither term is negative. Near r = 0, where eʳ − 1 − r cancels, it is summed as r²/2 + r³/6 + …; u is computed with
//! σ₀^−½, which is finite where 1/σ₀² is not. Value and derivatives are therefore accurate to a few roundings wherever
//! eʳ and u² are finite in the type, except for the rounding of r itself.
//!
//! Derived in [chapter 1 of the course](crate::course::posterior).

use super::{Real, WeightKl};

/// 1/n! from n = 2 on: at |r| = ½ the next term is below 1e-18 of the sum.
const SERIES: [f64; 15] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
    1.0 / 87_178_291_200.0,
    1.0 / 1_307_674_368_000.0,
    1.0 / 20_922_789_888_000.0,
];

/// The KL from N(θ, σ²) to N(μ₀, σ₀²); `prior_log_sigma2` is ln σ₀².
pub fn gaussian_kl<F: Real>(theta: F, log_sigma2: F, prior_mean: F, prior_log_sigma2: F) -> WeightKl<F> {
    gaussian_kl_from_root(theta, log_sigma2, prior_mean, prior_log_sigma2, inverse_root_sigma(prior_log_sigma2))
}

/// σ₀^−½, from ln σ₀².
pub fn inverse_root_sigma<F: Real>(prior_log_sigma2: F) -> F {
    (F::of(-0.25) * prior_log_sigma2).exp()
}

/// [`gaussian_kl`] with the [`inverse_root_sigma`] of the prior.
#[inline]
pub fn gaussian_kl_from_root<F: Real>(
    theta: F,
    log_sigma2: F,
    prior_mean: F,
    prior_log_sigma2: F,
    root: F,
) -> WeightKl<F> {
    let half = F::of(0.5);
    let (ratio_minus_one, excess) = exp_m1_and_excess(log_sigma2 - prior_log_sigma2);
    // Infinity times zero would be NaN.
    let over_sigma = |x: F| if x.is_zero() { x } else { x * root * root };
    let u = over_sigma(theta - prior_mean);
    WeightKl { value: half * (excess + u * u), dtheta: over_sigma(u), dlog_sigma2: half * ratio_minus_one }
}

/// (eʳ − 1, eʳ − 1 − r).
#[inline]
fn exp_m1_and_excess<F: Real>(r: F) -> (F, F) {
    if r.abs() >= F::of(0.5) {
        let exp_m1 = r.exp_m1();
        return (exp_m1, exp_m1 - r);
    }
    let series = SERIES.iter().rev().fold(F::zero(), |sum, coefficient| sum * r + F::of(*coefficient));
    let excess = r * r * series;
    (r + excess, excess)
}
