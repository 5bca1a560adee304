//! Functions that operations on arrays share: a check of a shape, standard layout, eˣ.

use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use crate::tensor::fresh::{Fresh, FreshChunk};
use ndarray::{Array, Array3, ArrayView, Dimension};
use rayon::prelude::*;

/// Checks one tensor's shape.
pub(crate) fn check_shape(tensor: &str, expected: &[usize], seen: &[usize]) -> Result<()> {
    if expected == seen {
        Ok(())
    } else {
        Err(Error::tensor(tensor, format!("shape {expected:?}"), format!("{seen:?}")))
    }
}

/// Why a slice of an array that was made here is there.
pub(crate) const STANDARD: &str = "in standard layout";

/// (B, C) or (B, C, …) as (B, C, positions).
pub(crate) fn by_channel<F: Clone, D: Dimension>(x: Array<F, D>) -> Array3<F> {
    let (batch, channels) = (x.shape()[0], x.shape()[1]);
    let positions = x.shape()[2..].iter().product();
    in_standard_layout(x).into_shape_with_order((batch, channels, positions)).expect(STANDARD)
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
    let from = from.as_slice().expect(STANDARD);
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
