//! [`train::evaluate`](crate::train::evaluate) on the device.

use crate::cuda::nets::{Network, WeightMode};
use crate::cuda::tensor::noise::standard_normal;
use crate::cuda::{Buffer, Real};
use crate::error::Result;
use crate::nets::graph::BayesLayer;
use crate::train::data::Dataset;
use crate::train::evaluate::{Pass, Score, Weights, evaluate_by};

/// Evaluates with running statistics on every image of `data`.
///
/// # Errors
/// As on the CPU, and if the device fails.
pub fn evaluate<F: Real>(network: &Network<F>, data: &Dataset, weights: Weights) -> Result<Score> {
    let device = network.device();
    evaluate_by(data, weights, |x, pass| {
        let x = Buffer::from_host(device, x.view())?;
        let logits = match pass {
            Pass::Mean => network.predict(x, &WeightMode::Mean),
            Pass::Quantized => network.predict(x, &WeightMode::Quantized),
            Pass::Sampled { seed, step } => {
                let noise = |layer: &BayesLayer, shape: &[usize]| {
                    standard_normal(device, &Pass::noise(seed, step, layer), shape)
                };
                network.predict(x, &WeightMode::Sample(&noise))
            }
        };
        Ok(logits?.to_host()?.into_dimensionality().expect("logits are rows of classes"))
    })
}
