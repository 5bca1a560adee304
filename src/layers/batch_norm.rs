//! Batch normalization (Ioffe & Szegedy 2015), with PyTorch's conventions.
//!
//! ```text
//! x̂ = (x − μ) / √(s² + ε_n)        y = γ x̂ + β
//! dγ = Σ dy x̂      dβ = Σ dy      dx̂ = γ dy
//! batch statistics (μ, s² the mean and biased variance of x):
//!     dx = (dx̂ − mean dx̂ − x̂ · mean(dx̂ x̂)) / √(s² + ε_n)
//! running statistics (μ, s² constants):
//!     dx = dx̂ / √(s² + ε_n)
//! ```
//!
//! Sums and means run over batch and positions, per channel. The running estimates follow
//! r ← (1 − momentum) r + momentum · statistic, with the unbiased variance; ε = 1e-5 and momentum 0.1 unless given.
//!
//! Shapes: x, y (B, C, P), where P counts the positions of an image, 1 after a dense layer; γ, β, μ, s² (C).
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::{check_shape, in_standard_layout};
use crate::error::{Error, Result};
use crate::kernels::{Way, norm};
use crate::scalar::Real;
pub use crate::tensor::statistics::Statistics;
use crate::tensor::statistics::check_count;
use ndarray::{Array1, Array3, ArrayView1, ArrayView2, Axis, Zip};

/// ε_n, which is added to the variance unless another is given.
pub const EPSILON: f64 = 1e-5;
/// The weight of a batch's statistics in the running estimates unless given.
pub const MOMENTUM: f64 = 0.1;

/// The parameters.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a, F> {
    /// γ (C).
    pub gamma: ArrayView1<'a, F>,
    /// β (C).
    pub beta: ArrayView1<'a, F>,
    /// ε.
    pub epsilon: F,
    /// Whether the definition or the kernel computes the layer.
    pub way: Way,
}

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    x: Array3<F>,
    /// μ (C).
    mean: Array1<F>,
    /// 1/√(s² + ε_n) (C).
    inverse_deviation: Array1<F>,
    /// Whether μ and s² depend on x.
    batch_statistics: bool,
}

/// The gradient of the loss.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
    /// (B, C, P).
    pub dx: Array3<F>,
    /// (C).
    pub dgamma: Array1<F>,
    /// (C).
    pub dbeta: Array1<F>,
}

impl<F: Real> Statistics<F> {
    /// Updates running estimates with the statistics `batch`, of `count` values per channel.
    ///
    /// # Panics
    /// If `count` is below 2: a single value has no unbiased variance.
    pub fn absorb(&mut self, batch: &Self, count: usize, momentum: F) {
        let unbias = unbias::<F>(count);
        // Not r + momentum · (s − r): the rounding error of the difference grows with r.
        let rest = F::one() - momentum;
        Zip::from(&mut self.mean).and(&batch.mean).for_each(|running, mean| {
            *running = rest * *running + momentum * *mean;
        });
        Zip::from(&mut self.variance).and(&batch.variance).for_each(|running, variance| {
            *running = rest * *running + momentum * (unbias * *variance);
        });
    }

    /// The mean and biased variance of each channel of `x` (B, C, P), by their definition.
    fn by_definition(x: &Array3<F>) -> Self {
        let mean = of_channels(x, |_, x| mean(x.iter().copied()));
        let variance = of_channels(x, |c, x| mean_of_squares(x, mean[c]));
        Self { mean, variance }
    }
}

impl<F: Real> BatchNorm<'_, F> {
    /// y, normalized with the statistics of `x` itself, which are returned as well.
    ///
    /// # Errors
    /// If a shape does not fit, or there are fewer than two values a channel.
    pub fn forward_batch(&self, x: Array3<F>) -> Result<(Array3<F>, Cache<F>, Statistics<F>)> {
        check_count(x.shape(), x.dim().0 * x.dim().2)?;
        let statistics = match self.way {
            Way::Kernel => Statistics::of_batch(x.view()),
            Way::Definition => Statistics::by_definition(&x),
        };
        let (y, mut cache) = self.forward_running(x, &statistics)?;
        cache.batch_statistics = true;
        Ok((y, cache, statistics))
    }

    /// y, normalized with given statistics.
    ///
    /// # Errors
    /// If a shape does not fit, or `x` has no values.
    pub fn forward_running(&self, x: Array3<F>, statistics: &Statistics<F>) -> Result<(Array3<F>, Cache<F>)> {
        let (batch, channels, positions) = x.dim();
        if batch * positions == 0 {
            return Err(Error::tensor("x", "at least one value a channel", format!("{:?}", x.shape())));
        }
        check_shape("gamma", &[channels], self.gamma.shape())?;
        check_shape("beta", &[channels], self.beta.shape())?;
        statistics.check(channels)?;
        let inverse_deviation = statistics.variance.mapv(|variance| (variance + self.epsilon).sqrt().recip());
        let cache = Cache { x, mean: statistics.mean.clone(), inverse_deviation, batch_statistics: false };
        Ok(match self.way {
            Way::Kernel => {
                let x = in_standard_layout(cache.x);
                let scale = &self.gamma * &cache.inverse_deviation;
                let y = norm::forward(x.view(), cache.mean.view(), scale.view(), self.beta);
                (y, Cache { x, ..cache })
            }
            Way::Definition => {
                // y = γ x̂ + β
                let y = self.map_channels(&cache, |c, x_hat| x_hat * self.gamma[c] + self.beta[c]);
                (y, cache)
            }
        })
    }

    /// The gradient, from `dy` (B, C, P).
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: Array3<F>) -> Gradients<F> {
        assert_eq!(dy.dim(), cache.x.dim(), "dy has y's shape");
        let inverse = &cache.inverse_deviation;
        if self.way == Way::Kernel {
            let (mean, mut dx) = (cache.mean.view(), in_standard_layout(dy));
            let batch = cache.batch_statistics;
            let [dgamma, dbeta] = norm::backward(cache.x.view(), &mut dx, mean, inverse.view(), self.gamma, batch);
            return Gradients { dx, dgamma, dbeta };
        }
        let x_hat = self.map_channels(cache, |_, x_hat| x_hat);
        // y = γ x̂ + β
        let dgamma = of_channels(&(&dy * &x_hat), |_, dy_x_hat| F::of(sum(dy_x_hat.iter().copied())));
        let dbeta = of_channels(&dy, |_, dy| F::of(sum(dy.iter().copied())));
        // x̂ = (x − μ) / √(s² + ε_n); given statistics are constants
        let mut dx = dy;
        for (c, mut dx) in dx.axis_iter_mut(Axis(1)).enumerate() {
            if cache.batch_statistics {
                let count = F::of(dx.len() as f64);
                let (mean_dy, mean_dy_x_hat) = (dbeta[c] / count, dgamma[c] / count);
                dx.zip_mut_with(&x_hat.index_axis(Axis(1), c), |dx, x_hat| *dx -= mean_dy + *x_hat * mean_dy_x_hat);
            }
            dx.mapv_inplace(|dx| self.gamma[c] * inverse[c] * dx);
        }
        Gradients { dx, dgamma, dbeta }
    }

    /// Applies `of` to x̂ (B, P) of each channel; the result has x's shape.
    fn map_channels(
        &self,
        cache: &Cache<F>,
        of: impl Fn(usize, ndarray::Array2<F>) -> ndarray::Array2<F>,
    ) -> Array3<F> {
        let mut y = Array3::zeros(cache.x.dim());
        for (c, (mut y, x)) in y.axis_iter_mut(Axis(1)).zip(cache.x.axis_iter(Axis(1))).enumerate() {
            let x_hat = x.mapv(|x| (x - cache.mean[c]) * cache.inverse_deviation[c]);
            y.assign(&of(c, x_hat));
        }
        y
    }
}

/// Applies `of` to the values (B, P) of each channel.
fn of_channels<F: Real>(x: &Array3<F>, of: impl Fn(usize, ArrayView2<'_, F>) -> F) -> Array1<F> {
    x.axis_iter(Axis(1)).enumerate().map(|(c, x)| of(c, x)).collect()
}

/// Σ x, in f64.
fn sum<F: Real>(x: impl Iterator<Item = F>) -> f64 {
    x.map(F::as_f64).sum()
}

fn mean<F: Real>(x: impl ExactSizeIterator<Item = F>) -> F {
    let count = x.len() as f64;
    F::of(sum(x) / count)
}

fn mean_of_squares<F: Real>(x: ArrayView2<'_, F>, mean: F) -> F {
    self::mean(x.iter().map(|x| (*x - mean) * (*x - mean)))
}

/// The factor that makes the variance of `count` values unbiased.
///
/// # Panics
/// If `count` is below 2.
pub(crate) fn unbias<F: Real>(count: usize) -> F {
    assert!(count > 1, "a single value has no unbiased variance");
    F::of(count as f64 / (count - 1) as f64)
}
