//! Matrix products on all threads of the current pool: what [`tensor::product`](mod@crate::tensor::product) computes,
//! to rounding.
//!
//! A tile is up to twelve rows of the product by a panel, two vectors of columns; its sums stay in registers while l
//! runs:
//!
//! ```text
//! c[i, j] = Σ_l a[i, l] b[l, j]
//! ```
//!
//! The rows of b in a panel, and the columns of a in a tile, are first copied one after the other, so that both are
//! read with unit stride whatever the layout of the operands. Each c is summed in the order of l, 512 terms at a time,
//! and these partial sums are added up in order. The rounding error of a very long sum is therefore no larger than that
//! of a sum of a thousand terms, and the sum is the same for any number of threads.

use crate::scalar::Real;
use crate::simd::{Kernel, MAX_LANES, Vector};
use crate::spares::Spares;
use crate::team;
use crate::tensor::tiles::{LARGEST, by_size, largest, side_by_side, tiles};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, s};
use rayon::slice::{ParallelSlice, ParallelSliceMut};
use std::slice::ChunksExact;

/// The columns that one thread computes at a time: whole panels for any vector length.
const COLUMNS: usize = 2 * MAX_LANES;
/// The rows that one thread packs at a time: whole tiles.
const ROWS: usize = 4 * LARGEST;
/// The most parts that the rows of a product are cut into: enough for the threads.
const CUTS: usize = 4;
/// The terms that are added up before their sum is added to the product.
const TERMS: usize = 512;
/// The fewest terms that are divided among threads: one thread adds up fewer before a second one has started.
const FEW: usize = 1 << 19;

/// The product of `a` (m, k) and `b` (k, n), of shape (m, n). Either may be a transposed view.
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
    // Each part of the rows packs all panels again, so with many panels the rows are not cut.
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

/// Packs the rows of `a`, tile by tile: for each l, element l of each of the tile's rows.
struct PackTiles<'a, F> {
    /// (rows, k).
    a: ArrayView2<'a, F>,
    /// The elements of `a`, and room for at least one vector more.
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

/// Stores element l of row r of `rows` (a few, k) at l · `stride` + r. Up to a vector after the last element may be
/// overwritten.
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
    /// (m, k), packed by [`PackTiles`], [`ROWS`] rows at a time.
    a: ChunksExact<'a, F>,
    /// (k, columns).
    b: ArrayView2<'a, F>,
    /// (m, columns).
    product: ArrayViewMut2<'a, F>,
    /// The buffer that columns of b are packed to.
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
                    by_size!(size, largest::<V>(2), N => tile::<V, N>(a, panel, &mut rows));
                }
            }
        }
    }
}

/// Computes the next N rows of a product, in at most two vectors of columns.
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
                let sum = if block == 0 { sum } else { V::load_some(to).add(sum) };
                sum.store_some(to);
            }
        }
    }
}
