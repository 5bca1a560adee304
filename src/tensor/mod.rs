//! The basic operations: the definitions' matrix product, tiles of sums, im2col, sums, noise, new arrays and aligned
//! buffers. One rule keeps results the same at any thread count, for one width of vectors (see
//! [`vector`](crate::scalar::vector)):
//!
//! **Determinism.** Work is cut into chunks whose size depends only on the data, never on the number of threads; each
//! chunk is computed serially, and chunks that are summed are added up in order.

pub mod aligned;
pub mod fresh;
pub mod im2col;
pub mod noise;
pub mod product;
pub mod statistics;
pub mod sum;
pub mod tiles;
