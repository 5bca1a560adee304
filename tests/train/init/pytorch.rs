//! Tests with a network trained in PyTorch: see fixtures/generate/init.py.

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use spikeslab::nets::{Given, Graph, Network, WeightMode};
use spikeslab::train::init::pytorch::read;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/train/init").join(name)
}

fn graph() -> Graph {
    let text = fs::read_to_string(path("pytorch.net")).unwrap();
    Graph::parse("pytorch.net", &text, Given::default()).unwrap()
}

fn names() -> BTreeMap<String, String> {
    serde_json::from_slice(&fs::read(path("names.json")).unwrap()).unwrap()
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let tensor = tensors.tensor(name).unwrap();
    tensor.data().chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// The largest difference between PyTorch's logits and those of the network.
fn largest_difference(network: &Network<f32>) -> f32 {
    let bytes = fs::read(path("logits.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let x = ndarray::Array4::from_shape_vec((5, 2, 4, 5), floats(&tensors, "x")).unwrap();
    let logits = network.predict(x, &WeightMode::Mean).unwrap();
    let expected = floats(&tensors, "logits");
    assert_eq!(logits.len(), expected.len());
    logits.iter().zip(&expected).map(|(seen, expected)| (seen - expected).abs()).fold(0.0, f32::max)
}

/// The tolerance: both compute in f32, with sums of at most 60 products of order 1.
const ROUNDING: f32 = 2e-6;

#[test]
fn the_logits_are_those_of_pytorch() {
    let (network, unused) = read(&path("pytorch.safetensors"), &names(), &graph()).unwrap();
    assert!(unused.is_empty(), "{unused:?}");
    let seen = largest_difference(&network);
    assert!(seen < ROUNDING, "{seen}");
}

/// The type, the shape and the bytes of a tensor.
type Tensor = (Dtype, Vec<usize>, Vec<u8>);

/// The same file with its tensors renamed to the names of the text, and each tensor changed by `change`.
fn renamed(change: impl Fn(&str, Dtype, Vec<usize>, Vec<u8>) -> Option<Tensor>) -> tempfile::NamedTempFile {
    let bytes = fs::read(path("pytorch.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let own: BTreeMap<String, String> = names().into_iter().map(|(own, there)| (there, own)).collect();
    let changed: Vec<(String, Tensor)> = tensors
        .iter()
        .map(|(name, tensor)| (own.get(name).cloned().unwrap_or(name.to_string()), tensor))
        .filter_map(|(name, tensor)| {
            let changed = change(&name, tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec())?;
            Some((name, changed))
        })
        .collect();
    let views = changed
        .iter()
        .map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), serialize(views, None).unwrap()).unwrap();
    file
}

fn refused(file: &tempfile::NamedTempFile, names: &BTreeMap<String, String>) -> String {
    let message = read(file.path(), names, &graph()).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message:?}");
    message.replace(&file.path().display().to_string(), "FILE")
}

#[test]
fn names_need_no_map_where_they_are_the_texts() {
    let file = renamed(|_, dtype, shape, data| Some((dtype, shape, data)));
    let (network, unused) = read(file.path(), &BTreeMap::new(), &graph()).unwrap();
    assert!(unused.is_empty() && largest_difference(&network) < ROUNDING, "{unused:?}");
}

/// A bfloat16 has 8 bits of precision: each weight changes by at most a 256th of it.
#[test]
fn weights_of_other_precisions_are_converted() {
    let bf16 = renamed(|_, dtype, shape, data| match dtype {
        Dtype::F32 => Some((Dtype::BF16, shape, data.chunks_exact(4).flat_map(|four| [four[2], four[3]]).collect())),
        _ => Some((dtype, shape, data)),
    });
    let (network, _) = read(bf16.path(), &BTreeMap::new(), &graph()).unwrap();
    let seen = largest_difference(&network);
    assert!(seen > 1e-5 && seen < 0.1, "{seen}");
    let f64 = renamed(|_, dtype, shape, data| match dtype {
        Dtype::F32 => {
            let wide = data.chunks_exact(4).map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap())));
            Some((Dtype::F64, shape, wide.flat_map(f64::to_le_bytes).collect()))
        }
        _ => Some((dtype, shape, data)),
    });
    let (network, _) = read(f64.path(), &BTreeMap::new(), &graph()).unwrap();
    assert!(largest_difference(&network) < ROUNDING);
}

#[test]
fn tensors_that_are_missing_unknown_or_misshapen_are_named() {
    let none = BTreeMap::new();
    let less = renamed(|name, dtype, shape, data| (!name.starts_with("fc2")).then_some((dtype, shape, data)));
    let message = "FILE: expected the tensors fc2.weight, fc2.bias (saw: none of these, but no others)";
    assert_eq!(refused(&less, &none), message);
    // Dense weights in this crate's layout, not in PyTorch's.
    let transposed = renamed(|name, dtype, shape, data| {
        let shape = if name == "fc2.weight" { vec![6, 3] } else { shape };
        Some((dtype, shape, data))
    });
    assert_eq!(refused(&transposed, &none), "FILE: expected fc2.weight of shape [3, 6] (saw: [6, 3])");
    let counted = renamed(|name, dtype, shape, data| match name {
        "fc2.bias" => Some((Dtype::I32, shape, data)),
        _ => Some((dtype, shape, data)),
    });
    assert_eq!(refused(&counted, &none), "FILE: expected fc2.bias of F64, F32, F16 or BF16 (saw: I32)");
    let infinite = renamed(|name, dtype, shape, data| match name {
        "fc2.bias" => Some((dtype, shape, f32::INFINITY.to_le_bytes().repeat(3))),
        _ => Some((dtype, shape, data)),
    });
    assert_eq!(refused(&infinite, &none), "FILE: expected finite numbers in fc2.bias (saw: inf)");
    let negative = renamed(|name, dtype, shape, data| match name {
        "bn1.running_var" => Some((dtype, shape, (-5_f32).to_le_bytes().repeat(data.len() / 4))),
        _ => Some((dtype, shape, data)),
    });
    assert_eq!(refused(&negative, &none), "FILE: expected numbers of at least 0 in bn1.running_var (saw: -5)");
    let odd = BTreeMap::from([("fc9.weight".to_string(), "7.weight".to_string())]);
    let message = refused(&renamed(|_, dtype, shape, data| Some((dtype, shape, data))), &odd);
    assert!(message.starts_with("FILE: expected names of the network's tensors: bn1.bias, "), "{message}");
    assert!(message.ends_with("(saw: fc9.weight)"), "{message}");
}
