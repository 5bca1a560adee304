//! Batch normalization, ReLU and max pooling by 2×2, one after the other.
//!
//! ```text
//! x̂ = (x − μ) / √(s² + ε_n)        a = max(γ x̂ + β, 0)
//! y[p, q] = max_{i, j < 2} a[2p + i, 2q + j]
//! ```
//!
//! The definition is [`batch_norm`], [`relu`] and [`max_pool`] in turn. [`Way::Kernel`] runs
//! [`kernels::pooled_activation`](crate::kernels::pooled_activation) instead, which computes the three in one pass.
//!
//! Shapes: x, dx (B, C, H, W), y, dy (B, C, ⌊H/2⌋, ⌊W/2⌋), γ, β, μ, s² (C).
//!
//! The three backwards are derived in [chapter 5 of the course](crate::course::backward).

use super::batch_norm::{self, BatchNorm, Statistics};
use super::pool::Pool;
use super::{by_channel, max_pool, relu};
use crate::error::Result;
use crate::kernels::Way;
use crate::kernels::pooled_activation::{self as kernel, DeferredGradient};
use crate::scalar::Real;
use ndarray::{Array1, Array3, Array4, ArrayView4};

/// The windows of the pooling, which do not overlap.
pub fn pool() -> Pool {
    Pool::new([2, 2], [2, 2])
}

/// The operation.
#[derive(Clone, Debug)]
pub struct PooledActivation<'a, F> {
    /// The normalization, and whether the definition or the kernel computes the operation.
    pub norm: BatchNorm<'a, F>,
}

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F>(CacheOf<F>);

#[derive(Clone, Debug)]
enum CacheOf<F> {
    Kernel(kernel::Cache<F>),
    Definition { norm: batch_norm::Cache<F>, relu: relu::Cache, pool: max_pool::Cache },
}

/// The gradient of the loss.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
    /// (B, C, H, W).
    pub dx: Array4<F>,
    /// (C).
    pub dgamma: Array1<F>,
    /// (C).
    pub dbeta: Array1<F>,
}

impl<'a, F: Real> PooledActivation<'a, F> {
    /// y, normalized with the statistics of `x` itself, which are returned as well.
    ///
    /// # Errors
    /// If a shape does not fit, images are smaller than a window, or there are fewer than two values a channel.
    pub fn forward_batch(&self, x: Array4<F>) -> Result<(Array4<F>, Cache<F>, Statistics<F>)> {
        match self.norm.way {
            Way::Kernel => {
                let (y, cache, statistics) = self.kernel().forward_batch(x)?;
                Ok((y, Cache(CacheOf::Kernel(cache)), statistics))
            }
            Way::Definition => {
                let shape = x.dim();
                let (y, norm, statistics) = self.norm.forward_batch(by_channel(x))?;
                let (y, cache) = activate_and_pool(y, shape, norm)?;
                Ok((y, cache, statistics))
            }
        }
    }

    /// y, normalized with given statistics.
    ///
    /// # Errors
    /// If a shape does not fit, or images are smaller than a window.
    pub fn forward_running(&self, x: Array4<F>, statistics: &Statistics<F>) -> Result<(Array4<F>, Cache<F>)> {
        match self.norm.way {
            Way::Kernel => {
                let (y, cache) = self.kernel().forward_running(x, statistics)?;
                Ok((y, Cache(CacheOf::Kernel(cache))))
            }
            Way::Definition => {
                let shape = x.dim();
                let (y, norm) = self.norm.forward_running(by_channel(x), statistics)?;
                activate_and_pool(y, shape, norm)
            }
        }
    }

    /// The gradient, from `dy`.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: ArrayView4<'_, F>) -> Gradients<F> {
        match &cache.0 {
            CacheOf::Kernel(cache) => {
                let (dx, dgamma, dbeta) = self.kernel().backward(cache, dy);
                Gradients { dx: dx.form(), dgamma, dbeta }
            }
            CacheOf::Definition { norm, relu, pool } => {
                // y = max_pool(a)
                let da = max_pool::backward(pool, dy);
                let shape = da.dim();
                // a = max(γ x̂ + β, 0)
                let d = self.norm.backward(norm, by_channel(relu::backward(relu, da)));
                let dx = d.dx.into_shape_with_order(shape).expect("as many elements");
                Gradients { dx, dgamma: d.dgamma, dbeta: d.dbeta }
            }
        }
    }

    /// dx, which is formed later, dγ and dβ, from `dy`; none if the definition computed the forward.
    pub(crate) fn kernel_backward<'c>(
        &self,
        cache: &'c Cache<F>,
        dy: ArrayView4<'_, F>,
    ) -> Option<(DeferredGradient<'c, F>, Array1<F>, Array1<F>)> {
        match &cache.0 {
            CacheOf::Kernel(cache) => Some(self.kernel().backward(cache, dy)),
            CacheOf::Definition { .. } => None,
        }
    }

    fn kernel(&self) -> kernel::PooledActivation<'a, F> {
        let BatchNorm { gamma, beta, epsilon, .. } = self.norm;
        kernel::PooledActivation { gamma, beta, epsilon }
    }
}

/// ReLU and pooling of the normalized images `y`, which have this shape.
fn activate_and_pool<F: Real>(
    y: Array3<F>,
    shape: (usize, usize, usize, usize),
    norm: batch_norm::Cache<F>,
) -> Result<(Array4<F>, Cache<F>)> {
    let y = y.into_shape_with_order(shape).expect("as many elements");
    let (a, relu) = relu::forward(y);
    let (y, pool) = max_pool::forward(a.view(), &pool())?;
    Ok((y, Cache(CacheOf::Definition { norm, relu, pool })))
}
