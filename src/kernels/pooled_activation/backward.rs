//! The backward: first the gradient at the maxima, with its sums dγ and dβ; then dx everywhere, image by image.

use super::{Cache, row_of_pairs};
use crate::arrays::STANDARD;
use crate::kernels::activation::{Activation, BatchTerm};
use crate::kernels::conv::OutputGradient;
use crate::scalar::Real;
use crate::simd::{Kernel, Lane, MAX_LANES, Vector};
use crate::spares::Spares;
use crate::tensor::aligned::Aligned;
use crate::tensor::fresh::Fresh;
use ndarray::Array4;
use rayon::prelude::*;
use std::ops::Range;

/// dx, which is formed as a whole, or a few images at a time by the backward of the preceding convolution. It is the
/// largest gradient of a network, and three quarters of it depend on x alone; formed a few images at a time, it never
/// leaves the cache.
pub struct DeferredGradient<'a, F> {
    pub(super) cache: &'a Cache<F>,
    /// dx at the maximum of each window, with μ and s² held constant.
    pub(super) at_maximum: Array4<F>,
    pub(super) term: Option<BatchTerm<F>>,
    pub(super) spares: Spares<PairGradients<F>>,
}

impl<F: Real> DeferredGradient<'_, F> {
    /// dx (B, C, H, W).
    pub fn form(&self) -> Array4<F> {
        let (_, channels, height, width) = self.cache.x.dim();
        let mut dx = Fresh::new(self.cache.x.len());
        let images = dx.chunks(channels * height * width).enumerate();
        images.for_each_init(|| self.spares.take(), |buffers, (i, dx)| self.form_image(i, dx.zeros(), buffers));
        dx.finish(self.cache.x.dim())
    }

    fn form_image(&self, i: usize, dx: &mut [F], buffers: &mut PairGradients<F>) {
        let (_, _, height, width) = self.cache.x.dim();
        let windows = self.at_maximum.len() / self.cache.x.dim().0;
        let x = &self.cache.x.as_slice().expect(STANDARD)[i * dx.len()..][..dx.len()];
        let maxima = &self.at_maximum.as_slice().expect(STANDARD)[i * windows..][..windows];
        let places = &self.cache.place.as_slice().expect(STANDARD)[i * windows..][..windows];
        F::vectorize(PutBack { term: self.term.as_ref(), size: [height, width], x, maxima, places, dx, buffers });
    }
}

impl<F: Real> OutputGradient<F> for DeferredGradient<'_, F> {
    fn dim(&self) -> (usize, usize, usize, usize) {
        self.cache.x.dim()
    }

    fn images<'a>(&'a self, images: Range<usize>, room: &'a mut Aligned<F>) -> &'a [F] {
        let image = self.cache.x.len() / self.cache.x.dim().0;
        room.resize(images.len() * image, F::zero());
        let mut buffers = self.spares.take();
        images.zip(room.chunks_exact_mut(image)).for_each(|(i, dx)| self.form_image(i, dx, &mut buffers));
        room
    }
}

/// The backward of the activation of one image at the maxima: dx there, with μ and s² held constant, and (dγ, dβ) of
/// each channel.
pub(super) struct ActivationBackward<'a, F> {
    pub activation: &'a Activation<F>,
    /// The number of windows of a channel.
    pub windows: usize,
    pub x: &'a [F],
    pub dy: &'a [F],
    /// The gradient, added to; dx at the maxima.
    pub dx: &'a mut [F],
}

impl<F: Real> Kernel<F> for ActivationBackward<'_, F> {
    type Output = Vec<(f64, f64)>;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> Vec<(f64, f64)> {
        let Self { activation, windows, x, dy, dx } = self;
        let channels = x.chunks_exact(windows).zip(dy.chunks_exact(windows)).zip(dx.chunks_exact_mut(windows));
        let mut sums = Vec::with_capacity(activation.channels());
        for (c, ((x, dy), dx)) in channels.enumerate() {
            sums.push(activation.backward(c, x, dy, dx).run::<V>());
        }
        sums
    }
}

/// Forms dx of one image from the gradient at its maxima.
struct PutBack<'a, F> {
    term: Option<&'a BatchTerm<F>>,
    /// (H, W).
    size: [usize; 2],
    x: &'a [F],
    maxima: &'a [F],
    places: &'a [u8],
    dx: &'a mut [F],
    buffers: &'a mut PairGradients<F>,
}

/// The gradient of one channel, at the maxima and in each element of a pair.
#[derive(Default)]
pub(super) struct PairGradients<F> {
    /// The gradient at the maximum of each window. A vector may be loaded from the last element of this buffer and of
    /// those below.
    maxima: Vec<F>,
    /// The place of each maximum in its window.
    places: Vec<F>,
    /// The gradient in the first and in the second element of each pair of neighbours in a row (H, ⌊W/2⌋).
    pairs: [Vec<F>; 2],
}

impl<F: Real> Kernel<F> for PutBack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let Self { term, size, x, maxima, places, dx, buffers } = self;
        let [height, width] = size;
        let (output_w, windows) = (width / 2, height / 2 * (width / 2));
        buffers.maxima.resize(windows + MAX_LANES, F::zero());
        buffers.places.resize(windows + MAX_LANES, F::zero());
        buffers.pairs.iter_mut().for_each(|pairs| pairs.resize(height * output_w + MAX_LANES, F::zero()));
        let (row, row_pairs) = row_of_pairs(size);
        let channels = maxima.chunks_exact(windows).zip(places.chunks_exact(windows));
        let channels = channels.zip(x.chunks_exact(height * width).zip(dx.chunks_exact_mut(height * width)));
        for (c, ((maxima, places), (x, dx))) in channels.enumerate() {
            buffers.maxima[..windows].copy_from_slice(maxima);
            buffers.places.iter_mut().zip(places).for_each(|(to, place)| *to = F::of(f64::from(*place)));
            let [first, second] = &mut buffers.pairs;
            for p in 0..height / 2 {
                for (row, places) in [(2 * p, [0.0, 1.0]), (2 * p + 1, [2.0, 3.0])] {
                    for (pairs, place) in [&mut *first, &mut *second].into_iter().zip(places) {
                        for q in (0..output_w).step_by(V::LANES) {
                            let window = p * output_w + q;
                            // The values beyond the end of a row are overwritten by the next row.
                            let [maxima, places] = [&buffers.maxima, &buffers.places].map(|of| V::load(&of[window..]));
                            at_place(maxima, places, place).store(&mut pairs[row * output_w + q..]);
                        }
                    }
                }
            }
            // The last row of an odd height is in no window.
            if height % 2 == 1 {
                [&mut *first, &mut *second].into_iter().for_each(|pairs| pairs[2 * windows..].fill(F::zero()));
            }
            let term = term.map(|term| term.value(c));
            let through_statistics = |x: F| term.as_ref().map_or(F::zero(), |term| -term(x));
            let rows = first.chunks_exact(row_pairs).zip(second.chunks_exact(row_pairs));
            for ((x, dx), (first, second)) in x.chunks_exact(row).zip(dx.chunks_exact_mut(row)).zip(rows) {
                let pairs = x.chunks_exact(2).zip(dx.chunks_exact_mut(2)).zip(first.iter().zip(second));
                for ((x, dx), (first, second)) in pairs {
                    (dx[0], dx[1]) = (through_statistics(x[0]) + *first, through_statistics(x[1]) + *second);
                }
                // The last column of an odd width is in no pair.
                dx[2 * row_pairs..]
                    .iter_mut()
                    .zip(&x[2 * row_pairs..])
                    .for_each(|(dx, x)| *dx = through_statistics(*x));
            }
        }
    }
}

/// The gradients whose maxima have this place in their windows, 0 in the other lanes.
#[inline(always)]
fn at_place<V: Vector>(gradients: V, places: V, place: f64) -> V {
    let distance = places.sub(V::splat(V::Element::of(place)));
    gradients.where_positive(V::splat(V::Element::of(0.5)).sub(distance.mul(distance)), V::zero())
}
