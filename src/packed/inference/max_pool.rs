//! Max pooling as in [`crate::layers::max_pool`], without a memory of where the maxima were.

use crate::scalar::vector::PIECE;
use crate::tensor::im2col::Window;

/// Pools a plane, whose rows are `row` elements apart, to one of rows of `width`.
#[inline(always)]
pub(super) fn max_pool(x: &[f32], row: usize, window: &Window, y: &mut [f32], width: usize) {
    for (p, y) in y.chunks_exact_mut(width).enumerate() {
        let x = &x[p * window.stride[0] * row..];
        if (window.kernel, window.stride[1]) == ([2, 2], 2) {
            squares(&x[..2 * width], &x[row..][..2 * width], y);
            continue;
        }
        for (q, y) in y.iter_mut().enumerate() {
            let rows = (0..window.kernel[0]).map(|i| &x[i * row + q * window.stride[1]..][..window.kernel[1]]);
            *y = rows.flatten().copied().reduce(larger).expect("a window has pixels");
        }
    }
}

/// The maxima of squares of two by two, those of two rows.
#[inline(always)]
fn squares(above: &[f32], below: &[f32], y: &mut [f32]) {
    let (y, y_rest) = y.as_chunks_mut::<{ PIECE / 2 }>();
    let ((above, above_rest), (below, below_rest)) = (above.as_chunks::<PIECE>(), below.as_chunks::<PIECE>());
    for (y, (above, below)) in y.iter_mut().zip(above.iter().zip(below)) {
        let columns: [f32; PIECE] = std::array::from_fn(|lane| larger(above[lane], below[lane]));
        *y = std::array::from_fn(|q| larger(columns[2 * q], columns[2 * q + 1]));
    }
    for (q, y) in y_rest.iter_mut().enumerate() {
        let column = |lane: usize| larger(above_rest[lane], below_rest[lane]);
        *y = larger(column(2 * q), column(2 * q + 1));
    }
}

/// The larger of the maximum so far and another; a NaN wins.
#[inline(always)]
fn larger(best: f32, x: f32) -> f32 {
    // As the processor does it: x where either is NaN.
    let larger = if best > x { best } else { x };
    if best.is_nan() { best } else { larger }
}
