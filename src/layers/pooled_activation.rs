//! Batch normalization, ReLU and max pooling by 2×2, in one pass over the images.
//!
//! ```text
//! x̂ = (x − μ) / √(s² + ε)        a = max(γ x̂ + β, 0)        y[p, q] = max_{i, j < 2} a[2p + i, 2q + j]
//! g = dy where y > 0, else 0     dγ = Σ g x̂ and dβ = Σ g, x̂ at the maxima
//! dx = γ/√(s² + ε) · (g at the maxima, 0 elsewhere)
//! ```
//!
//! As [`batch_norm`](super::batch_norm), [`relu`](super::relu) and [`max_pool`](super::max_pool) one after the other, whose
//! images are all as large as x: here a is never stored, nor its gradient, and what the backward keeps beside x is a quarter
//! of it. Where μ and s² are the batch's own, [`BatchTerm`] is subtracted from dx.
//!
//! Shapes: x, dx (B, C, H, W), y, dy (B, C, ⌊H/2⌋, ⌊W/2⌋), γ, β, μ, s² (C).

use super::batch_norm::{BatchNorm, Statistics};
use super::max_pool::exceeds;
use super::pre_activation::{Activation, BatchTerm};
use super::{check_shape, in_standard_layout};
use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, MAX_LANES, Vector};
use crate::spares::Spares;
use crate::tensor::fresh::Fresh;
use crate::tensor::im2col::Window;
use ndarray::{Array1, Array4, ArrayView4};
use rayon::prelude::*;

/// The windows: they do not overlap.
pub fn window() -> Window {
    Window::new([2, 2], [2, 2])
}

/// The operation.
#[derive(Clone, Debug)]
pub struct PooledActivation<'a, F> {
    /// The normalization.
    pub norm: BatchNorm<'a, F>,
}

/// What the backward needs of the forward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    x: Array4<F>,
    activation: Activation<F>,
    /// x at the maximum of each window.
    at_maximum: Array4<F>,
    /// Which element of the window that is, in row-major order.
    place: Array4<u8>,
    /// What flows through the batch's statistics, still nothing; none if they were given.
    term: Option<BatchTerm<F>>,
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

impl<F: Real> PooledActivation<'_, F> {
    /// y, normalized with the statistics of `x` itself, which are returned as well.
    ///
    /// # Errors
    /// If a shape does not fit, or images are smaller than a window.
    pub fn forward_batch(&self, x: Array4<F>) -> Result<(Array4<F>, Cache<F>, Statistics<F>)> {
        let (batch, channels, height, width) = x.dim();
        let by_channel = x.to_shape((batch, channels, height * width)).expect("as many elements");
        let statistics = Statistics::of_batch(by_channel.view());
        let (y, mut cache) = self.forward_running(x, &statistics)?;
        cache.term = Some(BatchTerm::new(&statistics, self.norm.epsilon));
        Ok((y, cache, statistics))
    }

    /// y, normalized with given statistics.
    ///
    /// # Errors
    /// If a shape does not fit, or images are smaller than a window.
    pub fn forward_running(&self, x: Array4<F>, statistics: &Statistics<F>) -> Result<(Array4<F>, Cache<F>)> {
        let (batch, channels, height, width) = x.dim();
        check_shape("gamma", &[channels], self.norm.gamma.shape())?;
        let activation = Activation::new(&self.norm, statistics)?;
        let [output_h, output_w] = window().pooled_size([height, width])?;
        if batch * channels == 0 {
            return Err(Error::tensor("x", "at least one value a channel", format!("{:?}", x.shape())));
        }
        let x = in_standard_layout(x);
        let (shape, image) = ((batch, channels, output_h, output_w), channels * output_h * output_w);
        let [mut y, mut at_maximum] = [(); 2].map(|()| Fresh::new(batch * image));
        let mut place = Fresh::new(batch * image);
        let images = x.as_slice().expect(STANDARD).par_chunks_exact(channels * height * width);
        let scratches = Spares::default();
        (images, y.pieces(image), at_maximum.pieces(image), place.pieces(image)).into_par_iter().for_each(
            |(x, y, at_maximum, place)| {
                scratches.with(|scratch| {
                    let size = [height, width];
                    F::vectorize(Forward { activation: &activation, size, x, y, at_maximum, place, scratch });
                });
            },
        );
        let (y, at_maximum, place) = (y.finish(shape), at_maximum.finish(shape), place.finish(shape));
        Ok((y, Cache { x, activation, at_maximum, place, term: None }))
    }

    /// The gradient, from `dy`.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: ArrayView4<'_, F>) -> Gradients<F> {
        assert_eq!(dy.dim(), cache.at_maximum.dim(), "dy has y's shape");
        let (batch, channels, height, width) = cache.x.dim();
        let (_, _, output_h, output_w) = dy.dim();
        let (pixels, windows) = (height * width, output_h * output_w);
        let dy = dy.as_standard_layout();
        let dys = dy.as_slice().expect(STANDARD).par_chunks_exact(channels * windows);
        let maxima = cache.at_maximum.as_slice().expect(STANDARD).par_chunks_exact(channels * windows);

        // y = a at the maxima, a = max(γ x̂ + β, 0)
        let mut at_maximum = Fresh::new(batch * channels * windows);
        let sums: Vec<Vec<(F, F)>> = (dys, maxima, at_maximum.pieces(channels * windows))
            .into_par_iter()
            .map(|(dy, x, dx)| {
                let planes = dy.chunks_exact(windows).zip(x.chunks_exact(windows)).zip(dx.chunks_exact_mut(windows));
                planes.enumerate().map(|(c, ((dy, x), dx))| cache.activation.backward(c, x, dy, dx)).collect()
            })
            .collect();
        let at_maximum: Array4<F> = at_maximum.finish(cache.at_maximum.dim());
        let (mut dgamma, mut dbeta) = (Array1::zeros(channels), Array1::zeros(channels));
        for (c, (of_gamma, of_beta)) in sums.into_iter().flat_map(|image| image.into_iter().enumerate()) {
            dgamma[c] += of_gamma;
            dbeta[c] += of_beta;
        }

        // x̂ = (x − μ) / √(s² + ε)
        let mut term = cache.term.clone();
        if let Some(term) = &mut term {
            term.add(&cache.activation, dgamma.view(), dbeta.view(), batch * pixels);
        }
        let images = cache.x.as_slice().expect(STANDARD).par_chunks_exact(channels * pixels);
        let maxima = at_maximum.as_slice().expect(STANDARD).par_chunks_exact(channels * windows);
        let places = cache.place.as_slice().expect(STANDARD).par_chunks_exact(channels * windows);
        let mut dx = Fresh::new(cache.x.len());
        (dx.pieces(channels * pixels), images, maxima, places).into_par_iter().for_each(|(dx, x, maxima, places)| {
            if let Some(term) = &term {
                term.subtract_from_image(dx, 0, x, pixels);
            }
            let windows = maxima.chunks_exact(windows).zip(places.chunks_exact(windows));
            for (dx, (maxima, places)) in dx.chunks_exact_mut(pixels).zip(windows) {
                put_back(dx, width, maxima, places, output_w);
            }
        });
        Gradients { dx: dx.finish(cache.x.dim()), dgamma, dbeta }
    }
}

const STANDARD: &str = "brought into standard layout";

/// The forward of one image.
struct Forward<'a, F> {
    activation: &'a Activation<F>,
    /// (H, W).
    size: [usize; 2],
    x: &'a [F],
    y: &'a mut [F],
    at_maximum: &'a mut [F],
    place: &'a mut [u8],
    /// The even and the odd columns.
    scratch: &'a mut [Vec<F>; 2],
}

impl<F: Real> Kernel<F> for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let [height, width] = self.size;
        let (output_h, output_w) = (height / 2, width / 2);
        let windows = output_h * output_w;
        // The even and the odd columns, each of which a window has one of.
        let [even, odd] = self.scratch;
        for columns in [&mut *even, &mut *odd] {
            columns.resize(height * output_w + MAX_LANES, F::zero());
        }
        for (c, x) in self.x.chunks_exact(height * width).enumerate() {
            // Rows of an even width follow one another without a gap: one long row.
            let row_len = if width % 2 == 0 { x.len() } else { width };
            let rows = even.chunks_exact_mut(row_len / 2).zip(odd.chunks_exact_mut(row_len / 2));
            for (x, (even, odd)) in x.chunks_exact(row_len).zip(rows) {
                for (x, (even, odd)) in x.chunks_exact(2).zip(even.iter_mut().zip(odd)) {
                    (*even, *odd) = (x[0], x[1]);
                }
            }
            let value = self.activation.value(c);
            for p in 0..output_h {
                for q in (0..output_w).step_by(MAX_LANES) {
                    let (top, bottom) = (2 * p * output_w + q, (2 * p + 1) * output_w + q);
                    let elements = [&even[top..], &odd[top..], &even[bottom..], &odd[bottom..]];
                    let (maxima, x, places) = maxima(elements, &value);
                    // What reaches beyond a row, the next row overwrites, or the next channel.
                    let at = c * windows + p * output_w + q;
                    put(&maxima, &mut self.y[at..]);
                    put(&x, &mut self.at_maximum[at..]);
                    put(&places, &mut self.place[at..]);
                }
            }
        }
    }
}

/// Of [`MAX_LANES`] windows, whose elements in row-major order are given: the first maximum, x there and its place.
#[inline(always)]
fn maxima<F: Real>(x: [&[F]; 4], value: impl Fn(F) -> F) -> ([F; MAX_LANES], [F; MAX_LANES], [u8; MAX_LANES]) {
    let x = x.map(|x| &x[..MAX_LANES]);
    let [mut maxima, mut at_maximum] = [[F::zero(); MAX_LANES]; 2];
    let mut places = [0; MAX_LANES];
    for i in 0..MAX_LANES {
        let element = |place: u8| {
            let x = x[usize::from(place)][i];
            (value(x), x, place)
        };
        (maxima[i], at_maximum[i], places[i]) = later(later(later(element(0), element(1)), element(2)), element(3));
    }
    (maxima, at_maximum, places)
}

/// The maximum, x there and its place, of one and of one that comes later.
#[inline(always)]
fn later<F: Real>(first: (F, F, u8), second: (F, F, u8)) -> (F, F, u8) {
    let replaces = exceeds(second.0, first.0);
    let (a, x) = (if replaces { second.0 } else { first.0 }, if replaces { second.1 } else { first.1 });
    (a, x, if replaces { second.2 } else { first.2 })
}

/// As many of the first as there is room for.
#[inline(always)]
fn put<T: Copy>(from: &[T; MAX_LANES], to: &mut [T]) {
    match to.first_chunk_mut() {
        Some(to) => *to = *from,
        None => to.copy_from_slice(&from[..to.len()]),
    }
}

/// Adds the gradient at the maximum of each window to that of the plane, whose rows are `width` long.
fn put_back<F: Real>(dx: &mut [F], width: usize, maxima: &[F], places: &[u8], output_w: usize) {
    let rows = maxima.chunks_exact(output_w).zip(places.chunks_exact(output_w));
    for (dx, (maxima, places)) in dx.chunks_exact_mut(2 * width).zip(rows) {
        for (q, (maximum, place)) in maxima.iter().zip(places).enumerate() {
            let place = usize::from(*place);
            dx[place / 2 * width + 2 * q + place % 2] += *maximum;
        }
    }
}
