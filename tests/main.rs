//! One test binary, whose modules mirror `src`: the tests of `src/layers/relu.rs` are in `tests/layers/relu.rs`, and
//! the golden values that they load are in `fixtures/layers/relu.safetensors`.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "cli")]
mod cli;
#[macro_use]
mod common;
#[cfg(feature = "course")]
mod course;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cli")]
mod export;
#[cfg(feature = "files")]
mod files;
mod kernels;
mod layers;
mod nets;
#[cfg(feature = "files")]
mod oracle;
mod packed;
#[cfg(feature = "files")]
mod parsers;
mod prior;
mod report;
mod scalar;
mod simd;
mod tensor;
mod train;
#[cfg(feature = "files")]
mod versions;
