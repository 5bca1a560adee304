//! A convolution with packed weights.
//!
//! [`TILE`] output channels are decoded at a time, for a few images; the kernel's tile is those channels by one vector of
//! positions.

use super::decode::Decoder;
use super::{Affine, Epilogue, WORTH_A_THREAD, finish, for_each};
use crate::layers::bayes_conv2d::layout::{Layout, blocks};
use crate::packed::model::PackedLayer;
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};
use crate::tensor::im2col::Window;
use rayon::prelude::*;
use std::ops::Range;

/// Output channels of a tile.
const TILE: usize = 12;
/// Images for which a tile is decoded.
const GROUP: usize = 16;

/// y = epilogue(a ∗ w), a = x or, where there is an affine map `before`, ReLU(before(x)).
pub(super) struct Convolution<'a> {
    pub layer: &'a PackedLayer,
    pub window: &'a Window,
    /// (C, H, W).
    pub input: [usize; 3],
    pub before: Option<&'a Affine>,
    pub epilogue: Epilogue<'a>,
}

/// (O, OH, OW).
pub(super) fn output_shape(layer: &PackedLayer, window: &Window, input: [usize; 3]) -> [usize; 3] {
    let [height, width] = window.output_size([input[1], input[2]]).expect("the builder checked it");
    [layer.shape[0], height, width]
}

impl Convolution<'_> {
    /// Convolves images, pairs of x (C, H, W) and y (O, OH, OW).
    pub(super) fn run<'b>(&self, images: impl IndexedParallelIterator<Item = (&'b [f32], &'b mut [f32])>) {
        let [outputs, height, width] = output_shape(self.layer, self.window, self.input);
        let layout = &Layout::new(self.input, self.window, [height, width], outputs);
        let decoder = &Decoder::new(self.layer);
        let image_len = layout.image_len(self.input[0]);
        let work = outputs * layout.fan_in * layout.positions();
        let threads = rayon::current_num_threads();
        if images.len() > 1 || work < WORTH_A_THREAD {
            let group = images.len().div_ceil(threads).clamp(1, GROUP);
            for_each(images.chunks(group), group * work, |_, group| {
                let mut laid_out = vec![0.0; group.len() * image_len];
                let (xs, mut ys): (Vec<&[f32]>, Vec<&mut [f32]>) = group.into_iter().unzip();
                for (laid_out, x) in laid_out.chunks_exact_mut(image_len).zip(xs) {
                    self.lay_out(layout, x, laid_out);
                }
                self.tiles(layout, decoder, &laid_out, 0..height, &mut ys);
            });
            return;
        }
        // A single image is cut into bands of rows.
        images.for_each(|(x, y)| {
            let mut laid_out = vec![0.0; image_len];
            self.lay_out(layout, x, &mut laid_out);
            let bands: Vec<(Range<usize>, Vec<f32>)> = (0..threads)
                .into_par_iter()
                .map(|band| {
                    let rows = band * height / threads..(band + 1) * height / threads;
                    let mut y = vec![0.0; outputs * rows.len() * width];
                    self.tiles(layout, decoder, &laid_out, rows.clone(), &mut [&mut y]);
                    (rows, y)
                })
                .collect();
            for (rows, band) in bands.into_iter().filter(|(rows, _)| !rows.is_empty()) {
                let part = rows.start * width..rows.end * width;
                let channels = y.chunks_exact_mut(height * width).zip(band.chunks_exact(part.len()));
                channels.for_each(|(y, band)| y[part.clone()].copy_from_slice(band));
            }
        });
    }

    fn lay_out(&self, layout: &Layout, x: &[f32], laid_out: &mut [f32]) {
        match self.before {
            None => layout.lay_out(x, laid_out, |_| |x| x),
            Some(before) => layout.lay_out(x, laid_out, |channel| {
                let (scale, shift) = before.of(channel);
                move |x| {
                    let y = scale * x + shift;
                    if y < 0.0 { 0.0 } else { y }
                }
            }),
        }
    }

    /// The rows `rows` of some images, laid out one after the other; `ys` are (O, rows, OW).
    fn tiles(&self, layout: &Layout, decoder: &Decoder<'_>, images: &[f32], rows: Range<usize>, ys: &mut [&mut [f32]]) {
        let (fan_in, image_len) = (layout.fan_in, layout.image_len(self.input[0]));
        let mut weights = vec![0.0; TILE * fan_in];
        let mut decoded = vec![0.0; TILE * fan_in + 2 * decoder.per_byte];
        for (first, size) in blocks(layout.channels_out, TILE) {
            // A channel need not begin at a byte.
            let ahead = first * fan_in % decoder.per_byte;
            decoder.decode(first * fan_in - ahead, ahead + size * fan_in, &mut decoded);
            for (o, row) in decoded[ahead..].chunks_exact(fan_in).take(size).enumerate() {
                weights[o..].iter_mut().step_by(size).zip(row).for_each(|(to, from)| *to = *from);
            }
            let plane = rows.len() * layout.output[1];
            for (image, y) in images.chunks_exact(image_len).zip(&mut *ys) {
                let y = &mut y[first * plane..][..size * plane];
                let outputs = std::array::from_fn(|o| self.epilogue.of(first + o.min(size - 1)));
                let relu = self.epilogue.relu;
                f32::vectorize(Tile {
                    layout,
                    image,
                    weights: &weights[..size * fan_in],
                    rows: rows.clone(),
                    outputs,
                    relu,
                    y,
                });
            }
        }
    }
}

/// Some output channels of some rows of an image.
struct Tile<'a> {
    layout: &'a Layout,
    /// Laid out.
    image: &'a [f32],
    /// For each k: the weights of the tile's channels.
    weights: &'a [f32],
    rows: Range<usize>,
    /// (scale, shift) of each channel.
    outputs: [(f32, f32); TILE],
    relu: bool,
    /// (channels, rows, OW).
    y: &'a mut [f32],
}

impl Kernel<f32> for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(self) {
        match self.weights.len() / self.layout.fan_in {
            1 => self.channels::<V, 1>(),
            2 => self.channels::<V, 2>(),
            3 => self.channels::<V, 3>(),
            4 => self.channels::<V, 4>(),
            5 => self.channels::<V, 5>(),
            6 => self.channels::<V, 6>(),
            7 => self.channels::<V, 7>(),
            8 => self.channels::<V, 8>(),
            9 => self.channels::<V, 9>(),
            10 => self.channels::<V, 10>(),
            11 => self.channels::<V, 11>(),
            _ => self.channels::<V, TILE>(),
        }
    }
}

impl Tile<'_> {
    #[inline(always)]
    fn channels<V: Vector<Element = f32>, const N: usize>(self) {
        let layout = self.layout;
        let (columns, row) = (layout.output[1], layout.row);
        let pieces = layout.pieces::<V>(self.rows.clone());
        let plane = self.rows.len() * columns;
        if plane == 0 {
            return;
        }
        // Sums go where they belong, unless there are some to be dropped.
        let padded = pieces.len() * V::PIECE;
        let mut sums_of_pieces = vec![0.0; if padded == plane { 0 } else { N * padded }];
        let y = if padded == plane { &mut *self.y } else { &mut sums_of_pieces };
        for (i, starts) in pieces.chunks_exact(V::PIECES).enumerate() {
            let mut sums = [V::zero(); N];
            for (weights, offset) in self.weights.chunks_exact(N).zip(&layout.offsets) {
                let x = V::load_pieces(&self.image[*offset..], starts);
                for o in 0..N {
                    sums[o] = V::splat(weights[o]).mul_add(x, sums[o]);
                }
            }
            for (o, (sum, (scale, shift))) in sums.into_iter().zip(self.outputs).enumerate() {
                finish(sum, scale, shift, self.relu).store(&mut y[o * padded + i * V::LANES..]);
            }
        }
        for (y, sums) in self.y.chunks_exact_mut(plane).zip(sums_of_pieces.chunks_exact(padded)) {
            let rows = y.chunks_exact_mut(columns).zip(sums.chunks_exact(row));
            rows.for_each(|(y, sums)| y.copy_from_slice(&sums[..columns]));
        }
    }
}
