//! [`layers::straight_through`](crate::layers::straight_through) on the device. Its forward is
//! [`quantizer::value`](crate::cuda::prior::quantizer::value).

use crate::cuda::device::THREADS;
use crate::cuda::tensor::sum;
use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;

/// dℓ (M), from dw; dθ is dw itself.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If θ and dw differ in shape.
pub fn level_gradient<F: Real>(theta: &Buffer<F>, levels: &Buffer<F>, dw: &Buffer<F>) -> Result<Buffer<F>> {
    /// The largest number of blocks: each thread adds up several weights where a layer has more.
    const MOST: usize = 1024;
    assert_eq!(theta.shape(), dw.shape(), "dw has the shape of theta");
    let (device, n) = (theta.device(), theta.len());
    let blocks = n.div_ceil(THREADS as usize).min(MOST);
    let mut parts = Buffer::unset(device, &[blocks, levels.len()])?;
    let arguments = [
        Argument::from(theta),
        Argument::from(levels),
        Argument::from(dw),
        Argument::from(&mut parts),
        Argument::size(levels.len()),
        Argument::size(n),
    ];
    device.launch::<F>("layers/straight_through", "level_gradient", Grid::blocks([blocks, 1, 1]), &arguments)?;
    sum::columns(&parts)
}
