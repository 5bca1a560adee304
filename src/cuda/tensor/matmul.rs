//! [`tensor::matmul`](crate::tensor::matmul) on the device, by cuBLAS, without TF32.

use crate::cuda::{Buffer, Real};
use crate::error::{Error, Result};
use cudarc::cublas::sys::cublasOperation_t;
use cudarc::cublas::{GemmConfig, StridedBatchedConfig};

/// Matrices in a buffer, one after the other, each in standard layout.
#[derive(Debug)]
pub struct Matrices<'a, F> {
    /// The buffer.
    pub buffer: &'a Buffer<F>,
    /// Rows of each, as stored.
    pub rows: usize,
    /// Columns of each, as stored.
    pub columns: usize,
    /// Whether the transposes are meant.
    pub transposed: bool,
    /// Elements from each matrix to the next; 0 for the same one each time.
    pub stride: usize,
}

impl<'a, F: Real> Matrices<'a, F> {
    /// One matrix, each time.
    ///
    /// # Panics
    /// If the buffer does not have rows · columns elements.
    pub fn one(buffer: &'a Buffer<F>, rows: usize, columns: usize) -> Self {
        assert_eq!(buffer.len(), rows * columns, "as many elements as the matrix has");
        Self { buffer, rows, columns, transposed: false, stride: 0 }
    }

    /// The buffer cut into matrices.
    pub fn each(buffer: &'a Buffer<F>, rows: usize, columns: usize) -> Self {
        Self { buffer, rows, columns, transposed: false, stride: rows * columns }
    }

    /// Their transposes.
    pub fn t(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// Rows and columns of what is meant.
    fn shape(&self) -> [usize; 2] {
        if self.transposed { [self.columns, self.rows] } else { [self.rows, self.columns] }
    }

    fn operation(&self) -> cublasOperation_t {
        if self.transposed { cublasOperation_t::CUBLAS_OP_T } else { cublasOperation_t::CUBLAS_OP_N }
    }
}

/// The product of `a` (m, k) and `b` (k, n), of shape (m, n).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the inner dimensions differ.
pub fn matmul<F: Real>(a: Matrices<'_, F>, b: Matrices<'_, F>) -> Result<Buffer<F>> {
    let [m, n] = [a.shape()[0], b.shape()[1]];
    Ok(matmul_batched(a, b, 1)?.reshaped(&[m, n]))
}

/// `batch` such products, of shape (batch, m, n).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the inner dimensions differ or a matrix lies outside its buffer.
pub fn matmul_batched<F: Real>(a: Matrices<'_, F>, b: Matrices<'_, F>, batch: usize) -> Result<Buffer<F>> {
    let ([m, k], [inner, n]) = (a.shape(), b.shape());
    assert_eq!(k, inner, "the inner dimensions are the same");
    for matrices in [&a, &b] {
        let end = batch.saturating_sub(1) * matrices.stride + matrices.rows * matrices.columns;
        assert!(end <= matrices.buffer.len(), "the matrices lie within their buffer");
    }
    let device = a.buffer.device().clone();
    if batch * m * n * k == 0 {
        return Buffer::zeros(&device, &[batch, m, n]);
    }
    let mut product = Buffer::unset(&device, &[batch, m, n])?;
    let size = |size: usize| size as i32;
    // cuBLAS reads columns first: to it, ours are the transposes, and cᵀ = bᵀ aᵀ.
    let config = StridedBatchedConfig {
        gemm: GemmConfig {
            transa: b.operation(),
            transb: a.operation(),
            m: size(n),
            n: size(m),
            k: size(k),
            alpha: F::one(),
            lda: size(b.columns),
            ldb: size(a.columns),
            beta: F::zero(),
            ldc: size(n),
        },
        batch_size: size(batch),
        stride_a: b.stride as i64,
        stride_b: a.stride as i64,
        stride_c: (m * n) as i64,
    };
    // SAFETY: the matrices lie within their buffers, as checked; the product is as large as its shape says.
    unsafe { F::gemm(device.blas(), config, b.buffer.slice(), a.buffer.slice(), product.slice_mut()) }.map_err(
        |error| Error::device(device.to_string(), "matrix products without an error", format!("{:?}", error.0)),
    )?;
    Ok(product)
}
