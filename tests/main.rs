//! One test binary whose modules mirror `src`: the tests of `src/layers/relu.rs` are in `tests/layers/relu.rs`.

#![allow(clippy::unwrap_used)]

mod report;
mod train;
