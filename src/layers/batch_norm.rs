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

use super::{check_shape, in_standard_layout};
use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};
use crate::team;
use crate::tensor::sum::{Sums, sum};
use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array3, ArrayView1, ArrayView3, ArrayViewMut3, Axis, Zip};

/// Elements that one thread normalizes sooner than another would come to help.
const FEW: usize = 1 << 15;
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
    x: Array3<F>,
    /// μ (C).
    mean: Array1<F>,
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
        let x = x.as_standard_layout();
        let blocks = x
            .axis_chunks_iter(Axis(1), block(x.dim().2))
            .into_par_iter()
            .with_min_len(team::pieces_at_least(x.len(), FEW));
        let moments: Vec<(Vec<F>, Vec<F>)> = blocks.map(|x| F::vectorize(Moments { x })).collect();
        let (mean, variance): (Vec<Vec<F>>, Vec<Vec<F>>) = moments.into_iter().unzip();
        Self { mean: mean.concat().into(), variance: variance.concat().into() }
    }

    /// Moves running estimates towards the statistics `batch` of `count` values a channel.
    ///
    /// # Panics
    /// If `count` is below 2: a single value has no unbiased variance.
    pub fn absorb(&mut self, batch: &Self, count: usize, momentum: F) {
        let unbias = unbias::<F>(count);
        // Not r + momentum · (s − r), whose difference is as inexact as r is large.
        let rest = F::one() - momentum;
        Zip::from(&mut self.mean).and(&batch.mean).for_each(|running, mean| {
            *running = rest * *running + momentum * *mean;
        });
        Zip::from(&mut self.variance).and(&batch.variance).for_each(|running, variance| {
            *running = rest * *running + momentum * (unbias * *variance);
        });
    }
}

impl<F: Real> BatchNorm<'_, F> {
    /// y, normalized with the statistics of `x` itself, which are returned as well.
    ///
    /// # Errors
    /// If a shape does not fit, or there are fewer than two values a channel.
    pub fn forward_batch(&self, x: Array3<F>) -> Result<(Array3<F>, Cache<F>, Statistics<F>)> {
        check_count(x.shape(), x.dim().0 * x.dim().2)?;
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
        let x = in_standard_layout(x);
        let mut y = Array3::zeros(x.dim());
        let size = block(positions);
        (y.axis_chunks_iter_mut(Axis(1), size), x.axis_chunks_iter(Axis(1), size))
            .into_par_iter()
            .with_min_len(team::pieces_at_least(x.len(), FEW))
            .enumerate()
            .for_each(|(i, (y, x))| {
                let of_place = |of_channel: &dyn Fn(usize) -> F| by_place(i * size, &x, of_channel);
                F::vectorize(Normalize {
                    mean: &of_place(&|c| statistics.mean[c]),
                    scale: &of_place(&|c| self.gamma[c] * inverse_deviation[c]),
                    shift: &of_place(&|c| self.beta[c]),
                    x,
                    y,
                });
            });
        let mean = statistics.mean.clone();
        Ok((y, Cache { x, mean, inverse_deviation, batch_statistics: false }))
    }

    /// The gradient, from `dy` (B, C, P).
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: Array3<F>) -> Gradients<F> {
        let x = &cache.x;
        assert_eq!(dy.dim(), x.dim(), "dy has y's shape");
        let mut dx = in_standard_layout(dy);
        let size = block(dx.dim().2);
        let sums: Vec<[Vec<F>; 2]> = (dx.axis_chunks_iter_mut(Axis(1), size), x.axis_chunks_iter(Axis(1), size))
            .into_par_iter()
            .with_min_len(team::pieces_at_least(x.len(), FEW))
            .enumerate()
            .map(|(i, (dy, x))| {
                let of_place = |of_channel: &dyn Fn(usize) -> F| by_place(i * size, &x, of_channel);
                F::vectorize(Gradient {
                    mean: &of_place(&|c| cache.mean[c]),
                    inverse_deviation: &of_place(&|c| cache.inverse_deviation[c]),
                    gamma: &of_place(&|c| self.gamma[c]),
                    batch_statistics: cache.batch_statistics,
                    x,
                    dy,
                })
            })
            .collect();
        let [mut dgamma, mut dbeta] = [Vec::new(), Vec::new()];
        for [gamma, beta] in sums {
            dgamma.extend(gamma);
            dbeta.extend(beta);
        }
        Gradients { dx, dgamma: dgamma.into(), dbeta: dbeta.into() }
    }
}

/// What makes the variance of `count` values unbiased.
///
/// # Panics
/// If there are fewer than two.
pub(crate) fn unbias<F: Real>(count: usize) -> F {
    assert!(count > 1, "a single value has no unbiased variance");
    F::of(count as f64 / (count - 1) as f64)
}

/// Checks that a batch of `shape` has statistics of its own: `count` values in each channel. Of a single one x̂ is 0, whatever it is.
///
/// # Errors
/// If there are fewer than two.
pub(crate) fn check_count(shape: &[usize], count: usize) -> Result<()> {
    if count > 1 {
        return Ok(());
    }
    Err(Error::tensor(
        "x",
        "at least two values a channel, to be normalized by their own statistics",
        format!("{shape:?}"),
    ))
}

/// Channels computed by one thread at a time: few where each has many positions.
fn block(positions: usize) -> usize {
    (64 / positions.max(1)).max(1)
}

/// What every place of a block of channels, beginning with the one called `first`, has from its channel. A block `x` is of
/// shape (B, channels, P); its places are (channel, position). The kernels below run over places alone, so that they are the
/// same loops whether there are many channels or many positions.
fn by_place<F: Real>(first: usize, x: &ArrayView3<'_, F>, of_channel: &dyn Fn(usize) -> F) -> Vec<F> {
    let (_, channels, positions) = x.dim();
    (first..first + channels).flat_map(|c| (0..positions).map(move |_| of_channel(c))).collect()
}

/// Each channel's sum, from the sums over the images at each place.
#[inline(always)]
fn channels<F: Real>(places: Sums<F>, positions: usize) -> Vec<f64> {
    places.total().chunks_exact(positions.max(1)).map(sum).collect()
}

const CONTIGUOUS: &str = "the places of an image are contiguous";

/// The mean and biased variance of each channel of a block.
struct Moments<'a, F> {
    x: ArrayView3<'a, F>,
}

impl<F: Real> Kernel<F> for Moments<'_, F> {
    type Output = (Vec<F>, Vec<F>);

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> (Vec<F>, Vec<F>) {
        let (batch, channels_here, positions) = self.x.dim();
        let mean_of = |sums: Sums<F>| -> Vec<F> {
            let count = (batch * positions) as f64;
            channels(sums, positions).into_iter().map(|sum| F::of(sum / count)).collect()
        };
        let mut sums = Sums::new(channels_here * positions);
        for x in self.x.outer_iter() {
            sums.next_term().iter_mut().zip(x.to_slice().expect(CONTIGUOUS)).for_each(|(sum, x)| *sum += *x);
        }
        let mean = mean_of(sums);
        let at_place = by_place(0, &self.x, &|c| mean[c]);
        let mut squares = Sums::new(channels_here * positions);
        for x in self.x.outer_iter() {
            let x = x.to_slice().expect(CONTIGUOUS);
            for ((sum, x), mean) in squares.next_term().iter_mut().zip(x).zip(&at_place) {
                *sum += (*x - *mean) * (*x - *mean);
            }
        }
        (mean, mean_of(squares))
    }
}

/// y = γ x̂ + β = scale · (x − μ) + shift on a block.
struct Normalize<'a, F> {
    x: ArrayView3<'a, F>,
    y: ArrayViewMut3<'a, F>,
    mean: &'a [F],
    /// γ / √(s² + ε).
    scale: &'a [F],
    /// β.
    shift: &'a [F],
}

impl<F: Real> Kernel<F> for Normalize<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        for (x, mut y) in self.x.outer_iter().zip(self.y.outer_iter_mut()) {
            let (x, y) = (x.to_slice().expect(CONTIGUOUS), y.as_slice_mut().expect(CONTIGUOUS));
            let of_place = self.mean.iter().zip(self.scale).zip(self.shift);
            for ((y, x), ((mean, scale), shift)) in y.iter_mut().zip(x).zip(of_place) {
                *y = *scale * (*x - *mean) + *shift;
            }
        }
    }
}

/// dγ and dβ of a block; dy becomes dx.
struct Gradient<'a, F> {
    x: ArrayView3<'a, F>,
    dy: ArrayViewMut3<'a, F>,
    mean: &'a [F],
    inverse_deviation: &'a [F],
    gamma: &'a [F],
    batch_statistics: bool,
}

impl<F: Real> Kernel<F> for Gradient<'_, F> {
    type Output = [Vec<F>; 2];

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) -> [Vec<F>; 2] {
        let (batch, _, positions) = self.x.dim();
        // y = γ x̂ + β
        let [mut dgamma, mut dbeta] = [(); 2].map(|()| Sums::<F>::new(self.mean.len()));
        for (x, dy) in self.x.outer_iter().zip(self.dy.outer_iter()) {
            let (x, dy) = (x.to_slice().expect(CONTIGUOUS), dy.to_slice().expect(CONTIGUOUS));
            let of_place = self.mean.iter().zip(self.inverse_deviation);
            let sums = dgamma.next_term().iter_mut().zip(dbeta.next_term());
            for ((x, dy), ((mean, inverse), (dgamma, dbeta))) in x.iter().zip(dy).zip(of_place.zip(sums)) {
                let x_hat = (*x - *mean) * *inverse;
                *dgamma += *dy * x_hat;
                *dbeta += *dy;
            }
        }
        let [dgamma, dbeta] = [dgamma, dbeta].map(|sums| channels(sums, positions));
        // x̂ = (x − μ) / √(s² + ε); under running statistics μ and s² are constants
        let count = (batch * positions) as f64;
        let share = |sums: &[f64]| {
            let of_channel = |c: usize| if self.batch_statistics { F::of(sums[c] / count) } else { F::zero() };
            by_place(0, &self.x, &of_channel)
        };
        let (mean_dy, mean_dy_x_hat) = (share(&dbeta), share(&dgamma));
        for (x, mut dy) in self.x.outer_iter().zip(self.dy.outer_iter_mut()) {
            let (x, dy) = (x.to_slice().expect(CONTIGUOUS), dy.as_slice_mut().expect(CONTIGUOUS));
            let of_place =
                self.mean.iter().zip(self.inverse_deviation).zip(self.gamma).zip(mean_dy.iter().zip(&mean_dy_x_hat));
            for ((dy, x), (((mean, inverse), gamma), (mean_dy, mean_dy_x_hat))) in dy.iter_mut().zip(x).zip(of_place) {
                let x_hat = (*x - *mean) * *inverse;
                *dy = *gamma * *inverse * (*dy - *mean_dy - x_hat * *mean_dy_x_hat);
            }
        }
        [dgamma, dbeta].map(|sums| sums.into_iter().map(F::of).collect())
    }
}
