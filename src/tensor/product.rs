//! The matrix product of the definitions, on one thread, by the crate `matrixmultiply`. Layers in training use
//! [`kernels::matmul`](crate::kernels::matmul) instead.
//!
//! ```text
//! c[i, j] = Σ_l a[i, l] b[l, j]
//! ```

use crate::scalar::Real;
use ndarray::{Array2, ArrayView2};

/// The product of `a` (m, k) and `b` (k, n), of shape (m, n). Transposed views are read in place.
///
/// # Panics
/// If the inner dimensions differ.
pub fn product<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
    assert_eq!(a.ncols(), b.nrows(), "the inner dimensions are the same");
    let mut c = Array2::zeros((a.nrows(), b.ncols()));
    let ([row_of_a, column_of_a], [row_of_b, column_of_b]) = (strides(a), strides(b));
    // SAFETY: `a` and `b` are borrowed and `c` is owned during the call; each pointer is that of an array whose
    // dimensions and strides, counted in elements, are passed with it.
    unsafe {
        F::GEMM(
            a.nrows(),
            a.ncols(),
            b.ncols(),
            F::one(),
            a.as_ptr(),
            row_of_a,
            column_of_a,
            b.as_ptr(),
            row_of_b,
            column_of_b,
            F::zero(),
            c.as_mut_ptr(),
            b.ncols() as isize,
            1,
        );
    }
    c
}

/// The distances from one row to the next and from one column to the next, in elements.
fn strides<F>(matrix: ArrayView2<'_, F>) -> [isize; 2] {
    [matrix.strides()[0], matrix.strides()[1]]
}
