//! `mixture`: soft assignment, F = − ln Σ_k a_k e^{−D(t_k)}, the assignment averaged out as in a Gaussian mixture.
//!
//! ```text
//! r_k = a_k e^{−D_k} / Σ_j a_j e^{−D_j}       (responsibilities)
//! ∂F/∂D_k = r_k
//! ```
//!
//! F is an upper bound of F_true: see the [module](super). With equal masses, F is D + ln M where one level is near and
//! the others are far away, and D where all levels coincide: a training can lower F by up to ln M nats a weight by
//! moving the levels together, and does so if the KL has a large weight.
//!
//! Derived in [chapter 3 of the course](crate::course::many_spikes).

use super::spike::{Sigma, spike_kl};
use super::weight_form::{OfLevels, WeightForm};
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, RealVector, WeightKl};
use crate::simd::Vector;

/// The form `mixture` for these levels.
#[derive(Clone, Debug)]
pub struct Mixture<'a, F> {
    /// The D that the form uses.
    pub spike: Spike,
    /// The levels, ascending.
    pub levels: &'a [F],
    /// −ln a_k of each level.
    pub costs: &'a [F],
}

impl<F: Real> WeightForm<F> for Mixture<'_, F> {
    fn levels(&self) -> usize {
        self.levels.len()
    }

    #[inline(always)]
    fn weight_kl<V: Vector<Element = F>>(&self, theta: V, sigma: Sigma<V>, of_levels: &mut OfLevels<V>) -> WeightKl<V> {
        let OfLevels { gradient, spikes } = of_levels;
        // D_k − ln a_k. With the lowest of these subtracted, no exponential below exceeds 1, and one of them is 1.
        let mut lowest = V::of(f64::INFINITY);
        for (spike, (level, cost)) in spikes.iter_mut().zip(self.levels.iter().zip(self.costs)) {
            *spike = spike_kl(self.spike, theta, sigma, V::splat(*level));
            spike.value = spike.value + V::splat(*cost);
            lowest = spike.value.min(lowest);
        }
        let mut sum = V::zero();
        for spike in &mut *spikes {
            // From here on, `spike.value` is e^{lowest − (D_k − ln a_k)}.
            spike.value = (lowest - spike.value).exp();
            sum = sum + spike.value;
        }
        let mut kl = WeightKl { value: lowest - sum.ln(), ..WeightKl::zero() };
        for (spike, dlevel) in spikes.iter().zip(gradient) {
            let responsibility = spike.value / sum;
            let pull = responsibility * spike.dtheta;
            kl.dtheta = kl.dtheta + pull;
            kl.dlog_sigma2 = kl.dlog_sigma2 + responsibility * spike.dlog_sigma2;
            *dlevel = *dlevel - pull;
        }
        kl
    }
}
