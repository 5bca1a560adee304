//! The cost of each operation and of a training step of each network: see `README.md` beside this file.

mod layers;
mod nets;
mod packed;
mod prior;
mod tensor;
mod train;

use ndarray::{Array, IntoDimension};
use spikeslab::nets::{Architecture, Network};
use spikeslab::prior::Codebook;
use spikeslab::tensor::noise::Philox;

fn main() {
    divan::main();
}

/// Standard normal numbers, the same at each call.
fn normal<Sh: IntoDimension>(shape: Sh) -> Array<f32, Sh::Dim> {
    Philox::with_tensor_id(0, 0, 0).standard_normal(shape)
}

/// The classes of every network.
const CLASSES: usize = 10;

/// A network of 10 classes and 3 levels, before training, for images of the size it is made for; `widths` are the outputs of
/// each layer but the last. And those of all layers.
fn network(architecture: Architecture, mut widths: Vec<usize>) -> (Network<f32>, Vec<usize>) {
    widths.push(CLASSES);
    let shape = if matches!(architecture, Architecture::Densenet { .. }) { [3, 32, 32] } else { [1, 28, 28] };
    let codebook = Codebook::symmetric(3).expect("levels in range");
    let mut network = architecture.network(shape, &widths, &codebook).expect("widths of this network");
    network.initialize(0);
    (network, widths)
}
