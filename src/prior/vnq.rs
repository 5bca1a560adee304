//! `vnq`: the published form (Achterhold et al. 2018; Chien & Chang 2020), for codebooks with a zero level.
//!
//! ```text
//! F = Σ_{ℓ_k≠0} Ω_k D(t_k) + (1 − Σ Ω_k) D(t_zero)
//!   = D(t_zero) + Σ_{ℓ_k≠0} Ω_k [D(t_k) − D(t_zero)]
//! Ω_k: as in windows, with ρ = 0.075/0.2 = 0.375
//! ```
//!
//! 1 − Σ Ω_k is slightly negative at every level but zero (−7e-7 for −0.2, 0, 0.2), and can be far below 0 between two
//! neighbouring levels on one side of zero. The second line of F is the one computed: it cancels less.
//!
//! Derived in [chapter 3 of the course](crate::course::many_spikes).

use super::spike::{Sigma, spike_kl};
use super::weight_form::{OfLevels, WeightForm};
use super::windows::window;
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};
use crate::simd::Vector;

/// ρ of the published form.
pub const WINDOW_RATIO: f64 = 0.375;

/// The form `vnq` for these levels.
#[derive(Clone, Debug)]
pub struct Vnq<'a, F> {
    /// The D that the form uses.
    pub spike: Spike,
    /// The levels, ascending.
    pub levels: &'a [F],
    /// The index of the zero level.
    pub zero: usize,
    /// ρ.
    pub ratio: F,
}

impl<F: Real> WeightForm<F> for Vnq<'_, F> {
    fn levels(&self) -> usize {
        self.levels.len()
    }

    #[inline(always)]
    fn weight_kl<V: Vector<Element = F>>(&self, theta: V, sigma: Sigma<V>, of_levels: &mut OfLevels<V>) -> WeightKl<V> {
        let at_zero = spike_kl(self.spike, theta, sigma, V::splat(self.levels[self.zero]));
        let mut kl = at_zero;
        let mut remainder = V::of(1.0);
        for (k, dlevel) in of_levels.gradient.iter_mut().enumerate().filter(|(k, _)| *k != self.zero) {
            let level = V::splat(self.levels[k]);
            let one = spike_kl(self.spike, theta, sigma, level);
            let window = window(theta, level, V::splat(self.ratio));
            let excess = WeightKl {
                value: one.value - at_zero.value,
                dtheta: one.dtheta - at_zero.dtheta,
                dlog_sigma2: one.dlog_sigma2 - at_zero.dlog_sigma2,
            };
            kl.add_scaled(window.value, &excess);
            kl.dtheta = kl.dtheta + window.dtheta * excess.value;
            remainder = remainder - window.value;
            *dlevel = *dlevel + (window.dlevel * excess.value - window.value * one.dtheta);
        }
        of_levels.gradient[self.zero] = of_levels.gradient[self.zero] - remainder * at_zero.dtheta;
        kl
    }
}
