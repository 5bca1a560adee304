//! The priors that pull weights to levels, and the quantizer that replaces each weight by a level.
//!
//! # The multi-spike-and-slab prior
//!
//! ```text
//! p(w) ∝ Σ_k a_k / |w − ℓ_k|,      Σ_k a_k = 1
//! F_true = − E_q ln Σ_k a_k/|w − ℓ_k| − ln σ + ½(γ + ln 2),
//!          q(w) = N(θ, σ²)                          [nats a weight]
//! ```
//!
//! (Achterhold et al. 2018; Chien & Chang 2020, 2023). The constant is such that F_true of a single level is
//! [D(t)](crate::scalar::spike_kl). [`quadrature`] evaluates F_true; four forms replace it in training:
//!
//! | form         | F, the KL of one weight in nats                           |                                               |
//! |--------------|----------------------------------------------------------|-----------------------------------------------|
//! | [`nearest`]  | min_k [D(t_k) − ln a_k]                                  | hard assignment; the default                  |
//! | [`mixture`]  | − ln Σ_k a_k e^{−D(t_k)}                                 | soft assignment                               |
//! | [`vnq`]      | Σ_{ℓ_k≠0} Ω_k D(t_k) + (1 − Σ Ω_k) D(t_zero)             | published, for codebooks with a zero level    |
//! | [`windows`]  | Σ_k Ω_k D(t_k)                                           | published, for codebooks without a zero level |
//!
//! # Why `quadrature` ≤ `mixture` ≤ `nearest`
//!
//! With D exact, ln|w − ℓ_k| has mean D(t_k) + ln σ − ½(γ + ln 2) under q. The function ln Σ_k a_k e^{u_k} is convex in
//! u, so by Jensen's inequality E_q ln Σ_k a_k/|w − ℓ_k| ≥ ln Σ_k a_k exp(−E_q ln|w − ℓ_k|): F_true ≤ `mixture`. A sum
//! of positive terms is at least its largest: `mixture` ≤ `nearest`.
//!
//! # What training maximizes
//!
//! −N_train · loss estimates a lower bound on the logarithm of the evidence, up to the added variance v₀
//! ([`V0`](crate::layers::V0)) and the constant of the prior, if all of these hold: the form is `mixture` or `nearest`
//! with D exact; κ = 1 with the data-set scale; the layers compute with θ and noise (`forward` is sampled); there is no
//! teacher; all layers with weights are dense; and the network's normalizations, if it has any, use the statistics of
//! the training batches. A convolution draws the noise of each position by itself (see
//! [`train::draw`](crate::train::draw)), so that with convolutions the estimate is of such a bound only approximately.
//! Where the layers compute with Q(θ), it estimates a bound only if θ = Q(θ). With another κ the loss is a tempered
//! objective; with the per-weight scale the factor of a layer's KL, κ / weights of the layer, differs from layer to
//! layer, and the loss bounds nothing (chapter 6 of the course). With the fitted D, or under `vnq` and `windows`, there is no bound, since the KL that is computed can lie
//! below F_true.
//!
//! # The prior is improper
//!
//! 1/|w − ℓ| cannot be normalized, neither at the level nor far away. The KL is defined only up to an infinite
//! constant, and the true posterior under such a prior need not exist (Hron et al. 2018). The objective may also have
//! no minimum: if θ lies on a level, D is 0 for every σ, so σ can shrink to 0 without cost, which can improve the
//! likelihood. The bounds on ln σ² and on θ that training applies after each step prevent this. The result is penalized
//! maximum likelihood with a penalty from this prior, not inference about the weights.
//!
//! # Where the published code departs from the equations
//!
//! The published code multiplies θ by a scale s in training but divides the levels by s in evaluation, keeps only the
//! KL of the last layer and doubles it, discards the result of clipping ln σ², passes ln σ² where ln σ is expected,
//! puts a sigmoid on the logits, evaluates with batch statistics and does not shuffle. This crate implements the
//! equations.
//!
//! Derived in [chapter 3 of the course](crate::course::many_spikes).

pub mod codebook;
pub mod gaussian;
pub mod kmeans;
pub mod mixture;
pub mod multi_spike;
pub mod nearest;
pub mod quadrature;
pub mod quantizer;
pub mod spike;
pub mod vnq;
pub mod weight_form;
pub mod windows;

pub use crate::scalar::spike_kl::Spike;
pub use codebook::Codebook;
pub use gaussian::Gaussian;
pub use multi_spike::{Form, MultiSpike};
pub use quantizer::Quantizer;

use crate::scalar::{Real, WeightKl};
use crate::tensor::sum::Sums;
use crate::way::Way;
use rayon::prelude::*;
use weight_form::{ChunkKl, WeightForm};

/// The number of weights whose KL one thread computes at a time.
const WEIGHTS: usize = 4096;

/// A prior of one layer's weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Prior {
    /// The multi-spike-and-slab prior.
    MultiSpike(MultiSpike),
    /// The Gaussian prior; the codebook only quantizes.
    Gaussian(Gaussian),
    /// No prior: no noise, no KL; the codebook only quantizes.
    None,
}

/// The KL of a layer and its gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Kl<F> {
    /// The sum over the weights, in nats.
    pub value: f64,
    /// The derivative with respect to θ, one element a weight.
    pub dtheta: Vec<F>,
    /// The derivative with respect to ln σ², one element a weight.
    pub dlog_sigma2: Vec<F>,
    /// The derivative with respect to the levels (M).
    pub dlevels: Vec<F>,
}

impl Prior {
    /// The KL of a layer's weights to this prior, `None` under [`Prior::None`]; `codebook` is the layer's.
    ///
    /// # Panics
    /// If `theta` and `log_sigma2` differ in length, and under `vnq`, if the codebook has no zero level: see
    /// [`MultiSpike::check`].
    pub fn kl<F: Real>(&self, theta: &[F], log_sigma2: &[F], codebook: &Codebook<F>) -> Option<Kl<F>> {
        (*self != Self::None).then(|| Layer::kl(theta, log_sigma2, codebook, |layer| self.add_kl_of(layer)))
    }

    /// Returns the KL of a layer's weights to this prior in nats, 0 under [`Prior::None`], and adds its gradient to
    /// `gradient`; by definition one weight after another, by the kernel a vector of weights at a time.
    ///
    /// # Panics
    /// As [`Prior::kl`], and if `gradient` has other sizes.
    pub fn add_kl<F: Real>(
        &self,
        theta: &[F],
        log_sigma2: &[F],
        codebook: &Codebook<F>,
        gradient: KlGradient<'_, F>,
        way: Way,
    ) -> f64 {
        self.add_kl_of(Layer { theta, log_sigma2, codebook, gradient, way })
    }

    fn add_kl_of<F: Real>(&self, layer: Layer<'_, F>) -> f64 {
        match self {
            Self::MultiSpike(prior) => prior.add_kl(layer),
            Self::Gaussian(prior) => {
                let weight_kl = prior.weight_kl();
                layer.sum_one_by_one(|theta, log_sigma2, _| weight_kl(theta, log_sigma2))
            }
            Self::None => 0.0,
        }
    }
}

/// The arrays that the gradient of a layer's KL, times a scale, is added to.
#[derive(Debug)]
pub struct KlGradient<'a, F> {
    /// The factor of the added gradient.
    pub scale: F,
    /// With respect to θ, one element a weight.
    pub dtheta: &'a mut [F],
    /// With respect to ln σ², one element a weight.
    pub dlog_sigma2: &'a mut [F],
    /// With respect to the levels (M).
    pub dlevels: &'a mut [F],
}

/// The weights of a layer: their posterior, their codebook, and the arrays that the gradient of their KL is added to.
struct Layer<'a, F> {
    theta: &'a [F],
    log_sigma2: &'a [F],
    codebook: &'a Codebook<F>,
    gradient: KlGradient<'a, F>,
    way: Way,
}

impl<F: Real> Layer<'_, F> {
    /// The KL and its gradient; `add_kl` returns the KL of a layer and adds its gradient.
    fn kl(theta: &[F], log_sigma2: &[F], codebook: &Codebook<F>, add_kl: impl Fn(Layer<'_, F>) -> f64) -> Kl<F> {
        let [mut dtheta, mut dlog_sigma2] = [(); 2].map(|()| vec![F::zero(); theta.len()]);
        let mut dlevels = vec![F::zero(); codebook.levels().len()];
        let gradient =
            KlGradient { scale: F::one(), dtheta: &mut dtheta, dlog_sigma2: &mut dlog_sigma2, dlevels: &mut dlevels };
        let value = add_kl(Layer { theta, log_sigma2, codebook, gradient, way: Way::in_use() });
        Kl { value, dtheta, dlog_sigma2, dlevels }
    }

    /// The KL, computed for one weight at a time: see [`Chunk::sum`].
    fn sum_one_by_one(self, weight_kl: impl Fn(F, F, &mut [F]) -> WeightKl<F> + Sync) -> f64 {
        self.sum_over_chunks(|chunk| chunk.sum(&weight_kl))
    }

    /// The KL, computed by a form for a vector of weights at a time.
    fn sum_by_vectors<W: WeightForm<F>>(self, form: &W) -> f64 {
        self.sum_over_chunks(|chunk| F::vectorize(ChunkKl { chunk, form }))
    }

    /// The sum, in a fixed order, of the KL that `chunk_kl` returns for each chunk of the weights.
    fn sum_over_chunks(self, chunk_kl: impl Fn(Chunk<'_, F>) -> f64 + Sync) -> f64 {
        let Self { theta, log_sigma2, codebook, gradient, .. } = self;
        let KlGradient { scale, dtheta, dlog_sigma2, dlevels } = gradient;
        for (name, len) in
            [("log_sigma2", log_sigma2.len()), ("dtheta", dtheta.len()), ("dlog_sigma2", dlog_sigma2.len())]
        {
            assert_eq!(theta.len(), len, "theta and {name} are of one length");
        }
        let levels = codebook.levels().len();
        assert_eq!(levels, dlevels.len(), "dlevels has an element for each level");
        let partial: Vec<(f64, Vec<f64>)> = (
            theta.par_chunks(WEIGHTS),
            log_sigma2.par_chunks(WEIGHTS),
            dtheta.par_chunks_mut(WEIGHTS),
            dlog_sigma2.par_chunks_mut(WEIGHTS),
        )
            .into_par_iter()
            .map(|(theta, log_sigma2, dtheta, dlog_sigma2)| {
                let mut sums = vec![0.0; levels];
                let value = chunk_kl(Chunk { theta, log_sigma2, scale, dtheta, dlog_sigma2, level_sums: &mut sums });
                (value, sums)
            })
            .collect();
        let mut value = 0.0;
        let mut sums = vec![0.0; levels];
        for (of_chunk, level_sums) in partial {
            value += of_chunk;
            sums.iter_mut().zip(level_sums).for_each(|(sum, part)| *sum += part);
        }
        dlevels.iter_mut().zip(sums).for_each(|(dlevel, sum)| *dlevel += scale * F::of(sum));
        value
    }
}

/// A few weights of a layer: their posterior, and the arrays that the gradient of their KL is added to.
struct Chunk<'a, F> {
    theta: &'a [F],
    log_sigma2: &'a [F],
    /// The factor of the gradient with respect to θ and ln σ².
    scale: F,
    /// The scaled ∂F/∂θ is added to it.
    dtheta: &'a mut [F],
    /// The scaled ∂F/∂ln σ² is added to it.
    dlog_sigma2: &'a mut [F],
    /// (M). Σ ∂F/∂ℓ over the weights is added to it, without the scale.
    level_sums: &'a mut [f64],
}

impl<F: Real> Chunk<'_, F> {
    /// Evaluates `weight_kl(θ, ln σ², level_sums)` for every weight; returns the sum of the values.
    fn sum(self, weight_kl: impl Fn(F, F, &mut [F]) -> WeightKl<F>) -> f64 {
        let mut value = 0.0;
        let mut level_sums = Sums::new(self.level_sums.len());
        for i in 0..self.theta.len() {
            let kl = weight_kl(self.theta[i], self.log_sigma2[i], level_sums.next_term());
            value += kl.value.as_f64();
            self.dtheta[i] += self.scale * kl.dtheta;
            self.dlog_sigma2[i] += self.scale * kl.dlog_sigma2;
        }
        self.level_sums.iter_mut().zip(level_sums.total()).for_each(|(sum, part)| *sum += part);
        value
    }
}
