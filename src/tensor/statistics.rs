//! The mean and variance of each channel of a batch.
//!
//! ```text
//! μ = Σ x / n        s² = Σ (x − μ)² / n
//! over the n = B · P values of a channel
//! ```
//!
//! Shapes: x (B, C, P), where P is the number of positions of an image, 1 after a dense layer; μ, s² (C). Sums are
//! formed as in [`sum`](super::sum), those of a block of channels by one thread.

use super::sum::{Sums, sum};
use crate::arrays::check_shape;
use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use crate::team;
use ndarray::parallel::prelude::*;
use ndarray::{Array1, ArrayView3, ArrayView4, Axis};

/// The smallest number of elements that threads share: one thread computes fewer than these before a second thread has
/// started.
pub(crate) const FEW: usize = 1 << 15;

/// The mean and variance (C) of the channels: those of a batch, with the biased variance, or running estimates.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics<F> {
    /// μ.
    pub mean: Array1<F>,
    /// s².
    pub variance: Array1<F>,
}

impl<F: Real> Statistics<F> {
    /// The mean and biased variance of each channel of `x` (B, C, P).
    pub fn of_batch(x: ArrayView3<'_, F>) -> Self {
        let x = x.as_standard_layout();
        let blocks =
            x.axis_chunks_iter(Axis(1), block(x.dim().2)).into_par_iter().with_min_len(team::min_len(x.len(), FEW));
        let moments: Vec<(Vec<F>, Vec<F>)> = blocks.map(|x| F::vectorize(Moments { x })).collect();
        let (mean, variance): (Vec<Vec<F>>, Vec<Vec<F>>) = moments.into_iter().unzip();
        Self { mean: mean.concat().into(), variance: variance.concat().into() }
    }

    /// The statistics of each channel of images (B, C, H, W) in standard layout.
    pub(crate) fn of_images(x: ArrayView4<'_, F>) -> Self {
        let (batch, channels, height, width) = x.dim();
        let x = x.to_shape((batch, channels, height * width)).expect("as many pixels");
        Self::of_batch(x.view())
    }

    /// Checks that these are statistics of `channels` channels.
    ///
    /// # Errors
    /// Names the vector that has another length.
    pub(crate) fn check(&self, channels: usize) -> Result<()> {
        check_shape("running_mean", &[channels], self.mean.shape())?;
        check_shape("running_var", &[channels], self.variance.shape())
    }
}

/// Checks that a batch of `shape`, with `count` values in each channel, can be normalized by its own statistics. With a
/// single value x̂ is 0, whatever the value is.
///
/// # Errors
/// If there are fewer than two values.
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

/// The number of channels that one thread computes at a time: few if each has many positions.
pub(crate) fn block(positions: usize) -> usize {
    (64 / positions.max(1)).max(1)
}

/// Repeats the value `of_channel(c)` of each channel c for each of the channel's P positions, for a block `x` (B,
/// channels, P) whose first channel is `first`. With one value for every place (channel, position), the kernels loop
/// over places alone: the same loops serve many channels and many positions.
pub(crate) fn by_place<F: Real>(first: usize, x: &ArrayView3<'_, F>, of_channel: &dyn Fn(usize) -> F) -> Vec<F> {
    let (_, channels, positions) = x.dim();
    (first..first + channels).flat_map(|c| (0..positions).map(move |_| of_channel(c))).collect()
}

/// Each channel's sum, from the sums over the images at each place.
#[inline(always)]
pub(crate) fn channels<F: Real>(places: Sums<F>, positions: usize) -> Vec<f64> {
    places.total().chunks_exact(positions.max(1)).map(sum).collect()
}

pub(crate) const CONTIGUOUS: &str = "the places of an image are contiguous";

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
