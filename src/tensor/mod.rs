//! The only plumbing: the definitions' matrix product, tiles of sums, im2col, sums, noise, new arrays, aligned buffers, and the one rule that
//! keeps results the same at any thread count, for one width of vectors (see [`vector`](crate::scalar::vector)).
//!
//! **Determinism.** Work is cut into chunks whose size depends on the data alone, never on the number of threads; each
//! chunk is computed serially, and where chunks are added up they are added in order.

pub mod aligned;
pub mod fresh;
pub mod im2col;
pub mod noise;
pub mod product;
pub mod statistics;
pub mod sum;
pub mod tiles;
