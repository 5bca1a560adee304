use super::{Workplace, write_data};
use crate::train::Parts;
use serde_json::{Value, json};
use spikeslab::nets::{Description, Network};
use std::collections::BTreeSet;
use std::fs;

const KEYS: [&str; 8] = [
    "accuracy_mean",
    "accuracy_sample",
    "accuracy_quantized",
    "nll_mean",
    "nll_sample",
    "nll_quantized",
    "quantized_loss",
    "n",
];

fn eval(place: &Workplace, arguments: &[&str]) -> Value {
    let printed = place.succeed(&[&["eval", "--json"], arguments].concat());
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let value: Value = serde_json::from_str(&printed).unwrap();
    let keys: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, KEYS.into());
    value
}

#[test]
fn a_run_is_evaluated_with_each_kind_of_weights() {
    let place = Workplace::with_run();
    let value = eval(&place, &["run"]);
    let last = &place.metrics("run")[1];
    for name in ["accuracy_mean", "accuracy_quantized", "quantized_loss"] {
        assert_eq!(value[name], last[name], "{name}");
    }
    assert_eq!(value["n"], 64);
    for name in &KEYS[..7] {
        assert!(value[*name].as_f64().unwrap() > 0.0, "{name}: {value}");
    }
    assert!(value["accuracy_sample"].as_f64().unwrap() <= 1.0);
    assert_eq!(eval(&place, &["run", "--data", "data", "--threads", "2"]), value);
    let more = eval(&place, &["run", "--samples", "50"]);
    assert_ne!(more["nll_sample"], value["nll_sample"]);
    assert_eq!(more["nll_mean"], value["nll_mean"]);
    // The figures of the final table.
    let table = place.succeed(&["eval", "run"]);
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{table}"));
    for (name, accuracy, nll) in [
        ("mean", "accuracy_mean", "nll_mean"),
        ("sampled, 10 draws", "accuracy_sample", "nll_sample"),
        ("quantized ", "accuracy_quantized", "nll_quantized"),
    ] {
        let number = |key: &str| value[key].as_f64().unwrap();
        let expected = format!("{:.2}% {:.4}", 100.0 * number(accuracy), number(nll));
        let words: Vec<&str> = row(name).split_whitespace().rev().take(2).collect();
        assert_eq!(format!("{} {}", words[1], words[0]), expected, "{table}");
    }
    assert!(row("64 test images").len() == 14);
}

#[test]
fn a_packed_model_has_the_quantized_weights_of_its_run() {
    let place = Workplace::with_run();
    let run = eval(&place, &["run"]);
    let packed = eval(&place, &["run/model.packed", "--data", "data"]);
    assert_eq!((&packed["accuracy_quantized"], &packed["n"]), (&run["accuracy_quantized"], &json!(64)));
    let [seen, expected] = [&packed, &run].map(|value| value["nll_quantized"].as_f64().unwrap());
    assert!((seen - expected).abs() < 1e-5 * expected, "{seen}, {expected}");
    for name in ["accuracy_mean", "accuracy_sample", "nll_mean", "nll_sample", "quantized_loss"] {
        assert_eq!(packed[name], Value::Null, "{name}");
    }
    let table = place.succeed(&["eval", "run/model.packed", "--data", "data"]);
    assert!(table.contains("quantized ") && !table.contains("sampled"), "{table}");
}

#[test]
fn statistics_estimated_anew_are_those_that_quantize_packs() {
    let place = Workplace::with_run();
    let (trained, run) = (eval(&place, &["run"]), eval(&place, &["run", "--recalibrate=200"]));
    for name in ["nll_mean", "nll_quantized"] {
        assert_ne!(run[name], trained[name], "{name}");
    }
    for name in ["nll_sample", "accuracy_sample", "quantized_loss"] {
        assert_eq!(run[name], trained[name], "{name}");
    }
    place.succeed(&["quantize", "run", "--recalibrate=200", "--out", "anew.packed"]);
    let packed = eval(&place, &["anew.packed", "--data", "data"]);
    assert_eq!(packed["accuracy_quantized"], run["accuracy_quantized"]);
    let [seen, expected] = [&packed, &run].map(|value| value["nll_quantized"].as_f64().unwrap());
    assert!((seen - expected).abs() < 1e-5 * expected, "{seen}, {expected}");
    // Without a number, of all training images: there are fewer than the default.
    assert_eq!(eval(&place, &["run", "--recalibrate"]), eval(&place, &["run", "--recalibrate=4294967295"]));
    place.refuse(&["eval", "run", "--recalibrate=0"], 2, &["--recalibrate", "0"]);
    place.refuse(&["eval", "run", "--recalibrate=1"], 2, &["recalibrate", "batches of at least 2", "1"]);
    place.refuse(&["quantize", "run", "--out", "x", "--recalibrate=-1"], 2, &["--recalibrate", "-1"]);
    place.refuse(&["eval", "anew.packed", "--recalibrate"], 2, &["recalibrate", "a run directory", "a packed model"]);
}

#[test]
fn kmeans_levels_fit_the_weights_better_the_more_there_are() {
    let place = Workplace::with_run();
    let loss = |arguments: &[&str]| {
        let value = eval(&place, &[&["run"], arguments].concat());
        assert_eq!(value["nll_mean"], eval(&place, &["run"])["nll_mean"]);
        value["quantized_loss"].as_f64().unwrap()
    };
    let losses = [loss(&["--kmeans", "2"]), loss(&["--kmeans", "3"]), loss(&["--kmeans", "16"])];
    assert!(losses[0] > losses[1] && losses[1] > 10.0 * losses[2], "{losses:?}");
    assert!(losses[1] < loss(&[]), "{losses:?}");
}

#[test]
fn other_data_may_be_given_if_it_fits() {
    let place = Workplace::with_run();
    write_data(&place.path("more"), 10, 200, 12);
    assert_eq!(eval(&place, &["run", "--data", "more"])["n"], 200);
    write_data(&place.path("larger"), 20, 10, 13);
    for source in ["run", "run/model.packed"] {
        place.refuse(&["eval", source, "--data", "larger"], 1, &["images", "[1, 12, 12]", "[1, 13, 13]"]);
    }
    place.refuse(&["eval", "run/model.packed"], 1, &["images", "[1, 12, 12]", "[1, 28, 28]"]);
    fs::rename(place.path("data"), place.path("elsewhere")).unwrap();
    place.refuse(&["eval", "run"], 1, &["data", "a directory with the files of MNIST", "nothing of that name"]);
    assert_eq!(eval(&place, &["run", "--data", "elsewhere"])["n"], 64);
}

#[test]
fn a_model_of_other_classes_than_the_data_is_refused() {
    let place = Workplace::with_run();
    let model = spikeslab::packed::format::load(&place.path("run/model.packed")).unwrap();
    // The same network with three classes.
    let codebook = spikeslab::prior::Codebook::symmetric(3).unwrap();
    let graph = Description::with_widths("mlp", model.input(), &[256, 128, 3]).unwrap();
    let three = spikeslab::packed::PackedModel::new("mlp", &Network::<f32>::new(graph, &codebook), None);
    spikeslab::packed::format::save(&place.path("three.packed"), &three).unwrap();
    place.refuse(&["eval", "three.packed", "--data", "data"], 1, &["labels", "3 classes", "10"]);
}

#[test]
fn a_run_in_its_middle_can_be_evaluated() {
    let place = Workplace::new();
    place.train("run", &[]);
    let whole = eval(&place, &["run"]);
    for name in ["model.packed", "metrics.jsonl", "figures/funnel.svg"] {
        fs::remove_file(place.path("run").join(name)).unwrap();
    }
    assert_eq!(eval(&place, &["run"]), whole);
}

#[test]
fn weights_that_overflow_are_named_not_scored() {
    let place = Workplace::with_run();
    let mut checkpoint = Parts::of(&place.read("run/checkpoint.safetensors"));
    (0..128 * 10).for_each(|i| checkpoint.set("fc3.theta", i, f32::MAX));
    fs::write(place.path("run/checkpoint.safetensors"), checkpoint.sealed()).unwrap();
    place.refuse(&["eval", "run", "--json"], 1, &["tensor ln softmax(logits)", "finite numbers", "NaN"]);
}
