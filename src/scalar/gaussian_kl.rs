//! The KL between two Gaussians: the baseline prior of the published comparison (Chien & Chang 2020).
//!
//! ```text
//! KL(N(θ, σ²) ‖ N(μ₀, σ₀²)) = ½ [ln σ₀² − ln σ² + (σ² + (θ − μ₀)²)/σ₀² − 1]      [nats]
//! ∂/∂θ     = (θ − μ₀)/σ₀²
//! ∂/∂ln σ² = ½ [σ²/σ₀² − 1]
//! ```
//!
//! The part that depends on the variances is ½ (eʳ − 1 − r) with r = ln σ² − ln σ₀²; `exp_m1` keeps it accurate near r = 0.

use super::{Real, WeightKl};

/// The KL from N(θ, σ²) to N(μ₀, σ₀²); `prior_log_sigma2` is ln σ₀².
pub fn gaussian_kl<F: Real>(theta: F, log_sigma2: F, prior_mean: F, prior_log_sigma2: F) -> WeightKl<F> {
    let half = F::of(0.5);
    let log_ratio = log_sigma2 - prior_log_sigma2;
    let ratio_minus_one = log_ratio.exp_m1();
    let precision = (-prior_log_sigma2).exp();
    let delta = theta - prior_mean;
    WeightKl {
        value: half * ((ratio_minus_one - log_ratio) + delta * delta * precision),
        dtheta: delta * precision,
        dlog_sigma2: half * ratio_minus_one,
    }
}
