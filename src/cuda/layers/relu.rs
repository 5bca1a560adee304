//! [`layers::relu`](crate::layers::relu) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;

/// For each element, whether x > 0.
#[derive(Debug)]
pub struct Cache(Buffer<u8>);

/// y, with x's shape. NaN stays NaN.
///
/// # Errors
/// If the device fails.
pub fn forward<F: Real>(mut x: Buffer<F>) -> Result<(Buffer<F>, Cache)> {
    let (device, n) = (x.device().clone(), x.len());
    let mut positive = Buffer::unset(&device, x.shape())?;
    let arguments = [Argument::from(&mut x), Argument::from(&mut positive), Argument::size(n)];
    device.launch::<F>("layers/relu", "forward", Grid::elements(n), &arguments)?;
    Ok((x, Cache(positive)))
}

/// dx, from `dy`, which has y's shape.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `dy` does not have y's shape.
pub fn backward<F: Real>(cache: &Cache, mut dy: Buffer<F>) -> Result<Buffer<F>> {
    assert_eq!(dy.shape(), cache.0.shape(), "dy is of y's shape");
    let (device, n) = (dy.device().clone(), dy.len());
    let arguments = [Argument::from(&mut dy), Argument::from(&cache.0), Argument::size(n)];
    device.launch::<F>("layers/relu", "backward", Grid::elements(n), &arguments)?;
    Ok(dy)
}
