#[cfg(feature = "files")]
mod digits;
#[cfg(feature = "files")]
mod entropy;
mod executor;
#[cfg(feature = "files")]
mod format;
mod model;
#[cfg(feature = "files")]
mod models;

use crate::common::random::Random;
use spikeslab::nets::{Description, Graph, Network};
use spikeslab::packed::PackedModel;
use spikeslab::prior::Codebook;
use spikeslab::train::data::Standardization;
use spikeslab::train::{Recipe, Trainer};

/// A random codebook of `levels` levels for this seed, not symmetric.
fn codebook(levels: usize, seed: u64) -> Codebook<f32> {
    let mut random = Random::new(seed);
    let mut level = -0.4;
    let steps = (0..levels).map(|_| {
        level += random.uniform(0.5, 1.0) * 0.8 / levels as f64;
        level as f32
    });
    Codebook::new(steps.collect()).unwrap()
}

/// A network before training, with the random codebook of `levels` levels for this seed.
fn initialized(graph: Graph, levels: usize, seed: u64) -> Network<f32> {
    let mut network = Network::new(graph, &codebook(levels, seed));
    network.initialize(5);
    network
}

/// A network after a few steps of training: weights between levels, running statistics neither 0 nor 1.
fn trained(name: &str, levels: usize, size: usize) -> Network<f32> {
    let graph = Description::with_widths(name, [1, size, size], crate::train::narrow(name)).unwrap();
    let network = initialized(graph, levels, 3);
    let recipe = Recipe { epochs: 1, kl_warmup: Some(0.0), batch_size: 16, learning_rate: 0.02, ..Recipe::default() };
    let mut trainer = Trainer::new(network, recipe, 80).unwrap();
    let data = crate::train::split(80, 10, size).train;
    for step in 0..5 {
        let (x, labels) = data.batch(&(16 * step..16 * (step + 1)).collect::<Vec<_>>());
        trainer.step(x, &labels).unwrap();
    }
    trainer.network
}

/// Like `packed`, for a network trained on standardized images.
fn standardized(name: &str, levels: usize, size: usize) -> PackedModel {
    let figures = Standardization { mean: vec![0.3], deviation: vec![0.25] };
    let mut model = packed(name, levels, size);
    model.standardization = Some(figures);
    model
}

pub(crate) fn packed(name: &str, levels: usize, size: usize) -> PackedModel {
    PackedModel::new(name, &trained(name, levels, size), None)
}
