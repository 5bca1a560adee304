//! The quantized model for other programs, with its weights stored as indices of levels.
//!
//! | format | for |
//! |---|---|
//! | `onnx` | ONNX Runtime and other readers of ONNX: the levels are gathered by indices of two, four or eight bits |
//! | [`c`] | devices: one C99 file without a heap, whose weights take one, two, four or eight bits |
//! | `safetensors` | programs in Python: levels and indices, or weights that PyTorch's `load_state_dict` takes |
//!
//! Models in `onnx` and `c` compute the logits of the [packed model](crate::packed), up to rounding, from pixels in
//! [0, 1]. A program that loads the `safetensors` file must standardize the pixels of colour images itself before it
//! computes the logits. `safetensors` can also hold the weights of a network that is not quantized.

pub mod c;
#[cfg(feature = "onnx")]
pub mod onnx;
#[cfg(feature = "files")]
pub mod safetensors;

use crate::error::{Error, Result};
use crate::packed::PackedModel;

/// Checks that every number of the model is finite: folding a normalization may overflow, and C has no literal for an
/// infinite number.
///
/// # Errors
/// [`Error::Tensor`] for the first number that is not finite.
fn check_finite(model: &PackedModel) -> Result<()> {
    fn check(name: &str, mut numbers: impl Iterator<Item = f32>) -> Result<()> {
        match numbers.find(|number| !number.is_finite()) {
            Some(infinite) => Err(Error::tensor(name, "finite numbers", infinite)),
            None => Ok(()),
        }
    }
    for layer in model.layers() {
        let bias = layer.bias.iter().flatten();
        check(&layer.name, layer.levels().iter().chain(bias).copied().chain(layer.theta()))?;
    }
    let nodes = model.graph().nodes.iter().filter(|node| node.norm().is_some());
    for (node, norm) in nodes.zip(model.norms()) {
        check(&node.name, norm.scale.iter().chain(&norm.shift).copied())?;
    }
    Ok(())
}

/// Packs indices into consecutive fields of 1, 2, 4 or 8 bits; the first field of a byte is in its lowest bits.
///
/// ```text
/// byte[i·bits / 8] = … + index[i] · 2^(i·bits mod 8) + …
/// ```
fn pack(indices: impl IntoIterator<Item = usize>, bits: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, index) in indices.into_iter().enumerate() {
        let shift = i * bits % 8;
        if shift == 0 {
            bytes.push(0);
        }
        if let Some(byte) = bytes.last_mut() {
            *byte |= (index << shift) as u8;
        }
    }
    bytes
}
