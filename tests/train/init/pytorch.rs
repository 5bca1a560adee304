//! Tests with a network trained in PyTorch: see fixtures/generate/init.py.

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use spikeslab::nets::{Given, Graph, Network, Parameter, Role, WeightMode};
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
    let (network, unused) = read(&path("pytorch.safetensors"), &names(), &[], &graph()).unwrap();
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
    let message = read(file.path(), names, &[], &graph()).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message:?}");
    message.replace(&file.path().display().to_string(), "FILE")
}

#[test]
fn names_need_no_map_where_they_are_the_texts() {
    let file = renamed(|_, dtype, shape, data| Some((dtype, shape, data)));
    let (network, unused) = read(file.path(), &BTreeMap::new(), &[], &graph()).unwrap();
    assert!(unused.is_empty() && largest_difference(&network) < ROUNDING, "{unused:?}");
}

/// PyTorch's `DataParallel` puts `module.` before every name.
#[test]
fn a_prefix_of_all_names_is_recognized() {
    let file = renamed(|_, dtype, shape, data| Some((dtype, shape, data)));
    let bytes = fs::read(file.path()).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut views: Vec<(String, TensorView<'_>)> =
        tensors.iter().map(|(name, tensor)| (format!("module.{name}"), tensor)).collect();
    fs::write(file.path(), serialize(views.clone(), None).unwrap()).unwrap();
    let (network, unused) = read(file.path(), &BTreeMap::new(), &[], &graph()).unwrap();
    assert!(unused.is_empty() && largest_difference(&network) < ROUNDING, "{unused:?}");
    // Where the names themselves are there too, they are taken; of two prefixes none is chosen.
    let file_with = |prefixes: [&str; 2]| {
        let all = prefixes
            .into_iter()
            .flat_map(|prefix| tensors.iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor)));
        fs::write(file.path(), serialize(all.collect::<Vec<_>>(), None).unwrap()).unwrap();
    };
    file_with(["", "ema."]);
    let (network, unused) = read(file.path(), &BTreeMap::new(), &[], &graph()).unwrap();
    assert!(
        unused.iter().all(|name| name.starts_with("ema.")) && largest_difference(&network) < ROUNDING,
        "{unused:?}"
    );
    file_with(["module.", "ema."]);
    let message = "FILE: expected one prefix of the network's names, or --init-names (saw: ema., module.)";
    assert_eq!(refused(&file, &BTreeMap::new()), message);
    // One tensor without the prefix: there is none that all have.
    let weight = views.iter_mut().find(|(name, _)| name.ends_with("weight")).unwrap();
    weight.0 = weight.0.replace("module.", "");
    fs::write(file.path(), serialize(views, None).unwrap()).unwrap();
    assert!(refused(&file, &BTreeMap::new()).contains("expected the tensors"));
}

/// A bfloat16 has 8 bits of precision: each weight changes by at most a 256th of it.
#[test]
fn weights_of_other_precisions_are_converted() {
    let bf16 = renamed(|_, dtype, shape, data| match dtype {
        Dtype::F32 => Some((Dtype::BF16, shape, data.chunks_exact(4).flat_map(|four| [four[2], four[3]]).collect())),
        _ => Some((dtype, shape, data)),
    });
    let (network, _) = read(bf16.path(), &BTreeMap::new(), &[], &graph()).unwrap();
    let seen = largest_difference(&network);
    assert!(seen > 1e-5 && seen < 0.1, "{seen}");
    let f64 = renamed(|_, dtype, shape, data| match dtype {
        Dtype::F32 => {
            let wide = data.chunks_exact(4).map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap())));
            Some((Dtype::F64, shape, wide.flat_map(f64::to_le_bytes).collect()))
        }
        _ => Some((dtype, shape, data)),
    });
    let (network, _) = read(f64.path(), &BTreeMap::new(), &[], &graph()).unwrap();
    assert!(largest_difference(&network) < ROUNDING);
}

#[test]
fn tensors_that_are_missing_unknown_or_misshapen_are_named() {
    let none = BTreeMap::new();
    let less = renamed(|name, dtype, shape, data| (!name.starts_with("fc2")).then_some((dtype, shape, data)));
    let message = "FILE: expected the tensors fc2.weight, fc2.bias; for --init, --init-names maps other names, and --init-except leaves lines out (saw: none of these)";
    assert_eq!(refused(&less, &none), message);
    // Dense weights in this crate's layout, not in PyTorch's.
    let transposed = renamed(|name, dtype, shape, data| {
        let shape = if name == "fc2.weight" { vec![6, 3] } else { shape };
        Some((dtype, shape, data))
    });
    assert_eq!(
        refused(&transposed, &none),
        "FILE: expected fc2.weight of shape [3, 6]; for --init, --init-except leaves its line out (saw: [6, 3])"
    );
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

/// `nn.Conv2d` and `nn.Linear` have a bias unless told otherwise; before a normalization it only moves the running mean.
#[test]
fn a_bias_before_a_normalization_moves_its_running_mean() {
    let text = "input 1x2x3\nflatten\nfc1 dense 2\nbn1 norm\nrelu\nfc2 dense 2";
    let without = Graph::parse("plain.net", text, Given::default()).unwrap();
    let with =
        Graph::parse("biased.net", &text.replace("dense 2\nbn1", "dense 2 bias\nbn1"), Given::default()).unwrap();
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let tensors: Vec<(&str, Vec<usize>, Vec<u8>)> = vec![
        ("fc1.weight", vec![2, 6], bytes(&[0.3, -0.2, 0.5, 0.1, -0.4, 0.7, -0.6, 0.2, 0.1, 0.9, 0.4, -0.3])),
        ("fc1.bias", vec![2], bytes(&[0.75, -1.5])),
        ("bn1.weight", vec![2], bytes(&[1.25, 0.5])),
        ("bn1.bias", vec![2], bytes(&[0.5, 0.25])),
        ("bn1.running_mean", vec![2], bytes(&[0.125, -1.0])),
        ("bn1.running_var", vec![2], bytes(&[2.0, 0.5])),
        ("fc2.weight", vec![2, 2], bytes(&[1.0, -0.5, 0.25, 2.0])),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |tensors: &[(&str, Vec<usize>, Vec<u8>)]| {
        let views = tensors
            .iter()
            .map(|(name, shape, data)| (*name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
        fs::write(file.path(), serialize(views, None).unwrap()).unwrap();
    };
    write(&tensors);
    let [folded, whole] = [&without, &with].map(|graph| {
        let (network, unused) = read(file.path(), &BTreeMap::new(), &[], graph).unwrap();
        assert!(unused.is_empty(), "{unused:?}");
        let x = ndarray::Array4::from_shape_fn((3, 1, 2, 3), |(b, _, i, j)| (b * 7 + i * 3 + j) as f32 / 10.0 - 0.6);
        network.predict(x, &WeightMode::Mean).unwrap()
    });
    let difference = (&folded - &whole).iter().fold(0.0, |largest: f32, d| largest.max(d.abs()));
    assert!(difference < ROUNDING, "{folded} {whole}");
    // If the map has the weight alone, the bias has the same name but for its ending; the map may have both.
    let mut renamed = tensors.clone();
    (renamed[0].0, renamed[1].0) = ("net.0.weight", "net.0.bias");
    write(&renamed);
    let mut names = BTreeMap::from([("fc1.weight".to_string(), "net.0.weight".to_string())]);
    let (_, unused) = read(file.path(), &names, &[], &without).unwrap();
    assert!(unused.is_empty(), "{unused:?}");
    names.insert("fc1.bias".to_string(), "net.0.bais".to_string());
    let message = read(file.path(), &names, &[], &without).unwrap_err().to_string();
    assert!(message.contains("expected the tensors net.0.bais"), "{message}");
    // The bias of a layer that is not read does not count.
    write(&tensors);
    let (of_others, unused) = read(file.path(), &BTreeMap::new(), &["fc1".to_string()], &without).unwrap();
    assert!(unused.is_empty(), "{unused:?}");
    let mean = of_others.parameters().iter().find(|parameter| parameter.role == Role::RunningMean).unwrap();
    assert_eq!(mean.as_slice(), [0.125, -1.0]);
    // A bias of the last layer has no normalization to go to.
    let last = [&tensors[..], &[("fc2.bias", vec![2], bytes(&[1.0, 2.0]))]].concat();
    write(&last);
    let message = read(file.path(), &BTreeMap::new(), &[], &without).unwrap_err().to_string();
    assert!(message.contains("a network with a bias in fc2: add bias to its line (saw: none)"), "{message}");
}

/// The parameters of an excepted line may have other shapes in the file, or be missing.
#[test]
fn the_parameters_of_excepted_lines_are_not_read() {
    let last = ["fc2".to_string()];
    let wide = |name: &str, dtype, shape: Vec<usize>, data: Vec<u8>| match name {
        "fc2.weight" | "fc2.bias" => Some((dtype, [&[2 * shape[0]], &shape[1..]].concat(), data.repeat(2))),
        _ => Some((dtype, shape, data)),
    };
    let without = |name: &str, dtype, shape, data| (!name.starts_with("fc2.")).then_some((dtype, shape, data));
    let (expected, _) = read(&path("pytorch.safetensors"), &names(), &[], &graph()).unwrap();
    let prefixed = renamed(without);
    let bytes = fs::read(prefixed.path()).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let views = tensors.iter().map(|(name, tensor)| (format!("module.{name}"), tensor));
    fs::write(prefixed.path(), serialize(views, None).unwrap()).unwrap();
    for file in [renamed(wide), renamed(without), prefixed] {
        assert!(read(file.path(), &BTreeMap::new(), &[], &graph()).is_err());
        let (network, unused) = read(file.path(), &BTreeMap::new(), &last, &graph()).unwrap();
        assert!(unused.is_empty(), "{unused:?}");
        for (seen, expected) in network.parameters().iter().zip(expected.parameters()) {
            assert_eq!(seen == expected, expected.line() != "fc2" || !is_read(expected), "{}", expected.name);
        }
    }
}

/// Whether a parameter is in a file from PyTorch.
fn is_read(parameter: &Parameter<f32>) -> bool {
    !matches!(parameter.role, Role::LogSigma2 | Role::Levels)
}
