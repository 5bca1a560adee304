//! A convolution with packed weights, and the max pooling that follows it.
//!
//! All images are laid out first. Then the weights of one tile of output channels at a time are decoded, for all
//! images. The kernel's tile is these channels by two vectors of positions. Where the pooling windows are adjacent
//! squares of two by two, one of these vectors lies below the other, and only the larger sum of each column is stored;
//! other windows pool sums that are still in the cache.

use super::enlarge;
use super::epilogue::{Affine, Epilogue, finish, of_number};
use super::fields::{Block, PackedWeights};
use super::max_pool::{is_of_squares, larger_of_each, max_pool, pool_columns};
use crate::kernels::conv::layout::Layout;
use crate::simd::{Kernel, Lane, MAX_LANES, Vector};
use crate::team;
use crate::tensor::aligned::Aligned;
use crate::tensor::im2col::Window;
use crate::tensor::tiles::{LARGEST, by_size, largest, tiles};
use rayon::prelude::*;
use std::ops::Range;

/// The buffers of one thread, which are reused for the next convolution.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Images, laid out.
    images: Aligned<f32>,
    /// The weights of a tile.
    weights: Aligned<f32>,
    /// The sums of a tile.
    sums: Aligned<f32>,
}

/// y = pool(epilogue(a ∗ w)), a = x or, where there is an affine map `before`, ReLU(before(x)).
pub(crate) struct Convolution<'a> {
    weights: PackedWeights<'a>,
    layout: Layout,
    before: Option<&'a Affine>,
    epilogue: Epilogue<'a>,
    /// The window of the pooling, if there is one.
    pool: Option<Window>,
}

impl<'a> Convolution<'a> {
    /// The convolution of images of the size `input` (C, H, W). The window of the pooling, `pool`, has no padding and
    /// no dilation.
    pub(crate) fn new(
        weights: PackedWeights<'a>,
        window: &Window,
        input: [usize; 3],
        before: Option<&'a Affine>,
        epilogue: Epilogue<'a>,
        pool: Option<Window>,
    ) -> Self {
        let output = window.output_size([input[1], input[2]]).expect("the builder checked it");
        Self { weights, layout: Layout::new(input, window, output, weights.outputs), before, epilogue, pool }
    }

    /// Lays out these `elements` of each channel of an image, those that the output rows read.
    #[inline(always)]
    fn lay_out(&self, elements: Range<usize>, x: &[f32], laid_out: &mut [f32]) {
        // The padding is 0.
        for channel in laid_out.chunks_exact_mut(self.layout.channel) {
            channel[elements.clone()].fill(0.0);
        }
        match self.before {
            None => self.layout.lay_out_part(elements, x, laid_out, |_| |x| x),
            Some(before) => self.layout.lay_out_part(elements, x, laid_out, |channel| {
                let affine = before.of(channel);
                move |x| of_number(x, affine, true)
            }),
        }
    }

    /// (O, OH, OW), after the pooling.
    fn output(&self) -> [usize; 3] {
        let [height, width] = match &self.pool {
            Some(pool) => pool.output_size(self.layout.output).expect("the builder checked it"),
            None => self.layout.output,
        };
        [self.layout.channels_out, height, width]
    }

    /// The rows of sums that these rows of the output are pooled from.
    fn convolved(&self, rows: &Range<usize>) -> Range<usize> {
        self.pool.map_or(rows.clone(), |Window { kernel, stride, .. }| {
            rows.start * stride[0]..rows.end.saturating_sub(1) * stride[0] + kernel[0]
        })
    }

    /// Convolves images, each x (C, H, W) to its y (O, OH, OW). At most one thread for each element of `buffers`
    /// computes a part of y.
    pub(crate) fn run<'b>(&self, images: impl Iterator<Item = (&'b [f32], &'b mut [f32])>, buffers: &mut [Buffers]) {
        let [outputs, height, width] = self.output();
        let multiplications = outputs * self.layout.fan_in * self.layout.positions();
        let threads = team::share(multiplications, buffers.len());
        let mut parts = self.parts(threads, multiplications);
        for (x, y) in images {
            for part in &mut parts {
                part.images.push((x, Vec::with_capacity(part.channels.len())));
            }
            for (channel, mut y) in y.chunks_exact_mut(height * width).enumerate() {
                for Part { rows, images, .. } in parts.iter_mut().filter(|part| part.channels.contains(&channel)) {
                    let (rows, rest) = y.split_at_mut(rows.len() * width);
                    images.last_mut().expect("just added").1.push(rows);
                    y = rest;
                }
            }
        }
        match &mut buffers[..threads] {
            [buffers] => parts.into_iter().for_each(|part| part.run(buffers)),
            buffers => parts.into_par_iter().zip(buffers).for_each(|(part, buffers)| part.run(buffers)),
        }
    }

    /// The parts of y that `threads` threads compute, without images yet. A part is some rows, and each thread decodes
    /// all weights. If there are more weights than pixels, and enough output channels, a part is some channels, and
    /// each thread lays out the whole image.
    fn parts<'b>(&self, threads: usize, multiplications: usize) -> Vec<Part<'_, 'b>> {
        let [outputs, height, _] = self.output();
        let image = self.layout.image[0] * self.layout.pixels();
        let by_channels = outputs * self.layout.fan_in > image && outputs >= 2 * threads * LARGEST;
        let part = |thread: usize| {
            let [channels, rows] = if by_channels {
                // Whole tiles; the first thread also takes the remaining channels.
                let left = outputs % LARGEST;
                let tiles = team::range_of(thread, threads, outputs / LARGEST, multiplications);
                let first = if thread == 0 { 0 } else { left + tiles.start * LARGEST };
                [first..left + tiles.end * LARGEST, 0..height]
            } else {
                [0..outputs, team::range_of(thread, threads, height, multiplications)]
            };
            Part { convolution: self, channels, rows, images: Vec::new() }
        };
        (0..threads).map(part).collect()
    }
}

/// Some rows of some channels of y. Each image has all of x, and these rows of each of the channels of y.
struct Part<'a, 'b> {
    convolution: &'a Convolution<'a>,
    channels: Range<usize>,
    rows: Range<usize>,
    images: Vec<(&'b [f32], Vec<&'b mut [f32]>)>,
}

impl Part<'_, '_> {
    fn run(self, buffers: &mut Buffers) {
        if !self.rows.is_empty() {
            f32::vectorize((self, buffers));
        }
    }
}

impl Kernel<f32> for (Part<'_, '_>, &mut Buffers) {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(self) {
        let (Part { convolution, channels, rows, mut images }, buffers) = self;
        let Convolution { weights: packed, layout, epilogue, pool, .. } = convolution;
        let image_len = layout.image_len(layout.image[0]);
        let convolved = convolution.convolved(&rows);
        let elements = layout.read_by(convolved.clone());
        enlarge(&mut buffers.images, images.len() * image_len);
        for ((x, _), laid_out) in images.iter().zip(buffers.images.chunks_exact_mut(image_len)) {
            convolution.lay_out(elements.clone(), x, laid_out);
        }

        let squares = pool.as_ref().is_some_and(is_of_squares);
        let segments = if squares { pairs_of_rows::<V>(layout, convolved) } else { layout.segments::<V>(convolved) };
        let [_, _, width] = convolution.output();
        let (plane, padded) = (rows.len() * width, segments.len() * V::SEGMENT / if squares { 2 } else { 1 });
        // Two vectors may be loaded from the last sum on.
        let sums_len = padded + 2 * MAX_LANES;
        enlarge(&mut buffers.weights, LARGEST * layout.fan_in + MAX_LANES);
        enlarge(&mut buffers.sums, LARGEST * sums_len);
        let outputs = epilogue.of(channels.clone());
        let weights = &mut buffers.weights[..];
        let mut of_channels = buffers.sums.chunks_exact_mut(sums_len);
        let sums: &mut [_; LARGEST] = &mut std::array::from_fn(|_| of_channels.next().expect("enlarged"));
        for (first, size) in tiles::<V>(channels.len()) {
            let columns = channels.start + first..channels.start + first + size;
            packed.decode::<V>(&Block { rows: 0..layout.fan_in, columns }, size, weights);
            for ((_, y), image) in images.iter_mut().zip(buffers.images.chunks_exact(image_len)) {
                let (y, weights) = (&mut y[first..][..size], &weights[..size * layout.fan_in]);
                let outputs = &outputs[first..][..size];
                let tile = Tile { layout, segments: &segments, squares, image, weights, outputs, relu: epilogue.relu };
                if pool.is_none() && padded == plane {
                    tile.run::<V>(size, y);
                    continue;
                }
                tile.run::<V>(size, sums);
                for (y, sums) in y.iter_mut().zip(&*sums) {
                    match pool {
                        Some(_) if squares => pool_columns::<V>(sums, layout.row, y, width),
                        Some(pool) => max_pool(sums, layout.row, pool, y, width),
                        None => {
                            let rows = y.chunks_exact_mut(width).zip(sums.chunks_exact(layout.row));
                            rows.for_each(|(y, sums)| y.copy_from_slice(&sums[..y.len()]));
                        }
                    }
                }
            }
        }
    }
}

/// The segments of an even number of rows, in pairs of vectors: a vector of segments from the first, third, … row, then
/// the vector of the segments below them, from the second, fourth, … row.
#[inline(always)]
fn pairs_of_rows<V: Vector>(layout: &Layout, rows: Range<usize>) -> Vec<u32> {
    let above = layout.segments::<V>(rows.clone().step_by(2));
    let below = layout.segments::<V>(rows.skip(1).step_by(2));
    let mut pairs = Vec::with_capacity(above.len() + below.len());
    for vector in above.chunks_exact(V::SEGMENTS).zip(below.chunks_exact(V::SEGMENTS)) {
        pairs.extend_from_slice(vector.0);
        pairs.extend_from_slice(vector.1);
    }
    pairs
}

/// Some output channels of an image.
struct Tile<'a> {
    layout: &'a Layout,
    /// The element at which each segment begins that a vector of positions is gathered from.
    segments: &'a [u32],
    /// Whether every second vector of positions lies below the one before it, and only the larger of the two sums is
    /// stored.
    squares: bool,
    /// The image, laid out.
    image: &'a [f32],
    /// For each k: the weights of the tile's channels.
    weights: &'a [f32],
    /// (scale, shift) of each channel.
    outputs: &'a [(f32, f32)],
    relu: bool,
}

impl Tile<'_> {
    /// Stores the outputs at all segments, channel by channel.
    #[inline(always)]
    fn run<V: Vector<Element = f32>>(&self, channels: usize, y: &mut [&mut [f32]]) {
        by_size!(channels, largest::<V>(2), N => self.channels::<V, N>(y));
    }

    #[inline(always)]
    fn channels<V: Vector<Element = f32>, const N: usize>(&self, y: &mut [&mut [f32]]) {
        let vectors = self.segments.len() / V::SEGMENTS;
        for first in (0..vectors - vectors % 2).step_by(2) {
            self.vectors::<V, N, 2>(first, y);
        }
        if vectors % 2 == 1 {
            self.vectors::<V, N, 1>(vectors - 1, y);
        }
    }

    /// Computes `P` vectors of positions, from vector `first` on.
    #[inline(always)]
    fn vectors<V: Vector<Element = f32>, const N: usize, const P: usize>(&self, first: usize, y: &mut [&mut [f32]]) {
        let starts = &self.segments[first * V::SEGMENTS..][..P * V::SEGMENTS];
        let mut sums = [[V::zero(); P]; N];
        for (weights, offset) in self.weights.chunks_exact(N).zip(&self.layout.offsets) {
            let mut x = [V::zero(); P];
            for p in 0..P {
                x[p] = V::load_segments(self.image, *offset, &starts[p * V::SEGMENTS..]);
            }
            for o in 0..N {
                let weight = V::splat(weights[o]);
                for p in 0..P {
                    sums[o][p] = weight.mul_add(x[p], sums[o][p]);
                }
            }
        }
        for ((sums, to), (scale, shift)) in sums.into_iter().zip(y).zip(self.outputs) {
            if self.squares {
                let [above, below] = [sums[0], sums[P - 1]];
                let above = finish(above, *scale, *shift, self.relu);
                let below = finish(below, *scale, *shift, self.relu);
                larger_of_each(above, below).store(&mut to[first / 2 * V::LANES..]);
                continue;
            }
            let to = &mut to[first * V::LANES..][..P * V::LANES];
            for p in 0..P {
                finish(sums[p], *scale, *shift, self.relu).store(&mut to[p * V::LANES..]);
            }
        }
    }
}
