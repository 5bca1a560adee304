//! The forward of one image: of each two neighbours in a row the first maximum, then of each two such pairs.

use super::row_of_pairs;
use crate::layers::max_pool::exceeds;
use crate::layers::pre_activation::Activation;
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, MAX_LANES, Vector};

/// Of each pair of neighbours in a row of one channel (H, ⌊W/2⌋), the first maximum; a vector may begin at the last.
#[derive(Default)]
pub(super) struct PairMaxima<F> {
    x: Vec<F>,
    /// Which of the two that is, 0 or 1.
    place: Vec<u8>,
}

/// The forward of one image.
pub(super) struct Forward<'a, F> {
    pub activation: &'a Activation<F>,
    /// (H, W).
    pub size: [usize; 2],
    pub x: &'a [F],
    pub y: &'a mut [F],
    pub at_maximum: &'a mut [F],
    pub place: &'a mut [u8],
    pub scratch: &'a mut PairMaxima<F>,
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
