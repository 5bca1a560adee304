//! One operation a file: its mathematics, its forward, its backward.
//!
//! A forward returns the output and a cache; the backward takes the cache and the gradient `dy` of the loss in the output.
//! No layer draws noise, owns optimizer state or knows where its gradient goes. Each backward line quotes the forward line
//! it undoes.

pub mod add;
pub mod avg_pool;
pub mod batch_norm;
pub mod bayes_conv2d;
pub mod bayes_dense;
pub mod concat;
pub mod dense_block;
pub mod flatten;
pub mod max_pool;
pub mod pool;
pub mod pooled_activation;
pub mod pre_activation;
pub mod relu;
pub mod softmax_nll;
pub mod straight_through;

/// v₀, added to the variance of a pre-activation before its root is taken: it keeps ∂√v/∂v finite at zero input.
pub const V0: f64 = 1e-6;

use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};
use crate::tensor::fresh::{Fresh, Piece};
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

/// `x` itself, or a copy of it if its elements are in another order.
pub(crate) fn in_standard_layout<F: Clone, D: Dimension>(x: Array<F, D>) -> Array<F, D> {
    if x.is_standard_layout() { x } else { x.as_standard_layout().into_owned() }
}

/// σ² from ln σ², in standard layout.
pub(crate) fn sigma2<F: Real, D: Dimension>(log_sigma2: ArrayView<'_, F, D>) -> Array<F, D> {
    /// Elements computed by one thread at a time.
    const ELEMENTS: usize = 1 << 13;
    let mut sigma2 = Fresh::new(log_sigma2.len());
    let from = log_sigma2.as_standard_layout();
    let from = from.as_slice().expect("brought into standard layout");
    from.par_chunks(ELEMENTS).zip(sigma2.pieces(ELEMENTS)).for_each(|(x, y)| F::vectorize(Exp { x, y }));
    sigma2.finish(log_sigma2.raw_dim())
}

/// y = eˣ.
struct Exp<'a, F> {
    x: &'a [F],
    y: Piece<'a, F>,
}

impl<F: Real> Kernel<F> for Exp<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        self.y.append(self.x.iter().map(|x| x.exp_in_loop()));
    }
}
