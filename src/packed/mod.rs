//! The quantized model: every weight the index of a level, every layer with its own levels.
//!
//! [`model`] makes the model, [`executor`] runs it on the indices of the levels, by [`kernels::packed`](crate::kernels::packed);
//! [`mod@format`] is its file, in which the indices are coded by [`entropy`].

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
