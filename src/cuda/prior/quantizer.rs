//! [`prior::quantizer`](crate::prior::quantizer) on the device.

use crate::cuda::device::THREADS;
use crate::cuda::tensor::sum;
use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;

/// Q(θ), with θ's shape; `levels` (M) are ascending.
///
/// # Errors
/// If the device fails.
pub fn value<F: Real>(theta: &Buffer<F>, levels: &Buffer<F>) -> Result<Buffer<F>> {
    let mut quantized = Buffer::unset(theta.device(), theta.shape())?;
    launch("value", Grid::elements(theta.len()), theta, levels, Argument::from(&mut quantized))?;
    Ok(quantized)
}

/// The index of the level nearest to each θ.
///
/// # Errors
/// If the device fails.
pub fn index<F: Real>(theta: &Buffer<F>, levels: &Buffer<F>) -> Result<Buffer<u32>> {
    let mut index = Buffer::unset(theta.device(), theta.shape())?;
    launch("index", Grid::elements(theta.len()), theta, levels, Argument::from(&mut index))?;
    Ok(index)
}

/// Writes the quantized loss, Σ (θ − Q(θ))², to element `position` of `sum`.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `sum` has no such element.
pub fn loss<F: Real>(theta: &Buffer<F>, levels: &Buffer<F>, sum: &mut Buffer<f64>, position: usize) -> Result<()> {
    /// The largest number of blocks, so few that one block can add up their sums.
    const MOST: usize = 1024;
    let blocks = theta.len().div_ceil(THREADS as usize).min(MOST);
    let mut parts = Buffer::unset(theta.device(), &[blocks])?;
    launch("loss", Grid::blocks([blocks, 1, 1]), theta, levels, Argument::from(&mut parts))?;
    sum::all_into(&parts, sum, position)
}

fn launch<F: Real>(kernel: &str, grid: Grid, theta: &Buffer<F>, levels: &Buffer<F>, to: Argument<'_>) -> Result<()> {
    let [count, n] = [levels.len(), theta.len()].map(Argument::size);
    let arguments = [Argument::from(theta), Argument::from(levels), count, to, n];
    theta.device().launch::<F>("prior/quantizer", kernel, grid, &arguments)
}
