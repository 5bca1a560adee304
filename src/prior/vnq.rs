//! `vnq`: the published form (Achterhold et al. 2018; Chien & Chang 2020), for codebooks with a zero level.
//!
//! ```text
//! F = Σ_{ℓ_k≠0} Ω_k D(t_k) + (1 − Σ Ω_k) D(t_zero),   Ω_k the windows of super::windows with ρ = 0.075/0.2 = 0.375
//!   = D(t_zero) + Σ_{ℓ_k≠0} Ω_k [D(t_k) − D(t_zero)]
//! ```
//!
//! With two neighbouring levels on one side of zero, 1 − Σ Ω_k goes negative.

use super::spike::{Sigma, spike_kl};
use super::together::{Each, Kls, LevelGradient, OneOrMany, TOGETHER};
use super::windows::{Windows, window};
use crate::scalar::spike_kl::Spike;
use crate::scalar::vector::Vector;
use crate::scalar::{Real, WeightKl};

/// ρ of the published form.
pub const WINDOW_RATIO: f64 = 0.375;

/// F of one weight; adds ∂F/∂ℓ to `dlevels` (M). `zero` is the index of the zero level.
pub fn vnq<F: Real>(
    spike: Spike,
    theta: F,
    sigma: Sigma<F>,
    levels: &[F],
    zero: usize,
    ratio: F,
    dlevels: &mut [F],
) -> WeightKl<F> {
    let at_zero = spike_kl(spike, theta, sigma, levels[zero]);
    let mut kl = WeightKl::zero();
    let mut remainder = F::one();
    for k in (0..levels.len()).filter(|k| *k != zero) {
        let one = spike_kl(spike, theta, sigma, levels[k]);
        let window = window(theta, levels[k], ratio);
        let excess = one.value - at_zero.value;
        kl.add_scaled(window.value, &one);
        kl.dtheta += window.dtheta * excess;
        remainder -= window.value;
        dlevels[k] += window.dlevel * excess - window.value * one.dtheta;
    }
    kl.add_scaled(remainder, &at_zero);
    dlevels[zero] -= remainder * at_zero.dtheta;
    kl
}

/// [`vnq`] with D_fit.
pub(super) struct OfFit<'a, F> {
    pub levels: &'a [F],
    /// The index of the zero level.
    pub zero: usize,
    pub ratio: F,
}

impl<F: Real> OneOrMany<F> for OfFit<'_, F> {
    fn levels(&self) -> &[F] {
        self.levels
    }

    #[inline(always)]
    fn alone(&self, theta: F, sigma: Sigma<F>, dlevels: &mut [F]) -> WeightKl<F> {
        vnq(Spike::Fit, theta, sigma, self.levels, self.zero, self.ratio, dlevels)
    }

    #[inline(always)]
    fn together<V: Vector<Element = F>>(
        &mut self,
        theta: &Each<F>,
        inverse_sigma: &Each<F>,
        dlevels: &mut LevelGradient<F>,
    ) -> Kls<F> {
        let at_zero = Kls::of_spike::<V>(theta, inverse_sigma, |_| self.levels[self.zero]);
        let mut kls = Kls::zero();
        let mut remainder = [F::one(); TOGETHER];
        for (k, level) in self.levels.iter().enumerate().filter(|(k, _)| *k != self.zero) {
            let one = Kls::of_spike::<V>(theta, inverse_sigma, |_| *level);
            let window = Windows::new(theta, *level, self.ratio);
            kls.add_scaled(&window.value, &one);
            let mut dlevel = [F::zero(); TOGETHER];
            for (i, dlevel) in dlevel.iter_mut().enumerate() {
                let excess = one.value[i] - at_zero.value[i];
                kls.dtheta[i] += window.dtheta[i] * excess;
                remainder[i] -= window.value[i];
                *dlevel = window.dlevel[i] * excess - window.value[i] * one.dtheta[i];
            }
            dlevels.add(k, &dlevel);
        }
        kls.add_scaled(&remainder, &at_zero);
        let mut dlevel = [F::zero(); TOGETHER];
        for (i, dlevel) in dlevel.iter_mut().enumerate() {
            *dlevel = -(remainder[i] * at_zero.dtheta[i]);
        }
        dlevels.add(self.zero, &dlevel);
        kls
    }
}
