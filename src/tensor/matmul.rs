//! Matrix products on all threads of the current pool.

use crate::scalar::Real;
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis};

/// Rows of the product computed by one thread at a time.
const ROWS: usize = 32;

/// The product of `a` (m, k) and `b` (k, n), of shape (m, n). Transposed views are taken as they are.
///
/// # Panics
/// If the inner dimensions differ.
pub fn matmul<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    let mut product = Array2::zeros((a.nrows(), b.ncols()));
    (product.axis_chunks_iter_mut(Axis(0), ROWS), a.axis_chunks_iter(Axis(0), ROWS))
        .into_par_iter()
        .for_each(|(mut rows, a_rows)| general_mat_mul(F::one(), &a_rows, &b, F::zero(), &mut rows));
    product
}

/// The definition of [`matmul`], c_ij = Σ_l a_il b_lj, which the tests hold it to.
pub fn matmul_reference<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| (0..a.ncols()).map(|l| a[[i, l]] * b[[l, j]]).sum())
}
