//! `windows`: the published 4-level code (Chien & Chang 2023), for codebooks without a zero level.
//!
//! ```text
//! F   = Σ_k Ω_k D(t_k)
//! Ω_k = exp(−(θ − ℓ_k)²/(2τ_k²)),  τ_k = ρ|ℓ_k|,  ρ = 0.15
//! ∂Ω_k/∂θ   = −Ω_k (θ − ℓ_k)/τ_k²
//! ∂Ω_k/∂ℓ_k = Ω_k (θ − ℓ_k) θ/(τ_k² ℓ_k)        (through τ_k too)
//! ```
//!
//! Kept for comparison: away from the windows, F has no gradient and is far below F_true.
//!
//! Derived in [chapter 3 of the course](crate::course::many_spikes).

use super::spike::{Sigma, spike_kl};
use super::weight_form::{OfLevels, WeightForm};
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, RealVector, WeightKl};
use crate::simd::Vector;

/// ρ of the published code.
pub const WINDOW_RATIO: f64 = 0.15;

/// Ω and its derivatives.
pub(crate) struct Omega<V> {
    pub(crate) value: V,
    pub(crate) dtheta: V,
    pub(crate) dlevel: V,
}

/// The window of a nonzero level, with ρ = `ratio`.
#[inline(always)]
pub(crate) fn window<V: RealVector>(theta: V, level: V, ratio: V) -> Omega<V> {
    let zero = V::zero();
    // τ with the sign of the level; no square of it, which could overflow or be 0.
    let width = ratio * level;
    let z = (theta - level) / width;
    let value = (V::of(-0.5) * z * z).exp();
    let slope = value * z / width;
    // If the level is so small that its width is 0, the window is closed, and has no slope.
    let is_closed = width.equals(zero) | value.equals(zero);
    Omega {
        value: V::select(is_closed, zero, value),
        dtheta: V::select(is_closed, zero, -slope),
        dlevel: V::select(is_closed, zero, slope * theta / level),
    }
}

/// The form `windows` for these levels.
#[derive(Clone, Debug)]
pub struct Windows<'a, F> {
    /// The D that the form uses.
    pub spike: Spike,
    /// The levels, ascending, none of them 0.
    pub levels: &'a [F],
    /// ρ.
    pub ratio: F,
}

impl<F: Real> WeightForm<F> for Windows<'_, F> {
    fn levels(&self) -> usize {
        self.levels.len()
    }

    #[inline(always)]
    fn weight_kl<V: Vector<Element = F>>(&self, theta: V, sigma: Sigma<V>, of_levels: &mut OfLevels<V>) -> WeightKl<V> {
        let mut kl = WeightKl::zero();
        for (level, dlevel) in self.levels.iter().zip(&mut of_levels.gradient) {
            let level = V::splat(*level);
            let one = spike_kl(self.spike, theta, sigma, level);
            let window = window(theta, level, V::splat(self.ratio));
            kl.add_scaled(window.value, &one);
            kl.dtheta = kl.dtheta + window.dtheta * one.value;
            *dlevel = *dlevel + (window.dlevel * one.value - window.value * one.dtheta);
        }
        kl
    }
}
