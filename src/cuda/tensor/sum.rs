//! Sums on the device, in an order that depends only on the shapes.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;

/// The sums of the columns of `x` (rows, columns), with shape (columns).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `x` is not a matrix.
pub fn columns<F: Real>(x: &Buffer<F>) -> Result<Buffer<F>> {
    let &[rows, columns] = x.shape() else { panic!("a matrix has rows and columns") };
    let mut sums = Buffer::unset(x.device(), &[columns])?;
    let [first, rows, count] = [0, rows, columns].map(Argument::size);
    let arguments = [Argument::from(x), Argument::from(&mut sums), first, rows, count];
    x.device().launch::<F>("tensor/sum", "columns", Grid::blocks([columns, 1, 1]), &arguments)?;
    Ok(sums)
}

/// Writes the sum of all elements of `x` to element `position` of `sum`.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `sum` has no such element.
pub fn all_into(x: &Buffer<f64>, sum: &mut Buffer<f64>, position: usize) -> Result<()> {
    assert!(position < sum.len(), "an element of the buffer");
    let [first, rows, columns] = [position, x.len(), 1].map(Argument::size);
    let arguments = [Argument::from(x), Argument::from(sum), first, rows, columns];
    x.device().launch::<f64>("tensor/sum", "columns_in_f64", Grid::blocks([1, 1, 1]), &arguments)
}
