//! Batch normalization, ReLU and max pooling by 2×2, in one pass over the images.
//!
//! ```text
//! x̂ = (x − μ) / √(s² + ε_n)        a = max(γ x̂ + β, 0)
//! y[p, q] = max_{i, j < 2} a[2p + i, 2q + j]
//! g = dy where y > 0, else 0
//! dγ = Σ g x̂ and dβ = Σ g, x̂ at the maxima
//! dx = γ/√(s² + ε_n) · (g at the maxima, 0 elsewhere)
//! ```
//!
//! The result is that of the definition, [`layers::pooled_activation`](crate::layers::pooled_activation): three
//! operations one after the other, each of which reads images as large as x. Here neither a nor its gradient is stored,
//! and beside x the backward keeps one pixel and its place for each window, a quarter of x's pixels. Where μ and s² are
//! the batch's own, [`BatchTerm`] is subtracted from dx.
//!
//! Shapes: x, dx (B, C, H, W), y, dy (B, C, ⌊H/2⌋, ⌊W/2⌋), γ, β, μ, s² (C).

mod backward;
mod forward;

use super::activation::{Activation, BatchTerm};
use crate::arrays::{STANDARD, check_shape, in_standard_layout};
use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::spares::Spares;
use crate::tensor::fresh::Fresh;
use crate::tensor::statistics::{Statistics, check_count};
use backward::ActivationBackward;
pub use backward::DeferredGradient;
use forward::Forward;
use ndarray::{Array1, Array4, ArrayView1, ArrayView4};
use rayon::prelude::*;

/// The operation.
#[derive(Clone, Copy, Debug)]
pub struct PooledActivation<'a, F> {
    /// γ (C).
    pub gamma: ArrayView1<'a, F>,
    /// β (C).
    pub beta: ArrayView1<'a, F>,
    /// ε of the normalization.
    pub epsilon: F,
}

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    x: Array4<F>,
    activation: Activation<F>,
    /// x at the maximum of each window.
    at_maximum: Array4<F>,
    /// The place of that element in the window, in row-major order.
    place: Array4<u8>,
    /// What is subtracted from dx because the batch's statistics depend on x: 0 until the backward, and none if the
    /// statistics were given.
    term: Option<BatchTerm<F>>,
}

impl<F: Real> PooledActivation<'_, F> {
    /// y, normalized with the statistics of `x` itself, which are returned as well.
    ///
    /// # Errors
    /// If a shape does not fit, images are smaller than a window, or there are fewer than two values a channel.
    pub fn forward_batch(&self, x: Array4<F>) -> Result<(Array4<F>, Cache<F>, Statistics<F>)> {
        let (batch, _, height, width) = x.dim();
        check_count(x.shape(), batch * height * width)?;
        let x = in_standard_layout(x);
        let statistics = Statistics::of_images(x.view());
        let (y, mut cache) = self.forward_running(x, &statistics)?;
        cache.term = Some(BatchTerm::new(&statistics, self.epsilon));
        Ok((y, cache, statistics))
    }

    /// y, normalized with given statistics.
    ///
    /// # Errors
    /// If a shape does not fit, or images are smaller than a window.
    pub fn forward_running(&self, x: Array4<F>, statistics: &Statistics<F>) -> Result<(Array4<F>, Cache<F>)> {
        let (batch, channels, height, width) = x.dim();
        check_shape("gamma", &[channels], self.gamma.shape())?;
        let activation = Activation::new(self.gamma, self.beta, self.epsilon, statistics)?;
        let [output_h, output_w] = [height / 2, width / 2];
        if output_h * output_w == 0 {
            return Err(Error::tensor("x", "images of at least 2 x 2", format!("{:?}", x.shape())));
        }
        if batch * channels == 0 {
            return Err(Error::tensor("x", "at least one value a channel", format!("{:?}", x.shape())));
        }
        let x = in_standard_layout(x);
        let (shape, image) = ((batch, channels, output_h, output_w), channels * output_h * output_w);
        let [mut y, mut at_maximum] = [(); 2].map(|()| Fresh::new(batch * image));
        let mut place = Fresh::new(batch * image);
        let images = x.as_slice().expect(STANDARD).par_chunks_exact(channels * height * width);
        let spares = Spares::default();
        let chunks = (images, y.chunks(image), at_maximum.chunks(image), place.chunks(image)).into_par_iter();
        chunks.for_each_init(
            || spares.take(),
            |buffers, (x, y, at_maximum, place)| {
                let size = [height, width];
                F::vectorize(Forward { activation: &activation, size, x, y, at_maximum, place, buffers });
            },
        );
        let (y, at_maximum, place) = (y.finish(shape), at_maximum.finish(shape), place.finish(shape));
        Ok((y, Cache { x, activation, at_maximum, place, term: None }))
    }

    /// The gradient, from `dy`: dx, which is formed later, dγ and dβ.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward<'c>(
        &self,
        cache: &'c Cache<F>,
        dy: ArrayView4<'_, F>,
    ) -> (DeferredGradient<'c, F>, Array1<F>, Array1<F>) {
        assert_eq!(dy.dim(), cache.at_maximum.dim(), "dy has y's shape");
        let (batch, channels, height, width) = cache.x.dim();
        let (_, _, output_h, output_w) = dy.dim();
        let windows = output_h * output_w;
        let dy = dy.as_standard_layout();
        let dys = dy.as_slice().expect(STANDARD).par_chunks_exact(channels * windows);
        let maxima = cache.at_maximum.as_slice().expect(STANDARD).par_chunks_exact(channels * windows);

        // y = a at the maxima, a = max(γ x̂ + β, 0)
        let mut at_maximum = Fresh::new(batch * channels * windows);
        let sums: Vec<Vec<(f64, f64)>> = (dys, maxima, at_maximum.chunks(channels * windows))
            .into_par_iter()
            .map(|(dy, x, dx)| {
                let dx = dx.zeros();
                F::vectorize(ActivationBackward { activation: &cache.activation, windows, x, dy, dx })
            })
            .collect();
        let [mut dgamma, mut dbeta] = [(); 2].map(|()| vec![0.0; channels]);
        for (c, (of_gamma, of_beta)) in sums.into_iter().flat_map(|image| image.into_iter().enumerate()) {
            dgamma[c] += of_gamma;
            dbeta[c] += of_beta;
        }
        let [dgamma, dbeta] = [dgamma, dbeta].map(|sums| sums.into_iter().map(F::of).collect::<Array1<F>>());

        // x̂ = (x − μ) / √(s² + ε_n)
        let mut term = cache.term.clone();
        if let Some(term) = &mut term {
            term.add(&cache.activation, dgamma.view(), dbeta.view(), batch * height * width);
        }
        let at_maximum = at_maximum.finish(cache.at_maximum.dim());
        (DeferredGradient { cache, at_maximum, term, spares: Spares::default() }, dgamma, dbeta)
    }
}

/// The number of columns of a row, and of its pairs of neighbours. Rows of an even width follow one another without a
/// gap, and count as one long row.
fn row_of_pairs([height, width]: [usize; 2]) -> (usize, usize) {
    if width % 2 == 0 { (height * width, height * width / 2) } else { (width, width / 2) }
}
