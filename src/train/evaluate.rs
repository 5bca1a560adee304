//! Accuracy and negative log-likelihood on a data set, with each kind of weights.

use super::data::Dataset;
use crate::error::{Error, Result};
use crate::layers::softmax_nll;
use crate::nets::graph::BayesLayer;
use crate::nets::{Network, WeightMode};
use crate::prior::quantizer::Quantizer;
use crate::scalar::Real;
use crate::tensor::noise::{Philox, Purpose};
use ndarray::{Array2, Array4, ArrayView1, IxDyn};

/// Images a forward pass.
const BATCH: usize = 250;

/// Which weights are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// θ.
    Mean,
    /// Q(θ).
    Quantized,
    /// The predictive distribution: softmax averaged over `samples` draws of the weights.
    Sampled {
        /// Draws.
        samples: u32,
        /// The seed of their noise.
        seed: u64,
    },
}

/// How a network does on a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The fraction of images whose label is the most probable class.
    pub accuracy: f64,
    /// Mean negative log-likelihood, nats.
    pub nll: f64,
}

/// One forward pass with running statistics, and the weights it uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pass {
    Mean,
    Quantized,
    /// With the noise of this seed and step.
    Sampled {
        seed: u64,
        step: u32,
    },
}

impl Pass {
    /// The stream of a layer's noise in a sampled pass.
    pub(crate) fn noise(seed: u64, step: u32, layer: &BayesLayer) -> Philox {
        Philox::new(seed, Purpose::Evaluation(layer.index as u32), step)
    }
}

/// Evaluates with running statistics on every image of `data`.
///
/// # Errors
/// If the images are not of the network's shape; those of [`score`].
pub fn evaluate<F: Real>(network: &Network<F>, data: &Dataset, weights: Weights) -> Result<Score> {
    evaluate_by(data, weights, |x, pass| match pass {
        Pass::Mean => network.predict(x, &WeightMode::Mean),
        Pass::Quantized => network.predict(x, &WeightMode::Quantized),
        Pass::Sampled { seed, step } => {
            let noise =
                |layer: &BayesLayer, shape: &[usize]| Ok(Pass::noise(seed, step, layer).standard_normal(IxDyn(shape)));
            network.predict(x, &WeightMode::Sample(&noise))
        }
    })
}

/// As [`evaluate`], with the logits (B, classes) that `predict` gives for the images of a pass.
pub(crate) fn evaluate_by<F: Real>(
    data: &Dataset,
    weights: Weights,
    mut predict: impl FnMut(Array4<F>, Pass) -> Result<Array2<F>>,
) -> Result<Score> {
    // Outside of the loop, and of every kind of weights: to take it where it is needed is to take it of no number elsewhere.
    let draws = if let Weights::Sampled { samples, .. } = weights { samples } else { 1 };
    let log_draws = F::of(f64::from(draws).ln());
    score(data, |batch, x| match weights {
        Weights::Mean => Ok(softmax_nll::log_softmax(predict(x, Pass::Mean)?)),
        Weights::Quantized => Ok(softmax_nll::log_softmax(predict(x, Pass::Quantized)?)),
        Weights::Sampled { samples, seed } => {
            let batches = data.len().div_ceil(BATCH) as u32;
            // ln Σ softmax, for a probability may be too small for F.
            let mut log_sum = Array2::from_elem((x.dim().0, data.classes()), F::neg_infinity());
            for sample in 0..samples {
                let step = sample.wrapping_mul(batches).wrapping_add(batch as u32);
                let logits = predict(x.clone(), Pass::Sampled { seed, step })?;
                log_sum.zip_mut_with(&softmax_nll::log_softmax(logits), |sum, log| *sum = log_add_exp(*sum, *log));
            }
            Ok(log_sum.mapv(|log| log - log_draws))
        }
    })
}

/// Scores the log probabilities (B, classes) that `log_softmax` gives for each batch (its number, its images).
///
/// # Errors
/// Those of `log_softmax`, and [`Error::Tensor`] if there are no images, or a log probability is not finite: the logits were
/// too large, or NaN.
pub fn score<F: Real>(
    data: &Dataset,
    mut log_softmax: impl FnMut(usize, ndarray::Array4<F>) -> Result<Array2<F>>,
) -> Result<Score> {
    if data.is_empty() {
        return Err(Error::tensor("images", "at least one to evaluate on", "none"));
    }
    let (mut right, mut nll) = (0, 0.0);
    let indices: Vec<usize> = (0..data.len()).collect();
    for (batch, indices) in indices.chunks(BATCH).enumerate() {
        let (x, labels) = data.batch(indices);
        let log_probabilities = log_softmax(batch, x)?;
        if let Some(odd) = log_probabilities.iter().find(|log| !log.is_finite()) {
            return Err(Error::tensor("ln softmax(logits)", "finite numbers", odd));
        }
        for (row, label) in log_probabilities.rows().into_iter().zip(labels) {
            right += usize::from(first_maximum(row) == label);
            nll -= row[label].as_f64();
        }
    }
    let images = data.len() as f64;
    Ok(Score { accuracy: right as f64 / images, nll: nll / images })
}

/// The quantized loss Σ (θ − Q(θ))² over the weights of all layers that are quantized.
pub fn quantized_loss<F: Real>(network: &Network<F>) -> f64 {
    let parameters = network.parameters();
    network
        .layers()
        .filter(|layer| !layer.unquantized)
        .map(|layer| Quantizer::new(parameters[layer.levels].as_slice()).loss(parameters[layer.theta].as_slice()))
        .sum()
}

/// ln(eᵃ + eᵇ), for finite b.
fn log_add_exp<F: Real>(a: F, b: F) -> F {
    a.max(b) + (-(a - b).abs()).exp().ln_1p()
}

fn first_maximum<F: Real>(row: ArrayView1<'_, F>) -> usize {
    (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best })
}
