//! The quantized model: every weight is the index of a level, and every layer has its own levels.
//!
//! [`model`] builds the model; [`executor`] runs it on the indices of the levels, with
//! [`kernels::packed`](crate::kernels::packed); [`mod@format`] is its file, in which [`entropy`] codes the indices.

#[cfg(feature = "files")]
pub mod digits;
#[cfg(feature = "files")]
pub mod entropy;
pub mod executor;
#[cfg(feature = "files")]
pub mod format;
pub mod model;

pub use executor::Executor;
pub use model::PackedModel;
