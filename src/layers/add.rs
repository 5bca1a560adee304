//! The sum of values of one shape, the last operation of a residual unit (He et al. 2016).
//!
//! ```text
//! y = x₁ + x₂ + …
//! dx_i = dy
//! ```
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::check_shape;
use crate::error::{Error, Result};
use crate::scalar::Real;
use ndarray::{ArrayD, Zip};

/// What the forward stores for the backward: the number of summands.
#[derive(Clone, Copy, Debug)]
pub struct Cache {
    summands: usize,
}

/// y, of the shape of every `x`; the summands are added one after another, in order.
///
/// # Errors
/// If there is no `x`, or two differ in shape.
pub fn forward<F: Real>(xs: Vec<ArrayD<F>>) -> Result<(ArrayD<F>, Cache)> {
    let cache = Cache { summands: xs.len() };
    let mut xs = xs.into_iter();
    let mut y = xs.next().ok_or_else(|| Error::tensor("x", "at least one summand", "none"))?;
    for x in xs {
        check_shape("x", y.shape(), x.shape())?;
        Zip::from(&mut y).and(&x).par_for_each(|y, x| *y += *x);
    }
    Ok((y, cache))
}

/// dx of each summand, from `dy` of y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: ArrayD<F>) -> Vec<ArrayD<F>> {
    // y = x₁ + x₂ + …
    vec![dy; cache.summands]
}
