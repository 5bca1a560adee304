//! The changes that `--resume` can make to a run: another number of epochs, and another path of the data.

use super::training::{check_metrics, start, wait_for_epoch};
use super::{Workplace, assert_same_results};
use crate::train::{Notes, Parts};
use serde_json::{Value, json};
use spikeslab::nets::Network;
use spikeslab::train::data::load;
use spikeslab::train::fit::Position;
use spikeslab::train::{Recipe, Run, Trainer, checkpoint, fit};
use std::fs;

/// Options with which learning rate and κ are constant up to the last step, for each number of epochs here.
const STEADY: [&str; 4] = ["--decay-from", "0.999", "--kl-warmup", "1"];

/// Trains `mlp` into `out`, for `epochs` epochs of eight steps.
fn train(place: &Workplace, out: &str, epochs: &str, options: &[&str]) {
    let arguments = ["train", "mlp", "--data", "data", "--out", out, "--epochs", epochs, "--batch-size", "32"];
    place.succeed(&[&arguments[..], &["--learning-rate", "0.01"], options].concat());
}

fn config(place: &Workplace, run: &str) -> Value {
    serde_json::from_slice(&place.read(format!("{run}/config.json"))).unwrap()
}

/// The checkpoint of a run, without the earlier numbers of epochs in its configuration.
fn without_history(place: &Workplace, run: &str) -> Vec<u8> {
    let mut parts = Parts::of(&place.read(format!("{run}/checkpoint.safetensors")));
    parts.header(|header| drop(header["origin"]["config"].as_object_mut().unwrap().remove("earlier_epochs")));
    parts.sealed()
}

/// If the schedules do not depend on the number of epochs, it does not matter when this number was given.
#[test]
fn a_run_of_more_epochs_is_the_run_that_would_have_had_them() {
    let place = Workplace::new();
    train(&place, "long", "6", &STEADY);
    train(&place, "ended", "2", &STEADY);
    let printed = place.succeed(&["train", "--resume", "ended", "--epochs", "6"]);
    assert!(printed.contains("epoch   3/6") && !printed.contains("epoch   2/"), "{printed}");

    // A run that was stopped, and whose number of epochs is then increased twice.
    train(&place, "stopped", "2", &STEADY);
    cut_back(&place, "stopped");
    place.succeed(&["train", "--resume", "stopped", "--epochs", "3"]);
    place.succeed(&["train", "--resume", "stopped", "--epochs", "6"]);

    let earlier = json!([{ "epochs": 2, "until_step": 16 }]);
    assert_eq!(config(&place, "ended")["earlier_epochs"], earlier);
    let twice = json!([{ "epochs": 2, "until_step": 8 }, { "epochs": 3, "until_step": 24 }]);
    assert_eq!(config(&place, "stopped")["earlier_epochs"], twice);
    assert_eq!(config(&place, "long").get("earlier_epochs"), None);
    let whole = without_history(&place, "long");
    for run in ["ended", "stopped"] {
        assert_eq!(config(&place, run)["recipe"], config(&place, "long")["recipe"]);
        assert!(without_history(&place, run) == whole, "{run}");
        let (mut results, mut expected) = (place.results(run), place.results("long"));
        for results in [&mut results, &mut expected] {
            results.remove("checkpoint.safetensors");
        }
        assert!(results == expected, "{run}");
        // The checkpoint records the change too.
        let mut of_checkpoint = Value::Null;
        Parts::of(&place.read(format!("{run}/checkpoint.safetensors")))
            .header(|header| of_checkpoint = header["origin"]["config"].clone());
        assert_eq!(of_checkpoint, config(&place, run));
        place.succeed(&["eval", run]);
        place.succeed(&["train", "--resume", run, "--epochs", "6"]);
    }
}

/// Sets a run of two epochs back to its state after the first epoch.
fn cut_back(place: &Workplace, run: &str) {
    train(place, "first", "1", &STEADY);
    let mut parts = Parts::of(&place.read("first/checkpoint.safetensors"));
    parts.header(|header| header["origin"]["config"]["recipe"]["epochs"] = 2.into());
    fs::write(place.path(run).join("checkpoint.safetensors"), parts.sealed()).unwrap();
    fs::remove_file(place.path(run).join("model.packed")).unwrap();
}

#[test]
fn rate_and_kl_weight_follow_the_new_number_of_epochs() {
    let place = Workplace::new();
    train(&place, "run", "2", &[]);
    place.succeed(&["train", "--resume", "run", "--epochs", "4"]);
    let weights: Vec<f64> = place.metrics("run").iter().map(|epoch| epoch["kl_weight"].as_f64().unwrap()).collect();
    // κ rises to 0.2 over all epochs, of eight steps each: at first two, then four.
    let at = |step: f64, epochs: f64| 0.2 * step / 8.0 / epochs;
    assert_eq!(weights, [at(7.0, 2.0), at(15.0, 2.0), at(23.0, 4.0), at(31.0, 4.0)]);
    // The learning rate too: it falls for two epochs as in a run of two, then for two more as in a run of four.
    let config = Run::config(&place.path("run")).unwrap();
    let data = load(Some(&place.path("data")), false).unwrap();
    let mut network = Network::new(config.graph(&data.train).unwrap(), &config.check(256).unwrap());
    network.initialize(config.recipe.seed);
    let mut first = Trainer::new(network, Recipe { epochs: 2, ..config.recipe.clone() }, 256).unwrap();
    fit(&mut first, &data, Position::default(), &mut Notes::default()).unwrap();
    let mut second = Trainer::new(first.network, config.recipe, 256).unwrap();
    (second.moments, second.steps_taken) = (first.moments, first.steps_taken);
    fit(&mut second, &data, Position { epoch: 2, ..Position::default() }, &mut Notes::default()).unwrap();
    let state = checkpoint::load(&Run::checkpoint_path(&place.path("run"))).unwrap();
    let values = |network: &Network<f32>| {
        let parameters = network.parameters().iter();
        parameters.map(|parameter| parameter.as_slice().to_vec()).collect::<Vec<_>>()
    };
    assert!(values(&second.network) == values(&state.network));
}

#[test]
fn a_run_is_given_no_fewer_epochs_than_it_has_begun() {
    let place = Workplace::new();
    train(&place, "run", "3", &[]);
    for epochs in ["0", "1", "2"] {
        let parts = ["epochs: expected at least 3, as many as the run in run has begun", epochs];
        place.refuse(&["train", "--resume", "run", "--epochs", epochs], 2, &parts);
    }
    let too_many = u32::MAX.to_string();
    place.refuse(&["train", "--resume", "run", "--epochs", &too_many], 2, &["epochs: "]);
    let before = place.files();
    place.succeed(&["train", "--resume", "run", "--epochs", "3"]);
    assert_eq!(before.keys().collect::<Vec<_>>(), place.files().keys().collect::<Vec<_>>());
    assert_eq!(config(&place, "run").get("earlier_epochs"), None, "nothing changed");

    // An epoch that has begun counts.
    place.copy("run", "in the third");
    let mut parts = Parts::of(&place.read("run/checkpoint.safetensors"));
    parts.header(|header| {
        for (name, value) in [("steps", 19), ("epoch", 2), ("epoch_step", 3)] {
            header[name] = value.into();
        }
    });
    fs::write(place.path("in the third/checkpoint.safetensors"), parts.sealed()).unwrap();
    let parts = ["epochs: expected at least 3", "2"];
    place.refuse(&["train", "--resume", "in the third", "--epochs", "2"], 2, &parts);

    // A run that has not begun can be given any number of epochs.
    place.copy("run", "fresh");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        fs::remove_file(place.path("fresh").join(name)).unwrap();
    }
    place.refuse(&["train", "--resume", "fresh", "--epochs", "0"], 2, &["epochs: expected at least 1"]);
    place.succeed(&["train", "--resume", "fresh", "--epochs", "1"]);
    assert_eq!((place.metrics("fresh").len(), config(&place, "fresh")["recipe"]["epochs"].as_u64()), (1, Some(1)));
    train(&place, "one", "1", &[]);
    assert_eq!(place.read("one/model.packed"), place.read("fresh/model.packed"));
}

/// The configuration is written before the first further step, the checkpoint only after further steps.
#[test]
fn a_run_killed_before_its_next_checkpoint_goes_on_to_the_new_end() {
    let place = Workplace::new();
    train(&place, "whole", "2", &[]);
    place.copy("whole", "killed");
    place.succeed(&["train", "--resume", "whole", "--epochs", "40"]);
    let resume = ["train", "--resume", "killed", "--epochs", "40", "--checkpoint-every", "40epochs"];
    let before = place.read("killed/checkpoint.safetensors");
    let mut child = start(&place, &resume);
    let stdout = wait_for_epoch(&mut child, 4);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stdout);
    assert!(place.read("killed/checkpoint.safetensors") == before);
    check_metrics(&place, "killed");
    assert_eq!(config(&place, "killed")["recipe"]["epochs"], 40);
    // Other commands read the run in this state, and its number of epochs can be changed once more.
    place.succeed(&["eval", "killed"]);
    assert!(place.run(&["quantize", "killed", "--out", "out.packed"]).status.success());
    assert!(place.succeed(&["inspect", "killed"]).starts_with("run of mlp after epoch 2 of 40"));
    place.copy("killed", "twice");
    place.succeed(&["train", "--resume", "killed"]);
    assert_same_results(&place, "whole", "killed");
    place.succeed(&["train", "--resume", "twice", "--epochs", "3"]);
    let twice = json!([{ "epochs": 2, "until_step": 16 }, { "epochs": 40, "until_step": 16 }]);
    assert_eq!(config(&place, "twice")["earlier_epochs"], twice);
    assert_eq!(place.metrics("twice").len(), 3);
}

/// A difference between configuration and checkpoint is accepted only if the change was made at the checkpoint's step.
#[test]
fn a_history_of_epochs_that_was_written_by_hand_is_refused() {
    let place = Workplace::new();
    train(&place, "run", "2", &[]);
    let good = config(&place, "run");
    let with = |epochs: u32, earlier: Value| {
        let mut config = good.clone();
        config["recipe"]["epochs"] = epochs.into();
        config["earlier_epochs"] = earlier;
        fs::write(place.path("run/config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
    };
    for (epochs, earlier, entry) in [
        (4, json!([]), "config.recipe.epochs"),
        (4, json!([{ "epochs": 2, "until_step": 15 }]), "config."),
        (4, json!([{ "epochs": 3, "until_step": 16 }]), "config."),
        (2, json!([{ "epochs": 1, "until_step": 8 }]), "config.earlier_epochs"),
    ] {
        with(epochs, earlier);
        let parts = ["checkpoint.safetensors", "a checkpoint of this run, whose ", entry];
        place.refuse(&["train", "--resume", "run"], 1, &parts);
        place.refuse(&["eval", "run"], 1, &parts);
    }
    with(4, json!([{ "epochs": 2, "until_step": 16, "why": "more" }]));
    place.refuse(&["train", "--resume", "run"], 1, &["config.json", "unknown field `why`"]);
    with(4, json!([{ "epochs": 2, "until_step": 16 }]));
    place.succeed(&["train", "--resume", "run"]);
}

#[test]
fn data_that_moved_are_named_once_and_their_checksum_decides() {
    let place = Workplace::new();
    train(&place, "whole", "3", &[]);
    train(&place, "run", "2", &[]);
    place.copy("run", "begun");
    fs::remove_file(place.path("begun/checkpoint.safetensors")).unwrap();
    fs::rename(place.path("data"), place.path("moved")).unwrap();
    for run in ["run", "begun"] {
        place.refuse(&["train", "--resume", run], 1, &["data: ", "nothing of that name"]);
        place.refuse(&["train", "--resume", run, "--data", "nowhere"], 1, &["nowhere: No such file"]);
        // Other training images and, if there is a checkpoint, other test images are refused.
        super::write_data(&place.path("others"), 250, 64, 12);
        let parts = [run, "the data it was begun on, checksum "];
        place.refuse(&["train", "--resume", run, "--data", "others", "--epochs", "3"], 1, &parts);
    }
    super::write_data(&place.path("other test"), 256, 60, 12);
    let parts = ["checkpoint.safetensors", "whose test_checksum is "];
    place.refuse(&["train", "--resume", "run", "--data", "other test"], 1, &parts);

    for run in ["run", "begun"] {
        let printed = place.succeed(&["train", "--resume", run, "--data", "moved"]);
        assert!(printed.contains("/moved\"") && !printed.contains("/data\""), "{printed}");
        let moved = place.path("moved").canonicalize().unwrap();
        assert_eq!(config(&place, run)["data"], json!(moved));
        assert_eq!(config(&place, run).get("earlier_epochs"), None);
        // From now on the run has the new path.
        for arguments in [&["train", "--resume", run][..], &["eval", run]] {
            place.succeed(arguments);
        }
    }
    assert_eq!(place.read("run/model.packed"), place.read("begun/model.packed"));
    // Both changes at once: another number of epochs, and the old path of the data.
    fs::rename(place.path("moved"), place.path("data")).unwrap();
    place.succeed(&["train", "--resume", "run", "--data", "data", "--epochs", "3"]);
    assert_eq!(place.metrics("run").len(), 3);
    assert_eq!(config(&place, "run")["data"], config(&place, "whole")["data"]);
}

#[test]
fn a_change_needs_the_run_to_itself() {
    let place = Workplace::with_run();
    let held = Run::open(&place.path("run")).unwrap();
    let change = ["train", "--resume", "run", "--epochs", "3"];
    place.refuse(&change, 1, &["run", "no other process is training"]);
    drop(held);
    place.succeed(&change);
}

#[test]
fn a_comparison_goes_on_where_its_data_have_moved() {
    let place = Workplace::new();
    for out in ["whole", "cut"] {
        place.succeed(&[&["compare", "mlp", "--data", "data", "--out", out], &super::SHORT[..]].concat());
    }
    // As if it had ended before the second run began.
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        fs::remove_file(place.path("cut/multi-spike").join(name)).unwrap();
    }
    fs::rename(place.path("data"), place.path("moved")).unwrap();
    place.refuse(&["compare", "--resume", "cut"], 1, &["data: ", "nothing of that name"]);
    super::write_data(&place.path("others"), 250, 64, 12);
    let parts = ["cut/gaussian", "the data it was begun on, checksum "];
    place.refuse(&["compare", "--resume", "cut", "--data", "others"], 1, &parts);
    place.succeed(&["compare", "--resume", "cut", "--data", "moved"]);
    for run in ["gaussian", "multi-spike"] {
        assert_eq!(config(&place, &format!("cut/{run}"))["data"], json!(place.path("moved").canonicalize().unwrap()));
        let (cut, whole) = (format!("cut/{run}/model.packed"), format!("whole/{run}/model.packed"));
        assert_eq!(place.read(cut), place.read(whole));
    }
    assert_eq!(place.read("whole/comparison.svg"), place.read("cut/comparison.svg"));
    place.succeed(&["compare", "--resume", "cut"]);
    place.refuse(&["compare", "--resume", "cut", "--epochs", "9"], 2, &["--resume", "--epochs", "cannot be used"]);
}

#[test]
fn a_second_phase_that_has_begun_stays_where_it_began() {
    let place = Workplace::new();
    place.train("run", &["--warmup", "0.5"]);
    let refused = ["train", "--resume", "run", "--epochs", "4"];
    place.refuse(&refused, 2, &["epochs", "second phase has begun, at step 8", "4, which begin it at step 16"]);
    // The last step of a run that computes with quantized weights quantizes θ: it must be still to come.
    let hard = [
        &["train", "mlp", "--data", "data", "--out", "hard", "--forward", "hard", "--warmup", "0"],
        &super::SHORT[2..],
    ]
    .concat();
    place.succeed(&[&hard[..], &["--epochs", "1"]].concat());
    place.succeed(&["train", "--resume", "hard", "--epochs", "3"]);
    place.refuse(&["train", "--resume", "hard", "--epochs", "2"], 2, &["epochs", "at least 3"]);
    place.succeed(&["train", "--resume", "hard", "--epochs", "3"]);
    // A finished run without phases can be continued.
    place.train("plain", &[]);
    place.succeed(&["train", "--resume", "plain", "--epochs", "4"]);
    assert_eq!(place.metrics("plain").len(), 4);
}
