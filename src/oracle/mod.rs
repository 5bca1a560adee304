//! The oracle: one operation and all its gradients, on tensors that somebody else wrote.
//!
//! Implementers of these layers elsewhere evaluate an operation on their own inputs and compare. Input and output are
//! safetensors files; the arithmetic is done in the inputs' own type, F64 or F32. Every derivative is the full one: that of
//! the levels runs through the window widths, and a zero level is not pinned. Scalars are tensors of shape (1).

pub mod catalogue;
mod layers;
mod networks;
pub mod options;
mod priors;
pub mod tensors;
mod training;

use crate::error::{Error, Result};
use crate::train::write::write;
pub use catalogue::{OPERATIONS, Operation};
use options::Options;
use std::path::Path;
use tensors::{Inputs, Precision};

/// Evaluates operation `name` on the tensors in `input` and writes its outputs to `output`.
///
/// # Errors
/// If there is no such operation, an option or a tensor is missing, unknown, misshapen, of the wrong type or not finite, or a
/// file cannot be read or written. Nothing is written then.
pub fn evaluate(name: &str, input: Option<&Path>, output: &Path, options: &[(String, String)]) -> Result<()> {
    let operation = OPERATIONS.iter().find(|operation| operation.name == name).ok_or_else(|| {
        let names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        Error::option("operation", names.join(", "), name)
    })?;
    let options = Options::new(operation.options, options)?;
    let bytes = match (operation.takes_input(), input) {
        (true, Some(path)) => {
            let file = tensors::File::read(path)?;
            match file.precision(operation.labels)? {
                Precision::F32 => (operation.f32)(&Inputs::new(&file, operation)?, &options)?.to_bytes(),
                Precision::F64 => (operation.f64)(&Inputs::new(&file, operation)?, &options)?.to_bytes(),
            }
        }
        (false, None) => match options.text("dtype") {
            "F32" => (operation.f32)(&Inputs::none(), &options)?.to_bytes(),
            _ => (operation.f64)(&Inputs::none(), &options)?.to_bytes(),
        },
        (true, None) => return Err(Error::option("IN.safetensors", "a file of tensors", "none")),
        (false, Some(path)) => return Err(Error::option("IN.safetensors", "no input", path.display())),
    };
    write(output, &bytes)
}
