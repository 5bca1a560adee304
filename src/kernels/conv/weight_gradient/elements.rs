//! The weight gradient with elements of the kernel in the lanes.
//!
//! A vector holds the pixels that several elements k read at one position; [`PatchLayout`] describes how these pixels
//! are stored side by side. dm and dv of a position are side by side as well. A tile is up to twelve channels o, for dθ
//! and for dσ², by one vector of k. For dθ alone it is six channels in place of three, with AVX2, or the vectors of two
//! taps, with 32 registers. Each accumulator adds the products of all positions in order.

use super::{Collect, WeightGradient};
use crate::kernels::conv::layout::Layout;
use crate::scalar::RealVector;
use crate::simd::{Lane, MAX_LANES, Vector};
use crate::tensor::aligned::Aligned;
use crate::tensor::tiles::{LARGEST, by_size, largest, side_by_side, tiles_up_to};

/// About the number of positions taken together: the pixels that they read at all taps of the kernel stay in the
/// nearest cache.
const TOGETHER: usize = 128;

/// Buffers that are reused for one layout.
#[derive(Default)]
pub(super) struct ElementBuffers<F> {
    laid_out: Aligned<F>,
    patches: Aligned<F>,
    outputs: Aligned<F>,
}

/// Which k the lanes of a vector hold. Each lane holds, at one tap of the kernel, the k of another input channel; where
/// there are few channels, the lanes hold consecutive k.
pub(super) struct PatchLayout {
    /// Whether all k are laid out, not only the channels.
    every_element: bool,
    /// The number of vectors of k, or of channels.
    blocks: usize,
    /// For each tap that reads one laid-out block, where it begins in the block, in vectors.
    taps: Vec<u32>,
    /// The distance between the vectors that successive output rows read.
    row_step: usize,
    /// The number of vectors in a block of one image.
    len: usize,
}

impl PatchLayout {
    #[inline(always)]
    pub(super) fn new<V: Vector>(layout: &Layout) -> Self {
        let elements = layout.fan_in.div_ceil(V::LANES);
        let channels = layout.image[0].div_ceil(V::LANES);
        if cost(elements, 1, layout) < cost(channels, layout.taps(), layout) {
            let row_step = layout.row;
            Self { every_element: true, blocks: elements, taps: vec![0], row_step, len: layout.plane() }
        } else {
            let taps = layout.offsets[..layout.taps()].to_vec();
            Self { every_element: false, blocks: channels, taps, row_step: layout.row_step, len: layout.channel }
        }
    }

    /// The cost of a position, in products of vectors.
    pub(super) fn cost(&self, layout: &Layout) -> usize {
        cost(self.blocks, self.taps.len(), layout)
    }

    /// The k of a block's lane at a tap, if there is one.
    fn element(&self, layout: &Layout, block: usize, lanes: usize, lane: usize, tap: usize) -> Option<usize> {
        let row = block * lanes + lane;
        let k = if self.every_element { row } else { row * self.taps.len() + tap };
        (k < layout.fan_in).then_some(k)
    }

    /// The index of the first vector of sums of a block and a tap, for a tile of output channels, if there is one
    /// gradient. Sums of two gradients begin at twice the index.
    fn first_sum(&self, block: usize, (first, size): (usize, usize), tap: usize) -> usize {
        first * self.blocks * self.taps.len() + (block * self.taps.len() + tap) * size
    }

    /// Lays out a block of one image.
    #[inline(always)]
    fn lay_out<V: Vector>(
        &self,
        layout: &Layout,
        segments: &[u32],
        laid_out: &[V::Element],
        block: usize,
        patches: &mut [V::Element],
    ) {
        let mut square = [V::zero(); MAX_LANES];
        let vectors = patches.chunks_exact_mut(V::LANES * V::LANES).enumerate();
        if self.every_element {
            let offsets = layout.offsets[block * V::LANES..].iter().take(V::LANES);
            for ((_, patches), starts) in vectors.zip(segments.chunks_exact(V::SEGMENTS)) {
                square = [V::zero(); MAX_LANES];
                for (row, offset) in square.iter_mut().zip(offsets.clone()) {
                    *row = V::load_segments(laid_out, *offset, starts);
                }
                store_transposed(square, patches);
            }
        } else {
            let channels = (layout.image[0] - block * V::LANES).min(V::LANES);
            for (i, patches) in vectors {
                for c in 0..channels {
                    square[c] = V::load(&laid_out[c * layout.channel + i * V::LANES..]);
                }
                store_transposed(square, patches);
            }
        }
    }
}

/// The cost of a position, in products of vectors: for each block, two for each tap and output channel, and the cost of
/// laying out a vector.
fn cost(blocks: usize, taps: usize, layout: &Layout) -> usize {
    const LAYING_OUT: usize = 8;
    blocks * (taps * 2 * layout.channels_out + LAYING_OUT)
}

#[inline(always)]
fn store_transposed<V: Vector>(mut square: [V; MAX_LANES], to: &mut [V::Element]) {
    V::transpose(&mut square);
    for (i, to) in to.chunks_exact_mut(V::LANES).enumerate() {
        square[i].store(to);
    }
}

/// Adds the products of these images to the sums, which are stored at the indices of [`PatchLayout::first_sum`].
#[inline(always)]
pub(super) fn add<V: RealVector>(patches: &PatchLayout, gradient: WeightGradient<'_, V::Element>) {
    let WeightGradient { layout, images, dm, dv, sums, buffers } = gradient;
    let zero = V::Element::of(0.0);
    let gradients = if dv.is_empty() { 1 } else { 2 };
    sums.resize(gradients * V::LANES * layout.channels_out * patches.blocks * patches.taps.len(), zero);
    let segments = layout.segments::<V>(0..layout.output[0]);
    let ElementBuffers { laid_out, patches: buffer, outputs } = &mut buffers.elements;
    let image_len = layout.image_len(if patches.every_element { layout.image[0] } else { V::LANES });
    let laid_out_once = if patches.every_element { images } else { &[] };
    laid_out.resize(image_len * laid_out_once.len().max(1), zero);
    for (image, laid_out) in laid_out_once.iter().zip(laid_out.chunks_exact_mut(image_len)) {
        image.lay_out(layout, (0, layout.image[0]), laid_out);
    }
    let len = patches.len * V::LANES;
    buffer.resize(images.len() * len, zero);
    let tiles: Vec<(usize, usize)> = tiles_up_to(largest::<V>(gradients), layout.channels_out).collect();
    // The distance of each position of each image from the beginning of a tap, in vectors.
    let mut places = Vec::with_capacity(images.len() * layout.positions());
    for (image, p) in (0..images.len()).flat_map(|image| (0..layout.output[0]).map(move |p| (image, p))) {
        let row = image * patches.len + p * patches.row_step;
        places.extend((row..row + layout.output[1]).map(|place| place as u32));
    }
    let positions = places.len();
    outputs.resize(gradients * layout.channels_out * positions + V::LANES, zero);
    for (first, size) in &tiles {
        put_side_by_side::<V>(layout, [dm, dv], (*first, *size), &mut outputs[gradients * first * positions..]);
    }
    for block in 0..patches.blocks {
        for (i, (image, buffer)) in images.iter().zip(buffer.chunks_exact_mut(len)).enumerate() {
            let laid_out = if patches.every_element {
                &laid_out[i * image_len..]
            } else {
                let first = block * V::LANES;
                image.lay_out(layout, (first, V::LANES.min(layout.image[0] - first)), laid_out);
                &laid_out[..]
            };
            patches.lay_out::<V>(layout, &segments, laid_out, block, buffer);
        }
        for tile in &tiles {
            let outputs = &outputs[gradients * tile.0 * positions..][..gradients * tile.1 * positions];
            let some = places.chunks(TOGETHER).zip(outputs.chunks(gradients * tile.1 * TOGETHER));
            for (places, outputs) in some {
                let sums = &mut sums[gradients * patches.first_sum(block, *tile, 0) * V::LANES..];
                if gradients == 2 {
                    by_size!(tile.1, largest::<V>(2), N =>
                        add_taps::<V, N, 1, true>(buffer, &patches.taps, places, outputs, sums));
                } else {
                    by_size!(tile.1, largest::<V>(1), N => if V::REGISTERS >= 32 {
                        add_taps::<V, N, 2, false>(buffer, &patches.taps, places, outputs, sums);
                    } else {
                        add_taps::<V, N, 1, false>(buffer, &patches.taps, places, outputs, sums);
                    });
                }
            }
        }
    }
}

/// Stores, for each position of each image, dm of a tile's channels, then dv, if there is one. Up to one vector of
/// elements after the last one is overwritten.
#[inline(always)]
fn put_side_by_side<V: Vector>(
    layout: &Layout,
    [dm, dv]: [&[&[V::Element]]; 2],
    (first, size): (usize, usize),
    outputs: &mut [V::Element],
) {
    let positions = layout.positions();
    let mut planes: [&[V::Element]; 2 * LARGEST] = [&[]; 2 * LARGEST];
    for (image, dm) in dm.iter().enumerate() {
        let dv = dv.get(image);
        for o in 0..size {
            let plane = (first + o) * positions..(first + o + 1) * positions;
            planes[o] = &dm[plane.clone()];
            if let Some(dv) = dv {
                planes[size + o] = &dv[plane];
            }
        }
        let planes = &planes[..if dv.is_some() { 2 * size } else { size }];
        side_by_side::<V>(planes, planes.len(), &mut outputs[image * positions * planes.len()..]);
    }
}

/// Adds the products of some positions to the sums of N output channels at all taps, `TAPS` of them at a time.
#[inline(always)]
fn add_taps<V: Vector, const N: usize, const TAPS: usize, const VARIANCE: bool>(
    x: &[V::Element],
    taps: &[u32],
    places: &[u32],
    outputs: &[V::Element],
    sums: &mut [V::Element],
) {
    let of_tap = gradients(VARIANCE) * N * V::LANES;
    let whole = taps.len() / TAPS * TAPS;
    for (taps, sums) in taps[..whole].chunks_exact(TAPS).zip(sums.chunks_exact_mut(TAPS * of_tap)) {
        add_tile::<V, N, TAPS, VARIANCE>(x, taps, places, outputs, sums);
    }
    for (taps, sums) in taps[whole..].chunks_exact(1).zip(sums[whole * of_tap..].chunks_exact_mut(of_tap)) {
        add_tile::<V, N, 1, VARIANCE>(x, taps, places, outputs, sums);
    }
}

/// The number of gradients: dθ, and dσ² where there is a variance.
const fn gradients(variance: bool) -> usize {
    if variance { 2 } else { 1 }
}

/// Adds the products of some positions to dθ and dσ² of N output channels at a few taps (taps, gradients, N, lanes).
/// `places` has, for each position, the index of its vector in x, counted from the first vector of a tap.
#[inline(always)]
fn add_tile<V: Vector, const N: usize, const TAPS: usize, const VARIANCE: bool>(
    x: &[V::Element],
    taps: &[u32],
    places: &[u32],
    outputs: &[V::Element],
    sums: &mut [V::Element],
) {
    let x_of_tap: [&[V::Element]; TAPS] = std::array::from_fn(|tap| &x[taps[tap] as usize * V::LANES..]);
    let (mut dtheta, mut dsigma2) = ([[V::zero(); TAPS]; N], [[V::zero(); TAPS]; N]);
    for (place, outputs) in places.iter().zip(outputs.chunks_exact(gradients(VARIANCE) * N)) {
        let place = *place as usize * V::LANES;
        let mut x = [V::zero(); TAPS];
        for tap in 0..TAPS {
            x[tap] = V::load(&x_of_tap[tap][place..place + V::LANES]);
        }
        for o in 0..N {
            let output = V::splat(outputs[o]);
            for tap in 0..TAPS {
                dtheta[o][tap] = output.mul_add(x[tap], dtheta[o][tap]);
            }
        }
        if VARIANCE {
            for x in &mut x {
                *x = x.mul(*x);
            }
            for o in 0..N {
                let output = V::splat(outputs[N + o]);
                for tap in 0..TAPS {
                    dsigma2[o][tap] = output.mul_add(x[tap], dsigma2[o][tap]);
                }
            }
        }
    }
    for tap in 0..TAPS {
        for o in 0..N {
            let at = (gradients(VARIANCE) * N * tap + o) * V::LANES;
            V::load(&sums[at..]).add(dtheta[o][tap]).store(&mut sums[at..]);
            if VARIANCE {
                let at = at + N * V::LANES;
                V::load(&sums[at..]).add(dsigma2[o][tap]).store(&mut sums[at..]);
            }
        }
    }
}

/// Puts the sums in the order of θ.
#[inline(always)]
pub(super) fn collect<V: RealVector>(patches: &PatchLayout, collect: Collect<'_, V::Element>) {
    let Collect { layout, sums, dtheta, dsigma2 } = collect;
    let mut to: Vec<&mut [V::Element]> = [dtheta].into_iter().chain(dsigma2).collect();
    let gradients = to.len();
    for tile in tiles_up_to(largest::<V>(gradients), layout.channels_out) {
        for (block, tap) in (0..patches.blocks).flat_map(|b| (0..patches.taps.len()).map(move |tap| (b, tap))) {
            let sums = &sums[gradients * patches.first_sum(block, tile, tap) * V::LANES..];
            for (to, sums) in to.iter_mut().zip(sums.chunks_exact(tile.1 * V::LANES)) {
                for (o, sums) in (tile.0..).zip(sums.chunks_exact(V::LANES)) {
                    let to = &mut to[o * layout.fan_in..];
                    for (lane, sum) in sums.iter().enumerate() {
                        if let Some(k) = patches.element(layout, block, V::LANES, lane, tap) {
                            to[k] = *sum;
                        }
                    }
                }
            }
        }
    }
}
