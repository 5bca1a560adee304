//! The objective: the one place where the KL is scaled.
//!
//! ```text
//! loss = nll + κ · kl_scaled        with a teacher, nll is replaced by
//!                                   the loss of distillation
//! data set:    kl_scaled = Σ_layers (KL_layer / N_train)
//! per weight:  kl_scaled = Σ_layers (KL_layer / weights of the layer)
//! ```
//!
//! nll is the mean over the batch, in nats. With κ = 1 and the data-set scale, −N_train · loss estimates the evidence
//! lower bound under the conditions in [`prior`](crate::prior), for a network whose batch normalization uses the
//! statistics of the training batches. With the per-weight scale, which the published code uses, the KL pulls the
//! weights of small layers to their levels as strongly as the weights of large layers. NLL and KL are reported
//! separately, the KL unscaled.
//!
//! Derived in [chapter 6 of the course](crate::course::objective).

use super::teacher::Teacher;
use crate::error::{Error, Result};
use crate::layers::{distillation, softmax_nll};
use crate::nets::graph::BayesLayer;
use crate::nets::network::Noise;
use crate::nets::{Gradients, Network, Normalization, Tape, WeightMode};
use crate::prior::{Codebook, KlGradient, Prior};
use crate::scalar::Real;
use ndarray::{Array2, Array4, ArrayD};
use rayon::prelude::*;

/// What the KL is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum KlScale {
    /// The number of training images.
    Dataset,
    /// The layer's number of weights.
    PerWeight,
}

/// What the layers compute with in training, as a [`WeightMode`]: `Sampled` is `Sample`, or `Mean` without a prior; `Hard`
/// is `Hard`; `StraightThrough` is `Quantized`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Forward {
    /// θ, with the posterior's noise on the outputs; without a prior, no noise.
    #[default]
    Sampled,
    /// Q(θ), with the same noise; the gradient passes straight through Q to θ, and reaches the levels.
    Hard,
    /// Q(θ), without noise or prior; the gradient passes straight through Q.
    StraightThrough,
}

impl Forward {
    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sampled => "sampled",
            Self::Hard => "hard",
            Self::StraightThrough => "straight-through",
        }
    }
}

/// The prior, what the layers compute with, the scale of the KL and the size of the data set; κ is an argument of each
/// evaluation.
#[derive(Clone, Debug)]
pub struct Objective {
    /// The prior of every layer's weights.
    pub prior: Prior,
    /// The weights that the layers compute with.
    pub forward: Forward,
    /// What the KL is divided by.
    pub kl_scale: KlScale,
    /// The number of training images, N_train.
    pub train_size: usize,
}

/// The value of the objective on a batch, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// nll, or the loss of distillation, + κ · kl_scaled.
    pub loss: f64,
    /// Mean negative log-likelihood of the batch.
    pub nll: f64,
    /// Σ_layers KL, unscaled.
    pub kl: f64,
}

/// The value of the objective on a batch, its gradient, the logits and the tape.
#[derive(Debug)]
pub struct ValueAndGradient<F> {
    /// The value.
    pub loss: Loss,
    /// The logits (B, classes).
    pub logits: Array2<F>,
    /// The gradient with respect to every parameter, in the order of the parameters.
    pub gradients: Gradients<F>,
    /// The tape of the forward pass, which holds the batch statistics.
    pub tape: Tape<F>,
}

impl Objective {
    /// The objective on images `x` (B, C, H, W) and their labels, with batch statistics and `kl_weight` κ. The layers
    /// compute with the weights that [`Objective::forward`] names, and with the noise `noise`. `labels` has B elements.
    /// With a teacher, the loss of [`distillation`] takes the place of the NLL; κ · kl_scaled is added to it as usual.
    ///
    /// # Errors
    /// If there is no image, a shape does not fit, a label is not a class, a normalization has fewer than two values
    /// per channel, a codebook is not ascending, or the prior is not defined for a codebook.
    pub fn evaluate<F: Real>(
        &self,
        network: &Network<F>,
        x: Array4<F>,
        labels: &[usize],
        noise: &Noise<'_, F>,
        kl_weight: f64,
        teacher: Option<&Teacher<F>>,
    ) -> Result<ValueAndGradient<F>> {
        let weights = match self.forward {
            Forward::Sampled if self.prior == Prior::None => WeightMode::Mean,
            Forward::Sampled => WeightMode::Sample(noise),
            Forward::Hard => WeightMode::Hard(noise),
            Forward::StraightThrough => WeightMode::Quantized,
        };
        let teacher = teacher.map(|teacher| Ok((teacher.logits(x.clone())?, teacher.share()))).transpose()?;
        let (logits, tape) = network.forward(x, &weights, Normalization::Batch)?;
        let (mut loss, dlogits) = match teacher {
            None => {
                let (nll, cache) = softmax_nll::forward(logits.view(), labels)?;
                (Loss { loss: nll.as_f64(), nll: nll.as_f64(), kl: 0.0 }, softmax_nll::backward(&cache))
            }
            Some((of_teacher, share)) => {
                let (value, cache) = distillation::forward(logits.view(), of_teacher.view(), labels, share)?;
                (Loss { loss: value.loss, nll: value.nll, kl: 0.0 }, distillation::backward(&cache))
            }
        };
        let mut gradients = network.backward(&tape, dlogits);
        self.add_kl(network, kl_weight, &mut loss, &mut gradients)?;
        Ok(ValueAndGradient { loss, logits, gradients, tape })
    }

    /// Adds Σ KL to `loss.kl`, κ · kl_scaled to `loss.loss`, and the gradient of κ · kl_scaled to the gradients.
    ///
    /// # Errors
    /// If a codebook is not ascending, or the prior is not defined for it.
    pub fn add_kl<F: Real>(
        &self,
        network: &Network<F>,
        kl_weight: f64,
        loss: &mut Loss,
        gradients: &mut Gradients<F>,
    ) -> Result<()> {
        let layers: Vec<&BayesLayer> = network.quantized_layers().collect();
        let value = |position: usize| &network.parameters()[position].value;
        let codebooks: Result<Vec<Codebook<F>>> = layers.iter().map(|layer| codebook(network, layer)).collect();
        let codebooks = codebooks?;
        if self.prior == Prior::None {
            return Ok(());
        }
        if let Prior::MultiSpike(prior) = &self.prior {
            codebooks.iter().try_for_each(|codebook| prior.check(codebook.levels()))?;
        }
        let positions = |layer: &BayesLayer| [layer.theta, layer.log_sigma2, layer.levels];
        // Moved out of `gradients`, so that the layers can be processed in parallel.
        let mut of_layers: Vec<[ArrayD<F>; 3]> = layers
            .iter()
            .map(|layer| {
                positions(layer).map(|position| {
                    gradients[position].take().unwrap_or_else(|| ArrayD::zeros(value(position).shape()))
                })
            })
            .collect();
        let kls: Vec<(f64, f64)> = (layers.par_iter(), &codebooks, of_layers.par_iter_mut())
            .into_par_iter()
            .map(|(layer, codebook, gradients)| {
                let [theta, log_sigma2, _] = positions(layer).map(|position| network.slice(position));
                let [dtheta, dlog_sigma2, dlevels] = gradients
                    .each_mut()
                    .map(|gradient| gradient.as_slice_mut().expect("gradients are in standard layout"));
                let scale = kl_weight / self.divisor(theta.len());
                let gradient = KlGradient { scale: F::of(scale), dtheta, dlog_sigma2, dlevels };
                let kl = self.prior.add_kl(theta, log_sigma2, codebook, gradient, network.way());
                (kl, scale * kl)
            })
            .collect();
        for (layer, of_layer) in layers.into_iter().zip(of_layers) {
            for (position, gradient) in positions(layer).into_iter().zip(of_layer) {
                let is_trained = position != layer.levels || self.trains_levels();
                gradients[position] = is_trained.then_some(gradient);
            }
        }
        for (kl, scaled) in kls {
            loss.kl += kl;
            loss.loss += scaled;
        }
        Ok(())
    }

    /// Whether the levels of the layers are learned: from the KL, or from the loss in Q(θ).
    pub(crate) fn trains_levels(&self) -> bool {
        self.forward != Forward::Sampled || matches!(self.prior, Prior::MultiSpike(_))
    }

    /// The divisor of the KL of a layer with `weights` weights.
    pub(crate) fn divisor(&self, weights: usize) -> f64 {
        match self.kl_scale {
            KlScale::Dataset => self.train_size as f64,
            KlScale::PerWeight => weights as f64,
        }
    }
}

/// A layer's codebook.
fn codebook<F: Real>(network: &Network<F>, layer: &BayesLayer) -> Result<Codebook<F>> {
    let levels = &network.parameters()[layer.levels];
    Codebook::new(levels.as_slice().to_vec()).map_err(|error| Error::tensor(&levels.name, "a codebook", error))
}
