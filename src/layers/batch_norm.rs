//! Batch normalization (Ioffe & Szegedy 2015), with PyTorch's conventions.
//!
//! ```text
//! x̂ = (x − μ) / √(s² + ε)        y = γ x̂ + β
//! dγ = Σ dy x̂      dβ = Σ dy      dx̂ = γ dy
//! batch statistics (μ, s² the mean and biased variance of x):   dx = (dx̂ − mean dx̂ − x̂ · mean(dx̂ x̂)) / √(s² + ε)
//! running statistics (μ, s² constants):                          dx = dx̂ / √(s² + ε)
//! ```
//!
//! Sums and means run over batch and positions, per channel. The running estimates follow
//! r ← (1 − momentum) r + momentum · statistic, with the unbiased variance; ε = 1e-5 and momentum 0.1 unless given.
//!
//! Shapes: x, y (B, C, P), where P counts the positions of an image, 1 after a dense layer; γ, β, μ, s² (C).

use super::check_shape;
use crate::error::{Error, Result};
use crate::scalar::Real;
use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array3, ArrayView1, ArrayView2, ArrayView3, Axis, Zip};

/// ε of the normalization unless given.
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
}

/// The mean and variance of each channel (C): biased of a batch, or running estimates.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics<F> {
    /// μ.
    pub mean: Array1<F>,
    /// s².
    pub variance: Array1<F>,
}

/// What the backward needs of the forward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    x_hat: Array3<F>,
    /// 1/√(s² + ε) (C).
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
    /// The mean and biased variance of each channel of `x` (B, C, P).
    pub fn of_batch(x: ArrayView3<'_, F>) -> Self {
        let count = F::of((x.dim().0 * x.dim().2) as f64);
        let channels: Vec<(F, F)> = x
            .axis_iter(Axis(1))
            .into_par_iter()
            .map(|x| {
                let mean = sum(x, |x| x) / count;
                (mean, sum(x, |x| (x - mean) * (x - mean)) / count)
            })
            .collect();
        let (mean, variance): (Vec<F>, Vec<F>) = channels.into_iter().unzip();
        Self { mean: mean.into(), variance: variance.into() }
    }

    /// Moves running estimates towards the statistics `batch` of `count` values a channel.
    pub fn absorb(&mut self, batch: &Self, count: usize, momentum: F) {
        // A single value has no unbiased variance; PyTorch refuses it, here its biased variance, 0, stands.
        let unbias = F::of(count as f64 / (count.max(2) - 1) as f64);
        Zip::from(&mut self.mean).and(&batch.mean).for_each(|running, mean| {
            *running += momentum * (*mean - *running);
        });
        Zip::from(&mut self.variance).and(&batch.variance).for_each(|running, variance| {
            *running += momentum * (unbias * *variance - *running);
        });
    }
}

impl<F: Real> BatchNorm<'_, F> {
    /// y, normalized with the statistics of `x` itself, which are returned as well.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward_batch(&self, x: Array3<F>) -> Result<(Array3<F>, Cache<F>, Statistics<F>)> {
        let statistics = Statistics::of_batch(x.view());
        let (y, mut cache) = self.forward_running(x, &statistics)?;
        cache.batch_statistics = true;
        Ok((y, cache, statistics))
    }

    /// y, normalized with given statistics.
    ///
    /// # Errors
    /// If a shape does not fit or there is nothing to normalize.
    pub fn forward_running(&self, x: Array3<F>, statistics: &Statistics<F>) -> Result<(Array3<F>, Cache<F>)> {
        let (batch, channels, positions) = x.dim();
        if batch * positions == 0 {
            return Err(Error::tensor("x", "at least one value a channel", format!("{:?}", x.shape())));
        }
        check_shape("gamma", &[channels], self.gamma.shape())?;
        check_shape("beta", &[channels], self.beta.shape())?;
        check_shape("running_mean", &[channels], statistics.mean.shape())?;
        check_shape("running_var", &[channels], statistics.variance.shape())?;
        let inverse_deviation = statistics.variance.mapv(|variance| (variance + self.epsilon).sqrt().recip());
        let mut x_hat = x;
        let mut y = Array3::zeros(x_hat.dim());
        Zip::indexed(x_hat.axis_iter_mut(Axis(1))).and(y.axis_iter_mut(Axis(1))).par_for_each(|c, x_hat, y| {
            let (mean, inverse) = (statistics.mean[c], inverse_deviation[c]);
            let (gamma, beta) = (self.gamma[c], self.beta[c]);
            Zip::from(x_hat).and(y).for_each(|x_hat, y| {
                *x_hat = (*x_hat - mean) * inverse;
                *y = gamma * *x_hat + beta;
            });
        });
        Ok((y, Cache { x_hat, inverse_deviation, batch_statistics: false }))
    }

    /// The gradient, from `dy` (B, C, P).
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: ArrayView3<'_, F>) -> Gradients<F> {
        assert_eq!(dy.dim(), cache.x_hat.dim(), "dy has y's shape");
        let count = F::of((dy.dim().0 * dy.dim().2) as f64);
        let mut dx = Array3::zeros(dy.dim());
        let sums: Vec<(F, F)> = (dx.axis_iter_mut(Axis(1)), dy.axis_iter(Axis(1)), cache.x_hat.axis_iter(Axis(1)))
            .into_par_iter()
            .enumerate()
            .map(|(c, (dx, dy, x_hat))| {
                // y = γ x̂ + β
                let dbeta = sum(dy, |dy| dy);
                let dgamma = sum_of_products(dy, x_hat);
                // x̂ = (x − μ) / √(s² + ε)
                let scale = self.gamma[c] * cache.inverse_deviation[c];
                if cache.batch_statistics {
                    let (mean_dy, mean_dy_x_hat) = (dbeta / count, dgamma / count);
                    Zip::from(dx).and(dy).and(x_hat).for_each(|dx, dy, x_hat| {
                        *dx = scale * (*dy - mean_dy - *x_hat * mean_dy_x_hat);
                    });
                } else {
                    Zip::from(dx).and(dy).for_each(|dx, dy| *dx = scale * *dy);
                }
                (dgamma, dbeta)
            })
            .collect();
        let (dgamma, dbeta): (Vec<F>, Vec<F>) = sums.into_iter().unzip();
        Gradients { dx, dgamma: dgamma.into(), dbeta: dbeta.into() }
    }
}

/// Σ f(x) over a channel (B, P): each image's sum by eight running sums, then the images' sums in order.
fn sum<F: Real>(x: ArrayView2<'_, F>, f: impl Fn(F) -> F) -> F {
    x.outer_iter().map(|image| image.mapv(&f).sum()).sum()
}

/// Σ a b over a channel (B, P), in the same order.
fn sum_of_products<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> F {
    a.outer_iter().zip(b.outer_iter()).map(|(a, b)| a.dot(&b)).sum()
}
