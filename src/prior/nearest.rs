//! `nearest`: hard assignment, F = min_k [D(t_k) − ln a_k], ties to the lower index.
//!
//! An assignment variable per weight, held at its best single spike, as in k-means: only the weight's own spike pulls on
//! it, and only its own weights pull on a level. The cost of the choice, −ln a_k, cannot be saved by drawing levels
//! together. An upper bound of F_true: see the [module](super).

use super::spike::{spike_kl, squared_distance};
use super::together::{Each, Kls, LevelGradient, OneOrMany, TOGETHER, squared_distances};
use crate::scalar::spike_kl::{Spike, fit_values_and_derivatives};
use crate::scalar::vector::Vector;
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

/// The closest level of each of the weights.
struct Closest<F> {
    t: Each<F>,
    level: Each<F>,
    /// k of the level.
    index: Each<F>,
}

impl<F: Real> Closest<F> {
    /// Takes a level where it is closer.
    #[inline(always)]
    fn or_if_closer<V: Vector<Element = F>>(&mut self, t: &Each<F>, level: F, index: F) {
        let (level, index) = (V::splat(level), V::splat(index));
        for i in (0..TOGETHER).step_by(V::LANES) {
            let (best, other) = (V::load(&self.t[i..]), V::load(&t[i..]));
            let closer = best.sub(other);
            other.where_positive(closer, best).store(&mut self.t[i..]);
            level.where_positive(closer, V::load(&self.level[i..])).store(&mut self.level[i..]);
            index.where_positive(closer, V::load(&self.index[i..])).store(&mut self.index[i..]);
        }
    }
}

impl<F: Real> OneOrMany<F> for OfEqualCost<'_, F> {
    #[inline(always)]
    fn alone(&self, theta: F, inverse_sigma2: F, dlevels: &mut [F]) -> WeightKl<F> {
        nearest(Spike::Fit, theta, inverse_sigma2, self.levels, self.costs, dlevels)
    }

    #[inline(always)]
    fn together<V: Vector<Element = F>>(
        &mut self,
        theta: &Each<F>,
        inverse_sigma2: &Each<F>,
        dlevels: &mut LevelGradient<F>,
    ) -> Kls<F> {
        let Self { levels, costs } = self;
        let zero = [F::zero(); TOGETHER];
        let mut closest = Closest {
            t: squared_distances(theta, inverse_sigma2, levels[0]),
            level: [levels[0]; TOGETHER],
            index: zero,
        };
        for (k, level) in levels.iter().enumerate().skip(1) {
            closest.or_if_closer::<V>(&squared_distances(theta, inverse_sigma2, *level), *level, F::of(k as f64));
        }
        let mut kls = Kls::zero();
        let (d, slope) = fit_values_and_derivatives(&closest.t);
        for i in 0..TOGETHER {
            kls.value[i] = d[i] + costs[0];
            kls.dtheta[i] = slope[i] * (F::of(2.0) * (theta[i] - closest.level[i])) * inverse_sigma2[i];
            kls.dlog_sigma2[i] = -closest.t[i] * slope[i];
        }
        for k in 0..levels.len() {
            let index = F::of(k as f64);
            let mut pull = zero;
            for (i, pull) in pull.iter_mut().enumerate() {
                *pull = if closest.index[i] == index { -kls.dtheta[i] } else { F::zero() };
            }
            dlevels.add(k, &pull);
        }
        kls
    }
}
