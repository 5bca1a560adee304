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
use super::bayes_conv2d::OutputGradient;
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
use std::ops::Range;

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
        let pieces = (images, y.pieces(image), at_maximum.pieces(image), place.pieces(image)).into_par_iter();
        pieces.for_each_init(
            || scratches.take(),
            |scratch, (x, y, at_maximum, place)| {
                let size = [height, width];
                F::vectorize(Forward { activation: &activation, size, x, y, at_maximum, place, scratch });
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
        let (dx, dgamma, dbeta) = self.backward_to(cache, dy);
        Gradients { dx: dx.form(), dgamma, dbeta }
    }

    /// The gradient, from `dy`: dx still to be formed, dγ and dβ.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward_to<'c>(
        &self,
        cache: &'c Cache<F>,
        dy: ArrayView4<'_, F>,
    ) -> (InputGradient<'c, F>, Array1<F>, Array1<F>) {
        assert_eq!(dy.dim(), cache.at_maximum.dim(), "dy has y's shape");
        let (batch, channels, height, width) = cache.x.dim();
        let (_, _, output_h, output_w) = dy.dim();
        let windows = output_h * output_w;
        let dy = dy.as_standard_layout();
        let dys = dy.as_slice().expect(STANDARD).par_chunks_exact(channels * windows);
        let maxima = cache.at_maximum.as_slice().expect(STANDARD).par_chunks_exact(channels * windows);

        // y = a at the maxima, a = max(γ x̂ + β, 0)
        let mut at_maximum = Fresh::new(batch * channels * windows);
        let sums: Vec<Vec<(F, F)>> = (dys, maxima, at_maximum.pieces(channels * windows))
            .into_par_iter()
            .map(|(dy, x, dx)| F::vectorize(ActivationBackward { activation: &cache.activation, windows, x, dy, dx }))
            .collect();
        let (mut dgamma, mut dbeta) = (Array1::zeros(channels), Array1::zeros(channels));
        for (c, (of_gamma, of_beta)) in sums.into_iter().flat_map(|image| image.into_iter().enumerate()) {
            dgamma[c] += of_gamma;
            dbeta[c] += of_beta;
        }

        // x̂ = (x − μ) / √(s² + ε)
        let mut term = cache.term.clone();
        if let Some(term) = &mut term {
            term.add(&cache.activation, dgamma.view(), dbeta.view(), batch * height * width);
        }
        let at_maximum = at_maximum.finish(cache.at_maximum.dim());
        (InputGradient { cache, at_maximum, term, scratches: Spares::default() }, dgamma, dbeta)
    }
}

/// dx, to be formed at once or by a convolution before, a few images at a time: the largest gradient of a network, of which
/// three quarters depend on x alone, then never leaves the cache.
pub struct InputGradient<'a, F> {
    cache: &'a Cache<F>,
    /// dx at the maximum of each window, with μ and s² held.
    at_maximum: Array4<F>,
    term: Option<BatchTerm<F>>,
    scratches: Spares<PairGradients<F>>,
}

impl<F: Real> InputGradient<'_, F> {
    /// dx (B, C, H, W).
    pub fn form(&self) -> Array4<F> {
        let (_, channels, height, width) = self.cache.x.dim();
        let mut dx = Fresh::new(self.cache.x.len());
        let images = dx.pieces(channels * height * width).enumerate();
        images.for_each_init(|| self.scratches.take(), |scratch, (i, dx)| self.form_image(i, dx, scratch));
        dx.finish(self.cache.x.dim())
    }

    fn form_image(&self, i: usize, dx: &mut [F], scratch: &mut PairGradients<F>) {
        let (_, _, height, width) = self.cache.x.dim();
        let windows = self.at_maximum.len() / self.cache.x.dim().0;
        let x = &self.cache.x.as_slice().expect(STANDARD)[i * dx.len()..][..dx.len()];
        let maxima = &self.at_maximum.as_slice().expect(STANDARD)[i * windows..][..windows];
        let places = &self.cache.place.as_slice().expect(STANDARD)[i * windows..][..windows];
        F::vectorize(PutBack { term: self.term.as_ref(), size: [height, width], x, maxima, places, dx, scratch });
    }
}

impl<F: Real> OutputGradient<F> for InputGradient<'_, F> {
    fn dim(&self) -> (usize, usize, usize, usize) {
        self.cache.x.dim()
    }

    fn images<'a>(&'a self, images: Range<usize>, room: &'a mut Vec<F>) -> &'a [F] {
        let image = self.cache.x.len() / self.cache.x.dim().0;
        room.resize(images.len() * image, F::zero());
        let mut scratch = self.scratches.take();
        images.zip(room.chunks_exact_mut(image)).for_each(|(i, dx)| self.form_image(i, dx, &mut scratch));
        room
    }
}

const STANDARD: &str = "brought into standard layout";

/// Of each pair of neighbours in a row of one channel (H, ⌊W/2⌋), the first maximum; a vector may begin at the last.
#[derive(Default)]
struct PairMaxima<F> {
    x: Vec<F>,
    /// Which of the two that is, 0 or 1.
    place: Vec<u8>,
}

/// The columns of a row and its pairs: rows of an even width follow one another without a gap, and are one long row.
fn row_of_pairs([height, width]: [usize; 2]) -> (usize, usize) {
    if width % 2 == 0 { (height * width, height * width / 2) } else { (width, width / 2) }
}

/// The forward of one image.
struct Forward<'a, F> {
    activation: &'a Activation<F>,
    /// (H, W).
    size: [usize; 2],
    x: &'a [F],
    y: &'a mut [F],
    at_maximum: &'a mut [F],
    place: &'a mut [u8],
    scratch: &'a mut PairMaxima<F>,
}

impl<F: Real> Kernel<F> for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let [height, width] = self.size;
        let (output_h, output_w) = (height / 2, width / 2);
        let PairMaxima { x: pairs, place: pair_places } = self.scratch;
        pairs.resize(height * output_w + MAX_LANES, F::zero());
        pair_places.resize(height * output_w + MAX_LANES, 0);
        let (row, row_pairs) = row_of_pairs(self.size);
        for (c, x) in self.x.chunks_exact(height * width).enumerate() {
            let value = self.activation.value(c);
            let rows = pairs.chunks_exact_mut(row_pairs).zip(pair_places.chunks_exact_mut(row_pairs));
            for (x, (pairs, places)) in x.chunks_exact(row).zip(rows) {
                for (x, (pair, place)) in x.chunks_exact(2).zip(pairs.iter_mut().zip(places)) {
                    let second = exceeds(value(x[1]), value(x[0]));
                    (*pair, *place) = (if second { x[1] } else { x[0] }, u8::from(second));
                }
            }
            for p in 0..output_h {
                for q in (0..output_w).step_by(MAX_LANES) {
                    let (upper, lower) = (2 * p * output_w + q, (2 * p + 1) * output_w + q);
                    let (maxima, x, places) = maxima(
                        [&pairs[upper..], &pairs[lower..]],
                        [&pair_places[upper..], &pair_places[lower..]],
                        &value,
                    );
                    // What reaches beyond a row, the next row overwrites, or the next channel.
                    let at = (c * output_h + p) * output_w + q;
                    put(&maxima, &mut self.y[at..]);
                    put(&x, &mut self.at_maximum[at..]);
                    put(&places, &mut self.place[at..]);
                }
            }
        }
    }
}

/// Of [`MAX_LANES`] windows: the first maximum, x there and its place, from x at the first maximum of the upper and of the lower
/// pair, and which of the two that is.
#[inline(always)]
fn maxima<F: Real>(
    [upper, lower]: [&[F]; 2],
    [upper_place, lower_place]: [&[u8]; 2],
    value: impl Fn(F) -> F,
) -> ([F; MAX_LANES], [F; MAX_LANES], [u8; MAX_LANES]) {
    let [upper, lower] = [&upper[..MAX_LANES], &lower[..MAX_LANES]];
    let [upper_place, lower_place] = [&upper_place[..MAX_LANES], &lower_place[..MAX_LANES]];
    let [mut maxima, mut at_maximum] = [[F::zero(); MAX_LANES]; 2];
    let mut places = [0; MAX_LANES];
    for i in 0..MAX_LANES {
        let (first, second) = (value(upper[i]), value(lower[i]));
        let replaces = exceeds(second, first);
        maxima[i] = if replaces { second } else { first };
        at_maximum[i] = if replaces { lower[i] } else { upper[i] };
        places[i] = if replaces { 2 + lower_place[i] } else { upper_place[i] };
    }
    (maxima, at_maximum, places)
}

/// As many of the first as there is room for.
#[inline(always)]
fn put<T: Copy>(from: &[T; MAX_LANES], to: &mut [T]) {
    match to.first_chunk_mut() {
        Some(to) => *to = *from,
        None => put_part(from, to),
    }
}

/// [`put`] at the end of an image: apart, lest the compiler makes one copy of a length that varies of the two.
#[cold]
#[inline(never)]
fn put_part<T: Copy>(from: &[T; MAX_LANES], to: &mut [T]) {
    to.copy_from_slice(&from[..to.len()]);
}

/// The backward of the activation of one image at the maxima: dx there, with μ and s² held, and (dγ, dβ) of each channel.
struct ActivationBackward<'a, F> {
    activation: &'a Activation<F>,
    /// Windows of a channel.
    windows: usize,
    x: &'a [F],
    dy: &'a [F],
    /// Added to.
    dx: &'a mut [F],
}

impl<F: Real> Kernel<F> for ActivationBackward<'_, F> {
    type Output = Vec<(F, F)>;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> Vec<(F, F)> {
        let Self { activation, windows, x, dy, dx } = self;
        let channels = x.chunks_exact(windows).zip(dy.chunks_exact(windows)).zip(dx.chunks_exact_mut(windows));
        let mut sums = Vec::with_capacity(activation.channels());
        for (c, ((x, dy), dx)) in channels.enumerate() {
            sums.push(activation.backward(c, x, dy, dx).run::<V>());
        }
        sums
    }
}

/// The gradient in one image, from that at the maxima.
struct PutBack<'a, F> {
    term: Option<&'a BatchTerm<F>>,
    /// (H, W).
    size: [usize; 2],
    x: &'a [F],
    maxima: &'a [F],
    places: &'a [u8],
    dx: &'a mut [F],
    scratch: &'a mut PairGradients<F>,
}

/// The gradient at the maxima of one channel, element by element.
#[derive(Default)]
struct PairGradients<F> {
    /// Of each window; a vector may begin at the last, here and below.
    maxima: Vec<F>,
    /// Which element that is of.
    places: Vec<F>,
    /// In the first and in the second of each pair of neighbours in a row (H, ⌊W/2⌋).
    pairs: [Vec<F>; 2],
}

impl<F: Real> Kernel<F> for PutBack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let Self { term, size, x, maxima, places, dx, scratch } = self;
        let [height, width] = size;
        let (output_w, windows) = (width / 2, height / 2 * (width / 2));
        scratch.maxima.resize(windows + MAX_LANES, F::zero());
        scratch.places.resize(windows + MAX_LANES, F::zero());
        scratch.pairs.iter_mut().for_each(|pairs| pairs.resize(height * output_w + MAX_LANES, F::zero()));
        let (row, row_pairs) = row_of_pairs(size);
        let channels = maxima.chunks_exact(windows).zip(places.chunks_exact(windows));
        let channels = channels.zip(x.chunks_exact(height * width).zip(dx.chunks_exact_mut(height * width)));
        for (c, ((maxima, places), (x, dx))) in channels.enumerate() {
            scratch.maxima[..windows].copy_from_slice(maxima);
            scratch.places.iter_mut().zip(places).for_each(|(to, place)| *to = F::of(f64::from(*place)));
            let [first, second] = &mut scratch.pairs;
            for p in 0..height / 2 {
                for (row, places) in [(2 * p, [0.0, 1.0]), (2 * p + 1, [2.0, 3.0])] {
                    for (pairs, place) in [&mut *first, &mut *second].into_iter().zip(places) {
                        for q in (0..output_w).step_by(V::LANES) {
                            let window = p * output_w + q;
                            // What reaches beyond a row, the next row overwrites.
                            let [maxima, places] = [&scratch.maxima, &scratch.places].map(|of| V::load(&of[window..]));
                            at_place(maxima, places, place).store(&mut pairs[row * output_w + q..]);
                        }
                    }
                }
            }
            // The last row of an odd height is in no window.
            [&mut *first, &mut *second].into_iter().for_each(|pairs| pairs[2 * windows..].fill(F::zero()));
            let term = term.map(|term| term.value(c));
            let held = |x: F| term.as_ref().map_or(F::zero(), |term| -term(x));
            let rows = first.chunks_exact(row_pairs).zip(second.chunks_exact(row_pairs));
            for ((x, dx), (first, second)) in x.chunks_exact(row).zip(dx.chunks_exact_mut(row)).zip(rows) {
                let pairs = x.chunks_exact(2).zip(dx.chunks_exact_mut(2)).zip(first.iter().zip(second));
                for ((x, dx), (first, second)) in pairs {
                    (dx[0], dx[1]) = (held(x[0]) + *first, held(x[1]) + *second);
                }
                // The last column of an odd width is in no pair.
                dx[2 * row_pairs..].iter_mut().zip(&x[2 * row_pairs..]).for_each(|(dx, x)| *dx = held(*x));
            }
        }
    }
}

/// Those of some gradients that belong to elements in one place of their windows, else 0.
#[inline(always)]
fn at_place<V: Vector>(gradients: V, places: V, place: f64) -> V {
    let distance = places.sub(V::splat(V::Element::of(place)));
    gradients.where_positive(V::splat(V::Element::of(0.5)).sub(distance.mul(distance)), V::zero())
}
