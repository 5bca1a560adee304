//! Running statistics for the weights that a network is used with.
//!
//! Training updates the running statistics of batch normalization while the weights still change, and under the weights
//! of its forward pass, usually sampled ones. Under mean or quantized weights the inputs of a normalization have other
//! means and variances, and in a deep network the differences accumulate. This module computes the running statistics
//! anew over n batches of training images; each batch is normalized by its own statistics:
//!
//! ```text
//! μ = 1/n Σ_i μ_i          s² = 1/n Σ_i s_i²
//! ```
//!
//! with s_i² unbiased, as in the running estimates. Weights, levels, γ and β stay as they are.

use super::data::Dataset;
use crate::error::{Error, Result};
use crate::nets::{Network, Normalization, Role, WeightMode};
use crate::scalar::Real;

/// The number of images from which [`recalibrate`] computes the statistics: `images`, or those of `data` if they are
/// fewer, without a last, incomplete batch.
pub fn images_used(data: &Dataset, images: usize, batch_size: usize) -> usize {
    let images = images.min(data.len());
    match batch_size.min(images) {
        0 => 0,
        batch_size => images - images % batch_size,
    }
}

/// The network with its running statistics computed under `weights` from `images` images of `data`, evenly spread over
/// it, or from all its images if it has fewer, in batches of `batch_size`. A last, incomplete batch is left out.
///
/// # Errors
/// [`Error::Option`] if there are no images, or a batch is too small for a normalization; the errors
/// of [`Network::forward`].
pub fn recalibrate<F: Real>(
    network: &Network<F>,
    data: &Dataset,
    images: usize,
    batch_size: usize,
    weights: &WeightMode<'_, F>,
) -> Result<Network<F>> {
    let images = images.min(data.len());
    let batch_size = batch_size.min(images);
    if batch_size == 0 {
        return Err(Error::option("recalibrate", "at least one training image, and one a batch", batch_size));
    }
    network.graph().check_batch(batch_size).map_err(|error| match error {
        Error::Option { expected, seen, .. } => Error::option("recalibrate", format!("batches of {expected}"), seen),
        other => other,
    })?;
    let mut network = network.clone();
    // The statistics of the first batch then replace these zeros, to the bit.
    for parameter in network.parameters_mut() {
        if matches!(parameter.role, Role::RunningMean | Role::RunningVar) {
            parameter.value.fill(F::zero());
        }
    }
    let indices = data.spread(images);
    for (i, indices) in indices.chunks_exact(batch_size).enumerate() {
        let (_, tape) = network.forward(data.batch(indices).0, weights, Normalization::Batch)?;
        // A running mean over the batches: this batch has weight 1 / (i + 1).
        network.absorb_statistics(&tape, F::of(1.0 / (i + 1) as f64));
    }
    Ok(network)
}
