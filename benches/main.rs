//! Measures the time of each operation and of a training step of each network: see `README.md` beside this file.

mod layers;
mod nets;
mod packed;
mod prior;
mod tensor;
mod train;

use ndarray::{Array, IntoDimension};
use spikeslab::nets::{Description, Given, Network};
use spikeslab::prior::Codebook;
use spikeslab::tensor::noise::Philox;

fn main() {
    divan::main();
}

/// Standard normal numbers, the same at each call.
fn normal<Sh: IntoDimension>(shape: Sh) -> Array<f32, Sh::Dim> {
    Philox::with_tensor_id(0, 0, 0).standard_normal(shape)
}

/// The number of classes of every network.
const CLASSES: usize = 10;

/// An untrained preset of 10 classes and 3 levels, for images of its default size.
fn network(name: &str) -> Network<f32> {
    let given = Given { classes: Some(CLASSES), ..Given::default() };
    let graph = Description::preset(name).and_then(|preset| preset.graph(given)).expect("a preset");
    let mut network = Network::new(graph, &Codebook::symmetric(3).expect("levels in range"));
    network.initialize(0);
    network
}
