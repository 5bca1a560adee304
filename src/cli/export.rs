//! `spikeslab export`.

use super::Outcome;
use super::output::line;
use super::source::{Source, check_none_of_run, check_other};
use super::threads::Threads;
use crate::error::Error;
use crate::export::safetensors::{Precision, WeightEncoding};
use crate::export::{c, onnx, safetensors};
use crate::files::write::{check_replaceable, write};
use crate::train::overwrite::check_may_write;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
onnx and c compute the logits of the packed model, to rounding, from pixels in [0, 1]; with --mean, those of a run's mean weights, \
in f32. safetensors holds tensors only: the pixels of colour images must be standardized first, y = (x - mean)/deviation, with the \
figures in the metadata entry `spikeslab`.

onnx         input `pixels` (N, C, H, W), output `logits` (N, classes). Weights are indices that are gathered from the layer's \
levels: UINT4, and from opset 25 on UINT2 for up to 4 levels; before opset 21 and for more than 16 levels UINT8.
c            one C99 file with the function `int predict(const float *image, float *logits)`, which returns the class. No heap, no \
library; a weight takes 1, 2, 4 or 8 bits. The file begins with its sizes.
safetensors  <layer>.levels, .indices (U8, of theta's shape: dense (I, O)), .bias; <layer>.weight of each unquantized layer; \
<norm>.weight, .bias, .running_mean, .running_var, folded in those of a packed model. With --dequantized <layer>.weight of every \
layer in place of levels and indices, dense (O, I): what torch's load_state_dict takes. With --mean <layer>.weight is the \
mean weight, not quantized: what --init and --teacher of `train` take too, and the logits are those of the mean weights.

Examples:
  spikeslab export runs/lenet5-1 --to onnx --out lenet5.onnx
  spikeslab export lenet5.packed --to onnx --opset 25 --out lenet5.onnx
  spikeslab export lenet5.packed --to c --out lenet5.c
  spikeslab export runs/without-prior --to onnx --mean --out f32.onnx
  spikeslab export runs/lenet5-1 --to safetensors --dequantized --out lenet5.safetensors
  spikeslab export runs/lenet5-1 --to safetensors --mean --half --out mean.safetensors")]
pub(super) struct ExportArguments {
    /// Run directory or packed model
    #[arg(value_name = "RUN|PACKED")]
    source: PathBuf,
    /// Format
    #[arg(long, value_name = "FORMAT", value_enum)]
    to: Format,
    /// The file, replaced if it exists
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Version of ONNX's operators, 13 to 25 [default: 21]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    opset: Option<i64>,
    /// Write the dequantized weights to safetensors instead of levels and indices
    #[arg(long, conflicts_with = "mean")]
    dequantized: bool,
    /// Write the mean weights of a run, not quantized
    #[arg(long)]
    mean: bool,
    /// Round the numbers of --mean to F16, in safetensors
    #[arg(long, requires = "mean", conflicts_with = "dequantized")]
    half: bool,
}

/// The format that a model is exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Onnx,
    C,
    Safetensors,
}

pub(super) fn run(arguments: &ExportArguments) -> Outcome {
    Threads::default().run(|| command(arguments))
}

fn command(arguments: &ExportArguments) -> Outcome {
    let ExportArguments { source: path, to, out, opset, dequantized, mean, half } = arguments;
    for (option, format, is_given) in [
        ("opset", Format::Onnx, opset.is_some()),
        ("dequantized", Format::Safetensors, *dequantized),
        ("half", Format::Safetensors, *half),
    ] {
        if is_given && *to != format {
            let [expected, seen] = [format, *to].map(|format| format!("--to {format:?}").to_lowercase());
            return Err(Error::option(option, expected, seen).into());
        }
    }
    check_replaceable(out)?;
    check_may_write(None, out)?;
    check_other(path, out)?;
    let source = Source::load(path)?;
    if let Source::Run(config, _) = &source {
        check_none_of_run(config, out)?;
    }
    let model = if *mean {
        let of_means = source.mean_model().ok_or_else(|| Error::file(path, "a run, for --mean", "a packed model"))?;
        // A file of tensors records the network as it was trained, with quantized layers.
        if *to == Format::Safetensors { source.model() } else { of_means }
    } else {
        source.tell_rounded(path);
        source.model()
    };
    let (bytes, what) = match to {
        Format::Onnx => {
            let opset = opset.unwrap_or(onnx::DEFAULT_OPSET);
            (onnx::to_bytes(&model, opset)?, format!("ONNX, opset {opset}"))
        }
        Format::C => {
            let c::Source { text, constant_bytes, memory_bytes } = c::source(&model)?;
            let sizes = format!("{constant_bytes} bytes of constants, {memory_bytes} bytes of memory");
            (text.into_bytes(), format!("C, {sizes}"))
        }
        Format::Safetensors => {
            let network = match &source {
                Source::Run(_, checkpoint) => Some(&checkpoint.network),
                Source::Packed(_) => None,
            };
            let bytes = match network {
                Some(network) if *mean => {
                    let precision = if *half { Precision::F16 } else { Precision::F32 };
                    safetensors::mean_to_bytes(&model, network, precision)?
                }
                network => {
                    let weights = if *dequantized { WeightEncoding::Dequantized } else { WeightEncoding::Indices };
                    safetensors::to_bytes(&model, network, weights)?
                }
            };
            (bytes, "safetensors".to_string())
        }
    };
    write(out, &bytes)?;
    line(&format!("{}: {what}; {} bytes", out.display(), bytes.len()))?;
    Ok(ExitCode::SUCCESS)
}
