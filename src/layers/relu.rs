//! Rectified linear unit.
//!
//! ```text
//! y = max(x, 0)
//! dx = dy where x > 0, else 0
//! ```
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use crate::scalar::Real;
use ndarray::parallel::prelude::*;
use ndarray::{Array, ArrayD, Dimension, Zip};

/// The fewest elements for one thread: with fewer, the thread would end before another thread has started.
const FEW: usize = 1 << 14;

/// Whether x > 0, for each element.
#[derive(Clone, Debug)]
pub struct Cache(ArrayD<bool>);

/// y, of x's shape. NaN stays NaN.
pub fn forward<F: Real, D: Dimension>(mut x: Array<F, D>) -> (Array<F, D>, Cache) {
    let mut positive = ArrayD::from_elem(x.raw_dim().into_dyn(), false);
    let elements = Zip::from(x.view_mut().into_dyn()).and(&mut positive);
    elements.into_par_iter().with_min_len(FEW).for_each(|(x, positive)| {
        *positive = *x > F::zero();
        *x = if *x < F::zero() { F::zero() } else { *x };
    });
    (x, Cache(positive))
}

/// dx, from `dy` of y's shape.
///
/// # Panics
/// If `dy` is not of y's shape.
pub fn backward<F: Real, D: Dimension>(cache: &Cache, dy: Array<F, D>) -> Array<F, D> {
    let mut dx = dy;
    // y = max(x, 0)
    // A select instead of a branch: signs are too random to predict.
    let elements = Zip::from(dx.view_mut().into_dyn()).and(&cache.0);
    elements.into_par_iter().with_min_len(FEW).for_each(|(dx, positive)| {
        *dx = if *positive { *dx } else { F::zero() };
    });
    dx
}
