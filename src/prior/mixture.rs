//! `mixture`: soft assignment, F = − ln Σ_k a_k e^{−D(t_k)}, the assignment averaged out as in a Gaussian mixture.
//!
//! ```text
//! r_k = a_k e^{−D_k} / Σ_j a_j e^{−D_j}  (responsibilities)      ∂F/∂D_k = r_k
//! ```
//!
//! An upper bound of F_true: see the [module](super). ln M nats a weight can be saved by blurring the levels together, and
//! at κ near 1 training takes them.

use super::spike::spike_kl;
use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};

/// F of one weight; adds ∂F/∂ℓ to `dlevels` (M). `costs` are the −ln a_k.
pub fn mixture<F: Real>(
    spike: Spike,
    theta: F,
    inverse_sigma2: F,
    levels: &[F],
    costs: &[F],
    dlevels: &mut [F],
) -> WeightKl<F> {
    let spikes: Vec<WeightKl<F>> = levels.iter().map(|level| spike_kl(spike, theta, inverse_sigma2, *level)).collect();
    // With the lowest D_k − ln a_k taken out, no share exceeds 1 and one of them is 1.
    let cost = |k: usize| spikes[k].value + costs[k];
    let lowest = (0..levels.len()).map(cost).fold(F::infinity(), F::min);
    let share = |k: usize| (lowest - cost(k)).exp();
    let sum: F = (0..levels.len()).map(share).sum();
    let mut kl = WeightKl { value: lowest - sum.ln(), dtheta: F::zero(), dlog_sigma2: F::zero() };
    for k in 0..levels.len() {
        let responsibility = share(k) / sum;
        kl.dtheta += responsibility * spikes[k].dtheta;
        kl.dlog_sigma2 += responsibility * spikes[k].dlog_sigma2;
        dlevels[k] -= responsibility * spikes[k].dtheta;
    }
    kl
}
