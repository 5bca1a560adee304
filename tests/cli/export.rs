use super::Workplace;
use safetensors::SafeTensors;
use spikeslab::export::safetensors::{Precision, WeightEncoding};
use spikeslab::export::{c, onnx, safetensors as tensors};
use spikeslab::packed::{PackedModel, format};
use spikeslab::train::{Run, checkpoint};
use std::fs;

#[test]
fn each_format_is_that_of_the_library() {
    let place = Workplace::with_run();
    let model = format::load(&place.path("run/model.packed")).unwrap();
    let network = checkpoint::load(&place.path("run/checkpoint.safetensors")).unwrap().network;
    let source = c::source(&model).unwrap();
    for from in ["run", "run/model.packed"] {
        let export = |options: &[&str]| {
            let arguments = [&["export", from, "--out", "file", "--to"], options].concat();
            (place.succeed(&arguments), place.read("file"))
        };
        let (printed, file) = export(&["onnx"]);
        assert_eq!(file, onnx::to_bytes(&model, onnx::DEFAULT_OPSET).unwrap());
        assert_eq!(printed, format!("file: ONNX, opset 21; {} bytes\n", file.len()));
        assert_eq!(export(&["onnx", "--opset", "25"]).1, onnx::to_bytes(&model, 25).unwrap());

        let (printed, file) = export(&["c"]);
        assert_eq!(file, source.text.as_bytes());
        let sizes = format!("{} bytes of constants, {} bytes of memory", source.constant_bytes, source.memory_bytes);
        assert_eq!(printed, format!("file: C, {sizes}; {} bytes\n", file.len()));

        let network = (from == "run").then_some(&network);
        for (options, weights) in [
            (&["safetensors"][..], WeightEncoding::Indices),
            (&["safetensors", "--dequantized"], WeightEncoding::Dequantized),
        ] {
            let (printed, file) = export(options);
            assert_eq!(file, tensors::to_bytes(&model, network, weights).unwrap());
            assert_eq!(printed, format!("file: safetensors; {} bytes\n", file.len()));
            assert!(SafeTensors::deserialize(&file).is_ok());
        }
    }
}

/// The mean weights of a run are those with which another begins.
#[test]
fn mean_weights() {
    let place = Workplace::with_run();
    let export = |options: &[&str]| {
        place.succeed(&[&["export", "run", "--to", "safetensors", "--out", "mean", "--mean"], options].concat());
        place.read("mean")
    };
    let model = format::load(&place.path("run/model.packed")).unwrap();
    let network = checkpoint::load(&place.path("run/checkpoint.safetensors")).unwrap().network;
    for (options, precision) in [(&[][..], Precision::F32), (&["--half"], Precision::F16)] {
        assert_eq!(export(options), tensors::mean_to_bytes(&model, &network, precision).unwrap());
    }
    export(&[]);
    let train = |init: &str, out: &str| {
        let begin = ["train", "mlp", "--data", "data", "--epochs", "1", "--init", init, "--out", out];
        place.succeed(&begin);
        checkpoint::load(&place.path(format!("{out}/checkpoint.safetensors"))).unwrap().network
    };
    let [of_run, of_file] = [train("run", "a"), train("mean", "b")];
    for (one, other) in of_run.parameters().iter().zip(of_file.parameters()) {
        assert_eq!(one.value, other.value, "{}", one.name);
    }
    for to in ["safetensors", "onnx", "c"] {
        let packed = ["export", "run/model.packed", "--to", to, "--mean", "--out", "x"];
        place.refuse(&packed, 1, &["run/model.packed", "a run", "a packed model"]);
    }
    // Other programs compute with the mean weights too.
    let config = Run::config(&place.path("run")).unwrap();
    let of_means = PackedModel::of_means(&config.network, &network, config.standardization);
    let of_means = of_means.with_trained_on(config.trained_on);
    for (to, file) in [
        ("onnx", onnx::to_bytes(&of_means, onnx::DEFAULT_OPSET).unwrap()),
        ("c", c::source(&of_means).unwrap().text.into_bytes()),
    ] {
        place.succeed(&["export", "run", "--to", to, "--out", "mean", "--mean"]);
        assert_eq!(place.read("mean"), file, "{to}");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let place = Workplace::with_run();
    let export = |options: &[&'static str]| [&["export", "run", "--to"], options].concat();
    place.refuse(&export(&["keras", "--out", "x"]), 2, &["'keras'", "onnx, c, safetensors"]);
    place.refuse(&export(&["onnx"]), 2, &["--out"]);
    for opset in ["12", "26", "-1"] {
        place.refuse(&export(&["onnx", "--out", "x", "--opset", opset]), 2, &["opset", "13 to 25", opset]);
    }
    place.refuse(&export(&["c", "--out", "x", "--opset", "21"]), 2, &["opset", "--to onnx", "--to c"]);
    place.refuse(
        &export(&["onnx", "--out", "x", "--dequantized"]),
        2,
        &["dequantized", "--to safetensors", "--to onnx"],
    );
    let half = export(&["c", "--out", "x", "--mean", "--half"]);
    place.refuse(&half, 2, &["half", "--to safetensors", "--to c"]);
    place.refuse(&export(&["safetensors", "--out", "x", "--half"]), 2, &["--mean"]);
    place.refuse(&export(&["safetensors", "--out", "x", "--mean", "--dequantized"]), 2, &["--mean", "--dequantized"]);
    place.refuse(&export(&["c", "--out", "data"]), 1, &["data", "a file to write", "a directory"]);
    place.refuse(&export(&["c", "--out", "none/x"]), 1, &["none/x", "No such file"]);
    for needed in ["run/config.json", "run/checkpoint.safetensors", "run/model.packed", "run/result.json"] {
        place.refuse(&export(&["c", "--out", needed]), 1, &[needed, "a file that no run needs"]);
    }
    fs::copy(place.path("run/model.packed"), place.path("x.packed")).unwrap();
    let over = ["export", "x.packed", "--to", "c", "--out", "data/../x.packed"];
    place.refuse(&over, 1, &["x.packed", "another file than the input"]);
    place.refuse(&["export", "data", "--to", "c", "--out", "x"], 1, &["data"]);
    place.refuse(&["export", "none.packed", "--to", "c", "--out", "x"], 1, &["none.packed", "No such file"]);
}

/// Without a prior the weights lie between levels, and rounding them to the codebook of the run may cost everything.
#[test]
fn a_run_whose_weights_were_drawn_to_no_levels_is_told() {
    let place = Workplace::new();
    place.train("none", &["--prior", "none"]);
    place.train("straight", &["--forward", "straight-through"]);
    let notes = |arguments: &[&str]| {
        let output = place.run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let rounded = "none: no prior pulled its weights to levels, so that they are rounded to its codebook; quantize --kmeans M \
                   fits levels to them\n";
    for arguments in [&["export", "none", "--to", "c", "--out", "x.c"][..], &["predict", "none", "--data", "data"]] {
        assert_eq!(notes(arguments), rounded);
    }
    for arguments in [
        &["export", "none", "--to", "safetensors", "--mean", "--out", "x.safetensors"][..],
        &["export", "straight", "--to", "c", "--out", "x.c"],
    ] {
        assert_eq!(notes(arguments), "");
    }
    place.succeed(&["quantize", "none", "--kmeans", "3", "--out", "fitted.packed"]);
}
