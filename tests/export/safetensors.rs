use super::{LEVELS, bytes, graphs, model, models, network};
use crate::common::external::{is_there, succeed};
use ndarray::{ArrayD, IxDyn};
use safetensors::{Dtype, SafeTensors};
use spikeslab::export::safetensors::{Precision, WeightEncoding, mean_to_bytes, to_bytes};
use spikeslab::layers::batch_norm::EPSILON;
use spikeslab::nets::{Given, Graph, Role};
use spikeslab::packed::PackedModel;
use spikeslab::train::init::pytorch;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

fn floats(tensors: &SafeTensors<'_>, name: &str) -> ArrayD<f32> {
    let view = tensors.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(view.dtype(), Dtype::F32, "{name}");
    let values = view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    ArrayD::from_shape_vec(IxDyn(view.shape()), values).unwrap()
}

#[test]
fn levels_and_indices_are_the_weights() {
    for (name, model, _) in models() {
        let file = to_bytes(&model, None, WeightEncoding::Indices).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let mut expected = 4 * model.norms().len();
        for layer in model.layers() {
            let of = |suffix: &str| format!("{}.{suffix}", layer.name);
            if layer.is_quantized() {
                let (levels, indices) = (floats(&tensors, &of("levels")), tensors.tensor(&of("indices")).unwrap());
                assert_eq!((indices.dtype(), indices.shape()), (Dtype::U8, &layer.shape[..]), "{name}");
                let weights = indices.data().iter().map(|index| levels[usize::from(*index)]).collect();
                assert_eq!(ArrayD::from_shape_vec(IxDyn(&layer.shape), weights).unwrap(), layer.decode());
                expected += 2;
            } else {
                assert_eq!(pytorch(layer.decode()), floats(&tensors, &of("weight")), "{name}");
                expected += 1;
            }
            if let Some(bias) = &layer.bias {
                assert_eq!(floats(&tensors, &of("bias")).as_slice().unwrap(), bias);
                expected += 1;
            }
        }
        assert_eq!(tensors.len(), expected, "{name}");
    }
}

/// Weights in PyTorch's layout.
fn pytorch(weights: ArrayD<f32>) -> ArrayD<f32> {
    if weights.ndim() == 2 { weights.reversed_axes().as_standard_layout().into_owned() } else { weights }
}

#[test]
fn dequantized_weights_have_pytorchs_shape() {
    for (name, model, _) in models() {
        let file = to_bytes(&model, None, WeightEncoding::Dequantized).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        for layer in model.layers() {
            assert_eq!(floats(&tensors, &format!("{}.weight", layer.name)), pytorch(layer.decode()), "{name}");
        }
        assert!(tensors.names().iter().all(|name| !name.ends_with(".levels") && !name.ends_with(".indices")));
    }
}

/// Exported from a run, normalizations have the learned parameters; exported from a packed model, the folded ones.
#[test]
fn normalizations() {
    let network = network(graphs().swap_remove(1), 3);
    let model = PackedModel::new("lenet5", &network, None);
    let (of_run, of_packed) =
        (to_bytes(&model, Some(&network), WeightEncoding::Indices), to_bytes(&model, None, WeightEncoding::Indices));
    let (of_run, of_packed) = (of_run.unwrap(), of_packed.unwrap());
    let [learned, folded] = [&of_run, &of_packed].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    for (name, of) in ["bn1", "bn2", "bn3", "bn4"].iter().zip(network.graph().norms()) {
        let tensor = |tensors: &SafeTensors<'_>, suffix: &str| floats(tensors, &format!("{name}.{suffix}"));
        for (suffix, position) in [
            ("weight", of.gamma),
            ("bias", of.beta),
            ("running_mean", of.running_mean),
            ("running_var", of.running_var),
        ] {
            assert_eq!(tensor(&learned, suffix), network.parameters()[position].value, "{name}.{suffix}");
        }
        // PyTorch's normalization of the number 0.7, with each of them.
        let normalized = |tensors: &SafeTensors<'_>| {
            let deviation = tensor(tensors, "running_var").mapv(|variance| (f64::from(variance) + EPSILON).sqrt());
            let centred = tensor(tensors, "running_mean").mapv(|mean| 0.7 - f64::from(mean));
            let [weight, bias] = ["weight", "bias"].map(|suffix| tensor(tensors, suffix).mapv(f64::from));
            centred / deviation * weight + bias
        };
        let error = (normalized(&learned) - normalized(&folded)).mapv(f64::abs).into_iter().fold(0.0, f64::max);
        assert!(error < 1e-6, "{name}: {error}");
    }
}

/// Mean weights, biases, normalizations and statistics are read again as they were, and from F16 rounded by half a step
/// at most.
#[test]
fn mean_weights_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mean.safetensors");
    for graph in graphs() {
        let network = network(graph.clone(), LEVELS[1]);
        let model = PackedModel::new("model", &network, None);
        for precision in [Precision::F32, Precision::F16] {
            fs::write(&path, mean_to_bytes(&model, &network, precision).unwrap()).unwrap();
            let (again, unused) = pytorch::read(&path, &BTreeMap::new(), &[], &graph).unwrap();
            assert!(unused.is_empty());
            let pairs = network.parameters().iter().zip(again.parameters());
            let pairs = pairs.filter(|(own, _)| !matches!(own.role, Role::LogSigma2 | Role::Levels));
            for (own, again) in pairs.flat_map(|(own, again)| own.value.iter().zip(&again.value)) {
                // F16 has 11 significant bits; below 2⁻¹⁴ its numbers are 2⁻²⁴ apart.
                let half_a_step = (own.abs() / 2048.0).max(2.0_f32.powi(-25));
                let most = if precision == Precision::F32 { 0.0 } else { half_a_step };
                assert!((own - again).abs() <= most, "{precision:?}: {own} {again}");
            }
        }
    }
}

/// 65,504 is the largest number of F16.
#[test]
fn numbers_beyond_f16_are_refused() {
    let mut network = network(graphs().swap_remove(1), 3);
    let at = network.graph().norms().next().unwrap().running_var;
    for (value, precision, is_written) in [
        (65_504.0, Precision::F16, true),
        (65_520.0, Precision::F16, false),
        (65_520.0, Precision::F32, true),
        (f32::INFINITY, Precision::F32, false),
    ] {
        network.parameters_mut()[at].value[0] = value;
        let model = PackedModel::new("lenet5", &network, None);
        match mean_to_bytes(&model, &network, precision) {
            Ok(_) => assert!(is_written, "{value} {precision:?}"),
            Err(error) => {
                assert!(!is_written, "{value} {precision:?}");
                let error = error.to_string();
                assert!(error.contains("bn1.running_var") && error.contains(&format!("{precision:?}")), "{error}");
            }
        }
    }
}

#[test]
fn metadata_and_bytes() {
    let model = model(graphs().swap_remove(6), 3);
    let file = to_bytes(&model, None, WeightEncoding::Indices).unwrap();
    assert_eq!(file, to_bytes(&model, None, WeightEncoding::Indices).unwrap());
    let (_, metadata) = SafeTensors::read_metadata(&file).unwrap();
    let entry = &metadata.metadata().as_ref().unwrap()["spikeslab"];
    let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
    let text: Vec<&str> = entry["network"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(&Graph::parse("text", &text.join("\n"), Given::default()).unwrap(), model.graph());
    assert_eq!(entry["name"], "model");
    assert_eq!(entry["classes"].as_array().unwrap().len(), model.graph().classes());
    assert_eq!(entry["standardization"]["mean"].as_array().unwrap().len(), 3);
}

/// NumPy computes the logits of `mlp` from the tensors that PyTorch would load.
#[test]
fn in_numpy() {
    let python = std::env::var("PYTHON").unwrap_or("python3".to_string());
    if !is_there("export::safetensors", "SAFETENSORS", &python, &["-c", "import numpy, safetensors.numpy"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (_, model, x) = models().next().unwrap();
    fs::write(dir.path().join("mlp.safetensors"), to_bytes(&model, None, WeightEncoding::Dequantized).unwrap())
        .unwrap();
    fs::write(dir.path().join("pixels"), bytes(&x)).unwrap();
    fs::write(dir.path().join("logits"), bytes(&model.predict(x).unwrap())).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/safetensors/mlp.py");
    let output = succeed(Command::new(&python).arg(script).arg(dir.path()));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("3 images agree"));
}
