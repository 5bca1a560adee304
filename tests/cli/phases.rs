//! Trainings in two phases, trainings that begin with the weights of others, and networks with unquantized layers.

use super::{SHORT, Workplace, assert_same_results};
use serde_json::{Value, json};
use spikeslab::nets::Network;
use spikeslab::train::checkpoint::{self, Origin};
use spikeslab::train::config::Config;
use spikeslab::train::data::load;
use spikeslab::train::fit::{Control, EpochMetrics, Observer, Position, fit};
use spikeslab::train::{Loss, Trainer, Training};
use std::fs;

fn config(place: &Workplace, run: &str) -> Value {
    serde_json::from_slice(&place.read(format!("{run}/config.json"))).unwrap()
}

const HARD: [&str; 6] = ["--forward", "hard", "--init-levels", "kmeans", "--kl-weight", "20"];

#[test]
fn a_hard_training_ends_at_the_levels_of_each_layer() {
    let place = Workplace::new();
    let printed = place.train("run", &[&HARD[..], &["--warmup", "0.5"]].concat());
    let loss = printed.lines().find(|line| line.starts_with("quantized loss")).unwrap();
    assert!(loss.ends_with(" 0.0000"), "{loss}");
    let metrics = place.metrics("run");
    // The first of two epochs has no prior; at its end the levels are those of k-means.
    assert_eq!((&metrics[0]["kl_weight"], &metrics[0]["kl"]), (&json!(0.0), &json!(0.0)));
    assert!(metrics[1]["kl_weight"].as_f64().unwrap() > 0.0 && metrics[1]["kl"].as_f64().unwrap() > 0.0);
    assert_ne!(metrics[0]["levels"]["fc1"], json!([-0.2_f32, 0.0, 0.2_f32]));
    assert_ne!(metrics[0]["levels"]["fc1"], metrics[0]["levels"]["fc2"]);
    assert_eq!(metrics[1]["accuracy_mean"], metrics[1]["accuracy_quantized"]);
    let eval: Value = serde_json::from_str(&place.succeed(&["eval", "run", "--json"])).unwrap();
    assert_eq!((&eval["quantized_loss"], &eval["nll_mean"]), (&json!(0.0), &eval["nll_quantized"]));
    let packed: Value =
        serde_json::from_str(&place.succeed(&["eval", "run/model.packed", "--data", "data", "--json"])).unwrap();
    assert_eq!(packed["accuracy_quantized"], eval["accuracy_quantized"]);
}

/// What is printed of the settings, the phases and the test images; a run that goes on says from where, and tells of the
/// phase in the epoch in which it begins.
#[test]
fn the_settings_and_the_phases_are_printed() {
    let place = Workplace::new();
    let options = ["--warmup", "0.5", "--weight-decay", "0.1", "--seed", "7"];
    let printed = place.train("run", &[&HARD[..], &options].concat());
    let at = |text: &str| printed.find(text).unwrap_or_else(|| panic!("{text:?} in {printed}"));
    at("batches of 32, learning rate 0.01, weight decay 0.1, κ 20, seed 7\n");
    at("The last step replaces each weight by its level.\n");
    assert!(at("epoch   1/2") < at("second phase after step 8\n") && at("second phase") < at("epoch   2/2"));
    assert!(at("\non 64 test images:\n") < at("\nmean "));
    assert!(!printed.contains("goes on after step"));
    // The checkpoint of the end of the first phase.
    fs::create_dir(place.path("cut")).unwrap();
    fs::write(place.path("cut/config.json"), place.read("run/config.json")).unwrap();
    let config: Config = serde_json::from_slice(&place.read("run/config.json")).unwrap();
    let data = load(Some(&place.path("data")), false).unwrap();
    let graph = config.graph(&data.train).unwrap();
    let codebook = config.check(data.train.len()).unwrap();
    let mut network = Network::new(graph, &codebook);
    network.initialize(config.recipe.seed);
    let mut trainer = Trainer::new(network, config.recipe.clone(), data.train.len()).unwrap();
    let mut stop = StopAfter(8);
    fit(&mut trainer, &data, Position::default(), &mut stop).unwrap();
    let position = Position { epoch: 1, ..Position::default() };
    let origin = Origin::new(&config, data.test.checksum());
    let path = place.path("cut/checkpoint.safetensors");
    fs::write(&path, checkpoint::checked_bytes(&path, &trainer, &position, Some(&origin)).unwrap()).unwrap();
    let metrics = String::from_utf8(place.read("run/metrics.jsonl")).unwrap();
    fs::write(place.path("cut/metrics.jsonl"), metrics.split_inclusive('\n').take(1).collect::<String>()).unwrap();
    let resumed = place.succeed(&["train", "--resume", "cut"]);
    assert!(resumed.contains("goes on after step 8 of 16\n"), "{resumed}");
    let at = |text: &str| resumed.find(text).unwrap_or_else(|| panic!("{text:?} in {resumed}"));
    assert!(at("second phase after step 8\n") < at("epoch   2/2"));
    assert_same_results(&place, "run", "cut");
}

/// Stops a training after some steps, at the end of an epoch.
struct StopAfter(u64);

impl Observer<f32> for StopAfter {
    fn after_step(&mut self, _: &mut dyn Training<f32>, _: &Position, _: &Loss) -> spikeslab::Result<Control> {
        Ok(Control::Continue)
    }

    fn after_epoch(&mut self, trainer: &Trainer<f32>, _: &Position, _: EpochMetrics) -> spikeslab::Result<Control> {
        Ok(if trainer.steps_taken >= self.0 { Control::Stop } else { Control::Continue })
    }
}

#[test]
fn quantized_weights_are_learned_after_a_first_phase() {
    let place = Workplace::new();
    for forward in ["hard", "straight-through"] {
        let printed = place.train(forward, &["--forward", forward]);
        assert!(printed.contains("the first 8 steps without noise, KL or levels"), "{printed}");
        let recipe = config(&place, forward);
        let recipe = &recipe["recipe"];
        assert_eq!((&recipe["warmup"], &recipe["init_levels"]), (&json!(0.5), &json!("kmeans")));
    }
}

/// ln σ² has a meaning only where weights have noise.
#[test]
fn only_layers_with_noise_are_in_the_funnel() {
    let place = Workplace::new();
    place.train("none", &["--prior", "none"]);
    place.train("kept", &["--keep-first-last"]);
    assert!(!place.path("none/figures/funnel.svg").exists() && place.path("none/figures/histogram.svg").exists());
    let figure = |name: &str| String::from_utf8(place.read(format!("kept/figures/{name}.svg"))).unwrap();
    let titles = |figure: &str| ["fc1", "fc2", "fc3"].map(|layer| figure.contains(&format!(">{layer}")));
    assert_eq!(titles(&figure("funnel")), [false, true, false]);
    assert_eq!(titles(&figure("histogram")), [true; 3]);
    assert_eq!(place.metrics("kept")[0]["levels"].as_object().unwrap().keys().collect::<Vec<_>>(), ["fc2"]);
}

#[test]
fn straight_through_has_no_prior_unless_another_is_asked_for() {
    let place = Workplace::new();
    let printed = place.train("run", &["--forward", "straight-through", "--warmup", "0.5", "--init-levels", "kmeans"]);
    assert!(printed.contains("prior none, forward straight-through,"), "{printed}");
    assert_eq!(config(&place, "run")["recipe"]["prior"], "none");
    assert_eq!(place.metrics("run")[1]["quantized_loss"], json!(0.0));
    let arguments = |options: &[&'static str]| [&["train", "mlp", "--data", "data"], options].concat();
    for (options, parts) in [
        (
            &["--forward", "straight-through", "--prior", "nearest"][..],
            ["prior", "none for --forward straight-through"],
        ),
        (&["--forward", "hard", "--prior", "none"], ["prior", "one with noise for --forward hard"]),
        (&["--init-levels", "kmeans", "--prior", "vnq", "--warmup", "0.5"], ["init-levels", "given for --prior vnq"]),
        (&["--init-levels", "kmeans"], ["init-levels", "--warmup or --init"]),
        (&["--warmup", "1"], ["warmup", "0 to below 1"]),
        (&["--weight-decay", "-1"], ["weight-decay", "at least 0"]),
        (&["--weight-decay", "1e9"], ["weight-decay", "the learning rate"]),
    ] {
        place.refuse(&arguments(options), 2, &parts);
    }
}

/// One run in two phases, and its first phase alone with a second run that begins with its weights.
#[test]
fn a_run_may_begin_with_the_weights_of_another() {
    let place = Workplace::new();
    place.train("first", &["--prior", "none", "--decay-from", "0.99"]);
    let hard = [&HARD[..], &["--init", "first"]].concat();
    place.train("second", &hard);
    let init = &config(&place, "second")["init"];
    assert_eq!(init["run"].as_str().map(std::path::PathBuf::from), Some(place.path("first").canonicalize().unwrap()));
    // Its NLL after the first epoch is lower than that of a run that begins with random weights.
    place.train("alone", &["--forward", "hard", "--warmup", "0", "--kl-weight", "20"]);
    let nll = |run: &str| place.metrics(run)[0]["nll"].as_f64().unwrap();
    assert!(nll("second") < 0.5 * nll("alone"), "{} and {}", nll("second"), nll("alone"));
    // Resumed without a checkpoint, the run begins with the same weights.
    place.copy("second", "again");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        fs::remove_file(place.path("again").join(name)).unwrap();
    }
    place.succeed(&["train", "--resume", "again"]);
    assert_same_results(&place, "second", "again");

    let refused = [&["train", "mlp", "--data", "data", "--init"], &["data"][..]].concat();
    place.refuse(&refused, 1, &["data", "a run directory"]);
    fs::remove_file(place.path("again/checkpoint.safetensors")).unwrap();
    place.succeed(&["train", "--resume", "first", "--epochs", "3"]);
    place.refuse(&["train", "--resume", "again"], 1, &["first", "the weights that a run was begun with"]);
}

#[test]
fn the_first_and_the_last_layer_may_keep_their_weights() {
    let place = Workplace::new();
    let printed = place.train("run", &[&HARD[..], &["--keep-first-last", "--warmup", "0.5"]].concat());
    let text = config(&place, "run")["text"].clone();
    let kept: Vec<&str> = text
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .filter(|line| line.ends_with("unquantized"))
        .collect();
    assert_eq!(kept.len(), 2, "{text}");
    for shown in [&printed, &place.succeed(&["inspect", "run/model.packed"])] {
        let rows: Vec<&str> = shown.lines().filter(|line| line.starts_with("fc")).collect();
        let ends: Vec<bool> = rows.iter().map(|row| row.ends_with("unquantized") && row.contains(" 32.00 ")).collect();
        assert_eq!(ends, [true, false, true], "{shown}");
    }
    // The packed model computes with the unquantized weights of the layers.
    let eval = |source: &str| -> Value {
        serde_json::from_str(&place.succeed(&["eval", source, "--data", "data", "--json"])).unwrap()
    };
    let (run, packed) = (eval("run"), eval("run/model.packed"));
    assert_eq!(run["accuracy_quantized"], packed["accuracy_quantized"]);
    let [run, packed] = [run, packed].map(|eval| eval["nll_quantized"].as_f64().unwrap());
    assert!((run / packed - 1.0).abs() < 1e-5, "{run} and {packed}");
    place.succeed(&["quantize", "run", "--out", "again.packed"]);
    assert_eq!(place.read("again.packed"), place.read("run/model.packed"));
    // Weights may come from a run whose layers are all quantized.
    place.train("whole", &["--prior", "none"]);
    let options =
        [&["train", "mlp", "--data", "data", "--out", "kept", "--init", "whole", "--keep-first-last"], &SHORT[..]];
    place.succeed(&options.concat());
}
