//! What a network predicts on a data set, with each kind of weights.
//!
//! | weights | logits of | draws |
//! |---|---|---|
//! | mean | θ | 1 |
//! | sampled | θ + σ ε: networks drawn from the posterior | S |
//! | quantized | Q(θ) | 1 |
//! | sampled M-ary | Q(θ + σ ε): networks of M levels | S |
//!
//! The predictions of several draws are averaged after the softmax. All images are evaluated with the same draw of the
//! weights, unlike in training: [`draw`](mod@super::draw) explains the difference. [`uncertainty`](super::uncertainty)
//! defines what is computed from the predictions. Memory holds one draw, one batch, and a few numbers per image,
//! whatever the number of draws.

use super::data::Dataset;
use super::draw::draw;
use super::uncertainty::{Accumulator, Predictions, first_maximum, mean, no_images};
use crate::error::{Error, Result};
use crate::nets::graph::BayesLayer;
use crate::nets::{Graph, Network, WeightMode};
use crate::prior::quantizer::Quantizer;
use crate::scalar::Real;
use ndarray::{Array2, Array4, ArrayView1};

/// The most images that are evaluated together.
const BATCH: usize = 250;
/// The most numbers in the largest value of a network, for images that are evaluated together: 256 MiB in f32.
const MOST_NUMBERS: usize = 1 << 26;

/// The number of images that are evaluated together: few if they are large, so that they need little memory.
pub(crate) fn images_at_once(graph: &Graph) -> usize {
    (MOST_NUMBERS / graph.largest_value().max(1)).clamp(1, BATCH)
}

/// Which weights are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// θ.
    Mean,
    /// Q(θ).
    Quantized,
    /// The predictive distribution: softmax averaged over `samples` draws of the weights.
    Sampled {
        /// The number of draws.
        samples: u32,
        /// The seed of their noise.
        seed: u64,
    },
    /// The same with every drawn weight replaced by the nearest level of its layer.
    SampledMary {
        /// The number of draws.
        samples: u32,
        /// The seed of their noise.
        seed: u64,
    },
}

impl Weights {
    /// The number of sets of weights whose predictions are averaged.
    pub fn draws(self) -> u32 {
        match self {
            Self::Mean | Self::Quantized => 1,
            Self::Sampled { samples, .. } | Self::SampledMary { samples, .. } => samples,
        }
    }
}

/// The accuracy and the loss of a network on a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The fraction of images whose label is the most probable class.
    pub accuracy: f64,
    /// Mean negative log-likelihood, nats.
    pub nll: f64,
}

impl Score {
    /// The score of predictions, given the labels of their images.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there is no image, the number of labels is not that of the images, or a label is not a
    /// class.
    pub fn of(predictions: &Predictions, labels: &[usize]) -> Result<Self> {
        let (right, nll) = (predictions.right(labels)?, predictions.nll(labels)?);
        let right: Vec<f64> = right.into_iter().map(|right| f64::from(u8::from(right))).collect();
        Ok(Self { accuracy: mean(&right)?, nll: mean(&nll)? })
    }
}

/// Computes the logits (B, classes) of images (B, C, H, W) with one set of weights.
pub type Predict<'a, F> = Box<dyn Fn(Array4<F>) -> Result<Array2<F>> + 'a>;

/// Called with the logits (B, classes) of every batch of draw 0, then of every batch of draw 1 …
pub type Sink<'a, F> = dyn FnMut(&Array2<F>) -> Result<()> + 'a;

/// The score of the network on all images of `data`, with running statistics.
///
/// # Errors
/// The errors of [`predictions`].
pub fn evaluate<F: Real>(network: &Network<F>, data: &Dataset, weights: Weights) -> Result<Score> {
    Score::of(&predictions(network, data, weights, &mut |_| Ok(()))?, &data.label_indices())
}

/// The network's predictions for every image of `data`, with running statistics. `sink` is called with the logits of
/// each batch.
///
/// # Errors
/// If the images do not have the network's input shape; the errors of [`predictions_by`].
pub fn predictions<F: Real>(
    network: &Network<F>,
    data: &Dataset,
    weights: Weights,
    sink: &mut Sink<'_, F>,
) -> Result<Predictions> {
    let drawn = |seed, number, to_levels| -> Predict<'_, F> {
        let drawn = draw(network, seed, number, to_levels);
        Box::new(move |x| drawn.predict(x, &WeightMode::Mean))
    };
    let of_draw = |number| -> Result<Predict<'_, F>> {
        Ok(match weights {
            Weights::Mean => Box::new(|x| network.predict(x, &WeightMode::Mean)),
            Weights::Quantized => Box::new(|x| network.predict(x, &WeightMode::Quantized)),
            Weights::Sampled { seed, .. } => drawn(seed, number, false),
            Weights::SampledMary { seed, .. } => drawn(seed, number, true),
        })
    };
    predictions_by(data, network.graph().classes(), images_at_once(network.graph()), weights.draws(), of_draw, sink)
}

/// Like [`predictions`], for any model that computes logits (B, `classes`): `of_draw(s)` returns the function that
/// predicts with draw s of its weights, `batch_size` images at a time. All images are predicted with draw 0, then with
/// draw 1 …
///
/// # Errors
/// The errors of `of_draw` and `sink`; [`Error::Tensor`] if there are no images, or a logit is NaN or infinite;
/// [`Error::Option`] if there are no draws.
pub fn predictions_by<'a, F: Real>(
    data: &Dataset,
    classes: usize,
    batch_size: usize,
    draws: u32,
    mut of_draw: impl FnMut(u32) -> Result<Predict<'a, F>>,
    sink: &mut Sink<'_, F>,
) -> Result<Predictions> {
    if data.is_empty() {
        return Err(no_images());
    }
    if draws == 0 {
        return Err(Error::option("samples", "at least one draw", draws));
    }
    let mut sum = Accumulator::new(data.len(), classes);
    let indices: Vec<usize> = (0..data.len()).collect();
    for number in 0..draws {
        let predict = of_draw(number)?;
        for indices in indices.chunks(batch_size.max(1)) {
            let logits = predict(data.batch(indices).0)?;
            sum.add(indices[0], logits.view())?;
            sink(&logits)?;
        }
    }
    Ok(sum.mean(draws))
}

/// The accuracy of the mean weights on up to `images` images of `data`, evenly spread, and their number.
///
/// # Errors
/// The errors of [`Network::predict`]; [`Error::Tensor`] if there are no images.
pub fn accuracy_on_some<F: Real>(network: &Network<F>, data: &Dataset, images: usize) -> Result<(f64, usize)> {
    let indices = data.spread(images);
    let mut right = Vec::with_capacity(indices.len());
    for indices in indices.chunks(images_at_once(network.graph())) {
        let (x, labels) = data.batch::<F>(indices);
        let logits = network.predict(x, &WeightMode::Mean)?;
        let is_right = |(row, label): (ArrayView1<'_, F>, &usize)| f64::from(u8::from(first_maximum(row) == *label));
        right.extend(logits.rows().into_iter().zip(&labels).map(is_right));
    }
    Ok((mean(&right)?, indices.len()))
}

/// The share of the weights that are at a level: a weight is if its distance from its nearest level is at most a quarter
/// of the gap between this level and the next one on the weight's side or, beyond an outermost level, of the gap between
/// this level and its only neighbour. 1 for a network without quantized layers.
pub fn share_at_levels<F: Real>(network: &Network<F>) -> f64 {
    let (mut off, mut weights) = (0_usize, 0_usize);
    for layer in network.quantized_layers() {
        let [theta, levels] = [layer.theta, layer.levels].map(|position| network.slice(position));
        let quantizer = Quantizer::new(levels);
        let is_off = |theta: &&F| {
            let own = quantizer.index(**theta);
            let (above, below) = (levels.get(own + 1), own.checked_sub(1).map(|below| &levels[below]));
            let next = if **theta > levels[own] { above.or(below) } else { below.or(above) };
            next.is_some_and(|next| (**theta - levels[own]).abs() * F::of(4.0) > (*next - levels[own]).abs())
        };
        off += theta.iter().filter(is_off).count();
        weights += theta.len();
    }
    1.0 - off as f64 / weights.max(1) as f64
}

/// The quantized loss Σ (θ − Q(θ))² over the weights of all layers that are quantized.
pub fn quantized_loss<F: Real>(network: &Network<F>) -> f64 {
    let of_layer = |layer: &BayesLayer| Quantizer::new(network.slice(layer.levels)).loss(network.slice(layer.theta));
    // The sum of no numbers is −0 by `sum`.
    network.quantized_layers().map(of_layer).fold(0.0, |sum, loss| sum + loss)
}
