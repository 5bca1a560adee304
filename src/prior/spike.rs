//! The KL from one weight's posterior to one spike, D((θ − ℓ)²/σ²), and the chain rule that every form shares.
//!
//! ```text
//! u = (θ − ℓ)/σ, t = u²     ∂D/∂θ = D′(t) 2u/σ     ∂D/∂ln σ² = −t D′(t)     ∂D/∂ℓ = −∂D/∂θ
//! ```
//!
//! 1/σ is finite where 1/σ² no longer is: for ln σ² above −177 in f32, above −1419 in f64. Where |u| exceeds [`FAR`], or 1/σ
//! overflows, D is computed from ln|u| = ln|θ − ℓ| − ½ ln σ², so that every finite θ − ℓ and ln σ² has the right KL.

use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};

/// The |u| from which on D(u²) is ln|u| plus a constant to rounding, in f64 too: what is left out is 1/(2u²) = 5e-19.
pub const FAR: f64 = 1e9;

/// The σ of one weight's posterior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigma<F> {
    /// ln σ².
    pub log_sigma2: F,
    /// 1/σ; infinite where that overflows.
    pub inverse: F,
}

impl<F: Real> Sigma<F> {
    /// The σ whose ln σ² this is.
    #[inline(always)]
    pub fn new(log_sigma2: F) -> Self {
        Self { log_sigma2, inverse: (-F::of(0.5) * log_sigma2).exp_in_loop() }
    }
}

/// D(t) in nats and its derivatives; ∂D/∂ℓ = −∂D/∂θ. Where θ = ℓ all are 0, whatever σ is.
#[inline(always)]
pub fn spike_kl<F: Real>(spike: Spike, theta: F, sigma: Sigma<F>, level: F) -> WeightKl<F> {
    let u = (theta - level) * sigma.inverse;
    if u.abs() <= F::of(FAR) {
        let t = u * u;
        let (value, slope) = spike.value_and_derivative(t);
        WeightKl { value, dtheta: slope * (F::of(2.0) * u) * sigma.inverse, dlog_sigma2: -t * slope }
    } else {
        // Also where u is no number.
        far_spike_kl(spike, theta - level, sigma.log_sigma2)
    }
}

/// [`spike_kl`] from `delta` = θ − ℓ and the logarithm of u.
#[cold]
#[inline(never)]
fn far_spike_kl<F: Real>(spike: Spike, delta: F, log_sigma2: F) -> WeightKl<F> {
    let half = F::of(0.5);
    let log_u = delta.abs().ln() - half * log_sigma2;
    if log_u.is_nan() {
        return WeightKl { value: log_u, dtheta: log_u, dlog_sigma2: log_u };
    }
    if delta.is_zero() {
        return WeightKl::zero();
    }
    if log_u >= F::of(FAR.ln()) {
        return WeightKl { value: log_u + F::of(spike.far_constant()), dtheta: delta.recip(), dlog_sigma2: -half };
    }
    // 1/σ overflows, yet θ is near the level.
    let t = (F::of(2.0) * log_u).exp();
    let (value, slope) = spike.value_and_derivative(t);
    WeightKl { value, dtheta: F::of(2.0) * (t * slope) / delta, dlog_sigma2: -t * slope }
}
