//! Matrix products on all threads of the current pool: what [`tensor::product`](mod@crate::tensor::product) computes, to rounding.
//!
//! A tile is up to twelve rows of the product by a panel, two vectors of columns; its sums stay in registers while l runs:
//!
//! ```text
//! c[i, j] = Σ_l a[i, l] b[l, j]
//! ```
//!
//! b's rows in a panel, and a's columns in a tile, are put one after the other first, so that both are read with unit stride
//! however the operands lie. Each c is summed in order of l, 512 at a time, whose sums are added up in order: a sum of very
//! many terms loses no more than one of a thousand, and is the same at any number of threads.

use crate::scalar::Real;
use crate::scalar::vector::{Kernel, MAX_LANES, Vector};
use crate::spares::Spares;
use crate::team;
use crate::tensor::tiles::{LARGEST, by_size, side_by_side, tiles};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};
use rayon::slice::{ParallelSlice, ParallelSliceMut};
use std::slice::ChunksExact;

/// Columns computed by one thread at a time: whole panels of any vectors.
const COLUMNS: usize = 2 * MAX_LANES;
/// Rows packed by one thread at a time: whole tiles.
const ROWS: usize = 4 * LARGEST;
/// The most parts that the rows of a product are cut into: enough for the threads.
const CUTS: usize = 4;
/// Terms added up one after another.
const TERMS: usize = 512;
/// Terms that one thread adds up sooner than another would come to help.
const FEW: usize = 1 << 19;

/// The product of `a` (m, k) and `b` (k, n), of shape (m, n). Transposed views are taken as they are.
///
/// # Panics
/// If the inner dimensions differ.
pub fn matmul<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    assert_eq!(a.ncols(), b.nrows(), "the inner dimensions are the same");
    let mut product = Array2::zeros((a.nrows(), b.ncols()));
    let at_least = team::min_len(a.len() * b.ncols(), FEW);
    let chunk = ROWS * a.ncols() + MAX_LANES;
    let mut packed = vec![F::zero(); a.nrows().div_ceil(ROWS) * chunk];
    let chunks = a.axis_chunks_iter(Axis(0), ROWS).into_par_iter().with_min_len(at_least);
    chunks.zip(packed.par_chunks_mut(chunk)).for_each(|(a, packed)| F::vectorize(PackTiles { a, packed }));
    // Each part of the rows packs the panels anew: where there are many panels, rows are not cut.
    let cuts = if b.ncols() > (CUTS - 1) * COLUMNS { 1 } else { CUTS };
    let chunks = a.nrows().div_ceil(ROWS).div_ceil(cuts).max(1);
    let spares = Spares::default();
    let parts = product.axis_chunks_iter_mut(Axis(0), ROWS * chunks).into_par_iter().with_min_len(at_least);
    parts.zip(packed.par_chunks(chunks * chunk)).for_each(|(mut product, a)| {
        let panels = product.axis_chunks_iter_mut(Axis(1), COLUMNS).into_par_iter().with_min_len(at_least);
        panels.zip(b.axis_chunks_iter(Axis(1), COLUMNS)).for_each_init(
            || spares.take(),
            |panel, (product, b)| F::vectorize(Columns { a: a.chunks_exact(chunk), b, product, panel }),
        );
    });
    product
}

/// a's rows tile by tile: for each l, those of a tile.
struct PackTiles<'a, F> {
    /// (rows, k).
    a: ArrayView2<'a, F>,
    /// A vector longer than that.
    packed: &'a mut [F],
}

impl<F: Real> Kernel<F> for PackTiles<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let depth = self.a.ncols();
        for (first, size) in tiles::<V>(self.a.nrows()) {
            pack::<V>(self.a.slice(s![first..first + size, ..]), size, &mut self.packed[first * depth..]);
        }
    }
}

/// Puts rows (a few, k) side by side, `stride` apart. A vector more may be overwritten.
#[inline(always)]
fn pack<V: Vector>(rows: ArrayView2<'_, V::Element>, stride: usize, to: &mut [V::Element]) {
    if rows.strides()[1] == 1 {
        let mut slices: [&[V::Element]; COLUMNS] = [&[]; COLUMNS];
        for (slice, row) in slices.iter_mut().zip(rows.outer_iter()) {
            *slice = row.to_slice().expect("the elements of a row are contiguous");
        }
        return side_by_side::<V>(&slices[..rows.nrows()], stride, to);
    }
    for (column, to) in rows.columns().into_iter().zip(to.chunks_exact_mut(stride)) {
        match column.to_slice() {
            Some(column) => to[..column.len()].copy_from_slice(column),
            None => to.iter_mut().zip(column).for_each(|(to, from)| *to = *from),
        }
    }
}

/// Some columns of a product.
struct Columns<'a, F> {
    /// (m, k), [`ROWS`] at a time, by [`PackTiles`].
    a: ChunksExact<'a, F>,
    /// (k, columns).
    b: ArrayView2<'a, F>,
    /// (m, columns).
    product: ArrayViewMut2<'a, F>,
    /// Where columns of b are packed.
    panel: &'a mut Vec<F>,
}

impl<F: Real> Kernel<F> for Columns<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        let (depth, width) = (self.b.nrows(), 2 * V::LANES);
        let panel = self.panel;
        panel.resize(depth * width + V::LANES, F::zero());
        let panels = self.product.axis_chunks_iter_mut(Axis(1), width).zip(self.b.axis_chunks_iter(Axis(1), width));
        for (mut product, b) in panels {
            pack::<V>(b.reversed_axes(), width, panel);
            for (mut product, a) in product.axis_chunks_iter_mut(Axis(0), ROWS).zip(self.a.clone()) {
                let tiles = tiles::<V>(product.nrows());
                let mut rows = product.rows_mut().into_iter();
                for (first, size) in tiles {
                    let a = &a[first * depth..][..size * depth];
                    by_size!(size, V, N => tile::<V, N>(a, panel, &mut rows));
                }
            }
        }
    }
}

/// The next N rows of a product, at most two vectors of columns.
#[inline(always)]
fn tile<'a, V: Vector, const N: usize>(
    a: &[V::Element],
    panel: &[V::Element],
    rows: &mut impl Iterator<Item = ArrayViewMut1<'a, V::Element>>,
) {
    let mut rows: [&mut [V::Element]; N] = std::array::from_fn(|_| {
        let row = rows.next().expect("as many rows as the tiles have");
        row.into_slice().expect("rows of a new array are contiguous")
    });
    for (block, (a, panel)) in a.chunks(N * TERMS).zip(panel.chunks(2 * V::LANES * TERMS)).enumerate() {
        let (mut left, mut right) = ([V::zero(); N], [V::zero(); N]);
        for (a, b) in a.chunks_exact(N).zip(panel.chunks_exact(2 * V::LANES)) {
            let (b_left, b_right) = (V::load(b), V::load(&b[V::LANES..]));
            for i in 0..N {
                left[i] = V::splat(a[i]).mul_add(b_left, left[i]);
                right[i] = V::splat(a[i]).mul_add(b_right, right[i]);
            }
        }
        for (i, row) in rows.iter_mut().enumerate() {
            let (to_left, to_right) = row.split_at_mut(row.len().min(V::LANES));
            for (sum, to) in [(left[i], to_left), (right[i], to_right)] {
                let sum = if block == 0 { sum } else { load_some::<V>(to).add(sum) };
                sum.store_some(to);
            }
        }
    }
}

/// The elements of a slice of at most a vector, followed by zeros.
#[inline(always)]
fn load_some<V: Vector>(from: &[V::Element]) -> V {
    if from.len() == V::LANES { V::load(from) } else { V::load_part(from) }
}
