//! Flattening: each image (C, H, W) becomes a row of C·H·W features, in that order.
//!
//! ```text
//! y[b, (c H + h) W + w] = x[b, c, h, w]
//! dx = dy in the shape of x
//! ```
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::in_standard_layout;
use crate::scalar::Real;
use ndarray::{Array2, Array4};

/// The shape (B, C, H, W) of x.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    shape: (usize, usize, usize, usize),
}

/// y (B, C·H·W) of `x` (B, C, H, W).
pub fn forward<F: Real>(x: Array4<F>) -> (Array2<F>, Cache) {
    let shape = x.dim();
    let features = shape.1 * shape.2 * shape.3;
    let y = in_standard_layout(x).into_shape_with_order((shape.0, features)).expect("the same elements");
    (y, Cache { shape })
}

/// dx (B, C, H, W), from `dy` (B, C·H·W).
///
/// # Panics
/// If `dy` is not of y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: Array2<F>) -> Array4<F> {
    let (batch, channels, height, width) = cache.shape;
    assert_eq!(dy.dim(), (batch, channels * height * width), "dy has y's shape");
    // y[b, (c H + h) W + w] = x[b, c, h, w]
    in_standard_layout(dy).into_shape_with_order(cache.shape).expect("the same elements")
}
