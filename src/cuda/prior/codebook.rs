//! [`prior::codebook`](crate::prior::codebook) on the device.

use crate::cuda::Buffer;

/// The levels of a layer, and what choosing each costs.
#[derive(Clone, Copy, Debug)]
pub struct Codebook<'a, F> {
    /// (M), ascending.
    pub levels: &'a Buffer<F>,
    /// (M), −ln a_k.
    pub costs: &'a Buffer<F>,
    /// The index of the zero level, if there is one.
    pub zero: Option<usize>,
}
