//! A module for each file of `src/kernels` whose operation is not tested on both ways in `tests/layers`.

mod conv;
mod matmul;
mod packed;
mod pooled_activation;
mod pre_activation;
mod way;
