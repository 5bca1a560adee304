use super::{bytes, graphs, model, models};
use crate::common::Dtype;
use crate::common::assert_error;
use crate::common::external::{is_there, succeed};
use crate::common::tolerance::{Check, tolerance};
use spikeslab::export::onnx::messages::{Dimension, GraphProto, ModelProto, TensorProto, ValueInfoProto, data_type};
use spikeslab::export::onnx::{self, DEFAULT_OPSET, OPSETS};
use spikeslab::nets::{Given, Graph};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn graph(model: &ModelProto) -> &GraphProto {
    model.graph.as_ref().unwrap()
}

fn initializers(model: &ModelProto) -> HashMap<&str, &TensorProto> {
    graph(model).initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect()
}

fn floats(tensor: &TensorProto) -> Vec<f32> {
    assert_eq!(tensor.data_type, data_type::FLOAT);
    tensor.raw_data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[test]
fn input_and_output() {
    let model = onnx::model(&model(graphs().swap_remove(1), 3), DEFAULT_OPSET).unwrap();
    let described = |values: &[ValueInfoProto]| {
        let [value] = values else { panic!("one value") };
        let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
        let sizes = tensor.shape.as_ref().unwrap().dim.iter().map(|size| match size.value.as_ref().unwrap() {
            Dimension::Value(size) => size.to_string(),
            Dimension::Param(name) => name.clone(),
        });
        (value.name.clone(), tensor.elem_type, sizes.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(described(&graph(&model).input), ("pixels".into(), data_type::FLOAT, "N 1 28 28".into()));
    assert_eq!(described(&graph(&model).output), ("logits".into(), data_type::FLOAT, "N 10".into()));
    assert_eq!((model.producer_name.as_str(), model.opset_import[0].version), ("spikeslab", DEFAULT_OPSET));
    let text = &model.metadata_props[0];
    assert_eq!(text.key, "network");
    let classes = &model.metadata_props[1];
    assert_eq!((&classes.key[..], &classes.value[..12]), ("classes", "[\"0\",\"1\",\"2\""));
    assert_eq!(Graph::parse("text", &text.value, Given::default()).unwrap(), graphs().swap_remove(1));
}

/// Every value has one name and is read only after it was computed; the weights are the levels at the indices.
#[test]
fn nodes_are_in_order_and_weights_are_indices() {
    for (name, packed, _) in models() {
        for opset in [13, 20, 21, 24, 25] {
            let model = onnx::model(&packed, opset).unwrap();
            let initializers = initializers(&model);
            let mut given: HashSet<&str> = initializers.keys().copied().chain(["pixels"]).collect();
            assert_eq!(given.len(), graph(&model).initializer.len() + 1, "{name}");
            for node in &graph(&model).node {
                assert!(node.input.iter().all(|input| given.contains(&input[..])), "{name}: {node:?}");
                assert!(node.output.iter().all(|output| given.insert(output)), "{name}: {node:?}");
            }
            for layer in packed.layers().iter().filter(|layer| layer.is_quantized()) {
                let indices = initializers[&*format!("{}/indices", layer.name)];
                let levels = floats(initializers[&*format!("{}/levels", layer.name)]);
                let expected = match (layer.levels().len(), opset) {
                    (..=4, 25) => (data_type::UINT2, 2),
                    (..=16, 21..) => (data_type::UINT4, 4),
                    _ => (data_type::UINT8, 8),
                };
                let (data_type, bits) = expected;
                assert_eq!(indices.data_type, data_type, "{name}, opset {opset}");
                assert_eq!(indices.raw_data.len(), (layer.weights() * bits).div_ceil(8));
                let bit = |i: usize| usize::from(indices.raw_data[i / 8] >> (i % 8) & 1);
                let index = |i: usize| (0..bits).map(|b| bit(i * bits + b) << b).sum::<usize>();
                let weights: Vec<f32> = (0..layer.weights()).map(|i| levels[index(i)]).collect();
                assert_eq!(weights, layer.decode().iter().copied().collect::<Vec<_>>());
                let dims: Vec<usize> = indices.dims.iter().map(|size| *size as usize).collect();
                assert_eq!(dims, layer.shape);
            }
        }
    }
}

/// The file of a layer of 25,000 weights, which take 100,000 bytes as f32.
#[test]
fn the_file_is_small() {
    let graph = Graph::parse("text", "input 1x10x25\nflatten\ndense 100", Given::default()).unwrap();
    let len = |levels: usize, opset: i64| onnx::to_bytes(&model(graph.clone(), levels), opset).unwrap().len();
    for (levels, opset, weights) in
        [(3, 21, 12_500), (3, 25, 6_250), (16, 25, 12_500), (17, 25, 25_000), (3, 13, 25_000)]
    {
        let rest = len(levels, opset) - weights;
        assert!((400..1100).contains(&rest), "{levels} levels, opset {opset}: {rest}");
    }
}

#[test]
fn opsets_that_are_not_known_are_refused() {
    for opset in [OPSETS.start() - 1, OPSETS.end() + 1, -1] {
        let refused = onnx::to_bytes(&model(graphs().swap_remove(9), 3), opset);
        assert_error(refused, &["opset", "13 to 25", &format!("(saw: {opset})")]);
    }
}

/// ONNX Runtime computes the packed model's logits, for every network, and for two networks with every opset.
#[test]
fn in_onnx_runtime() {
    let python = std::env::var("PYTHON").unwrap_or("python3".to_string());
    if !is_there("export::onnx", "ONNXRUNTIME", &python, &["-c", "import numpy, onnx, onnxruntime"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut cases: Vec<PathBuf> = Vec::new();
    for (name, model, x) in models() {
        let every = ["network 1, 3 levels", "network 8, 3 levels"].contains(&&name[..]);
        let opsets = if every { OPSETS } else { DEFAULT_OPSET..=DEFAULT_OPSET };
        for opset in opsets.filter(|opset| *opset < 25).chain([25]) {
            let case = dir.path().join(format!("{name}, opset {opset}"));
            fs::create_dir_all(&case).unwrap();
            fs::write(case.join("model.onnx"), onnx::to_bytes(&model, opset).unwrap()).unwrap();
            fs::write(case.join("pixels"), bytes(&x)).unwrap();
            fs::write(case.join("logits"), bytes(&model.predict(x.clone()).unwrap())).unwrap();
            cases.push(case);
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/onnx/check.py");
    let tolerance = tolerance("export", Dtype::F32, Check::Reference).relative.to_string();
    let output = succeed(Command::new(&python).arg(script).arg(tolerance).args(&cases));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.starts_with(&format!("{} models agree", cases.len())), "{printed}");
    println!("{printed}");
}
