//! The concatenation of values along their channels, or their features.
//!
//! ```text
//! y[b] = (x₁[b], x₂[b], …)
//! dx_i = the channels of dy that come from x_i
//! ```
//!
//! Shapes: x_i (B, C_i, H, W) or (B, C_i), y (B, Σ C_i, H, W) or (B, Σ C_i).
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use crate::error::{Error, Result};
use crate::scalar::Real;
use ndarray::{ArrayD, ArrayView, ArrayViewD, Axis, Slice};

/// What the forward stores for the backward: the number of channels of each x.
#[derive(Clone, Debug)]
pub struct Cache {
    channels: Vec<usize>,
}

/// y, the concatenation of `xs` in order.
///
/// # Errors
/// If `xs` is empty, a value has fewer than two axes, or two values differ in a size other than the channels.
pub fn forward<F: Real>(xs: &[ArrayD<F>]) -> Result<(ArrayD<F>, Cache)> {
    let expected = || "values that differ in their channels alone";
    if xs.iter().any(|x| x.ndim() < 2) {
        return Err(Error::tensor("x", expected(), "one of fewer than two axes"));
    }
    let views: Vec<ArrayViewD<'_, F>> = xs.iter().map(ArrayView::from).collect();
    let y = ndarray::concatenate(Axis(1), &views).map_err(|_| {
        let shapes: Vec<&[usize]> = xs.iter().map(|x| x.shape()).collect();
        Error::tensor("x", expected(), format!("{shapes:?}"))
    })?;
    // A concatenation along an inner axis has its axes in another order in memory.
    let y = if y.is_standard_layout() { y } else { y.as_standard_layout().into_owned() };
    Ok((y, Cache { channels: xs.iter().map(|x| x.shape()[1]).collect() }))
}

/// dx of each x, in order, from `dy` of y's shape.
///
/// # Panics
/// If `dy` has another number of channels than y.
pub fn backward<F: Real>(cache: &Cache, dy: ArrayViewD<'_, F>) -> Vec<ArrayD<F>> {
    assert_eq!(dy.shape()[1], cache.channels.iter().sum::<usize>(), "dy has y's channels");
    // y = [x₁, x₂, …] along the channels
    let mut first = 0;
    let of_channels = cache.channels.iter().map(|channels| {
        let dx = dy.slice_axis(Axis(1), Slice::from(first..first + channels));
        first += channels;
        dx.as_standard_layout().into_owned()
    });
    of_channels.collect()
}
