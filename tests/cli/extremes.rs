//! Every option that takes a number, with extreme values: the command works, or prints one line that says what is
//! wrong.

use super::{Workplace, one_line};
use crate::common::cifar::write10;
use crate::common::extremes::EXTREMES;
use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The options of the commands whose value is not a number.
const OTHERS: [&str; 21] = [
    "--data",
    "--base-url",
    "--out",
    "--resume",
    "--init",
    "--init-names",
    "--init-except",
    "--teacher",
    "--prior",
    "--forward",
    "--init-levels",
    "--spike",
    "--kl-scale",
    "--device",
    "--ood",
    "--figures",
    "--figure-formats",
    "--recipe",
    "--save-logits",
    "--to",
    "--mirror",
];

/// The sizes in the name of a densenet.
const DENSENET: [&str; 4] = ["depth", "growth", "compression", "bottleneck"];
const TRAINING: [&str; 21] = [
    "--limit",
    "--validation",
    "--levels",
    "--codebook",
    "--kl-weight",
    "--kl-warmup",
    "--kl-warmup-power",
    "--warmup",
    "--epochs",
    "--batch-size",
    "--learning-rate",
    "--decay-from",
    "--level-rate",
    "--level-gap",
    "--gradient-clip",
    "--weight-decay",
    "--teacher-share",
    "--seed",
    "--checkpoint-every",
    "--evaluate-every",
    "--threads",
];

/// Checks that `options` are all options of a command that take a number.
fn assert_complete(place: &Workplace, command: &[&str], options: &[&str]) {
    let help = place.succeed(&[command, &["--help"]].concat());
    let of_a_value = |line: &str| {
        let (name, rest) = line.trim().split_once(' ')?;
        (name.starts_with("--") && rest.starts_with('<')).then(|| name.to_string())
    };
    let found: BTreeSet<String> =
        help.lines().filter_map(of_a_value).filter(|name| !OTHERS.contains(&name.as_str())).collect();
    assert_eq!(found, options.iter().map(ToString::to_string).collect(), "{command:?}");
}

/// Runs a command and checks that it ends by itself; stderr is one line after an error, else empty but for notes of
/// missing classes.
fn assert_ends_well(place: &Workplace, arguments: &[String], reads_stdout: bool) -> i32 {
    let mut command = place.command(arguments);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    // The output of the command fits into the pipe.
    let reader = reads_stdout.then_some(reader);
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{arguments:?} has not ended after 120 s");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(reader);
    let output = child.wait_with_output().unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?}: {output:?}"));
    match code {
        0 => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            // Of `ten` most classes have no image.
            assert!(stderr.lines().all(|line| line.contains(" of the 10 classes ")), "{arguments:?}: {stderr}");
        }
        1 | 2 => drop(one_line(&output, &format!("{arguments:?}"))),
        _ => panic!("{arguments:?}: {output:?}"),
    }
    code
}

/// `option=value` for every extreme value. A list is tried with one, two and three of them.
fn extremes(option: &str) -> Vec<String> {
    EXTREMES
        .iter()
        .flat_map(|extreme| match option {
            "--codebook" | "--x" | "--theta" | "--logits" | "--counts" => {
                vec![extreme.to_string(), format!("-2,{extreme}"), format!("{extreme},2,{extreme}")]
            }
            "--checkpoint-every" => vec![extreme.to_string(), format!("{extreme}steps"), format!("{extreme}epochs")],
            _ => vec![extreme.to_string()],
        })
        .map(|value| format!("{option}={value}"))
        .collect()
}

/// The arguments without `option`, to which another value will be given.
fn without(arguments: &[&str], option: &str) -> Vec<String> {
    let (pairs, command) = (arguments.iter().position(|argument| argument.starts_with("--")).unwrap(), arguments);
    let others = command[pairs..].chunks(2).filter(|pair| pair[0] != option).flatten();
    command[..pairs].iter().chain(others).map(ToString::to_string).collect()
}

fn place() -> Workplace {
    let place = Workplace::with_run();
    write10(&place.path("ten"), 1, 1);
    place
}

#[test]
fn every_command_is_tried() {
    let help = Workplace::new().succeed(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let commands: Vec<&str> =
        list.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next()).collect();
    let tried = [
        "train",
        "eval",
        "compare",
        "quantize",
        "inspect",
        "predict",
        "export",
        "oracle",
        "explain",
        "network",
        "summarize",
        "bench",
        "help",
    ];
    assert_eq!(commands, tried);
}

#[test]
fn bench() {
    let place = Workplace::new();
    let options = ["--levels", "--batch-size", "--threads"];
    assert_complete(&place, &["bench"], &options);
    for option in options {
        for value in extremes(option) {
            assert_ends_well(&place, &["bench".into(), "mlp".into(), value], true);
        }
    }
}

#[test]
fn train_and_compare() {
    let place = place();
    let mlp = ["mlp", "--data", "data", "--out", "out", "--epochs", "1", "--batch-size", "128"];
    for command in ["train", "compare"] {
        assert_complete(&place, &[command], &TRAINING);
        for option in TRAINING {
            for value in extremes(option) {
                let base = without(&[&[command], &mlp[..]].concat(), option);
                // Without a reader of its output, a run ends before its first step, so that a large number of epochs
                // takes no time.
                let reads_stdout = command == "train" && option != "--epochs";
                let code = assert_ends_well(&place, &[base, vec![value.clone()]].concat(), reads_stdout);
                assert_eq!(code != 2, place.path("out").exists(), "{command} {value}");
                let _ = fs::remove_dir_all(place.path("out"));
            }
        }
    }
}

#[test]
fn sizes_of_a_preset() {
    let place = place();
    let rest = ["--data", "ten", "--out", "out", "--epochs", "1", "--batch-size", "5"];
    for command in ["train", "compare"] {
        for size in DENSENET.iter().flat_map(|name| extremes(name)) {
            let densenet = format!("densenet:{size}");
            let arguments =
                [&[command, &densenet], &rest[..]].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
            let code = assert_ends_well(&place, &arguments, command == "train");
            assert_eq!(code != 2, place.path("out").exists(), "{command} {densenet}");
            let _ = fs::remove_dir_all(place.path("out"));
        }
    }
}

#[test]
fn network() {
    let place = Workplace::new();
    assert_complete(&place, &["network"], &["--input", "--classes"]);
    for extreme in EXTREMES {
        let inputs = [format!("{extreme}x32x32"), format!("3x{extreme}x{extreme}"), extreme.to_string()];
        let options =
            inputs.map(|input| format!("--input={input}")).into_iter().chain([format!("--classes={extreme}")]);
        for option in options {
            for name in ["mlp", "vgg7", "densenet", "resnet20"] {
                assert_ends_well(&place, &["network".into(), name.into(), option.clone()], true);
            }
        }
        assert_ends_well(&place, &["network".into(), format!("resnet20:width={extreme}")], true);
    }
}

#[test]
fn eval_quantize_and_inspect() {
    let place = place();
    assert_complete(&place, &["eval"], &["--samples", "--kmeans", "--threads"]);
    assert_complete(&place, &["quantize"], &["--kmeans"]);
    assert_complete(&place, &["inspect"], &[]);
    for option in ["--samples", "--kmeans", "--recalibrate", "--threads"] {
        for value in extremes(option) {
            assert_ends_well(&place, &["eval".into(), "run".into(), value], true);
        }
    }
    for value in ["--kmeans", "--recalibrate"].into_iter().flat_map(extremes) {
        assert_ends_well(&place, &["quantize".into(), "run".into(), "--out=x".into(), value], true);
    }
}

#[test]
fn predict_and_export() {
    let place = place();
    assert_complete(&place, &["predict"], &["--samples", "--top", "--threads"]);
    assert_complete(&place, &["export"], &["--opset"]);
    for value in ["--samples", "--top", "--threads"].into_iter().flat_map(extremes) {
        assert_ends_well(&place, &["predict".into(), "run".into(), "--data=data".into(), value], true);
    }
    for value in extremes("--opset") {
        assert_ends_well(&place, &["export".into(), "run".into(), "--to=onnx".into(), "--out=x".into(), value], true);
    }
}

#[test]
fn explain() {
    let place = Workplace::new();
    let topics: [(&str, &[&str]); 10] = [
        ("posterior", &["--x", "--y", "--noise", "--prior-deviation", "--theta", "--sigma"]),
        ("spike", &["--theta", "--log-sigma2", "--level", "--draws", "--seed"]),
        ("kl", &["--codebook", "--range"]),
        ("reparameterization", &["--x", "--other", "--theta", "--log-sigma2", "--draws", "--seed"]),
        ("gradients", &["--step", "--seed"]),
        ("objective", &["--kl-weight", "--epochs", "--codebook", "--seed"]),
        ("levels", &["--codebook", "--theta", "--log-sigma2"]),
        ("quantizer", &["--codebook", "--theta", "--dw"]),
        ("packing", &["--counts", "--seed"]),
        ("uncertainty", &["--logits", "--deviations", "--label", "--draws", "--seed"]),
    ];
    for (topic, options) in topics {
        assert_complete(&place, &["explain", topic], options);
        for option in options {
            // For each value that is accepted, the command computes its table and figures, which takes some time.
            for value in extremes(option).into_iter().step_by(if topic == "objective" { 5 } else { 2 }) {
                let mut arguments: Vec<String> =
                    ["explain", topic, "--out=figures"].iter().map(ToString::to_string).collect();
                if topic == "objective" && *option != "--kl-weight" {
                    arguments.push("--kl-weight=1".into());
                }
                if topic == "objective" && *option != "--epochs" {
                    arguments.push("--epochs=1".into());
                }
                arguments.push(value);
                assert_ends_well(&place, &arguments, true);
            }
        }
    }
}

#[test]
fn oracle_noise() {
    let place = Workplace::new();
    for option in ["--seed", "--step", "--tensor", "--count"] {
        for value in extremes(option) {
            assert_ends_well(&place, &["oracle".into(), "noise".into(), "noise".into(), value], true);
        }
    }
}
