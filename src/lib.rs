//! Bayesian neural-network layers with M-ary adaptive quantization.
pub mod error;
pub use error::{Error, Result};

pub mod report;
