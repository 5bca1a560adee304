//! [`layers::max_pool`](crate::layers::max_pool) on the device.

use super::avg_pool::Pooling;
use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;
use crate::layers::pool::Pool;

/// The position of each maximum, and the geometry.
#[derive(Debug)]
pub struct Cache {
    /// For each element of y the position of the maximum in its image plane (H·W).
    argmax: Buffer<u32>,
    pooling: Pooling,
}

/// y (B, C, OH, OW) of `x` (B, C, H, W). A NaN in a window is its maximum.
///
/// # Errors
/// The errors of [`Pool::output_size`]; also if a size is 2³⁰ or more, or the device fails.
pub fn forward<F: Real>(x: &Buffer<F>, pool: &Pool) -> Result<(Buffer<F>, Cache)> {
    let pooling = Pooling::new(x.shape(), pool)?;
    let device = x.device();
    let mut y = Buffer::unset(device, &pooling.output)?;
    let mut argmax = Buffer::unset(device, &pooling.output)?;
    let n = y.len();
    let mut arguments = vec![Argument::from(x), Argument::from(&mut y), Argument::from(&mut argmax), Argument::size(n)];
    arguments.extend(pooling.arguments());
    device.launch::<F>("layers/max_pool", "forward", Grid::elements(n), &arguments)?;
    Ok((y, Cache { argmax, pooling }))
}

/// dx (B, C, H, W), from `dy` (B, C, OH, OW).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `dy` does not have y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: &Buffer<F>) -> Result<Buffer<F>> {
    assert_eq!(dy.shape(), cache.pooling.output, "dy has y's shape");
    let mut dx = Buffer::unset(dy.device(), &cache.pooling.image)?;
    let n = dx.len();
    let mut arguments =
        vec![Argument::from(dy), Argument::from(&cache.argmax), Argument::from(&mut dx), Argument::size(n)];
    arguments.extend(cache.pooling.arguments());
    dy.device().launch::<F>("layers/max_pool", "backward", Grid::elements(n), &arguments)?;
    Ok(dx)
}
