//! `result.json`: what a run has reached at its end, on the test images.

use serde::{Deserialize, Serialize};

/// The scores of a network after its last epoch, under the names of `spikeslab eval --json`, and the size of its packed
/// model. Accuracies are fractions of the test images; an NLL is the mean over them, in nats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// The number of epochs.
    pub epoch: u32,
    /// The number of test images.
    pub n: usize,
    /// With mean weights.
    pub accuracy_mean: f64,
    /// With mean weights.
    pub nll_mean: f64,
    /// The number of draws of the weights; none in a run without noise.
    pub samples: Option<u32>,
    /// With sampled weights.
    pub accuracy_sample: Option<f64>,
    /// With sampled weights.
    pub nll_sample: Option<f64>,
    /// With quantized weights.
    pub accuracy_quantized: f64,
    /// With quantized weights.
    pub nll_quantized: f64,
    /// Σ(θ − Q(θ))².
    pub quantized_loss: f64,
    /// The bytes of the packed model that the run has written.
    pub packed_bytes: usize,
}
