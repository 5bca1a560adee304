//! The quantized model: every weight a base-M digit, every layer with its own levels.
//!
//! [`digits`] packs the indices of the levels, [`model`] makes the model, `inference` runs it, [`mod@format`] is its file.

pub mod digits;
#[cfg(feature = "files")]
pub mod format;
mod inference;
pub mod model;

pub use model::PackedModel;
