//! `windows`: the published 4-level code (Chien & Chang 2023), for codebooks without a zero level.
//!
//! ```text
//! F   = Σ_k Ω_k D(t_k)
//! Ω_k = exp(−(θ − ℓ_k)²/(2τ_k²)),  τ_k = ρ|ℓ_k|,  ρ = 0.15
//! ∂Ω_k/∂θ = −Ω_k (θ − ℓ_k)/τ_k²     ∂Ω_k/∂ℓ_k = Ω_k (θ − ℓ_k) θ/(τ_k² ℓ_k)     (through τ_k too)
//! ```
//!
//! Kept for comparison: away from the windows it has no gradient, and it lies far below F_true there.

use super::spike::{Sigma, spike_kl};
use super::together::{Each, Kls, LevelGradient, OneOrMany, TOGETHER};
use crate::scalar::spike_kl::Spike;
use crate::scalar::vector::Vector;
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
#[inline(always)]
pub(super) fn window<F: Real>(theta: F, level: F, ratio: F) -> Window<F> {
    let width = ratio * level;
    let (delta, width2) = (theta - level, width * width);
    let value = (-delta * delta / (F::of(2.0) * width2)).exp_in_loop();
    let slope = value * delta / width2;
    // Of a level so small that width² is 0, the window is closed, and has no slope.
    let closed = width2.is_zero() | value.is_zero();
    let unless_closed = |x: F| if closed { F::zero() } else { x };
    Window { value: unless_closed(value), dtheta: unless_closed(-slope), dlevel: unless_closed(slope * theta / level) }
}

/// The windows of many weights.
pub(super) struct Windows<F> {
    pub(super) value: Each<F>,
    pub(super) dtheta: Each<F>,
    pub(super) dlevel: Each<F>,
}

impl<F: Real> Windows<F> {
    #[inline(always)]
    pub(super) fn new(theta: &Each<F>, level: F, ratio: F) -> Self {
        let zero = [F::zero(); TOGETHER];
        let mut windows = Self { value: zero, dtheta: zero, dlevel: zero };
        for (i, theta) in theta.iter().enumerate() {
            let window = window(*theta, level, ratio);
            windows.value[i] = window.value;
            windows.dtheta[i] = window.dtheta;
            windows.dlevel[i] = window.dlevel;
        }
        windows
    }
}

/// F of one weight; adds ∂F/∂ℓ to `dlevels` (M).
pub fn windows<F: Real>(
    spike: Spike,
    theta: F,
    sigma: Sigma<F>,
    levels: &[F],
    ratio: F,
    dlevels: &mut [F],
) -> WeightKl<F> {
    let mut kl = WeightKl::zero();
    for (level, dlevel) in levels.iter().zip(dlevels) {
        let one = spike_kl(spike, theta, sigma, *level);
        let window = window(theta, *level, ratio);
        kl.add_scaled(window.value, &one);
        kl.dtheta += window.dtheta * one.value;
        *dlevel += window.dlevel * one.value - window.value * one.dtheta;
    }
    kl
}

/// [`windows`] with D_fit.
pub(super) struct OfFit<'a, F> {
    pub levels: &'a [F],
    pub ratio: F,
}

impl<F: Real> OneOrMany<F> for OfFit<'_, F> {
    fn levels(&self) -> &[F] {
        self.levels
    }

    #[inline(always)]
    fn alone(&self, theta: F, sigma: Sigma<F>, dlevels: &mut [F]) -> WeightKl<F> {
        windows(Spike::Fit, theta, sigma, self.levels, self.ratio, dlevels)
    }

    #[inline(always)]
    fn together<V: Vector<Element = F>>(
        &mut self,
        theta: &Each<F>,
        inverse_sigma: &Each<F>,
        dlevels: &mut LevelGradient<F>,
    ) -> Kls<F> {
        let mut kls = Kls::zero();
        for (k, level) in self.levels.iter().enumerate() {
            let one = Kls::of_spike::<V>(theta, inverse_sigma, |_| *level);
            let window = Windows::new(theta, *level, self.ratio);
            kls.add_scaled(&window.value, &one);
            let mut dlevel = [F::zero(); TOGETHER];
            for (i, dlevel) in dlevel.iter_mut().enumerate() {
                kls.dtheta[i] += window.dtheta[i] * one.value[i];
                *dlevel = window.dlevel[i] * one.value[i] - window.value[i] * one.dtheta[i];
            }
            dlevels.add(k, &dlevel);
        }
        kls
    }
}
