//! A convolution with packed weights.
//!
//! Images are laid out first; then a tile's output channels are decoded at a time, for all of them. The kernel's tile is those
//! channels by two vectors of positions.

use super::{Affine, Epilogue, finish};
use crate::layers::bayes_conv2d::layout::Layout;
use crate::packed::fields::{Block, Weights};
use crate::packed::model::PackedLayer;
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, MAX_LANES, Vector};
use crate::tensor::im2col::Window;
use crate::tensor::tiles::{LARGEST, by_size, tiles};
use rayon::prelude::*;
use std::ops::Range;

/// Multiplications that are worth waking a thread for.
const WORTH_A_THREAD: usize = 1 << 18;

/// y = epilogue(a ∗ w), a = x or, where there is an affine map `before`, ReLU(before(x)).
pub(super) struct Convolution<'a> {
    layer: &'a PackedLayer,
    layout: Layout,
    before: Option<&'a Affine>,
    epilogue: Epilogue<'a>,
}

impl<'a> Convolution<'a> {
    /// Of images `input` (C, H, W).
    pub(super) fn new(
        layer: &'a PackedLayer,
        window: &Window,
        input: [usize; 3],
        before: Option<&'a Affine>,
        epilogue: Epilogue<'a>,
    ) -> Self {
        let output = window.output_size([input[1], input[2]]).expect("the builder checked it");
        Self { layer, layout: Layout::new(input, window, output, layer.shape[0]), before, epilogue }
    }

    /// (O, OH, OW).
    pub(super) fn output(&self) -> [usize; 3] {
        [self.layout.channels_out, self.layout.output[0], self.layout.output[1]]
    }

    /// Elements of a laid-out image.
    fn image_len(&self) -> usize {
        self.layout.image_len(self.layout.image[0])
    }

    /// Lays out images (C, H, W), each at the beginning of its `stride` elements.
    pub(super) fn lay_out(&self, x: &[f32], stride: usize, laid_out: &mut Vec<f32>) {
        let (images, image_len) = (x.len() / stride, self.image_len());
        laid_out.clear();
        laid_out.resize(images * image_len, 0.0);
        for (x, laid_out) in x.chunks_exact(stride).zip(laid_out.chunks_exact_mut(image_len)) {
            let x = &x[..self.layout.image[0] * self.layout.pixels()];
            match self.before {
                None => self.layout.lay_out(x, laid_out, |_| |x| x),
                Some(before) => self.layout.lay_out(x, laid_out, |channel| {
                    let (scale, shift) = before.of(channel);
                    move |x| {
                        let y = scale * x + shift;
                        if y < 0.0 { 0.0 } else { y }
                    }
                }),
            }
        }
    }

    /// Convolves laid-out images; each y (O, OH, OW) begins at `first` of its `stride` elements. One that is alone is shared
    /// out among the threads.
    pub(super) fn run(&self, laid_out: &[f32], y: &mut [f32], first: usize, stride: usize, alone: bool) {
        let [outputs, height, width] = self.output();
        let len = outputs * height * width;
        let ys = y.chunks_exact_mut(stride).map(|y| &mut y[first..][..len]);
        if !alone || len * self.layout.fan_in < 2 * WORTH_A_THREAD {
            let images = laid_out.chunks_exact(self.image_len()).zip(ys).collect();
            f32::vectorize(Tiles { convolution: self, rows: 0..height, images });
            return;
        }
        // A single image is cut into bands of rows.
        let threads = rayon::current_num_threads();
        for y in ys {
            let bands: Vec<(Range<usize>, Vec<f32>)> = (0..threads)
                .into_par_iter()
                .map(|band| {
                    let rows = band * height / threads..(band + 1) * height / threads;
                    let mut y = vec![0.0; outputs * rows.len() * width];
                    f32::vectorize(Tiles {
                        convolution: self,
                        rows: rows.clone(),
                        images: vec![(laid_out, y.as_mut_slice())],
                    });
                    (rows, y)
                })
                .collect();
            for (rows, band) in bands.into_iter().filter(|(rows, _)| !rows.is_empty()) {
                let part = rows.start * width..rows.end * width;
                let channels = y.chunks_exact_mut(height * width).zip(band.chunks_exact(part.len()));
                channels.for_each(|(y, band)| y[part.clone()].copy_from_slice(band));
            }
        }
    }
}

/// The rows `rows` of some images, laid out, and their y (O, rows, OW).
struct Tiles<'a, 'b> {
    convolution: &'a Convolution<'a>,
    rows: Range<usize>,
    images: Vec<(&'b [f32], &'b mut [f32])>,
}

impl Kernel<f32> for Tiles<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(self) {
        let Self { convolution: Convolution { layer, layout, epilogue, .. }, rows, mut images } = self;
        let plane = rows.len() * layout.output[1];
        if plane == 0 {
            return;
        }
        let (packed, pieces) = (Weights::new(&layer.fields, &layer.levels), layout.pieces::<V>(rows));
        // Sums go where they belong, unless there are some to be dropped.
        let padded = pieces.len() * V::PIECE;
        let mut dropped = vec![0.0; if padded == plane { 0 } else { LARGEST * padded }];
        let mut weights = vec![0.0; LARGEST * layout.fan_in + MAX_LANES];
        for (first, size) in tiles::<V>(layout.channels_out) {
            let block = Block { rows: 0..layout.fan_in, columns: first..first + size };
            packed.decode::<V>(&block, size, &mut weights);
            let outputs = std::array::from_fn(|o| epilogue.of(first + o.min(size - 1)));
            for (image, y) in &mut images {
                let y = &mut y[first * plane..][..size * plane];
                let sums = if padded == plane { &mut *y } else { dropped.as_mut_slice() };
                Tile { layout, pieces: &pieces, image, weights: &weights, outputs, relu: epilogue.relu }
                    .run::<V>(size, sums);
                for (y, sums) in y.chunks_exact_mut(plane).zip(dropped.chunks_exact(padded)) {
                    let rows = y.chunks_exact_mut(layout.output[1]).zip(sums.chunks_exact(layout.row));
                    rows.for_each(|(y, sums)| y.copy_from_slice(&sums[..y.len()]));
                }
            }
        }
    }
}

/// Some output channels of an image.
struct Tile<'a> {
    layout: &'a Layout,
    /// Where each begins that a vector of positions is gathered from.
    pieces: &'a [usize],
    /// Laid out.
    image: &'a [f32],
    /// For each k: the weights of the tile's channels.
    weights: &'a [f32],
    /// (scale, shift) of each channel.
    outputs: [(f32, f32); LARGEST],
    relu: bool,
}

impl Tile<'_> {
    /// The sums (channels, pieces).
    #[inline(always)]
    fn run<V: Vector<Element = f32>>(&self, channels: usize, sums: &mut [f32]) {
        by_size!(channels, V, N => self.channels::<V, N>(sums));
    }

    #[inline(always)]
    fn channels<V: Vector<Element = f32>, const N: usize>(&self, y: &mut [f32]) {
        let vectors = self.pieces.len() / V::PIECES;
        for first in (0..vectors - vectors % 2).step_by(2) {
            self.vectors::<V, N, 2>(first, y);
        }
        if vectors % 2 == 1 {
            self.vectors::<V, N, 1>(vectors - 1, y);
        }
    }

    /// `P` vectors of positions, from the one called `first` on.
    #[inline(always)]
    fn vectors<V: Vector<Element = f32>, const N: usize, const P: usize>(&self, first: usize, y: &mut [f32]) {
        let padded = self.pieces.len() * V::PIECE;
        let starts = &self.pieces[first * V::PIECES..][..P * V::PIECES];
        let mut sums = [[V::zero(); P]; N];
        for (weights, offset) in self.weights.chunks_exact(N).zip(&self.layout.offsets) {
            let image = &self.image[*offset..];
            let mut x = [V::zero(); P];
            for p in 0..P {
                x[p] = V::load_pieces(image, &starts[p * V::PIECES..]);
            }
            for o in 0..N {
                let weight = V::splat(weights[o]);
                for p in 0..P {
                    sums[o][p] = weight.mul_add(x[p], sums[o][p]);
                }
            }
        }
        for (o, (sums, (scale, shift))) in sums.into_iter().zip(self.outputs).enumerate() {
            for (p, sum) in sums.into_iter().enumerate() {
                finish(sum, scale, shift, self.relu).store(&mut y[o * padded + (first + p) * V::LANES..]);
            }
        }
    }
}
