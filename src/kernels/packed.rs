//! Layers of a packed model: products of images with weights that stay indices of levels until a tile needs them.
//!
//! ```text
//! y = pool(ReLU(scale ⊙ (x ∗ w) + shift))          w = ℓ_index
//! ```
//!
//! [`fields`] holds the indices and decodes them; `dense` and `conv` are the products, `epilogue` the operations
//! on a sum while it is still in a register, `max_pool` the pooling that follows a convolution. The decoded network
//! ([`PackedModel::decode`](crate::packed::PackedModel::decode)) defines their results.

pub(crate) mod conv;
pub(crate) mod dense;
pub(crate) mod epilogue;
pub mod fields;
pub(crate) mod max_pool;

use crate::tensor::aligned::Aligned;

/// Makes `buffer` at least `len` elements long; their values do not matter.
pub(crate) fn enlarge(buffer: &mut Aligned<f32>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
}
