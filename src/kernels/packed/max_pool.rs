//! Max pooling without padding, which does not record where the maxima are.

use crate::simd::{Lane, Vector};
use crate::tensor::im2col::Window;

/// Whether the windows are adjacent squares of two by two, whose columns the tiles of a convolution pool.
pub(super) fn is_of_squares(pool: &Window) -> bool {
    (pool.kernel, pool.stride) == ([2, 2], [2, 2])
}

/// Pools a plane with rows `row` elements apart to a plane `y` with rows of `width`.
#[inline(always)]
pub(crate) fn max_pool(x: &[f32], row: usize, pool: &Window, y: &mut [f32], width: usize) {
    for (p, y) in y.chunks_exact_mut(width).enumerate() {
        let x = &x[p * pool.stride[0] * row..];
        for (q, y) in y.iter_mut().enumerate() {
            let rows = (0..pool.kernel[0]).map(|i| &x[i * row + q * pool.stride[1]..][..pool.kernel[1]]);
            *y = rows.flatten().copied().reduce(larger).expect("a window has pixels");
        }
    }
}

/// Pools a plane with windows of two by two to a plane `y` with rows of `width`. `columns` has the maxima of the
/// windows' columns, in rows `row` elements apart; two vectors may be loaded from the last column on.
#[inline(always)]
pub(super) fn pool_columns<V: Vector<Element = f32>>(columns: &[f32], row: usize, y: &mut [f32], width: usize) {
    // Rows without a gap are one long row.
    let (row, width) = if row == 2 * width { (2 * y.len(), y.len()) } else { (row, width) };
    for (p, y) in y.chunks_exact_mut(width).enumerate() {
        for (i, y) in y.chunks_mut(V::LANES).enumerate() {
            let columns = &columns[p * row + i * 2 * V::LANES..];
            let (even, odd) = V::load(columns).unzip(V::load(&columns[V::LANES..]));
            larger_of_each(even, odd).store_some(y);
        }
    }
}

/// The larger of the maximum so far and another; a NaN wins.
#[inline(always)]
fn larger(best: f32, x: f32) -> f32 {
    // As the processor's maximum: x where either is NaN.
    let larger = if best > x { best } else { x };
    if best.is_nan() { best } else { larger }
}

/// [`larger`], lane by lane.
#[inline(always)]
pub(super) fn larger_of_each<V: Vector>(best: V, x: V) -> V {
    let positive_if_a_number = best.mul_add(best, V::splat(V::Element::of(1.0)));
    best.max(x).where_positive(positive_if_a_number, best)
}
