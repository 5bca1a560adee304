//! Bayesian neural-network layers with M-ary adaptive quantization.
pub mod error;
pub mod train;
pub use error::{Error, Result};
