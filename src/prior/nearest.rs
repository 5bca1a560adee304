//! `nearest`: hard assignment, F = min_k [D(t_k) − ln a_k], ties to the lower index.
//!
//! Each weight is assigned to its best spike, as in k-means: only this spike contributes to the weight's gradient, and
//! only the weights assigned to a level contribute to the level's gradient. Moving levels close to each other does not
//! save the cost of the assignment, −ln a_k. F is an upper bound of F_true: see the [module](super).
//!
//! D rises with t. The level closest to θ therefore wins, unless a level with a lower cost does; where all costs are
//! equal, D is computed once.
//!
//! Derived in [chapter 3 of the course](crate::course::many_spikes).

use super::spike::{Sigma, spike_kl};
use super::weight_form::{OfLevels, WeightForm};
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};
use crate::simd::{Mask, Vector};

/// `nearest` to these levels.
#[derive(Clone, Debug)]
pub struct Nearest<'a, F> {
    spike: Spike,
    levels: &'a [F],
    costs: &'a [F],
    /// The levels with a lower cost than the highest one: only these can win over a closer level.
    cheap: Vec<usize>,
}

impl<'a, F: Real> Nearest<'a, F> {
    /// The form for ascending `levels`; `costs` are −ln a_k.
    pub fn new(spike: Spike, levels: &'a [F], costs: &'a [F]) -> Self {
        let highest = costs.iter().fold(F::neg_infinity(), |highest, cost| highest.max(*cost));
        let cheap = (0..levels.len()).filter(|k| costs[*k] < highest).collect();
        Self { spike, levels, costs, cheap }
    }
}

impl<F: Real> WeightForm<F> for Nearest<'_, F> {
    fn levels(&self) -> usize {
        self.levels.len()
    }

    #[inline(always)]
    fn weight_kl<V: Vector<Element = F>>(&self, theta: V, sigma: Sigma<V>, of_levels: &mut OfLevels<V>) -> WeightKl<V> {
        let Self { spike, levels, costs, cheap } = self;
        let (mut level, mut cost) = (V::splat(levels[0]), V::splat(costs[0]));
        let mut distance = (theta - level).abs();
        for (other, other_cost) in levels.iter().zip(*costs).skip(1) {
            let other = V::splat(*other);
            let other_distance = (theta - other).abs();
            let is_closer = other_distance.below(distance);
            distance = other_distance.min(distance);
            level = V::select(is_closer, other, level);
            cost = V::select(is_closer, V::splat(*other_cost), cost);
        }
        let mut kl = spike_kl(*spike, theta, sigma, level);
        kl.value = kl.value + cost;
        for k in cheap {
            let (other, other_cost) = (V::splat(levels[*k]), V::splat(costs[*k]));
            let is_cheaper = other_cost.below(cost);
            if is_cheaper.any() {
                let mut of_other = spike_kl(*spike, theta, sigma, other);
                of_other.value = of_other.value + other_cost;
                // Levels ascend: the lower level has the lower index.
                let ties = of_other.value.equals(kl.value) & other.below(level);
                let wins = is_cheaper & (of_other.value.below(kl.value) | ties);
                kl = WeightKl::select(wins, of_other, kl);
                level = V::select(wins, other, level);
            }
        }
        for (own, dlevel) in levels.iter().zip(&mut of_levels.gradient) {
            *dlevel = *dlevel - V::select(level.equals(V::splat(*own)), kl.dtheta, V::zero());
        }
        kl
    }
}
