//! The basic operations: the definitions' matrix product, tiles of sums, im2col, sums, means and variances, noise, new
//! arrays, aligned buffers and the search for numbers that are not finite. One rule keeps results the same at any
//! thread count, for one width of vectors (see [`simd`](crate::simd)):
//!
//! **Determinism.** Work is cut into chunks whose size depends only on the data, never on the number of threads; each
//! chunk is computed serially, and chunks that are summed are added up in order.

pub mod aligned;
pub mod finite;
pub mod fresh;
pub mod im2col;
pub mod noise;
pub mod product;
pub mod statistics;
pub mod sum;
pub mod tiles;
