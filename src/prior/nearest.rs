//! `nearest`: hard assignment, F = min_k [D(t_k) − ln a_k], ties to the lower index.
//!
//! An assignment variable per weight, held at its best single spike, as in k-means: only the weight's own spike pulls on
//! it, and only its own weights pull on a level. The cost of the choice, −ln a_k, cannot be saved by drawing levels
//! together. An upper bound of F_true: see the [module](super).

use super::spike::{Sigma, spike_kl};
use super::together::{Each, Kls, LevelGradient, OneOrMany, TOGETHER};
use crate::scalar::spike_kl::Spike;
use crate::scalar::vector::Vector;
use crate::scalar::{Real, WeightKl};

/// F of one weight; adds ∂F/∂ℓ to `dlevels` (M). `costs` are the −ln a_k.
pub fn nearest<F: Real>(
    spike: Spike,
    theta: F,
    sigma: Sigma<F>,
    levels: &[F],
    costs: &[F],
    dlevels: &mut [F],
) -> WeightKl<F> {
    let distance = |k: usize| (theta - levels[k]).abs();
    let closest = (1..levels.len()).fold(0, |best, k| if distance(k) < distance(best) { k } else { best });
    let mut best = closest;
    let mut kl = spike_kl(spike, theta, sigma, levels[closest]);
    // D rises with t, so only a cheaper level can still win over the closest one.
    for k in (0..levels.len()).filter(|k| costs[*k] < costs[closest]) {
        let other = spike_kl(spike, theta, sigma, levels[k]);
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
    /// |θ − ℓ|.
    distance: Each<F>,
    level: Each<F>,
    /// k of the level.
    index: Each<F>,
}

impl<F: Real> Closest<F> {
    /// Takes a level where it is closer.
    #[inline(always)]
    fn or_if_closer<V: Vector<Element = F>>(&mut self, distance: &Each<F>, level: F, index: F) {
        let (level, index) = (V::splat(level), V::splat(index));
        for i in (0..TOGETHER).step_by(V::LANES) {
            let (best, other) = (V::load(&self.distance[i..]), V::load(&distance[i..]));
            let closer = best.sub(other);
            other.where_positive(closer, best).store(&mut self.distance[i..]);
            level.where_positive(closer, V::load(&self.level[i..])).store(&mut self.level[i..]);
            index.where_positive(closer, V::load(&self.index[i..])).store(&mut self.index[i..]);
        }
    }
}

/// |θ − ℓ| of each of the weights.
#[inline(always)]
fn distances<F: Real>(theta: &Each<F>, level: F) -> Each<F> {
    let mut distances = [F::zero(); TOGETHER];
    for i in 0..TOGETHER {
        distances[i] = (theta[i] - level).abs();
    }
    distances
}

impl<F: Real> OneOrMany<F> for OfEqualCost<'_, F> {
    fn levels(&self) -> &[F] {
        self.levels
    }

    #[inline(always)]
    fn alone(&self, theta: F, sigma: Sigma<F>, dlevels: &mut [F]) -> WeightKl<F> {
        nearest(Spike::Fit, theta, sigma, self.levels, self.costs, dlevels)
    }

    #[inline(always)]
    fn together<V: Vector<Element = F>>(
        &mut self,
        theta: &Each<F>,
        inverse_sigma: &Each<F>,
        dlevels: &mut LevelGradient<F>,
    ) -> Kls<F> {
        let Self { levels, costs } = self;
        let zero = [F::zero(); TOGETHER];
        let mut closest = Closest { distance: distances(theta, levels[0]), level: [levels[0]; TOGETHER], index: zero };
        for (k, level) in levels.iter().enumerate().skip(1) {
            closest.or_if_closer::<V>(&distances(theta, *level), *level, F::of(k as f64));
        }
        let mut kls = Kls::of_spike::<V>(theta, inverse_sigma, |i| closest.level[i]);
        for value in &mut kls.value {
            *value += costs[0];
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
