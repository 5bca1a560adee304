//! [`train::objective`](crate::train::objective) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;

/// gradient ← gradient + scale · addend.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled<F: Real>(gradient: &mut Buffer<F>, scale: F, addend: &Buffer<F>) -> Result<()> {
    assert_eq!(gradient.len(), addend.len(), "both are of one length");
    let (device, n) = (gradient.device().clone(), gradient.len());
    let arguments = [Argument::from(gradient), Argument::from(addend), Argument::real(scale), Argument::size(n)];
    device.launch::<F>("train/objective", "add_scaled", Grid::elements(n), &arguments)
}
