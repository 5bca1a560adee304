//! The quantized model: every weight a base-M digit, every layer with its own levels.
//!
//! [`model`] makes the model, `inference` runs it on the indices of the levels as [`fields`] holds them; [`mod@format`] is its
//! file, in which they are [`digits`].

pub mod digits;
pub mod fields;
#[cfg(feature = "files")]
pub mod format;
mod inference;
pub mod model;

pub use model::PackedModel;
