//! The KL between two Gaussians: the baseline prior of the published comparison (Chien & Chang 2020).
//!
//! ```text
//! KL(N(θ, σ²) ‖ N(μ₀, σ₀²)) = ½ [ln σ₀² − ln σ² + (σ² + (θ − μ₀)²)/σ₀² − 1]      [nats]
//!                           = ½ [(eʳ − 1 − r) + u²],   r = ln σ² − ln σ₀²,   u = (θ − μ₀)/σ₀
//! ∂/∂θ     = (θ − μ₀)/σ₀²
//! ∂/∂ln σ² = ½ [σ²/σ₀² − 1] = ½ (eʳ − 1)
//! ```
//!
//! Neither term is negative. Near r = 0, where eʳ − 1 − r cancels, it is summed as r²/2 + r³/6 + …; u is computed with σ₀^−½, which
//! is finite where 1/σ₀² is not. So value and derivatives are accurate to a few roundings wherever they are finite numbers
//! of the type, but for the rounding of r itself.

use super::{Real, WeightKl};

/// The KL from N(θ, σ²) to N(μ₀, σ₀²); `prior_log_sigma2` is ln σ₀².
pub fn gaussian_kl<F: Real>(theta: F, log_sigma2: F, prior_mean: F, prior_log_sigma2: F) -> WeightKl<F> {
    let half = F::of(0.5);
    let (ratio_minus_one, excess) = exp_m1_and_excess(log_sigma2 - prior_log_sigma2);
    // 1/√σ₀; infinite times zero would be no number.
    let root = (F::of(-0.25) * prior_log_sigma2).exp();
    let delta = theta - prior_mean;
    let over_sigma = |x: F| if x.is_zero() { x } else { x * root * root };
    let u = over_sigma(delta);
    WeightKl { value: half * (excess + u * u), dtheta: over_sigma(u), dlog_sigma2: half * ratio_minus_one }
}

/// (eʳ − 1, eʳ − 1 − r).
fn exp_m1_and_excess<F: Real>(r: F) -> (F, F) {
    if r.abs() >= F::one() {
        let exp_m1 = r.exp_m1();
        return (exp_m1, exp_m1 - r);
    }
    // r²/2 (1 + r/3 (1 + r/4 (…))): what follows the 18th power is below 2e-17 of the sum.
    let series = (3..=18).rev().fold(F::one(), |sum, n| F::one() + r / F::of(f64::from(n)) * sum);
    let excess = F::of(0.5) * r * r * series;
    (r + excess, excess)
}
