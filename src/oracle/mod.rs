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
use tensors::{File, Inputs, Precision};

/// Evaluates operation `name` on the tensors in `input` and writes its outputs to `output`.
///
/// # Errors
/// If there is no such operation, an option or a tensor is missing, unknown, misshapen, of the wrong type or not finite, or a
/// file cannot be read or written. Nothing is written then.
pub fn evaluate(name: &str, input: Option<&Path>, output: &Path, options: &[(String, String)]) -> Result<()> {
    let operation = find(name)?;
    if let (false, Some(path)) = (operation.takes_input(), input) {
        return Err(Error::option("IN.safetensors", "no input", path.display()));
    }
    let file = input.map(File::read).transpose()?;
    write(output, &compute(operation, file.as_ref(), options)?)
}

/// The operation `name`.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name).ok_or_else(|| {
        let names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        Error::option("operation", names.join(", "), name)
    })
}

/// The file of the outputs of an operation on the tensors in `input`.
///
/// # Errors
/// As [`evaluate`], but for those of the output's file.
pub fn compute(operation: &Operation, input: Option<&File>, options: &[(String, String)]) -> Result<Vec<u8>> {
    let options = Options::new(operation.options, options)?;
    let outputs = match (operation.takes_input(), input) {
        (true, Some(file)) => match file.precision(operation.labels)? {
            Precision::F32 => (operation.f32)(&Inputs::new(file, operation)?, &options)?,
            Precision::F64 => (operation.f64)(&Inputs::new(file, operation)?, &options)?,
        },
        (false, None) => match options.text("dtype") {
            "F32" => (operation.f32)(&Inputs::none(), &options)?,
            _ => (operation.f64)(&Inputs::none(), &options)?,
        },
        (true, None) => return Err(Error::option("IN.safetensors", "a file of tensors", "none")),
        (false, Some(file)) => return Err(Error::option("IN.safetensors", "no input", file.path().display())),
    };
    Ok(outputs.to_bytes())
}
