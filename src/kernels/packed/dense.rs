//! A dense layer with packed weights.
//!
//! For a single image, a table holds the sum of the products of a cell's inputs for every value that a cell can have,
//! and each output looks its sum up in the table; the threads share the outputs. For several images, the weights of a
//! few inputs are decoded at a time, and the kernel's tile is up to [`IMAGES`] images by a few vectors of outputs.

use super::epilogue::{Epilogue, of_number};
use super::fields::{Block, MAX_ROWS, PackedWeights, first_cells};
use crate::simd::{Kernel, Lane, MAX_LANES, Vector};
use crate::team;
use rayon::prelude::*;
use std::ops::Range;

/// The images of a tile.
const IMAGES: usize = 4;
/// About the number of weights that are decoded at a time.
const DECODED: usize = 4096;

/// y = epilogue(x w).
pub(crate) struct Dense<'a> {
    pub weights: PackedWeights<'a>,
    pub epilogue: Epilogue<'a>,
    /// The number of threads that share the outputs of a single image; none for a batch of several images.
    pub team: Option<usize>,
}

impl Dense<'_> {
    /// `x` (images, I), `y` (images, O).
    pub(crate) fn run(&self, x: &[f32], y: &mut [f32]) {
        let weights = &self.weights;
        let [inputs, outputs] = [weights.inputs, weights.outputs];
        let of = |columns: Range<usize>, y: &mut [f32]| {
            let padded = columns.len().next_multiple_of(MAX_LANES);
            let sums = &mut vec![0.0; y.len() / columns.len() * padded];
            f32::vectorize(Columns {
                weights,
                x,
                inputs,
                columns: columns.clone(),
                sums,
                padded,
                single_image: self.team.is_some(),
            });
            let epilogue = self.epilogue.of(columns.clone());
            for (y, sums) in y.chunks_exact_mut(columns.len()).zip(sums.chunks_exact(padded)) {
                for ((y, sum), affine) in y.iter_mut().zip(sums).zip(&epilogue) {
                    *y = of_number(*sum, *affine, self.epilogue.relu);
                }
            }
        };
        let threads = self.team.map_or(1, |team| team::share(inputs * outputs, team));
        if threads == 1 {
            return of(0..outputs, y);
        }
        // Each thread computes whole vectors.
        let share = outputs.div_ceil(threads).next_multiple_of(MAX_LANES);
        y.par_chunks_mut(share).enumerate().for_each(|(i, y)| of(i * share..i * share + y.len(), y));
    }
}

/// Some outputs of some images.
struct Columns<'a> {
    weights: &'a PackedWeights<'a>,
    /// (images, I).
    x: &'a [f32],
    inputs: usize,
    /// Begins at an even column.
    columns: Range<usize>,
    /// (images, `padded`), all 0 before the kernel runs.
    sums: &'a mut [f32],
    padded: usize,
    /// Whether there is one image, for which sums are looked up in tables where the weights allow it.
    single_image: bool,
}

impl Kernel<f32> for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(mut self) {
        if self.single_image && self.weights.in_tables() {
            return match self.weights.rows() {
                1 => self.image::<V, 1>(),
                2 => self.image::<V, 2>(),
                _ => self.image::<V, MAX_ROWS>(),
            };
        }
        let count = (DECODED / self.padded).next_multiple_of(MAX_ROWS).max(MAX_ROWS);
        let mut decoded = vec![0.0; count * self.padded + MAX_LANES];
        for first in (0..self.inputs).step_by(count) {
            let rows = first..self.inputs.min(first + count);
            let block = Block { rows: rows.clone(), columns: self.columns.clone() };
            self.weights.decode::<V>(&block, self.padded, &mut decoded);
            let images = self.sums.len() / self.padded;
            for image in (0..images).step_by(IMAGES) {
                match images - image {
                    1 => self.images::<V, 1>(image, rows.clone(), &decoded),
                    2 => self.images::<V, 2>(image, rows.clone(), &decoded),
                    3 => self.images::<V, 3>(image, rows.clone(), &decoded),
                    _ => self.images::<V, IMAGES>(image, rows.clone(), &decoded),
                }
            }
        }
    }
}

impl Columns<'_> {
    /// Computes the columns for one image, from cells of `ROWS` rows.
    #[inline(always)]
    fn image<V: Vector<Element = f32>, const ROWS: usize>(&mut self) {
        let vectors = self.columns.len().div_ceil(V::LANES);
        let mut first = 0;
        while first < vectors {
            first += match vectors - first {
                16.. if V::REGISTERS > 16 => self.columns::<V, ROWS, 16>(first),
                8.. => self.columns::<V, ROWS, 8>(first),
                4.. => self.columns::<V, ROWS, 4>(first),
                2.. => self.columns::<V, ROWS, 2>(first),
                _ => self.columns::<V, ROWS, 1>(first),
            };
        }
    }

    /// Computes N vectors of the sums of an image, from vector `first` on; returns N.
    #[inline(always)]
    fn columns<V: Vector<Element = f32>, const ROWS: usize, const N: usize>(&mut self, first: usize) -> usize {
        let first = first * V::LANES;
        let (whole, rest) = self.x.as_chunks::<ROWS>();
        let mut last = [0.0; ROWS];
        last[..rest.len()].copy_from_slice(rest);
        let last = std::iter::once(&last).filter(|_| !rest.is_empty());
        let mut sums = [V::zero(); N];
        for (row, x) in whole.iter().chain(last).enumerate() {
            let table = self.weights.products::<V, ROWS>(x);
            let cells =
                &self.weights.row_of_cells(row)[(self.columns.start + first) / 2..][..(N - 1) * V::LANES / 2 + 8];
            for n in 0..N {
                sums[n] = sums[n].add(V::look_up(&table, first_cells(&cells[n * V::LANES / 2..])));
            }
        }
        for (n, sum) in sums.into_iter().enumerate() {
            sum.in_order().store(&mut self.sums[first + n * V::LANES..]);
        }
        N
    }

    /// Adds the products of R images, from number `image` on, and the weights of some inputs to the sums.
    #[inline(always)]
    fn images<V: Vector<Element = f32>, const R: usize>(&mut self, image: usize, rows: Range<usize>, decoded: &[f32]) {
        let vectors = self.columns.len().div_ceil(V::LANES);
        let mut first = 0;
        while first < vectors {
            first += match vectors - first {
                3.. => self.tile::<V, R, 3>(image, first, rows.clone(), decoded),
                2 => self.tile::<V, R, 2>(image, first, rows.clone(), decoded),
                _ => self.tile::<V, R, 1>(image, first, rows.clone(), decoded),
            };
        }
    }

    /// Adds these products to N vectors of the sums, from vector `first` on; returns N.
    #[inline(always)]
    fn tile<V: Vector<Element = f32>, const R: usize, const N: usize>(
        &mut self,
        image: usize,
        first: usize,
        rows: Range<usize>,
        decoded: &[f32],
    ) -> usize {
        let first = first * V::LANES;
        let padded = self.padded;
        let at = |r: usize, n: usize| (image + r) * padded + first + n * V::LANES;
        let mut sums = [[V::zero(); N]; R];
        for (r, row) in sums.iter_mut().enumerate() {
            for (n, sum) in row.iter_mut().enumerate() {
                *sum = V::load(&self.sums[at(r, n)..]);
            }
        }
        let x: [&[f32]; R] = std::array::from_fn(|r| &self.x[(image + r) * self.inputs..][rows.clone()]);
        for (i, row) in decoded.chunks_exact(padded).take(rows.len()).enumerate() {
            let row = &row[first..][..N * V::LANES];
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
