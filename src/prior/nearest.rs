//! `nearest`: hard assignment, F = min_k [D(t_k) − ln a_k], ties to the lower index.
//!
//! An assignment variable per weight, held at its best single spike, as in k-means: only the weight's own spike pulls on
//! it, and only its own weights pull on a level. The cost of the choice, −ln a_k, cannot be saved by drawing levels
//! together. An upper bound of F_true: see the [module](super).

use super::spike::{spike_kl, squared_distance};
use crate::scalar::spike_kl::{Spike, fit_value_and_derivative};
use crate::scalar::vector::{Kernel, Vector};
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

/// [`nearest`] with D_fit for many weights, where every level costs the same: the closest level is then the best.
pub(super) struct Chunk<'a, F> {
    pub chunk: super::Chunk<'a, F>,
    pub levels: &'a [F],
    /// −ln a_k of every level.
    pub cost: F,
}

/// Weights dealt with together, step by step: every loop below is over independent, contiguous elements.
const TOGETHER: usize = 64;
/// Running sums of what is added up: on every processor the same.
const SUMS: usize = 8;

/// The closest level of each of some weights.
#[derive(Clone)]
struct Closest<F> {
    t: [F; TOGETHER],
    /// θ − ℓ.
    delta: [F; TOGETHER],
    level: [u32; TOGETHER],
}

impl<F: Real> Kernel<F> for Chunk<'_, F> {
    /// The sum of the values.
    type Output = f64;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> f64 {
        let Self { chunk, levels, cost } = self;
        let mut values = [0.0; SUMS];
        let mut dlevels = vec![[F::zero(); SUMS]; levels.len()];
        let posterior = chunk.theta.chunks_exact(TOGETHER).zip(chunk.log_sigma2.chunks_exact(TOGETHER));
        let gradient = chunk.dtheta.chunks_exact_mut(TOGETHER).zip(chunk.dlog_sigma2.chunks_exact_mut(TOGETHER));
        for ((theta, log_sigma2), (dtheta, dlog_sigma2)) in posterior.zip(gradient) {
            let mut inverse_sigma2 = [F::zero(); TOGETHER];
            let mut best = Closest { t: inverse_sigma2, delta: inverse_sigma2, level: [0; TOGETHER] };
            for i in 0..TOGETHER {
                inverse_sigma2[i] = (-log_sigma2[i]).exp_in_loop();
                best.t[i] = squared_distance(theta[i], inverse_sigma2[i], levels[0]);
                best.delta[i] = theta[i] - levels[0];
            }
            for (k, level) in (0..).zip(levels).skip(1) {
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
            let [mut value, mut pull] = [[F::zero(); TOGETHER]; 2];
            for i in 0..TOGETHER {
                let (d, slope) = fit_value_and_derivative(best.t[i]);
                value[i] = d + cost;
                pull[i] = slope * (F::of(2.0) * best.delta[i]) * inverse_sigma2[i];
                dlog_sigma2[i] = -best.t[i] * slope;
            }
            dtheta.copy_from_slice(&pull);
            for value in value.chunks_exact(SUMS) {
                values.iter_mut().zip(value).for_each(|(sum, value)| *sum += value.as_f64());
            }
            for (k, dlevel) in (0..).zip(&mut dlevels) {
                let mut pull_on_level = [F::zero(); TOGETHER];
                for i in 0..TOGETHER {
                    pull_on_level[i] = if best.level[i] == k { -pull[i] } else { F::zero() };
                }
                for pull in pull_on_level.chunks_exact(SUMS) {
                    dlevel.iter_mut().zip(pull).for_each(|(sum, pull)| *sum += *pull);
                }
            }
        }
        for (sum, sums) in chunk.dlevels.iter_mut().zip(dlevels) {
            *sum += sums.into_iter().sum();
        }
        let whole = chunk.theta.len() / TOGETHER * TOGETHER;
        let rest = super::Chunk {
            theta: &chunk.theta[whole..],
            log_sigma2: &chunk.log_sigma2[whole..],
            dtheta: &mut chunk.dtheta[whole..],
            dlog_sigma2: &mut chunk.dlog_sigma2[whole..],
            dlevels: chunk.dlevels,
        };
        let costs = vec![cost; levels.len()];
        let rest = rest.each(|theta, log_sigma2, dlevels| {
            nearest(Spike::Fit, theta, (-log_sigma2).exp_in_loop(), levels, &costs, dlevels)
        });
        values.into_iter().sum::<f64>() + rest
    }
}
