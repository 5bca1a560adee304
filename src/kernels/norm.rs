//! The passes of a batch normalization over its input, block of channels by block.
//!
//! ```text
//! forward:    y = scale · (x − μ) + β,  scale = γ/√(s² + ε_n)
//! backward:   dγ = Σ dy x̂, dβ = Σ dy; then dx in the place of dy:
//!             dx = γ/√(s² + ε_n) · (dy − mean dy − x̂ · mean(dy x̂))
//! ```
//!
//! The means are left out where μ and s² are constants. The definition is
//! [`layers::batch_norm`](crate::layers::batch_norm).

use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use crate::team;
use crate::tensor::statistics::{CONTIGUOUS, FEW, block, by_place, channels};
use crate::tensor::sum::Sums;
use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array3, ArrayView1, ArrayView3, ArrayViewMut3, Axis};

/// y (B, C, P), from `x` in standard layout, with μ, the scale and β of each channel (C).
pub(crate) fn forward<F: Real>(
    x: ArrayView3<'_, F>,
    mean: ArrayView1<'_, F>,
    scale: ArrayView1<'_, F>,
    beta: ArrayView1<'_, F>,
) -> Array3<F> {
    let mut y = Array3::zeros(x.dim());
    let size = block(x.dim().2);
    (y.axis_chunks_iter_mut(Axis(1), size), x.axis_chunks_iter(Axis(1), size))
        .into_par_iter()
        .with_min_len(team::min_len(x.len(), FEW))
        .enumerate()
        .for_each(|(i, (y, x))| {
            let of_place = |of_channel: ArrayView1<'_, F>| by_place(i * size, &x, &|c| of_channel[c]);
            let (mean, scale, beta) = (&of_place(mean), &of_place(scale), &of_place(beta));
            F::vectorize(Normalize { mean, scale, beta, x, y });
        });
    y
}

/// Returns dγ and dβ (C), and replaces `dy` by dx. `x` and `dy` are (B, C, P), in standard layout.
pub(crate) fn backward<F: Real>(
    x: ArrayView3<'_, F>,
    dy: &mut Array3<F>,
    mean: ArrayView1<'_, F>,
    inverse_deviation: ArrayView1<'_, F>,
    gamma: ArrayView1<'_, F>,
    batch_statistics: bool,
) -> [Array1<F>; 2] {
    let size = block(x.dim().2);
    let sums: Vec<[Vec<F>; 2]> = (dy.axis_chunks_iter_mut(Axis(1), size), x.axis_chunks_iter(Axis(1), size))
        .into_par_iter()
        .with_min_len(team::min_len(x.len(), FEW))
        .enumerate()
        .map(|(i, (dy, x))| {
            let of_place = |of_channel: ArrayView1<'_, F>| by_place(i * size, &x, &|c| of_channel[c]);
            let (mean, inverse_deviation, gamma) = (&of_place(mean), &of_place(inverse_deviation), &of_place(gamma));
            F::vectorize(Gradient { mean, inverse_deviation, gamma, batch_statistics, x, dy })
        })
        .collect();
    let [mut dgamma, mut dbeta] = [Vec::new(), Vec::new()];
    for [gamma, beta] in sums {
        dgamma.extend(gamma);
        dbeta.extend(beta);
    }
    [dgamma.into(), dbeta.into()]
}

/// y = γ x̂ + β = scale · (x − μ) + β on a block of channels.
struct Normalize<'a, F> {
    x: ArrayView3<'a, F>,
    y: ArrayViewMut3<'a, F>,
    mean: &'a [F],
    /// γ / √(s² + ε_n).
    scale: &'a [F],
    /// β.
    beta: &'a [F],
}

impl<F: Real> Kernel<F> for Normalize<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        for (x, mut y) in self.x.outer_iter().zip(self.y.outer_iter_mut()) {
            let (x, y) = (x.to_slice().expect(CONTIGUOUS), y.as_slice_mut().expect(CONTIGUOUS));
            let of_place = self.mean.iter().zip(self.scale).zip(self.beta);
            for ((y, x), ((mean, scale), beta)) in y.iter_mut().zip(x).zip(of_place) {
                *y = *scale * (*x - *mean) + *beta;
            }
        }
    }
}

/// Returns dγ and dβ of a block of channels, and replaces dy by dx.
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
        // x̂ = (x − μ) / √(s² + ε_n); under running statistics μ and s² are constants
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
