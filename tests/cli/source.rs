//! Invalid and incomplete runs and packed models: the error of every command that reads them.

use super::{SHORT, Workplace};
use crate::train::Parts;
use std::fs;

/// Damages the run in `run`.
type Flaw = fn(&Workplace);

fn replace(place: &Workplace, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(place.read(format!("run/{name}"))).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(place.path("run").join(name), text.replacen(from, to, 1)).unwrap();
}

/// Changes the contents of the checkpoint of `run`, and updates its checksums.
fn change_checkpoint(place: &Workplace, change: impl FnOnce(&mut Parts)) {
    let mut parts = Parts::of(&place.read("run/checkpoint.safetensors"));
    change(&mut parts);
    fs::write(place.path("run/checkpoint.safetensors"), parts.sealed()).unwrap();
}

/// Removes the origin from the checkpoint of `run`, so that only its other contents tell which run it is of.
fn without_origin(place: &Workplace) {
    change_checkpoint(place, |file| file.header(|header| header["origin"] = serde_json::Value::Null));
}

fn checkpoint_of(place: &Workplace, arguments: &[&str]) {
    place.succeed(&[&["train", "--out", "other"], arguments].concat());
    fs::copy(place.path("other/checkpoint.safetensors"), place.path("run/checkpoint.safetensors")).unwrap();
}

/// Each flaw, and the words in the error of every command that reads the run.
const FLAWS: &[(Flaw, &[&str])] = &[
    (|p| fs::remove_dir_all(p.path("run")).unwrap(), &["run", "No such file"]),
    (|p| fs::remove_file(p.path("run/config.json")).unwrap(), &["run", "a run directory", "without config.json"]),
    (
        |p| fs::write(p.path("run/config.json"), "{}").unwrap(),
        &["config.json", "configuration of a run", "missing field"],
    ),
    (|p| fs::write(p.path("run/config.json"), "").unwrap(), &["config.json", "configuration of a run", "EOF"]),
    (|p| fs::write(p.path("run/config.json"), [0xff; 9]).unwrap(), &["config.json", "configuration of a run"]),
    (|p| replace(p, "config.json", "\"epochs\"", "\"epoch\""), &["config.json", "unknown field `epoch`"]),
    (|p| replace(p, "config.json", "\"version\": 2", "\"version\": 7"), &["config.json", "format version 1 or 2", "7"]),
    (
        |p| fs::write(p.path("run/checkpoint.safetensors"), "").unwrap(),
        &["checkpoint.safetensors", "a safetensors file"],
    ),
    (
        |p| {
            let whole = p.read("run/checkpoint.safetensors");
            fs::write(p.path("run/checkpoint.safetensors"), &whole[..whole.len() - 1]).unwrap();
        },
        &["checkpoint.safetensors", "a safetensors file"],
    ),
    (
        |p| {
            let mut bytes = p.read("run/checkpoint.safetensors");
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(p.path("run/checkpoint.safetensors"), bytes).unwrap();
        },
        &["checkpoint.safetensors", "as it was written, checksum "],
    ),
    (|p| change_checkpoint(p, |file| file.set("fc2.theta", 5, f32::NAN)), &["finite numbers in fc2.theta", "NaN"]),
    (
        |p| change_checkpoint(p, |file| file.header(|h| h["origin"]["config"]["recipe"]["seed"] = 9.into())),
        &["checkpoint.safetensors", "a checkpoint of this run, whose config.recipe.seed is 0", "9"],
    ),
];

#[test]
fn a_spoilt_run_is_refused_by_every_command() {
    let place = Workplace::with_run();
    place.copy("run", "good");
    for (flaw, parts) in FLAWS {
        let _ = fs::remove_dir_all(place.path("run"));
        place.copy("good", "run");
        flaw(&place);
        let gone = !place.path("run").exists();
        for arguments in [&["eval", "run"][..], &["inspect", "run"], &["quantize", "run", "--out", "x"]] {
            // A path that is not a directory is read as a packed model by the commands that accept one.
            let parts =
                if gone && arguments[0] == "quantize" { &["run", "a run directory", "none"][..] } else { parts };
            place.refuse(arguments, 1, parts);
        }
        if !gone {
            place.refuse(&["train", "mlp", "--data", "data", "--init", "run", "--out", "new"], 1, parts);
        }
        let parts = if gone { &["run", "a run directory", "none"][..] } else { parts };
        place.refuse(&["train", "--resume", "run"], 1, parts);
    }
}

#[test]
fn a_run_without_a_checkpoint_can_only_be_resumed() {
    let place = Workplace::with_run();
    place.copy("run", "begun");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        fs::remove_file(place.path("begun").join(name)).unwrap();
    }
    let init = ["train", "mlp", "--data", "data", "--init", "begun", "--out", "new"];
    for arguments in [&["eval", "begun"][..], &["inspect", "begun"], &["quantize", "begun", "--out", "x"], &init] {
        place.refuse(arguments, 1, &["begun", "a run with a checkpoint", "none"]);
    }
    for arguments in [&["eval", "data"][..], &["inspect", "data"], &["quantize", "data", "--out", "x"]] {
        place.refuse(arguments, 1, &["data", "a run directory", "none"]);
    }
    place.succeed(&["train", "--resume", "begun"]);
    super::assert_same_results(&place, "run", "begun");
}

#[test]
fn a_checkpoint_of_another_network_is_refused_by_every_command() {
    let place = Workplace::with_images(16);
    place.train("run", &[]);
    checkpoint_of(&place, &["lenet5", "--data", "data", "--epochs", "1", "--batch-size", "128"]);
    let commands = [
        &["eval", "run"][..],
        &["inspect", "run"],
        &["quantize", "run", "--out", "x"],
        &["train", "--resume", "run"],
        &["predict", "run", "x.raw"],
        &["export", "run", "--to", "c", "--out", "x"],
    ];
    for arguments in commands {
        place.refuse(arguments, 1, &["checkpoint.safetensors", "whose config.network is \"mlp\"", "\"lenet5\""]);
    }
    without_origin(&place);
    for arguments in &commands[..3] {
        place.refuse(arguments, 1, &["checkpoint.safetensors", "a checkpoint of mlp", "another network"]);
    }
    place.refuse(&["train", "--resume", "run"], 1, &["checkpoint.safetensors", "[256, 256]", "[6, 1, 5, 5]"]);
    place.refuse(&["train", "lenet5", "--resume", "run"], 2, &["--resume", "cannot be used with"]);
}

#[test]
fn a_checkpoint_of_another_run_is_not_gone_on_with() {
    let cases: [(&[&str], &str, &[&str]); 5] = [
        (&["--levels", "2"], "codebook", &["checkpoint.safetensors", "3 levels", "2"]),
        (&["--levels", "5"], "codebook", &["checkpoint.safetensors", "3 levels", "5"]),
        (&["--codebook=-0.3,-0.1,0.2"], "codebook", &["checkpoint.safetensors", "a zero level in fc1"]),
        (
            &["--epochs", "3"],
            "recipe.epochs",
            &["checkpoint.safetensors", "8 steps an epoch and 16 in all", "24 steps"],
        ),
        (
            &["--batch-size", "100"],
            "recipe.batch_size",
            &["checkpoint.safetensors", "8 steps an epoch", "step 0 in epoch 2 after 4 steps"],
        ),
    ];
    for (options, entry, parts) in cases {
        let place = Workplace::with_run();
        let short: Vec<&str> = SHORT.chunks(2).filter(|pair| pair[0] != options[0]).flatten().copied().collect();
        checkpoint_of(&place, &[&["mlp", "--data", "data"], &short[..], options].concat());
        let expected = ["checkpoint.safetensors", &format!("a checkpoint of this run, whose config.{entry} is ")];
        place.refuse(&["train", "--resume", "run"], 1, &expected);
        without_origin(&place);
        place.refuse(&["train", "--resume", "run"], 1, parts);
    }
}

#[test]
fn a_configuration_out_of_range_names_its_run() {
    let cases = [
        ("\"batch_size\": 32", "\"batch_size\": 0", ["batch-size", "1 to 256"]),
        ("\"epochs\": 2", "\"epochs\": 0", ["epochs", "at least 1"]),
        ("\"learning_rate\": 0.01", "\"learning_rate\": -1.0", ["learning-rate", "positive"]),
        ("fc1  dense 256", "fc1  danse 256", ["mlp, line 3, fc1", "an operation"]),
        ("input 1x12x12", "input 1x12x13", ["mlp, line 1, input", "1x12x12, the shape of the images"]),
        ("\"prior\": \"nearest\"", "\"prior\": \"windows\"", ["windows", "without a zero level"]),
        ("-0.2", "0.7", ["codebook", "ascending"]),
    ];
    for (from, to, [name, expected]) in cases {
        let place = Workplace::with_run();
        replace(&place, "config.json", from, to);
        place.refuse(&["train", "--resume", "run"], 1, &["run: ", name, expected]);
    }
}

#[test]
fn other_data_than_the_run_was_begun_on_are_refused() {
    let place = Workplace::with_run();
    let mut bytes = place.read("data/train-images-idx3-ubyte");
    bytes[100] ^= 1;
    fs::write(place.path("data/train-images-idx3-ubyte"), &bytes).unwrap();
    let recalibrate = ["quantize", "run", "--recalibrate", "--out", "x"];
    for arguments in [&["train", "--resume", "run"][..], &["eval", "run"], &recalibrate] {
        place.refuse(arguments, 1, &["run", "the data it was begun on, checksum "]);
    }
    // Other data can be evaluated if `--data` names them.
    place.succeed(&["eval", "run", "--data", "data"]);
    bytes[100] ^= 1;
    fs::write(place.path("data/train-images-idx3-ubyte"), bytes).unwrap();
    let mut bytes = place.read("data/t10k-labels-idx1-ubyte");
    bytes[20] ^= 1;
    fs::write(place.path("data/t10k-labels-idx1-ubyte"), bytes).unwrap();
    place.refuse(&["train", "--resume", "run"], 1, &["checkpoint.safetensors", "whose test_checksum is "]);
    for arguments in [&["eval", "run"][..], &recalibrate] {
        place.refuse(arguments, 1, &["run", "the test data it was begun on, checksum "]);
    }
    place.succeed(&["quantize", "run", "--out", "x"]);
}

#[test]
fn metrics_that_do_not_fit_the_checkpoint_are_refused() {
    let place = Workplace::with_run();
    let text = String::from_utf8(place.read("run/metrics.jsonl")).unwrap();
    let first = text.lines().next().unwrap().to_string() + "\n";
    for (metrics, parts) in [
        (String::new(), ["epochs 1 to 2", "0 of them"]),
        (first.clone(), ["epochs 1 to 2", "1 of them"]),
        (first.repeat(2), ["epochs 1 to 2", "epoch 1 in line 2"]),
        (text[..text.len() - 20].to_string(), ["one object of metrics a line", "EOF"]),
    ] {
        fs::write(place.path("run/metrics.jsonl"), metrics).unwrap();
        place.refuse(&["train", "--resume", "run"], 1, &[&["metrics.jsonl"], &parts[..]].concat());
    }
}

#[test]
fn a_packed_model_that_is_not_whole_is_refused() {
    let place = Workplace::with_run();
    let good = place.read("run/model.packed");
    let cases: [(Vec<u8>, &str); 5] = [
        (good[..good.len() - 1].to_vec(), "checksum"),
        (Vec::new(), "a packed model"),
        (b"spikslab".to_vec(), "4 bytes of version"),
        ([b"PK\x03\x04", &good[4..]].concat(), "a packed model"),
        ([&good[..8], &[5], &good[9..]].concat(), "format version 1 to 4"),
    ];
    for (bytes, expected) in cases {
        fs::write(place.path("odd.packed"), bytes).unwrap();
        for arguments in [
            &["eval", "odd.packed", "--data", "data"][..],
            &["inspect", "odd.packed"],
            &["predict", "odd.packed", "x.raw"],
            &["export", "odd.packed", "--to", "onnx", "--out", "x"],
        ] {
            place.refuse(arguments, 1, &["odd.packed", expected]);
        }
    }
    place.refuse(&["quantize", "run/model.packed", "--out", "x"], 1, &["model.packed", "a run directory", "a file"]);
    place.refuse(&["train", "--resume", "run/model.packed"], 1, &["model.packed", "a run directory", "a file"]);
    // A comparison is no run, and a run no comparison.
    fs::create_dir(place.path("pair")).unwrap();
    fs::write(place.path("pair/compare.json"), "{}").unwrap();
    for arguments in [&["eval", "pair"][..], &["train", "--resume", "pair"], &["quantize", "pair", "--out", "x"]] {
        place.refuse(arguments, 1, &["pair", "a run directory", "a comparison: name one of the runs in it"]);
    }
    place.refuse(&["compare", "--resume", "run"], 1, &["run", "a comparison directory", "a run"]);
}

/// A run goes on only with the vector instructions that it was begun with, unless `--other-vectors` allows others; the
/// path of its data may change.
#[test]
fn a_run_goes_on_elsewhere_if_asked_to() {
    let place = Workplace::new();
    let begin = [&["train", "mlp", "--data", "data", "--out", "run"], &SHORT[..]].concat();
    place.succeed(&begin);
    let vectors = spikeslab::simd::in_use();
    change_checkpoint(&place, |file| file.header(|header| header["origin"]["vectors"] = "of another time".into()));
    let refused = &["checkpoint.safetensors", vectors, "--other-vectors", "of another time"];
    place.refuse(&["train", "--resume", "run"], 1, refused);
    place.succeed(&["eval", "run"]);
    place.succeed(&["train", "--resume", "run", "--other-vectors"]);
    fs::rename(place.path("data"), place.path("moved")).unwrap();
    let config = String::from_utf8(place.read("run/config.json")).unwrap();
    fs::write(place.path("run/config.json"), config.replace("/data\"", "/moved\"")).unwrap();
    place.succeed(&["eval", "run"]);
    place.succeed(&["train", "--resume", "run", "--other-vectors"]);
}
