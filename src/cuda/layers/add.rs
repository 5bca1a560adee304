//! [`layers::add`](crate::layers::add) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::{Error, Result};
use crate::layers::check_shape;

/// What the forward pass stores for the backward pass: the number of summands.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    summands: usize,
}

/// y, the sum of `xs`, which all have y's shape; the summands are added one after another, in order.
///
/// # Errors
/// If there are no summands, or two differ in shape; if the device fails.
pub fn forward<F: Real>(xs: Vec<Buffer<F>>) -> Result<(Buffer<F>, Cache)> {
    let cache = Cache { summands: xs.len() };
    let mut xs = xs.into_iter();
    let mut y = xs.next().ok_or_else(|| Error::tensor("x", "at least one summand", "none"))?;
    for x in xs {
        accumulate(&mut y, &x)?;
    }
    Ok((y, cache))
}

/// dx of each summand, from `dy`, which has y's shape.
///
/// # Errors
/// If the device fails.
pub fn backward<F: Real>(cache: &Cache, dy: Buffer<F>) -> Result<Vec<Buffer<F>>> {
    let mut dxs: Vec<Buffer<F>> = (1..cache.summands).map(|_| dy.copy()).collect::<Result<_>>()?;
    dxs.push(dy);
    Ok(dxs)
}

/// sum += x.
///
/// # Errors
/// If `sum` and `x` differ in shape, or the device fails.
pub fn accumulate<F: Real>(sum: &mut Buffer<F>, x: &Buffer<F>) -> Result<()> {
    check_shape("x", sum.shape(), x.shape())?;
    let (device, n) = (sum.device().clone(), sum.len());
    let arguments = [Argument::from(sum), Argument::from(x), Argument::size(n)];
    device.launch::<F>("layers/add", "forward", Grid::elements(n), &arguments)
}
