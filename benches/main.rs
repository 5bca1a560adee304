//! The cost of each operation and of a training step of each network: see `README.md` beside this file.

mod layers;
mod nets;
mod packed;
mod prior;
mod tensor;
mod train;

use ndarray::{Array, IntoDimension};
use spikeslab::tensor::noise::Philox;

fn main() {
    divan::main();
}

/// Standard normal numbers, the same at each call.
fn normal<Sh: IntoDimension>(shape: Sh) -> Array<f32, Sh::Dim> {
    Philox::with_tensor_id(0, 0, 0).standard_normal(shape)
}
