//! Elements of the kernel side by side.
//!
//! A vector holds what one position meets of several k, which are therefore stored side by side, by [`Patches`]; dm and dv of
//! a position are side by side as well. A tile is up to twelve channels o, twice, by one vector of k: each accumulator is fed
//! by all positions in order.

use super::{Collect, WeightGradient};
use crate::kernels::conv::layout::Layout;
use crate::scalar::Real;
use crate::scalar::vector::{MAX_LANES, Vector};
use crate::tensor::aligned::Aligned;
use crate::tensor::tiles::{LARGEST, by_size, side_by_side, tiles};

/// Positions taken together, about: what they meet at all taps of the kernel stays in the nearest cache.
const TOGETHER: usize = 128;

/// Buffers, used again and again for one layout.
#[derive(Default)]
pub(super) struct ElementBuffers<F> {
    laid_out: Aligned<F>,
    patches: Aligned<F>,
    outputs: Aligned<F>,
}

/// How k are put side by side in a vector: at one tap of the kernel, the k of one input channel a lane; or, where there are few
/// channels, consecutive k.
pub(super) struct Patches {
    /// Whether all k are laid out, not only the channels.
    every_element: bool,
    /// Vectors of k, or of channels.
    blocks: usize,
    /// Taps that read one layout; where each of them begins.
    taps: Vec<u32>,
    /// The distance between what successive output rows meet.
    row_step: usize,
    /// Vectors of a block of one image.
    len: usize,
}

impl Patches {
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

    /// What a position costs, in products of vectors.
    pub(super) fn cost(&self, layout: &Layout) -> usize {
        cost(self.blocks, self.taps.len(), layout)
    }

    /// k of a block's lane at a tap, if there is one.
    fn element(&self, layout: &Layout, block: usize, lanes: usize, lane: usize, tap: usize) -> Option<usize> {
        let row = block * lanes + lane;
        let k = if self.every_element { row } else { row * self.taps.len() + tap };
        (k < layout.fan_in).then_some(k)
    }

    /// Where the sums of a block and a tap, for a tile of output channels, begin.
    fn sums(&self, block: usize, lanes: usize, (first, size): (usize, usize), tap: usize) -> usize {
        2 * lanes * (first * self.blocks * self.taps.len() + (block * self.taps.len() + tap) * size)
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

/// What a position costs, in products of vectors: two for each output channel, and the laying out of a vector.
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

/// Adds to the sums, which [`Patches::sums`] finds.
#[inline(always)]
pub(super) fn add<V: Vector>(patches: &Patches, gradient: WeightGradient<'_, V::Element>) {
    let WeightGradient { layout, images, dm, dv, sums, buffers } = gradient;
    let zero = V::Element::of(0.0);
    sums.resize(2 * V::LANES * layout.channels_out * patches.blocks * patches.taps.len(), zero);
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
    let tiles: Vec<(usize, usize)> = tiles::<V>(layout.channels_out).collect();
    // Where each position of each image is, from where a tap begins, in vectors.
    let mut places = Vec::with_capacity(images.len() * layout.positions());
    for (image, p) in (0..images.len()).flat_map(|image| (0..layout.output[0]).map(move |p| (image, p))) {
        let row = image * patches.len + p * patches.row_step;
        places.extend((row..row + layout.output[1]).map(|place| place as u32));
    }
    let positions = places.len();
    outputs.resize(2 * layout.channels_out * positions + V::LANES, zero);
    for (first, size) in &tiles {
        put_side_by_side::<V>(layout, [dm, dv], (*first, *size), &mut outputs[2 * first * positions..]);
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
            let outputs = &outputs[2 * tile.0 * positions..][..2 * tile.1 * positions];
            let some = places.chunks(TOGETHER).zip(outputs.chunks(2 * tile.1 * TOGETHER));
            for (places, outputs) in some {
                for (tap, start) in patches.taps.iter().enumerate() {
                    let x = &buffer[*start as usize * V::LANES..];
                    let sums = &mut sums[patches.sums(block, V::LANES, *tile, tap)..];
                    by_size!(tile.1, V, N => if dv.is_empty() {
                        add_tile::<V, N, false>(x, places, outputs, sums);
                    } else {
                        add_tile::<V, N, true>(x, places, outputs, sums);
                    });
                }
            }
        }
    }
}

/// For each position of each image: dm of a tile's channels, then dv. A vector more is overwritten.
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
        side_by_side::<V>(planes, 2 * size, &mut outputs[image * positions * 2 * size..]);
    }
}

/// Adds to dθ and dσ² of N output channels (2, N, lanes) what some positions give, whose vectors of x are at `places`.
#[inline(always)]
fn add_tile<V: Vector, const N: usize, const VARIANCE: bool>(
    x: &[V::Element],
    places: &[u32],
    outputs: &[V::Element],
    sums: &mut [V::Element],
) {
    let (mut dtheta, mut dsigma2) = ([V::zero(); N], [V::zero(); N]);
    for (place, outputs) in places.iter().zip(outputs.chunks_exact(2 * N)) {
        let place = *place as usize * V::LANES;
        let x = V::load(&x[place..place + V::LANES]);
        for o in 0..N {
            dtheta[o] = V::splat(outputs[o]).mul_add(x, dtheta[o]);
        }
        if VARIANCE {
            let x2 = x.mul(x);
            for o in 0..N {
                dsigma2[o] = V::splat(outputs[N + o]).mul_add(x2, dsigma2[o]);
            }
        }
    }
    for o in 0..N {
        let (at, at2) = (o * V::LANES, (N + o) * V::LANES);
        V::load(&sums[at..]).add(dtheta[o]).store(&mut sums[at..]);
        if VARIANCE {
            V::load(&sums[at2..]).add(dsigma2[o]).store(&mut sums[at2..]);
        }
    }
}

/// Puts the sums in the order of θ.
#[inline(always)]
pub(super) fn collect<V: Vector>(patches: &Patches, collect: Collect<'_, V::Element>) {
    let Collect { layout, sums, dtheta, dsigma2 } = collect;
    for tile in tiles::<V>(layout.channels_out) {
        for (block, tap) in (0..patches.blocks).flat_map(|b| (0..patches.taps.len()).map(move |tap| (b, tap))) {
            let sums = &sums[patches.sums(block, V::LANES, tile, tap)..][..2 * tile.1 * V::LANES];
            for (o, sums) in sums.chunks_exact(V::LANES).enumerate() {
                let (to, o) = if o < tile.1 { (&mut *dtheta, o) } else { (&mut *dsigma2, o - tile.1) };
                let to = &mut to[(tile.0 + o) * layout.fan_in..];
                for (lane, sum) in sums.iter().enumerate() {
                    if let Some(k) = patches.element(layout, block, V::LANES, lane, tap) {
                        to[k] = *sum;
                    }
                }
            }
        }
    }
}
