//! `nearest`: hard assignment, F = min_k [D(t_k) − ln a_k], ties to the lower index.
//!
//! An assignment variable per weight, held at its best single spike, as in k-means: only the weight's own spike pulls on
//! it, and only its own weights pull on a level. The cost of the choice, −ln a_k, cannot be saved by drawing levels
//! together. An upper bound of F_true: see the [module](super).

use super::spike::{spike_kl, squared_distance};
use super::together::{Each, Kls, LevelGradient, OneOrMany, TOGETHER};
use crate::scalar::spike_kl::{Spike, fit_value_and_derivative};
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

/// [`nearest`] with D_fit where every level costs the same: the closest level is then the best.
pub(super) struct OfEqualCost<'a, F> {
    pub levels: &'a [F],
    /// −ln a_k of every level.
    pub costs: &'a [F],
}

/// The closest level of each of some weights.
#[derive(Clone)]
struct Closest<F> {
    t: Each<F>,
    /// θ − ℓ.
    delta: Each<F>,
    level: Each<u32>,
}

impl<F: Real> OneOrMany<F> for OfEqualCost<'_, F> {
    #[inline(always)]
    fn alone(&self, theta: F, inverse_sigma2: F, dlevels: &mut [F]) -> WeightKl<F> {
        nearest(Spike::Fit, theta, inverse_sigma2, self.levels, self.costs, dlevels)
    }

    #[inline(always)]
    fn together(&mut self, theta: &Each<F>, inverse_sigma2: &Each<F>, dlevels: &mut LevelGradient<F>) -> Kls<F> {
        let Self { levels, costs } = self;
        let zero = [F::zero(); TOGETHER];
        let mut best = Closest { t: zero, delta: zero, level: [0; TOGETHER] };
        for (i, theta) in theta.iter().enumerate() {
            best.t[i] = squared_distance(*theta, inverse_sigma2[i], levels[0]);
            best.delta[i] = *theta - levels[0];
        }
        for (k, level) in (0..).zip(*levels).skip(1) {
            // Into new arrays, written whatever the comparison says.
            let mut better = best.clone();
            for i in 0..TOGETHER {
                let other = squared_distance(theta[i], inverse_sigma2[i], *level);
                let closer = other < best.t[i];
                better.t[i] = if closer { other } else { best.t[i] };
                better.delta[i] = if closer { theta[i] - *level } else { best.delta[i] };
                better.level[i] = if closer { k } else { best.level[i] };
            }
            best = better;
        }
        let mut kls = Kls::zero();
        for (i, inverse_sigma2) in inverse_sigma2.iter().enumerate() {
            let (d, slope) = fit_value_and_derivative(best.t[i]);
            kls.value[i] = d + costs[0];
            kls.dtheta[i] = slope * (F::of(2.0) * best.delta[i]) * *inverse_sigma2;
            kls.dlog_sigma2[i] = -best.t[i] * slope;
        }
        for k in 0..levels.len() {
            let mut pull = zero;
            for (i, pull) in pull.iter_mut().enumerate() {
                *pull = if best.level[i] as usize == k { -kls.dtheta[i] } else { F::zero() };
            }
            dlevels.add(k, &pull);
        }
        kls
    }
}
