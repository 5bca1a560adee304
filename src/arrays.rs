//! Functions that operations on arrays share: a check of a shape, standard layout, eˣ.

use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use crate::tensor::fresh::{Fresh, FreshChunk};
use ndarray::{Array, ArrayView, Dimension};
use rayon::prelude::*;

/// Checks one tensor's shape.
pub(crate) fn check_shape(tensor: &str, expected: &[usize], seen: &[usize]) -> Result<()> {
    if expected == seen {
        Ok(())
    } else {
        Err(Error::tensor(tensor, format!("shape {expected:?}"), format!("{seen:?}")))
    }
}

/// `x` itself, or a copy in standard layout if the elements of `x` are in another order.
pub(crate) fn in_standard_layout<F: Clone, D: Dimension>(x: Array<F, D>) -> Array<F, D> {
    if x.is_standard_layout() { x } else { x.as_standard_layout().into_owned() }
}

/// eˣ of every element, in standard layout: σ² from ln σ².
pub(crate) fn exp<F: Real, D: Dimension>(x: ArrayView<'_, F, D>) -> Array<F, D> {
    /// Elements computed by one thread at a time.
    const ELEMENTS: usize = 1 << 13;
    let mut y = Fresh::new(x.len());
    let from = x.as_standard_layout();
    let from = from.as_slice().expect("brought into standard layout");
    from.par_chunks(ELEMENTS).zip(y.chunks(ELEMENTS)).for_each(|(x, y)| F::vectorize(Exp { x, y }));
    y.finish(x.raw_dim())
}

/// y = eˣ.
struct Exp<'a, F> {
    x: &'a [F],
    y: FreshChunk<'a, F>,
}

impl<F: Real> Kernel<F> for Exp<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        self.y.append(self.x.iter().map(|x| x.exp_in_loop()));
    }
}
