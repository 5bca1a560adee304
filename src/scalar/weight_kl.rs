//! What every KL of one weight returns.

use super::Real;

/// The KL of one weight, in nats, and its derivatives in that weight's posterior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightKl<F> {
    /// F.
    pub value: F,
    /// ∂F/∂θ.
    pub dtheta: F,
    /// ∂F/∂ln σ².
    pub dlog_sigma2: F,
}

impl<F: Real> WeightKl<F> {
    /// F = 0, constant.
    pub fn zero() -> Self {
        Self { value: F::zero(), dtheta: F::zero(), dlog_sigma2: F::zero() }
    }

    /// Adds `scale` times another KL of the same weight.
    pub fn add_scaled(&mut self, scale: F, other: &Self) {
        self.value += scale * other.value;
        self.dtheta += scale * other.dtheta;
        self.dlog_sigma2 += scale * other.dlog_sigma2;
    }
}
