//! `vnq`: the published form (Achterhold et al. 2018; Chien & Chang 2020), for codebooks with a zero level.
//!
//! ```text
//! F = Σ_{ℓ_k≠0} Ω_k D(t_k) + (1 − Σ Ω_k) D(t_zero),   Ω_k the windows of super::windows with ρ = 0.075/0.2 = 0.375
//!   = D(t_zero) + Σ_{ℓ_k≠0} Ω_k [D(t_k) − D(t_zero)]
//! ```
//!
//! With two neighbouring levels on one side of zero, 1 − Σ Ω_k goes negative.

use super::spike::spike_kl;
use super::windows::window;
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};

/// ρ of the published form.
pub const WINDOW_RATIO: f64 = 0.375;

/// F of one weight; adds ∂F/∂ℓ to `dlevels` (M). `zero` is the index of the zero level.
pub fn vnq<F: Real>(
    spike: Spike,
    theta: F,
    inverse_sigma2: F,
    levels: &[F],
    zero: usize,
    ratio: F,
    dlevels: &mut [F],
) -> WeightKl<F> {
    let at_zero = spike_kl(spike, theta, inverse_sigma2, levels[zero]);
    let mut kl = WeightKl::zero();
    let mut remainder = F::one();
    for k in (0..levels.len()).filter(|k| *k != zero) {
        let one = spike_kl(spike, theta, inverse_sigma2, levels[k]);
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
