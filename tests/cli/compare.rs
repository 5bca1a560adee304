use super::{SHORT, Workplace, assert_same_results};
use serde_json::Value;
use spikeslab::train::Comparison;
use std::fs;

#[test]
fn two_runs_and_one_figure() {
    let place = Workplace::new();
    let arguments = [&["compare", "mlp", "--data", "data", "--levels", "4"], &SHORT[..]].concat();
    let printed = place.succeed(&arguments);
    for (name, prior) in [("gaussian", "gaussian"), ("multi-spike", "nearest")] {
        let run = format!("runs/compare-mlp-1/{name}");
        assert_eq!(place.metrics(&run).len(), 2);
        let config: Value = serde_json::from_slice(&place.read(format!("{run}/config.json"))).unwrap();
        assert_eq!(
            (config["recipe"]["prior"].as_str(), config["codebook"].as_array().unwrap().len()),
            (Some(prior), 4)
        );
    }
    let figure = String::from_utf8(place.read("runs/compare-mlp-1/comparison.svg")).unwrap();
    for part in ["<svg", "</svg>", "Gaussian prior", "multi-spike prior, M = 4", "epoch"] {
        assert!(figure.contains(part), "no {part:?} in the figure");
    }
    let last = &place.metrics("runs/compare-mlp-1/gaussian")[1];
    let loss = format!(" {:.4} ", last["quantized_loss"].as_f64().unwrap());
    let row = printed.lines().find(|line| line.starts_with("Gaussian prior")).unwrap();
    assert!(row.contains(&loss), "{row}");
    assert!(printed.contains("in runs/compare-mlp-1: comparison.svg"), "{printed}");

    // The run is the same as one that is trained alone.
    place.train("alone", &["--levels", "4"]);
    assert_same_results(&place, "alone", "runs/compare-mlp-1/multi-spike");
    assert!(place.succeed(&arguments).contains("in runs/compare-mlp-2: "));
}

#[test]
fn a_comparison_cut_short_goes_on() {
    let place = Workplace::new();
    place.succeed(&[&["compare", "mlp", "--data", "data", "--out", "whole"], &SHORT[..]].concat());
    place.succeed(&[&["compare", "mlp", "--data", "data", "--out", "cut"], &SHORT[..]].concat());
    // As if it had ended before the second run began.
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        fs::remove_file(place.path("cut/multi-spike").join(name)).unwrap();
    }
    fs::remove_file(place.path("cut/comparison.svg")).unwrap();
    place.succeed(&["compare", "--resume", "cut"]);
    for run in ["gaussian", "multi-spike"] {
        assert_same_results(&place, &format!("whole/{run}"), &format!("cut/{run}"));
    }
    assert_eq!(place.read("whole/comparison.svg"), place.read("cut/comparison.svg"));
}

/// A comparison whose process was killed before the first run or between the two runs is continued; `faults` tests
/// other moments.
#[test]
fn a_comparison_killed_between_its_directories_goes_on() {
    let place = Workplace::new();
    let compare = |out| [&["compare", "mlp", "--data", "data", "--out", out], &SHORT[..]].concat();
    place.succeed(&compare("whole"));
    for left in ["", "gaussian", "gaussian/config.json.spikeslab.part", "gaussian/config.json"] {
        let killed = place.path("killed");
        fs::create_dir(&killed).unwrap();
        fs::copy(place.path("whole/compare.json"), killed.join("compare.json")).unwrap();
        if !left.is_empty() {
            fs::create_dir(killed.join("gaussian")).unwrap();
        }
        match left {
            "gaussian/config.json.spikeslab.part" => fs::write(killed.join(left), "{ half of").unwrap(),
            "gaussian/config.json" => drop(fs::copy(place.path("whole").join(left), killed.join(left)).unwrap()),
            _ => {}
        }
        place.refuse(
            &compare("killed"),
            1,
            &["killed", "a directory that is new or empty", "a comparison, which --resume continues"],
        );
        place.succeed(&["compare", "--resume", "killed"]);
        for run in ["gaussian", "multi-spike"] {
            assert_same_results(&place, &format!("whole/{run}"), &format!("killed/{run}"));
        }
        fs::remove_dir_all(&killed).unwrap();
    }
    // While `compare.json` is incomplete, the directory counts as free.
    fs::create_dir(place.path("killed")).unwrap();
    fs::write(place.path("killed/compare.json.spikeslab.part"), "{ half of").unwrap();
    place.refuse(&["compare", "--resume", "killed"], 1, &["killed: ", "a comparison directory", "compare.json"]);
    place.succeed(&compare("killed"));
    assert!(!place.path("killed/compare.json.spikeslab.part").exists());
}

#[test]
fn a_comparison_is_trained_by_one_process_at_a_time() {
    let place = Workplace::new();
    place.succeed(&[&["compare", "mlp", "--data", "data", "--out", "two"], &SHORT[..]].concat());
    let held = Comparison::open(&place.path("two")).unwrap();
    place.refuse(&["compare", "--resume", "two"], 1, &["two", "a comparison that no other process is training"]);
    let runs = held.runs().unwrap();
    assert_eq!(held.names().collect::<Vec<_>>(), ["gaussian", "multi-spike"]);
    let parts = ["two/multi-spike", "a run that no other process is training"];
    place.refuse(&["train", "--resume", "two/multi-spike"], 1, &parts);
    drop((held, runs));
    place.succeed(&["compare", "--resume", "two"]);
    // Each run of a comparison can also be resumed alone.
    place.succeed(&["train", "--resume", "two/multi-spike"]);
    // With another number of epochs it could not be compared.
    place.succeed(&["train", "--resume", "two/multi-spike", "--epochs", "3"]);
    place.refuse(&["compare", "--resume", "two"], 1, &["two: ", "runs of the same number of epochs", "2, 3"]);
    place.succeed(&["train", "--resume", "two/gaussian", "--epochs", "3"]);
    place.succeed(&["compare", "--resume", "two"]);
}

#[test]
fn there_is_no_comparing_the_baseline_with_itself() {
    let place = Workplace::new();
    for prior in ["gaussian", "none"] {
        place.refuse(&["compare", "mlp", "--data", "data", "--prior", prior], 2, &["prior", "multi-spike", prior]);
    }
    place.refuse(&["compare", "--resume", "data"], 1, &["data: ", "a comparison directory", "without compare.json"]);
    place.refuse(&["compare", "--resume", "nowhere"], 1, &["nowhere: ", "a comparison directory", "none"]);
}

#[test]
fn a_comparison_is_made_on_the_device_that_is_named() {
    let place = Workplace::new();
    if !cfg!(feature = "cuda") {
        let arguments = ["compare", "mlp", "--data", "data", "--device", "cuda"];
        place.refuse(&arguments, 2, &["--device", "--features cuda"]);
    }
    let arguments = [&["compare", "mlp", "--data", "data", "--device", "cpu", "--out", "two"], &SHORT[..]].concat();
    assert!(place.succeed(&arguments).contains("in two: comparison.svg"));
    place.succeed(&["compare", "--resume", "two", "--device", "cpu"]);
}

/// The runs that compute with quantized weights begin their second phase with the levels that `train` gives them.
#[test]
fn quantized_runs_have_the_levels_of_train() {
    let place = Workplace::new();
    place.succeed(&[&["compare", "mlp", "--data", "data", "--warmup", "0.5", "--out", "four"], &SHORT[..]].concat());
    for (name, expected) in
        [("gaussian", "given"), ("multi-spike", "given"), ("hard", "kmeans"), ("straight-through", "kmeans")]
    {
        let config: Value = serde_json::from_slice(&place.read(format!("four/{name}/config.json"))).unwrap();
        assert_eq!(config["recipe"]["init_levels"], expected, "{name}");
    }
}

/// With a first phase, the comparison also has the runs that compute with quantized weights.
#[test]
fn four_runs_on_one_schedule() {
    let place = Workplace::new();
    let options = ["--warmup", "0.5", "--init-levels", "kmeans", "--out", "four"];
    let printed = place.succeed(&[&["compare", "mlp", "--data", "data"], &SHORT[..], &options].concat());
    assert!(
        printed.contains("in four: comparison.svg, gaussian/, multi-spike/, hard/, straight-through/"),
        "{printed}"
    );
    for (name, label, prior, forward) in [
        ("gaussian", "Gaussian prior", "gaussian", "sampled"),
        ("multi-spike", "multi-spike prior, M = 3", "nearest", "sampled"),
        ("hard", "hard", "nearest", "hard"),
        ("straight-through", "straight-through", "none", "straight-through"),
    ] {
        let config: Value = serde_json::from_slice(&place.read(format!("four/{name}/config.json"))).unwrap();
        let recipe = &config["recipe"];
        assert_eq!(
            (&recipe["prior"], &recipe["forward"], &recipe["warmup"]),
            (&prior.into(), &forward.into(), &0.5.into())
        );
        // The first phase of all runs is the same.
        let first = |run: &str| place.metrics(&format!("four/{run}"))[0].clone();
        assert_eq!(
            (&first(name)["nll"], &first(name)["levels"]),
            (&first("gaussian")["nll"], &first("gaussian")["levels"])
        );
        let row = printed.lines().rfind(|line| line.starts_with(&format!("{label} "))).unwrap();
        let bytes = place.read(format!("four/{name}/model.packed")).len();
        assert!(row.ends_with(&format!(" {bytes}")) && row.chars().count() <= 80, "{row}");
        // For the run without a prior, a line on stderr says that it has no sampled weights.
        let output = place.run(&["eval", &format!("four/{name}"), "--samples", "1", "--json"]);
        let eval: Value = serde_json::from_slice(&output.stdout).unwrap();
        let figure = format!("{:.4}", eval["nll_quantized"].as_f64().unwrap());
        assert!(row.contains(&figure), "{row}: {figure}");
    }
    // So do weights that come from another training.
    let begun =
        [&["compare", "mlp", "--data", "data", "--out", "begun", "--init", "four/gaussian"], &SHORT[..]].concat();
    let printed = place.succeed(&begun);
    assert!(
        printed.contains("in begun: comparison.svg, gaussian/, multi-spike/, hard/, straight-through/"),
        "{printed}"
    );
    // A deep network has two phases, and computes with quantized weights, unless options say otherwise.
    fs::write(place.path("deep.net"), "flatten\n".to_string() + &"dense 6\nnorm\nrelu\n".repeat(5) + "dense classes\n")
        .unwrap();
    let printed = place.succeed(&[&["compare", "deep.net", "--data", "data", "--out", "deep"], &SHORT[..]].concat());
    assert!(printed.contains("straight-through"), "{printed}");
    let refused = ["compare", "mlp", "--data", "data", "--warmup", "0.5", "--forward", "hard"];
    place.refuse(&refused, 2, &["forward", "each in turn", "hard"]);
}
