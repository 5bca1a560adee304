//! `mixture`: soft assignment, F = − ln Σ_k a_k e^{−D(t_k)}, the assignment averaged out as in a Gaussian mixture.
//!
//! ```text
//! r_k = a_k e^{−D_k} / Σ_j a_j e^{−D_j}  (responsibilities)      ∂F/∂D_k = r_k
//! ```
//!
//! An upper bound of F_true: see the [module](super). ln M nats a weight can be saved by blurring the levels together, and
//! at κ near 1 training takes them.

use super::spike::{Sigma, spike_kl};
use super::together::{Each, Kls, LevelGradient, OneOrMany, TOGETHER};
use crate::scalar::spike_kl::Spike;
use crate::scalar::vector::Vector;
use crate::scalar::{Real, WeightKl};

/// F of one weight; adds ∂F/∂ℓ to `dlevels` (M). `costs` are the −ln a_k.
pub fn mixture<F: Real>(
    spike: Spike,
    theta: F,
    sigma: Sigma<F>,
    levels: &[F],
    costs: &[F],
    dlevels: &mut [F],
) -> WeightKl<F> {
    let spikes: Vec<WeightKl<F>> = levels.iter().map(|level| spike_kl(spike, theta, sigma, *level)).collect();
    // With the lowest D_k − ln a_k taken out, no share exceeds 1 and one of them is 1.
    let cost = |k: usize| spikes[k].value + costs[k];
    let lowest = (0..levels.len()).map(cost).fold(F::infinity(), F::min);
    let share = |k: usize| (lowest - cost(k)).exp_in_loop();
    let sum: F = (0..levels.len()).map(share).sum();
    let mut kl = WeightKl { value: lowest - sum.ln_in_loop(), dtheta: F::zero(), dlog_sigma2: F::zero() };
    for k in 0..levels.len() {
        let responsibility = share(k) / sum;
        kl.dtheta += responsibility * spikes[k].dtheta;
        kl.dlog_sigma2 += responsibility * spikes[k].dlog_sigma2;
        dlevels[k] -= responsibility * spikes[k].dtheta;
    }
    kl
}

/// [`mixture`] with D_fit.
pub(super) struct OfFit<'a, F> {
    levels: &'a [F],
    /// −ln a_k.
    costs: &'a [F],
    /// What each level alone would give, of the weights at hand.
    spikes: Vec<Kls<F>>,
}

impl<'a, F: Real> OfFit<'a, F> {
    pub(super) fn new(levels: &'a [F], costs: &'a [F]) -> Self {
        Self { levels, costs, spikes: levels.iter().map(|_| Kls::zero()).collect() }
    }
}

impl<F: Real> OneOrMany<F> for OfFit<'_, F> {
    fn levels(&self) -> &[F] {
        self.levels
    }

    #[inline(always)]
    fn alone(&self, theta: F, sigma: Sigma<F>, dlevels: &mut [F]) -> WeightKl<F> {
        mixture(Spike::Fit, theta, sigma, self.levels, self.costs, dlevels)
    }

    #[inline(always)]
    fn together<V: Vector<Element = F>>(
        &mut self,
        theta: &Each<F>,
        inverse_sigma: &Each<F>,
        dlevels: &mut LevelGradient<F>,
    ) -> Kls<F> {
        let mut lowest = [F::infinity(); TOGETHER];
        for (spike, (level, cost)) in self.spikes.iter_mut().zip(self.levels.iter().zip(self.costs)) {
            *spike = Kls::of_spike::<V>(theta, inverse_sigma, |_| *level);
            for (value, lowest) in spike.value.iter_mut().zip(&mut lowest) {
                *value += *cost;
                *lowest = if *value < *lowest { *value } else { *lowest };
            }
        }
        let mut sum = [F::zero(); TOGETHER];
        for spike in &mut self.spikes {
            for i in 0..TOGETHER {
                // From here on the share.
                spike.value[i] = (lowest[i] - spike.value[i]).exp_in_loop();
                sum[i] += spike.value[i];
            }
        }
        let mut kls = Kls::zero();
        for i in 0..TOGETHER {
            kls.value[i] = lowest[i] - sum[i].ln_in_loop();
        }
        for (k, spike) in self.spikes.iter().enumerate() {
            let mut pull = [F::zero(); TOGETHER];
            for i in 0..TOGETHER {
                let responsibility = spike.value[i] / sum[i];
                pull[i] = -(responsibility * spike.dtheta[i]);
                kls.dtheta[i] -= pull[i];
                kls.dlog_sigma2[i] += responsibility * spike.dlog_sigma2[i];
            }
            dlevels.add(k, &pull);
        }
        kls
    }
}
