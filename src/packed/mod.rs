//! The quantized model: every weight is the index of a level, and every layer has its own levels.
//!
//! [`model`] builds the model; [`executor`] runs it on the indices of the levels, with
//! [`kernels::packed`](crate::kernels::packed); [`mod@format`] is its file, in which [`entropy`] codes the indices.
//!
//! ```
//! use ndarray::Array4;
//! use spikeslab::layers::softmax_nll::log_softmax;
//! use spikeslab::packed::{Executor, format};
//! use std::path::Path;
//!
//! let file = "fixtures/models/resnet20-hard-m3.packed";
//! let model = format::load(Path::new(file))?;
//! // Pixels in [0, 1], which the model standardizes.
//! let x = Array4::<f32>::zeros((2, 3, 32, 32));
//! let logits = Executor::new(&model).predict(x)?;
//! let p = log_softmax(logits).mapv(f32::exp);
//! assert_eq!(p.dim(), (2, model.class_names().len()));
//! # Ok::<(), spikeslab::Error>(())
//! ```

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
