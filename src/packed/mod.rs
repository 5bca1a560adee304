//! The quantized model: every weight the index of a level, every layer with its own levels.
//!
//! [`model`] makes the model, `inference` runs it on the indices of the levels as [`fields`] holds them; [`mod@format`] is its
//! file, in which they are coded by [`entropy`].

#[cfg(feature = "files")]
pub mod digits;
#[cfg(feature = "files")]
pub mod entropy;
pub mod fields;
#[cfg(feature = "files")]
pub mod format;
mod inference;
pub mod model;

pub use model::PackedModel;
