//! The weight gradient with positions in the lanes.
//!
//! A vector holds several positions: the pixels that an element k reads there, or dm or dv of a channel o, in rows that
//! are padded with zeros to whole segments. A tile is a few channels o by as many k as the registers hold, for dθ or
//! for dσ². Each of its sums is a vector, whose lanes are added up after all images.

use super::{Collect, WeightGradient};
use crate::kernels::conv::layout::{Layout, blocks};
use crate::scalar::{Real, RealVector};
use crate::simd::{Lane, MAX_LANES, Vector};
use crate::tensor::aligned::Aligned;
use crate::tensor::tiles::{by_size, tiles_up_to};

/// The most vectors of positions taken together: dm or dv of a tile stays in the nearest cache.
const TOGETHER: usize = 40;
/// The most elements of the kernel in a tile.
const ELEMENTS: usize = 6;

/// The number of sums of a tile, a vector for each of its channels and elements: they fill the registers that the
/// operands leave free.
const fn sums_at_once<V: Vector>() -> usize {
    if V::REGISTERS >= 32 { 24 } else { 12 }
}

/// The most output channels of a tile.
const fn channels_at_once<V: Vector>() -> usize {
    if V::REGISTERS >= 32 { 8 } else { 6 }
}

/// Buffers that are reused for one layout.
#[derive(Default)]
pub(super) struct PositionBuffers<F> {
    laid_out: Aligned<F>,
    outputs: Aligned<F>,
}

/// The cost of a position, in products of vectors: two for each output channel and k, and the loading and squaring of
/// x.
pub(super) fn cost<V: Vector>(layout: &Layout) -> usize {
    let products = layout.fan_in * 2 * layout.channels_out;
    let loads = products / channels_at_once::<V>();
    ((products + loads) * layout.row).div_ceil(V::LANES * layout.output[1].max(1))
}

/// Adds the products of these images to the sums of dθ, then to those of dσ² (O/groups, K). Each sum is a vector. The
/// number of sums of dθ, and of those of dσ², is rounded up to a multiple of the lanes.
#[inline(always)]
pub(super) fn add<V: RealVector>(gradient: WeightGradient<'_, V::Element>) {
    let WeightGradient { layout, images, dm, dv, sums, buffers } = gradient;
    let PositionBuffers { laid_out, outputs } = &mut buffers.positions;
    let zero = V::Element::of(0.0);
    let channels = layout.channels_out;
    let len = (channels * layout.fan_in).next_multiple_of(V::LANES);
    sums.resize(2 * len * V::LANES, zero);
    let segments = layout.segments::<V>(0..layout.output[0]);
    let vectors = segments.len() / V::SEGMENTS;
    let together = (TOGETHER / vectors.max(1)).clamp(1, images.len().max(1));
    let (image_len, plane) = (layout.image_len(layout.image[0]), vectors * V::LANES);
    let starts = (0..together).flat_map(|i| segments.iter().map(move |start| (i * image_len) as u32 + start));
    let starts: Vec<u32> = starts.collect();
    laid_out.resize(together * image_len, zero);
    outputs.resize(channels * together * plane, zero);
    for first in (0..images.len()).step_by(together) {
        let some = first..images.len().min(first + together);
        for (image, laid_out) in images[some.clone()].iter().zip(laid_out.chunks_exact_mut(image_len)) {
            image.lay_out(layout, (0, layout.image[0]), laid_out);
        }
        let starts = &starts[..some.len() * segments.len()];
        for ((from, squared), sums) in [(dm, false), (dv, true)].into_iter().zip(sums.chunks_exact_mut(len * V::LANES))
        {
            let Some(from) = from.get(some.clone()) else { continue };
            for (i, from) in from.iter().enumerate() {
                let to = outputs.chunks_exact_mut(plane).skip(i).step_by(together);
                from.chunks_exact(layout.positions()).zip(to).for_each(|(from, to)| layout.with_ends(from, to));
            }
            let products = TileProducts { layout, starts, x: laid_out, outputs, stride: together * plane };
            for (first, size) in tiles_up_to(channels_at_once::<V>(), channels) {
                by_size!(size, channels_at_once::<V>(), N => if squared {
                    products.add::<V, N, true>(first, sums);
                } else {
                    products.add::<V, N, false>(first, sums);
                });
            }
        }
    }
}

/// Returns each sum, added up over the lanes of its vector.
#[inline(always)]
pub(super) fn add_up<V: RealVector>(sums: &[V::Element]) -> Aligned<V::Element> {
    let mut added_up = Aligned::default();
    added_up.resize(sums.len() / V::LANES, V::Element::of(0.0));
    for (added_up, sums) in added_up.chunks_exact_mut(V::LANES).zip(sums.chunks_exact(V::LANES * V::LANES)) {
        let mut square = [V::zero(); MAX_LANES];
        square.iter_mut().zip(sums.chunks_exact(V::LANES)).for_each(|(lanes, sums)| *lanes = V::load(sums));
        V::transpose(&mut square);
        square[..V::LANES].iter().fold(V::zero(), |sum, lane| sum.add(*lane)).store(added_up);
    }
    added_up
}

/// The products of a few images: of x and dm, or of x² and dv.
struct TileProducts<'a, F> {
    layout: &'a Layout,
    /// The element of x at which each segment begins: [`Layout::segments`] of each image.
    starts: &'a [u32],
    /// The images, laid out.
    x: &'a [F],
    /// dm or dv of each channel (O/groups, `stride`), in the order of the segments, 0 beyond the ends of rows.
    outputs: &'a [F],
    stride: usize,
}

impl<F: Real> TileProducts<'_, F> {
    /// Adds the products of N channels from `first` on to the sums (O/groups, K), a vector each.
    #[inline(always)]
    fn add<V: Vector<Element = F>, const N: usize, const SQUARED: bool>(&self, first: usize, sums: &mut [F]) {
        let fan_in = self.layout.fan_in;
        let elements = (sums_at_once::<V>() / N).min(ELEMENTS);
        for (start, size) in blocks(self.starts.len() / V::SEGMENTS, TOGETHER) {
            let starts = &self.starts[start * V::SEGMENTS..][..size * V::SEGMENTS];
            let outputs: [&[F]; N] = std::array::from_fn(|n| {
                &self.outputs[(first + n) * self.stride + start * V::LANES..][..size * V::LANES]
            });
            for k in (0..fan_in).step_by(elements) {
                // Beyond the last k, the products of the last k are formed again, and dropped.
                let pixels: [&[F]; ELEMENTS] =
                    std::array::from_fn(|j| &self.x[self.layout.offsets[(k + j).min(fan_in - 1)] as usize..]);
                let mut tile = [[V::zero(); ELEMENTS]; N];
                for (i, starts) in starts.chunks_exact(V::SEGMENTS).enumerate() {
                    let mut x = [V::zero(); ELEMENTS];
                    for j in 0..elements {
                        x[j] = V::load_segments(pixels[j], 0, starts);
                        if SQUARED {
                            x[j] = x[j].mul(x[j]);
                        }
                    }
                    for n in 0..N {
                        let output = V::load(&outputs[n][i * V::LANES..]);
                        for j in 0..elements {
                            tile[n][j] = x[j].mul_add(output, tile[n][j]);
                        }
                    }
                }
                for n in 0..N {
                    let sums = sums[((first + n) * fan_in + k) * V::LANES..].chunks_exact_mut(V::LANES);
                    for (sum, more) in sums.take(elements.min(fan_in - k)).zip(tile[n]) {
                        V::load(sum).add(more).store(sum);
                    }
                }
            }
        }
    }
}

/// Copies the sums, which are in the order of θ.
pub(super) fn collect<F: Real>(collect: Collect<'_, F>) {
    let Collect { sums, dtheta, dsigma2, .. } = collect;
    let (of_theta, of_sigma2) = sums.split_at(sums.len() / 2);
    dtheta.copy_from_slice(&of_theta[..dtheta.len()]);
    if let Some(dsigma2) = dsigma2 {
        dsigma2.copy_from_slice(&of_sigma2[..dsigma2.len()]);
    }
}
