//! [`prior::codebook`](crate::prior::codebook) on the device.

use crate::cuda::Buffer;

/// The levels of a layer, and the cost of choosing each.
#[derive(Clone, Copy, Debug)]
pub struct Codebook<'a, F> {
    /// The levels (M), ascending.
    pub levels: &'a Buffer<F>,
    /// The costs (M), −ln a_k.
    pub costs: &'a Buffer<F>,
    /// The index of the zero level, if there is one.
    pub zero: Option<usize>,
}
