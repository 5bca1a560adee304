//! [`train::evaluate`](crate::train::evaluate) on the device. Weights are drawn on the CPU, to the same bits.

use crate::cuda::nets::{Network, WeightMode};
use crate::cuda::{Buffer, Real};
use crate::error::Result;
use crate::train::data::Dataset;
use crate::train::draw::draw;
use crate::train::evaluate::{Predict, Score, Sink, Weights, images_at_once, predictions_by};
use crate::train::uncertainty::Predictions;
use ndarray::{Array2, Array4};

/// The score of the network on all images of `data`, with running statistics.
///
/// # Errors
/// The errors of the CPU's function; also if the device fails.
pub fn evaluate<F: Real>(network: &Network<F>, data: &Dataset, weights: Weights) -> Result<Score> {
    Score::of(&predictions(network, data, weights, &mut |_| Ok(()))?, &data.label_indices())
}

/// The network's predictions for every image of `data`, with running statistics. `sink` is called with the logits of
/// each batch.
///
/// # Errors
/// The errors of the CPU's function; also if the device fails.
pub fn predictions<F: Real>(
    network: &Network<F>,
    data: &Dataset,
    weights: Weights,
    sink: &mut Sink<'_, F>,
) -> Result<Predictions> {
    let is_drawn = matches!(weights, Weights::Sampled { .. } | Weights::SampledMary { .. });
    let on_host = is_drawn.then(|| network.to_host()).transpose()?;
    let drawn = |seed, number, to_levels| -> Result<Predict<'_, F>> {
        let on_host = on_host.as_ref().expect("a copy on the CPU, made where weights are drawn");
        let drawn = Network::from_host(network.device(), &draw(on_host, seed, number, to_levels))?;
        Ok(Box::new(move |x| predict(&drawn, x, &WeightMode::Mean)))
    };
    let of_draw = |number| -> Result<Predict<'_, F>> {
        match weights {
            Weights::Mean => Ok(Box::new(|x| predict(network, x, &WeightMode::Mean))),
            Weights::Quantized => Ok(Box::new(|x| predict(network, x, &WeightMode::Quantized))),
            Weights::Sampled { seed, .. } => drawn(seed, number, false),
            Weights::SampledMary { seed, .. } => drawn(seed, number, true),
        }
    };
    predictions_by(data, network.graph().classes(), images_at_once(network.graph()), weights.draws(), of_draw, sink)
}

fn predict<F: Real>(network: &Network<F>, x: Array4<F>, weights: &WeightMode<'_, F>) -> Result<Array2<F>> {
    let logits = network.predict(Buffer::from_host(network.device(), x.view())?, weights)?;
    Ok(logits.to_host()?.into_dimensionality().expect("logits are rows of classes"))
}
