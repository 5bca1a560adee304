//! The oracle: evaluates one operation and all its gradients on the user's tensors.
//!
//! Those who implement these layers in another program evaluate an operation here on their inputs, and compare the
//! outputs. Input and output are safetensors files. The arithmetic is done in the type of the inputs, F64 or F32; F16
//! and BF16 are read as F32. Every derivative is complete: the derivative with respect to the levels includes that of
//! the window widths, and a zero level is not fixed. The exception is `network` with `--forward hard` or
//! `straight-through`: there the derivative in θ is the straight-through estimate, the gradient of the loss in Q(θ)
//! plus that of the KL in θ. It agrees with that definition, and not with differences of the loss in θ; the derivative
//! in the levels is exact. Scalars are tensors of shape (1).
//!
//! The oracle evaluates the operation's definition, in [`layers`](crate::layers), or, with the option `kernels`, the
//! kernel that training uses. If the environment variable `SPIKESLAB_KERNELS` is set, it is obeyed instead of the
//! option. The metadata entry `computed_by` of the output says which was used: `definition`, `fast` (the kernel) or
//! `cuda`.

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

/// Evaluates operation `name`, or the network of a preset of that name, on the tensors in `input` and writes its
/// outputs to `output`.
///
/// # Errors
/// If there is no such operation, an option or a tensor is missing, unknown, misshapen, of the wrong type or not
/// finite, or a file cannot be read or written; and if an output is not finite, unless the options contain
/// `allow-non-finite`, "true". Nothing is then written.
pub fn evaluate(name: &str, input: Option<&Path>, output: &Path, options: &[(String, String)]) -> Result<()> {
    let (name, options) = of_preset(name, options);
    let (operation, file) = open(name, input)?;
    write(output, &compute(operation, file.as_ref(), &options)?)
}

/// The operation and its options, where the name of a preset means the operation `network` with this preset as its
/// option `network`.
fn of_preset<'a>(name: &'a str, options: &[(String, String)]) -> (&'a str, Vec<(String, String)>) {
    let mut options = options.to_vec();
    if !names_preset(name) {
        return (name, options);
    }
    options.push((catalogue::NETWORK.to_string(), name.to_string()));
    (catalogue::NETWORK, options)
}

/// Like [`evaluate`], on a GPU. Outputs for which the GPU has no kernel are left out: the moments of `dense` and
/// `conv2d`, and the KL of each weight, in place of which the output `kl_sum` (1) is their sum.
///
/// # Errors
/// The errors of [`evaluate`]; also if the device fails or has no such operation.
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
/// If there is no such operation.
pub fn find(name: &str) -> Result<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name).ok_or_else(|| {
        let names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        Error::option("operation", names.join(", "), name)
    })
}

/// The bytes of the file with the outputs of an operation on the tensors in `input`.
///
/// # Errors
/// The errors of [`evaluate`], except for errors of writing.
pub fn compute(operation: &Operation, input: Option<&File>, options: &[(String, String)]) -> Result<Vec<u8>> {
    dispatch(operation, input, options, Way::name, operation.f32, operation.f64)
}

/// The bytes of the file with the outputs of `f32` or `f64`, according to the type of the inputs.
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
    let asked = common.choice(KERNELS, &[("true", Way::Kernel), ("false", Way::Definition)])?;
    let way = Way::forced().unwrap_or(asked);
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

/// The outputs, after a check that all are finite unless `allow_non_finite`.
fn checked<F: Stored>(outputs: Outputs, inputs: &Inputs<F>, allow_non_finite: bool) -> Result<Outputs> {
    if !allow_non_finite {
        outputs.check_finite(inputs)?;
    }
    Ok(outputs)
}
