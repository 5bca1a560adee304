//! `windows`: the published 4-level code (Chien & Chang 2023), for codebooks without a zero level.
//!
//! ```text
//! F   = Σ_k Ω_k D(t_k)
//! Ω_k = exp(−(θ − ℓ_k)²/(2τ_k²)),  τ_k = ρ|ℓ_k|,  ρ = 0.15
//! ∂Ω_k/∂θ = −Ω_k (θ − ℓ_k)/τ_k²     ∂Ω_k/∂ℓ_k = Ω_k (θ − ℓ_k) θ/(τ_k² ℓ_k)     (through τ_k too)
//! ```
//!
//! Kept for comparison: away from the windows it has no gradient, and it lies far below F_true there.

use super::spike::spike_kl;
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};

/// ρ of the published code.
pub const WINDOW_RATIO: f64 = 0.15;

/// Ω and its derivatives.
pub(super) struct Window<F> {
    pub(super) value: F,
    pub(super) dtheta: F,
    pub(super) dlevel: F,
}

/// The window of a nonzero level.
pub(super) fn window<F: Real>(theta: F, level: F, ratio: F) -> Window<F> {
    let width = ratio * level;
    let (delta, width2) = (theta - level, width * width);
    let value = (-delta * delta / (F::of(2.0) * width2)).exp();
    // Of a level so small that width² is 0, the window is closed, and has no slope.
    if width2.is_zero() || value.is_zero() {
        return Window { value: F::zero(), dtheta: F::zero(), dlevel: F::zero() };
    }
    let slope = value * delta / width2;
    Window { value, dtheta: -slope, dlevel: slope * theta / level }
}

/// F of one weight; adds ∂F/∂ℓ to `dlevels` (M).
pub fn windows<F: Real>(
    spike: Spike,
    theta: F,
    inverse_sigma2: F,
    levels: &[F],
    ratio: F,
    dlevels: &mut [F],
) -> WeightKl<F> {
    let mut kl = WeightKl::zero();
    for (level, dlevel) in levels.iter().zip(dlevels) {
        let one = spike_kl(spike, theta, inverse_sigma2, *level);
        let window = window(theta, *level, ratio);
        kl.add_scaled(window.value, &one);
        kl.dtheta += window.dtheta * one.value;
        *dlevel += window.dlevel * one.value - window.value * one.dtheta;
    }
    kl
}
