//! Bayesian neural-network layers with M-ary adaptive quantization.
#[cfg(feature = "cli")]
pub mod cli;
pub mod error;
pub mod layers;
pub mod nets;
pub mod packed;
pub mod prior;
pub mod scalar;
pub mod tensor;
pub mod train;
pub use error::{Error, Result};

pub mod report;
