//! Max pooling as in [`crate::layers::max_pool`], without a memory of where the maxima were.

use crate::scalar::Real;
use crate::scalar::vector::{Kernel, PIECE, Vector};
use crate::tensor::im2col::Window;

/// Pools planes (H, `width`), as many as `x` holds, to planes (OH, OW).
pub(super) fn max_pool(x: &[f32], [height, width]: [usize; 2], window: &Window, output: [usize; 2], y: &mut [f32]) {
    // The maxima of the columns of each row of windows.
    let mut columns = vec![0.0; output[0] * width];
    for (x, y) in x.chunks_exact(height * width).zip(y.chunks_exact_mut(output[0] * output[1])) {
        f32::vectorize(Plane { x, width, window, columns: &mut columns, output, y });
    }
}

/// One plane: first the maxima of all columns, then of those that a window spans.
struct Plane<'a> {
    x: &'a [f32],
    width: usize,
    window: &'a Window,
    /// (OH, W).
    columns: &'a mut [f32],
    output: [usize; 2],
    y: &'a mut [f32],
}

impl Kernel<f32> for Plane<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(self) {
        let Self { x, width, window: Window { kernel, stride, .. }, columns, output, y } = self;
        for (p, columns) in columns.chunks_exact_mut(width).enumerate() {
            let mut rows = x[p * stride[0] * width..].chunks_exact(width).take(kernel[0]);
            rows.next().into_iter().for_each(|first| columns.copy_from_slice(first));
            rows.for_each(|row| keep_larger(columns, row));
        }
        if (kernel[1], stride[1], output[1] * 2) == (2, 2, width) {
            // Pairs do not cross the end of a row.
            y.iter_mut().zip(columns.chunks_exact(2)).for_each(|(y, pair)| *y = larger(pair[0], pair[1]));
            return;
        }
        for (y, columns) in y.chunks_exact_mut(output[1]).zip(columns.chunks_exact(width)) {
            for (y, columns) in y.iter_mut().zip(columns.windows(kernel[1]).step_by(stride[1])) {
                *y = columns.iter().copied().fold(columns[0], larger);
            }
        }
    }
}

/// `best` becomes the larger of itself and `row`, element by element; rows are often shorter than a vector.
#[inline(always)]
fn keep_larger(best: &mut [f32], row: &[f32]) {
    let (best, best_rest) = best.as_chunks_mut::<PIECE>();
    let (row, row_rest) = row.as_chunks::<PIECE>();
    for (best, row) in best.iter_mut().zip(row) {
        *best = std::array::from_fn(|lane| larger(best[lane], row[lane]));
    }
    best_rest.iter_mut().zip(row_rest).for_each(|(best, x)| *best = larger(*best, *x));
}

/// The larger of the maximum so far and another; a NaN wins.
#[inline(always)]
fn larger(best: f32, x: f32) -> f32 {
    if (x > best) | x.is_nan() { x } else { best }
}
