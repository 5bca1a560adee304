//! The oracle: one operation and all its gradients, on tensors that somebody else wrote.
//!
//! Implementers of these layers elsewhere evaluate an operation on their own inputs and compare. Input and output are
//! safetensors files; the arithmetic is done in the inputs' own type, F64 or F32; F16 and BF16 are read as F32. Every derivative
//! is the full one: that of the levels runs through the window widths, and a zero level is not pinned. Scalars are tensors of
//! shape (1).
//!
//! What is evaluated is the operation's definition, in [`layers`](crate::layers); with the option `kernels` it is the kernel that
//! trains. The metadata entry `computed_by` of the output says which: `definition` or `fast`, or the device.

pub mod catalogue;
#[cfg(feature = "cuda")]
mod device;
mod layers;
mod networks;
pub mod options;
mod priors;
pub mod tensors;
mod training;
mod uncertainty;

use crate::error::{Error, Result};
use crate::files::write::write;
use crate::kernels::Way;
use crate::nets::presets::names_preset;
use catalogue::{ALLOW_NON_FINITE, COMMON, KERNELS};
pub use catalogue::{OPERATIONS, Operation};
use options::Options;
use std::path::Path;
use tensors::{File, Inputs, Outputs, Precision, Stored};

/// Evaluates operation `name`, or the network of a preset of that name, on the tensors in `input` and writes its outputs to `output`.
///
/// # Errors
/// If there is no such operation, an option or a tensor is missing, unknown, misshapen, of the wrong type or not finite, or a
/// file cannot be read or written; and if an output is not finite, unless the options hold `allow-non-finite`, "true". Nothing is
/// written then.
pub fn evaluate(name: &str, input: Option<&Path>, output: &Path, options: &[(String, String)]) -> Result<()> {
    let (name, options) = of_preset(name, options);
    let (operation, file) = open(name, input)?;
    write(output, &compute(operation, file.as_ref(), &options)?)
}

/// The name of a preset stands for the operation `network` with the option of that name.
fn of_preset<'a>(name: &'a str, options: &[(String, String)]) -> (&'a str, Vec<(String, String)>) {
    let mut options = options.to_vec();
    if !names_preset(name) {
        return (name, options);
    }
    options.push((catalogue::NETWORK.to_string(), name.to_string()));
    (catalogue::NETWORK, options)
}

/// As [`evaluate`], on a GPU. What it has no kernel for on its own is left out: the moments of `dense` and `conv2d`, the KL
/// of each weight, in whose stead there is their sum.
///
/// # Errors
/// As [`evaluate`], and if the device fails or has no such operation.
#[cfg(feature = "cuda")]
pub fn evaluate_on(
    device: &crate::cuda::Device,
    name: &str,
    input: Option<&Path>,
    output: &Path,
    options: &[(String, String)],
) -> Result<()> {
    let (name, options) = of_preset(name, options);
    let (operation, file) = open(name, input)?;
    let f32 = |inputs: &Inputs<f32>, options: &Options| device::compute(device, operation, inputs, options);
    let f64 = |inputs: &Inputs<f64>, options: &Options| device::compute(device, operation, inputs, options);
    write(output, &dispatch(operation, file.as_ref(), &options, |_| "cuda", f32, f64)?)
}

/// The operation `name` and the file of its tensors.
fn open(name: &str, input: Option<&Path>) -> Result<(&'static Operation, Option<File>)> {
    let operation = find(name)?;
    if let (false, Some(path)) = (operation.takes_input(), input) {
        return Err(Error::option("IN.safetensors", "no input", path.display()));
    }
    Ok((operation, input.map(File::read).transpose()?))
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
    dispatch(operation, input, options, Way::name, operation.f32, operation.f64)
}

/// The file of the outputs of `f32` or `f64`, whichever is the inputs' type.
fn dispatch(
    operation: &Operation,
    input: Option<&File>,
    options: &[(String, String)],
    computed_by: impl Fn(Way) -> &'static str,
    f32: impl Fn(&Inputs<f32>, &Options) -> Result<Outputs>,
    f64: impl Fn(&Inputs<f64>, &Options) -> Result<Outputs>,
) -> Result<Vec<u8>> {
    let (common, own): (Vec<_>, Vec<_>) =
        options.iter().cloned().partition(|(name, _)| COMMON.iter().any(|spec| spec.name == name));
    let (common, options) = (Options::new(COMMON, &common)?, Options::new(operation.options, &own)?);
    let allow_non_finite = common.choice(ALLOW_NON_FINITE, &[("true", true), ("false", false)])?;
    let way = common.choice(KERNELS, &[("true", Way::Kernel), ("false", Way::Definition)])?;
    let options = options.by(way);
    let f32 = |inputs: &Inputs<f32>| checked(f32(inputs, &options)?, inputs, allow_non_finite);
    let f64 = |inputs: &Inputs<f64>| checked(f64(inputs, &options)?, inputs, allow_non_finite);
    let outputs = match (operation.takes_input(), input) {
        (true, Some(file)) => match file.precision(operation.labels)? {
            Precision::F32 => f32(&Inputs::new(file, operation)?)?,
            Precision::F64 => f64(&Inputs::new(file, operation)?)?,
        },
        (false, None) => match options.text("dtype") {
            "F32" => f32(&Inputs::none())?,
            _ => f64(&Inputs::none())?,
        },
        (true, None) => return Err(Error::option("IN.safetensors", "a file of tensors", "none")),
        (false, Some(file)) => return Err(Error::option("IN.safetensors", "no input", file.path().display())),
    };
    Ok(outputs.to_bytes(computed_by(way)))
}

/// The outputs, all finite unless others are allowed.
fn checked<F: Stored>(outputs: Outputs, inputs: &Inputs<F>, allow_non_finite: bool) -> Result<Outputs> {
    if !allow_non_finite {
        outputs.check_finite(inputs)?;
    }
    Ok(outputs)
}
