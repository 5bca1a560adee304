//! The forward of one image: first the maximum of each pair of neighbours in a row, then the maximum of each pair and
//! the pair below it; of equal values the first counts.

use super::row_of_pairs;
use crate::kernels::activation::Activation;
use crate::scalar::Real;
use crate::scalar::real::exceeds;
use crate::simd::{Kernel, MAX_LANES, Vector};
use crate::tensor::fresh::FreshChunk;

/// Memory for one channel's maxima, kept from one image to the next. A vector may begin at the last element of each
/// buffer.
#[derive(Default)]
pub(super) struct ChannelMaxima<F> {
    /// x at the first maximum of each pair of neighbours in a row (H, ⌊W/2⌋).
    pairs: Vec<F>,
    /// Which of the two neighbours has the first maximum, 0 or 1.
    pair_places: Vec<u8>,
    /// For each window: y, x at the maximum, and the place of the maximum.
    y: Vec<F>,
    at_maximum: Vec<F>,
    place: Vec<u8>,
}

/// The forward of one image.
pub(super) struct Forward<'a, F> {
    pub activation: &'a Activation<F>,
    /// (H, W).
    pub size: [usize; 2],
    pub x: &'a [F],
    pub y: FreshChunk<'a, F>,
    pub at_maximum: FreshChunk<'a, F>,
    pub place: FreshChunk<'a, u8>,
    pub buffers: &'a mut ChannelMaxima<F>,
}

impl<F: Real> Kernel<F> for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        let [height, width] = self.size;
        let (output_h, output_w) = (height / 2, width / 2);
        let windows = output_h * output_w;
        let ChannelMaxima { pairs, pair_places, y, at_maximum, place } = self.buffers;
        pairs.resize(height * output_w + MAX_LANES, F::zero());
        pair_places.resize(height * output_w + MAX_LANES, 0);
        [&mut *y, &mut *at_maximum].into_iter().for_each(|of| of.resize(windows + MAX_LANES, F::zero()));
        place.resize(windows + MAX_LANES, 0);
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
                    let maxima = maxima(
                        [&pairs[upper..], &pairs[lower..]],
                        [&pair_places[upper..], &pair_places[lower..]],
                        &value,
                    );
                    // The values beyond the end of a row are overwritten by the next row.
                    let at = p * output_w + q..p * output_w + q + MAX_LANES;
                    y[at.clone()].copy_from_slice(&maxima.0);
                    at_maximum[at.clone()].copy_from_slice(&maxima.1);
                    place[at].copy_from_slice(&maxima.2);
                }
            }
            self.y.append(y[..windows].iter().copied());
            self.at_maximum.append(at_maximum[..windows].iter().copied());
            self.place.append(place[..windows].iter().copied());
        }
    }
}

/// The first maximum of each of [`MAX_LANES`] windows, x there and its place. The arguments are x at the first maximum
/// of the window's upper and lower pair, and the place of each maximum in its pair.
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
