//! A dense layer with packed weights.
//!
//! A few rows of weights, those of some inputs, are decoded at a time, for a few images; the kernel's tile is up to
//! [`ROWS`] images by a few vectors of outputs. The inputs are cut into parts of about [`PART`] weights, whose sums are added
//! up: a single image is shared out among the threads by parts.

use super::decode::Decoder;
use super::{Batch, Epilogue, for_each};
use crate::packed::model::PackedLayer;
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, MAX_LANES, Vector};
use rayon::prelude::*;
use std::ops::Range;

/// Images of a tile.
const ROWS: usize = 4;
/// Images for which weights are decoded.
const GROUP: usize = 64;
/// Weights decoded at a time, about.
const DECODED: usize = 4096;
/// Weights of a part, about: as much work as is worth waking a thread for.
const PART: usize = 1 << 16;

/// y = epilogue(x w).
pub(super) struct Product<'a> {
    pub layer: &'a PackedLayer,
    pub epilogue: Epilogue<'a>,
}

impl Product<'_> {
    pub(super) fn of(&self, batch: &Batch, images: usize) -> Batch {
        let [inputs, outputs] = [self.layer.shape[0], self.layer.shape[1]];
        let mut y = Batch::zeros(images, [outputs, 1, 1]);
        let decoder = &Decoder::new(self.layer);
        let group = images.div_ceil(rayon::current_num_threads()).clamp(1, GROUP);
        let groups = batch.values.par_chunks(group * inputs).zip(y.values.par_chunks_mut(group * outputs));
        for_each(groups, group * inputs * outputs, |_, (x, y)| self.group(decoder, x, y, images == 1));
        y
    }

    /// `x` (images, I), `y` (images, O); on all threads if there is nothing else for them to do.
    fn group(&self, decoder: &Decoder<'_>, x: &[f32], y: &mut [f32], alone: bool) {
        let [inputs, outputs] = [self.layer.shape[0], self.layer.shape[1]];
        // Rows decoded together, and parts of them, begin at a byte.
        let rows = (DECODED / outputs).max(1).next_multiple_of(decoder.per_byte);
        let part = (PART / outputs).max(1).next_multiple_of(rows);
        let of_part = |i: usize| self.part(decoder, x, i * part..inputs.min((i + 1) * part), rows);
        let parts = inputs.div_ceil(part);
        let mut sums: Vec<Vec<f32>> = if alone && parts > 1 {
            (0..parts).into_par_iter().map(of_part).collect()
        } else {
            (0..parts).map(of_part).collect()
        };
        let (sums, more) = sums.split_first_mut().expect("a dense layer has inputs");
        for more in more {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += *more);
        }
        let padded = sums.len() / (y.len() / outputs);
        for (y, sums) in y.chunks_exact_mut(outputs).zip(sums.chunks_exact(padded)) {
            for (o, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
                let (scale, shift) = self.epilogue.of(o);
                let finished = scale * sum + shift;
                *y = if self.epilogue.relu && finished < 0.0 { 0.0 } else { finished };
            }
        }
    }

    /// What some inputs contribute, decoding so many rows at a time: for each image, the sums of whole vectors.
    fn part(&self, decoder: &Decoder<'_>, x: &[f32], part: Range<usize>, rows: usize) -> Vec<f32> {
        let [inputs, outputs] = [self.layer.shape[0], self.layer.shape[1]];
        // A row of weights may be read beyond its end, into the next one.
        let padded = outputs.next_multiple_of(MAX_LANES);
        let mut sums = vec![0.0; x.len() / inputs * padded];
        let mut weights = vec![0.0; rows.min(inputs) * outputs + decoder.per_byte + MAX_LANES];
        for first in part.clone().step_by(rows) {
            let count = rows.min(part.end - first);
            decoder.decode(first * outputs, count * outputs, &mut weights);
            f32::vectorize(Rows { x: &x[first..], inputs, count, weights: &weights, outputs, sums: &mut sums, padded });
        }
        sums
    }
}

/// Adds what some inputs contribute.
struct Rows<'a> {
    /// (images, I), from the first of these inputs on.
    x: &'a [f32],
    inputs: usize,
    count: usize,
    /// (count, O).
    weights: &'a [f32],
    outputs: usize,
    /// (images, `padded`).
    sums: &'a mut [f32],
    padded: usize,
}

impl Kernel<f32> for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(mut self) {
        let images = self.sums.len() / self.padded;
        for image in (0..images).step_by(ROWS) {
            match images - image {
                1 => self.images::<V, 1>(image),
                2 => self.images::<V, 2>(image),
                3 => self.images::<V, 3>(image),
                _ => self.images::<V, ROWS>(image),
            }
        }
    }
}

impl Rows<'_> {
    #[inline(always)]
    fn images<V: Vector<Element = f32>, const R: usize>(&mut self, image: usize) {
        let vectors = self.outputs.div_ceil(V::LANES);
        let mut first = 0;
        while first < vectors {
            // One image alone has few accumulators, unless its tile is wider.
            first += match vectors - first {
                left if left >= 8 && R == 1 => self.tile::<V, R, 8>(image, first),
                left if left >= 3 => self.tile::<V, R, 3>(image, first),
                2 => self.tile::<V, R, 2>(image, first),
                _ => self.tile::<V, R, 1>(image, first),
            };
        }
    }

    /// N vectors, from the one called `first` on; returns N.
    #[inline(always)]
    fn tile<V: Vector<Element = f32>, const R: usize, const N: usize>(&mut self, image: usize, first: usize) -> usize {
        let first = first * V::LANES;
        let padded = self.padded;
        let at = |r: usize, n: usize| (image + r) * padded + first + n * V::LANES;
        let mut sums = [[V::zero(); N]; R];
        for (r, row) in sums.iter_mut().enumerate() {
            for (n, sum) in row.iter_mut().enumerate() {
                *sum = V::load(&self.sums[at(r, n)..]);
            }
        }
        let x: [&[f32]; R] = std::array::from_fn(|r| &self.x[(image + r) * self.inputs..][..self.count]);
        for i in 0..self.count {
            let row = &self.weights[i * self.outputs + first..];
            let mut weights = [V::zero(); N];
            for n in 0..N {
                weights[n] = V::load(&row[n * V::LANES..]);
            }
            for r in 0..R {
                let x = V::splat(x[r][i]);
                for n in 0..N {
                    sums[r][n] = x.mul_add(weights[n], sums[r][n]);
                }
            }
        }
        for (r, row) in sums.into_iter().enumerate() {
            for (n, sum) in row.into_iter().enumerate() {
                sum.store(&mut self.sums[at(r, n)..]);
            }
        }
        N
    }
}
