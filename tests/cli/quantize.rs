use super::Workplace;
use spikeslab::train::{Recipe, Trainer, checkpoint};
use std::fs;

#[test]
fn the_file_is_that_of_the_run() {
    let place = Workplace::with_run();
    let printed = place.succeed(&["quantize", "run", "--out", "out.packed"]);
    assert_eq!(place.read("out.packed"), place.read("run/model.packed"));
    assert_eq!(printed, place.succeed(&["inspect", "out.packed"]).split_once("\n\n").unwrap().1);
    // An older file is replaced, and the run is not changed.
    let before = place.results("run");
    fs::write(place.path("out.packed"), "an older file, longer or shorter").unwrap();
    place.succeed(&["quantize", "run", "--out", "out.packed"]);
    assert_eq!(place.read("out.packed"), place.read("run/model.packed"));
    assert_eq!(place.results("run"), before);
    assert!(!place.path("out.packed.spikeslab.part").exists());
}

#[test]
fn kmeans_gives_the_levels_asked_for() {
    let place = Workplace::with_run();
    for levels in [2, 5, 256] {
        place.succeed(&["quantize", "run", "--kmeans", &levels.to_string(), "--out", "out.packed"]);
        let model = spikeslab::packed::format::load(&place.path("out.packed")).unwrap();
        assert!(model.layers().iter().all(|layer| layer.levels().len() == levels));
    }
}

/// Writes `theta` over the first weights of fc3 in a run's checkpoint, and its first weight over the others.
fn set_weights(place: &Workplace, theta: &[f32]) {
    let path = place.path("run/checkpoint.safetensors");
    let mut state = checkpoint::load(&path).unwrap();
    let layer = state.network.layers().last().unwrap().clone();
    for (i, weight) in state.network.parameters_mut()[layer.theta].as_slice_mut().iter_mut().enumerate() {
        *weight = *theta.get(i).unwrap_or(&theta[0]);
    }
    let mut trainer = Trainer::new(state.network, Recipe::default(), 1000).unwrap();
    (trainer.moments, trainer.steps_taken) = (state.moments, state.steps_taken);
    checkpoint::save(&path, &trainer, &state.position, state.origin.as_ref()).unwrap();
}

/// `eval` and `quantize` agree on the levels of a layer of few, neighbouring or huge weights.
#[test]
fn kmeans_of_odd_weights() {
    let place = Workplace::with_run();
    let next = [1.0_f32, 1.0_f32.next_up(), 1.0_f32.next_up().next_up()];
    for (theta, expected) in [
        (&next[..], &next[..]),
        (&[-3e30, -2e30, 2e30, 3e30], &[-3e30, -2e30, 2e30, 3e30]),
        (&[0.25, -0.5], &[-0.5, 0.25]),
    ] {
        set_weights(&place, theta);
        let levels = theta.len().max(3).to_string();
        let eval: serde_json::Value =
            serde_json::from_str(&place.succeed(&["eval", "run", "--kmeans", &levels, "--json"])).unwrap();
        place.succeed(&["quantize", "run", "--kmeans", &levels, "--out", "out.packed"]);
        let model = spikeslab::packed::format::load(&place.path("out.packed")).unwrap();
        let layer = model.layers().last().unwrap();
        assert_eq!(layer.levels(), expected);
        assert_eq!(layer.decode().as_slice().unwrap()[..theta.len()], *theta);
        // The quantized loss that `eval` prints is that of the levels in the packed model.
        let network = checkpoint::load(&place.path("run/checkpoint.safetensors")).unwrap().network;
        let losses = network.layers().zip(model.layers()).map(|(layer, packed)| {
            let (theta, quantized) = (network.slice(layer.theta), packed.decode());
            theta.iter().zip(&quantized).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
        });
        let (sum, seen) = (losses.sum::<f64>(), eval["quantized_loss"].as_f64().unwrap());
        assert!((seen - sum).abs() <= 1e-5 * sum, "{seen} and {sum}");
    }
    set_weights(&place, &[0.25]);
    for command in [&["eval", "run"][..], &["quantize", "run", "--out", "x"]] {
        let command = [command, &["--kmeans", "3"]].concat();
        place.refuse(&command, 1, &["fc3.theta", "at least 2 distinct weights", "(saw: 1)"]);
    }
}

/// Whether a run names the directory of its data or one of four files there.
#[test]
fn no_file_of_the_data_is_replaced() {
    let place = Workplace::with_run();
    place.succeed(&["train", "mlp", "--data", "data/train-images-idx3-ubyte", "--epochs", "1", "--out", "of-file"]);
    for run in ["run", "of-file"] {
        let refused = ["quantize", run, "--out", "data/t10k-labels-idx1-ubyte"];
        place.refuse(&refused, 1, &["an output that is not a file of a data set", "a file of the data in", "data"]);
        // Another file there may be replaced.
        for _ in 0..2 {
            place.succeed(&["quantize", run, "--out", "data/model.bin"]);
        }
    }
    fs::copy(place.path("run/model.packed"), place.path("teacher.packed")).unwrap();
    let taught = ["train", "mlp", "--data", "data", "--teacher", "teacher.packed", "--epochs", "1", "--out", "taught"];
    place.succeed(&taught);
    let refused = ["export", "taught", "--to", "c", "--out", "teacher.packed"];
    place.refuse(&refused, 1, &["another file than the input", "the input"]);
}

#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let place = Workplace::with_run();
    fs::write(place.path("file"), "kept").unwrap();
    let cases = [
        ("data", "a directory"),
        (".", "a directory"),
        ("run/figures/..", "a directory"),
        ("missing/out.packed", "No such file"),
        ("file/out.packed", "Not a directory"),
    ];
    for (out, seen) in cases {
        place.refuse(&["quantize", "run", "--out", out], 1, &[out, seen]);
    }
}

#[test]
fn what_the_run_needs_is_not_replaced() {
    let place = Workplace::with_run();
    let before = (place.read("run/config.json"), place.results("run"));
    for name in ["config.json", "checkpoint.safetensors", "metrics.jsonl"] {
        for out in [format!("run/{name}"), format!("run/figures/../{name}")] {
            place.refuse(&["quantize", "run", "--out", &out], 1, &[&out, "a file that no run needs", name]);
        }
    }
    place.copy("run", "other");
    for name in ["config.json", "checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        let out = format!("other/{name}");
        place.refuse(&["quantize", "run", "--out", &out], 1, &[&out, "a file that no run needs", name]);
        place.refuse(&["oracle", "noise", &out], 1, &[&out, "a file that no run needs", name]);
    }
    assert_eq!((place.read("run/config.json"), place.results("run")), before);
    place.succeed(&["quantize", "run", "--out", "run/model.packed"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_replaced_by_a_file() {
    use std::os::unix::fs::FileTypeExt;
    let place = Workplace::with_run();
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status().unwrap();
    assert!(made.success());
    place.refuse(&["quantize", "run", "--out", "pipe"], 1, &["pipe", "a file to write", "a device or pipe"]);
    assert!(fs::symlink_metadata(place.path("pipe")).unwrap().file_type().is_fifo());
}

#[test]
fn statistics_are_estimated_where_the_data_have_moved() {
    let place = Workplace::with_run();
    place.succeed(&["quantize", "run", "--recalibrate", "--out", "before"]);
    fs::rename(place.path("data"), place.path("moved")).unwrap();
    place.refuse(&["quantize", "run", "--recalibrate", "--out", "x"], 1, &["data: ", "nothing of that name"]);
    place.succeed(&["quantize", "run", "--recalibrate", "--data", "moved", "--out", "after"]);
    assert_eq!(place.read("after"), place.read("before"));
    super::write_data(&place.path("others"), 250, 60, 12);
    let others = ["quantize", "run", "--recalibrate", "--data", "others", "--out", "x"];
    place.refuse(&others, 1, &["run: ", "it was begun on, checksum "]);
    place.refuse(&["quantize", "run", "--data", "moved", "--out", "x"], 2, &["--recalibrate"]);
}
