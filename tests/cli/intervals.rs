//! `--checkpoint-every` and `--evaluate-every`.

use super::training::{LONG, check_metrics, start, wait_for_epoch};
use super::{Workplace, assert_same_results};
use spikeslab::train::{Run, checkpoint};
use std::time::{Duration, Instant};

#[test]
fn steps_or_epochs_are_counted_from_the_beginning_of_the_run() {
    let place = Workplace::new();
    place.succeed(&[&["train", "--out", "whole"], &LONG[..]].concat());

    // 16 steps per epoch: of these checkpoints only every 16th is at the end of an epoch.
    let every_five = ["--checkpoint-every", "5steps"];
    let mut child = start(&place, &[&["train", "--out", "steps"], &LONG[..], &every_five].concat());
    let path = Run::checkpoint_path(&place.path("steps"));
    let resume = [&["train", "--resume", "steps"], &every_five[..]].concat();
    for _ in 0..2 {
        let begun = Instant::now();
        let steps = || checkpoint::load(&path).map_or(0, |state| state.steps_taken);
        let before = steps();
        while steps() == before && before < 12 * 16 {
            assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let state = checkpoint::load(&path).unwrap();
        assert!(
            state.steps_taken > 0 && (state.steps_taken.is_multiple_of(5) || state.steps_taken == 12 * 16),
            "{}",
            state.steps_taken
        );
        assert_eq!(u64::from(state.position.epoch) * 16 + state.position.epoch_step, state.steps_taken);
        check_metrics(&place, "steps");
        child = start(&place, &resume);
    }
    assert!(child.wait_with_output().unwrap().status.success());
    assert_same_results(&place, "whole", "steps");

    // Metrics are written after each epoch, also when no checkpoint is due.
    let mut child =
        start(&place, &[&["train", "--out", "epochs"], &LONG[..], &["--checkpoint-every", "11 epochs"]].concat());
    let stdout = wait_for_epoch(&mut child, 4);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stdout);
    let epochs = place.metrics("epochs").len();
    let path = Run::checkpoint_path(&place.path("epochs"));
    assert!(epochs >= 3 && (path.exists() == (epochs >= 11)), "{epochs} epochs");
    place.succeed(&["train", "--resume", "epochs", "--checkpoint-every", "1step"]);
    assert_same_results(&place, "whole", "epochs");
}

#[test]
fn it_is_no_part_of_the_configuration() {
    let place = Workplace::with_run();
    place.train("steps", &["--checkpoint-every", "3steps"]);
    assert_eq!(place.read("run/config.json"), place.read("steps/config.json"));
    assert_same_results(&place, "run", "steps");
    let short = ["--epochs", "1", "--batch-size", "128"];
    for (out, every) in [("plain", "1epoch"), ("often", "1step")] {
        let arguments = ["compare", "mlp", "--data", "data", "--out", out, "--checkpoint-every", every];
        place.succeed(&[&arguments, &short[..]].concat());
    }
    for run in ["gaussian", "multi-spike"] {
        assert_same_results(&place, &format!("plain/{run}"), &format!("often/{run}"));
    }
}

/// Epochs 2 and 4 are evaluated, and epoch 5, the last; the weights are those of a run that evaluates every epoch. A run
/// that goes on may evaluate other epochs.
#[test]
fn only_every_second_epoch_is_evaluated_and_the_last() {
    let place = Workplace::new();
    let train = |out: &str, options: &[&str]| {
        place.succeed(&[&["train", "mlp", "--data", "data", "--out", out, "--epochs", "5"], options].concat())
    };
    train("whole", &[]);
    let printed = train("second", &["--evaluate-every", "2"]);
    let shown: Vec<Vec<&str>> = printed
        .lines()
        .filter(|line| line.starts_with("epoch "))
        .map(|line| line.split_whitespace().skip(7).take(2).collect())
        .collect();
    let evaluated = [false, true, false, true, true];
    assert_eq!(shown.len(), evaluated.len(), "{printed}");
    let metrics = (place.metrics("whole"), place.metrics("second"));
    for (i, is_evaluated) in evaluated.into_iter().enumerate() {
        let (whole, second) = (&metrics.0[i], &metrics.1[i]);
        for (at, name) in ["accuracy_mean", "accuracy_quantized"].into_iter().enumerate() {
            if is_evaluated {
                assert_eq!(second[name], whole[name]);
                assert_eq!(shown[i][at], format!("{:.2}%", 100.0 * whole[name].as_f64().unwrap()));
            } else {
                assert!(second[name].is_null(), "{second}");
                assert_eq!(shown[i][at], "-");
            }
        }
        assert_eq!(second["nll"], whole["nll"]);
    }
    for file in ["config.json", "model.packed", "checkpoint.safetensors"] {
        assert!(place.read(format!("whole/{file}")) == place.read(format!("second/{file}")), "{file}");
    }

    place.succeed(&["train", "--resume", "second", "--epochs", "7", "--evaluate-every", "3"]);
    let evaluated: Vec<bool> = place.metrics("second").iter().map(|epoch| !epoch["accuracy_mean"].is_null()).collect();
    assert_eq!(evaluated, [false, true, false, true, true, true, true]);

    // A run that has been cut to an epoch without an evaluation evaluates it; here the evaluation is removed by hand.
    let mut metrics = place.metrics("second");
    let accuracy = metrics[6]["accuracy_mean"].take();
    let lines: String = metrics.iter().map(|epoch| format!("{epoch}\n")).collect();
    std::fs::write(place.path("second/metrics.jsonl"), lines).unwrap();
    place.succeed(&["train", "--resume", "second"]);
    assert_eq!(place.metrics("second")[6]["accuracy_mean"], accuracy);

    for value in ["0", "-1", "1.5", "4294967296"] {
        let option = format!("--evaluate-every={value}");
        place.refuse(&["train", "mlp", "--data", "data", &option], 2, &["--evaluate-every", value]);
    }
}

#[test]
fn other_intervals_of_checkpoints_are_refused() {
    let place = Workplace::new();
    for value in [
        "",
        "5",
        "steps",
        "0steps",
        "-1steps",
        "1.5epochs",
        "5 minutes",
        "4294967296epochs",
        "18446744073709551616steps",
    ] {
        let option = format!("--checkpoint-every={value}");
        let expected = ["--checkpoint-every", "a whole number of at least 1 and steps or epochs"];
        let expected = if value.is_empty() { &expected[..1] } else { &expected[..] };
        place.refuse(&["train", "mlp", "--data", "data", &option], 2, expected);
    }
}
