//! Matrix products on all threads of the current pool.

use crate::scalar::Real;
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis};

/// Rows or columns of the product computed by one thread at a time, at least and at most.
const SMALLEST: usize = 32;
const LARGEST: usize = 256;

/// The product of `a` (m, k) and `b` (k, n), of shape (m, n). Transposed views are taken as they are.
///
/// # Panics
/// If the inner dimensions differ.
pub fn matmul<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    let mut product = Array2::zeros((a.nrows(), b.ncols()));
    // Each piece packs the other operand for itself: cut the longer side, into few pieces.
    let long = a.nrows().max(b.ncols());
    let piece = long.div_ceil(4).next_multiple_of(16).clamp(SMALLEST, LARGEST);
    let (along, operand) = if a.nrows() >= b.ncols() { (Axis(0), a) } else { (Axis(1), b) };
    (product.axis_chunks_iter_mut(along, piece), operand.axis_chunks_iter(along, piece)).into_par_iter().for_each(
        |(mut product, operand)| {
            let (a, b) = if along == Axis(0) { (operand, b) } else { (a, operand) };
            general_mat_mul(F::one(), &a, &b, F::zero(), &mut product);
        },
    );
    product
}

/// The definition of [`matmul`], c_ij = Σ_l a_il b_lj, which the tests hold it to.
pub fn matmul_reference<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| (0..a.ncols()).map(|l| a[[i, l]] * b[[l, j]]).sum())
}
