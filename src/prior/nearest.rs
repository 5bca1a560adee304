//! `nearest`: hard assignment, F = min_k [D(t_k) − ln a_k], ties to the lower index.
//!
//! An assignment variable per weight, held at its best single spike, as in k-means: only the weight's own spike pulls on
//! it, and only its own weights pull on a level. The cost of the choice, −ln a_k, cannot be saved by drawing levels
//! together. An upper bound of F_true: see the [module](super).

use super::spike::{spike_kl, squared_distance};
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};

/// F of one weight; adds ∂F/∂ℓ to `dlevels` (M). `costs` are the −ln a_k.
pub fn nearest<F: Real>(
    spike: Spike,
    theta: F,
    inverse_sigma2: F,
    levels: &[F],
    costs: &[F],
    dlevels: &mut [F],
) -> WeightKl<F> {
    let distance = |k: usize| squared_distance(theta, inverse_sigma2, levels[k]);
    let closest = (1..levels.len()).fold(0, |best, k| if distance(k) < distance(best) { k } else { best });
    let mut best = closest;
    let mut kl = spike_kl(spike, theta, inverse_sigma2, levels[closest]);
    // D rises with t, so only a cheaper level can still win over the closest one.
    for k in (0..levels.len()).filter(|k| costs[*k] < costs[closest]) {
        let other = spike_kl(spike, theta, inverse_sigma2, levels[k]);
        let (cost, best_cost) = (other.value + costs[k], kl.value + costs[best]);
        if cost < best_cost || (cost == best_cost && k < best) {
            (best, kl) = (k, other);
        }
    }
    dlevels[best] -= kl.dtheta;
    WeightKl { value: kl.value + costs[best], ..kl }
}
