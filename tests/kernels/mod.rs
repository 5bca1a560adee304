//! A module for each file of `src/kernels` whose operation `tests/layers` does not test with definitions and kernels.

mod conv;
mod matmul;
mod packed;
mod pooled_activation;
mod pre_activation;
mod way;
