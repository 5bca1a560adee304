//! Compares the oracle with the golden values: every operation, through files, in both precisions.

mod catalogue;
mod hostile;
mod layers;
mod networks;
mod options;
mod priors;
mod tensors;
mod training;
mod uncertainty;

use crate::common::compare::Tensor;
use crate::common::fixture::Case;
use crate::common::{Dtype, Precision};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use spikeslab::oracle::evaluate;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A tensor for an input file.
struct Stored {
    name: String,
    dtype: safetensors::Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    fn floats<F: Precision>(name: &str, tensor: &Tensor) -> Self {
        let values = tensor.values.iter();
        let (dtype, bytes) = match F::DTYPE {
            Dtype::F32 => (safetensors::Dtype::F32, values.flat_map(|value| (*value as f32).to_le_bytes()).collect()),
            Dtype::F64 => (safetensors::Dtype::F64, values.flat_map(|value| value.to_le_bytes()).collect()),
        };
        Self { name: name.to_string(), dtype, shape: tensor.shape.clone(), bytes }
    }

    fn integers(name: &str, tensor: &Tensor) -> Self {
        let bytes = tensor.values.iter().flat_map(|value| (*value as i64).to_le_bytes()).collect();
        Self { name: name.to_string(), dtype: safetensors::Dtype::I64, shape: tensor.shape.clone(), bytes }
    }
}

fn write(path: &Path, tensors: &[Stored]) {
    let views = tensors.iter().map(|tensor| {
        (tensor.name.as_str(), TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

pub(crate) fn read(path: &Path) -> BTreeMap<String, Tensor> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let value = |dtype, bytes: &[u8]| match dtype {
        safetensors::Dtype::F64 => f64::from_le_bytes(bytes.try_into().unwrap()),
        safetensors::Dtype::F32 => f32::from_le_bytes(bytes.try_into().unwrap()).into(),
        safetensors::Dtype::U32 => u32::from_le_bytes(bytes.try_into().unwrap()).into(),
        safetensors::Dtype::I64 => i64::from_le_bytes(bytes.try_into().unwrap()) as f64,
        other => panic!("an output of type {other:?}"),
    };
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let dtype = view.dtype();
        let width = if matches!(dtype, safetensors::Dtype::F64 | safetensors::Dtype::I64) { 8 } else { 4 };
        let values = view.data().chunks_exact(width).map(|bytes| value(dtype, bytes)).collect();
        (name, Tensor { shape: view.shape().to_vec(), values })
    });
    tensors.collect()
}

/// The outputs of an operation on tensors.
fn run(
    operation: &str,
    tensors: Option<&[Stored]>,
    options: &[(&str, String)],
) -> spikeslab::Result<BTreeMap<String, Tensor>> {
    let dir = TempDir::new().unwrap();
    let (input, output) = (dir.path().join("in.safetensors"), dir.path().join("out.safetensors"));
    if let Some(tensors) = tensors {
        write(&input, tensors);
    }
    let options: Vec<(String, String)> =
        options.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect();
    let outcome = evaluate(operation, tensors.is_some().then_some(input.as_path()), &output, &options);
    match outcome {
        Ok(()) => Ok(read(&output)),
        Err(error) => {
            assert!(!output.exists(), "an operation that fails writes nothing");
            Err(error)
        }
    }
}

/// Evaluates an operation on the inputs of a golden case and compares every output: (its name, the golden tensor's).
fn assert_case<F: Precision>(
    case: &Case<F>,
    operation: &str,
    inputs: &[&str],
    options: &[(&str, String)],
    outputs: &[(&str, &str)],
) {
    let present = inputs.iter().filter(|name| case.has(name));
    let tensors: Vec<Stored> = present
        .map(|name| match *name {
            "labels" => Stored::integers(name, case.stored(name)),
            _ => Stored::floats::<F>(name, case.stored(name)),
        })
        .collect();
    for options in both_ways(options) {
        let seen = run(operation, Some(&tensors), &options).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        for (output, golden) in outputs.iter().filter(|(_, golden)| case.has(golden)) {
            case.expect(golden, &seen[*output]);
        }
    }
}

/// The options with which definitions compute, and those with which kernels do.
fn both_ways<'a>(options: &[(&'a str, String)]) -> [Vec<(&'a str, String)>; 2] {
    ["false", "true"].map(|kernels| [options, &[("kernels", kernels.to_string())]].concat())
}

/// A number as an option.
fn number<F: Precision>(case: &Case<F>, tensor: &str) -> String {
    case.stored_scalar(tensor).to_string()
}

/// A pair of sizes as an option.
fn pair<F: Precision>(case: &Case<F>, tensor: &str) -> String {
    let [vertical, horizontal] = case.pair(tensor);
    format!("{vertical},{horizontal}")
}
