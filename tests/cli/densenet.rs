//! Training a DenseNet from the command line, on images of coloured shapes.

use super::{Workplace, assert_same_results};
use crate::common::cifar::{write10, write100};
use crate::common::networks::preset;
use crate::train::Parts;
use serde_json::{Value, json};
use std::fs;

fn place() -> Workplace {
    let place = Workplace::new();
    write10(&place.path("ten"), 40, 50);
    place
}

const SMALL: &str = "densenet:depth=7,growth=3";

fn train(place: &Workplace, out: &str, options: &[&str]) -> String {
    let arguments = ["train", SMALL, "--data", "ten", "--out", out, "--recipe", "one-phase", "--learning-rate", "0.01"];
    place.succeed(&[&arguments, options].concat())
}

fn config(place: &Workplace, run: &str) -> Value {
    serde_json::from_slice(&place.read(format!("{run}/config.json"))).unwrap()
}

/// The network's text in a configuration.
fn text(config: &Value) -> String {
    let lines: Vec<&str> = config["text"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    lines.join("\n") + "\n"
}

fn text_of(network: &str) -> String {
    preset(network, [3, 32, 32]).to_string()
}

#[test]
fn it_learns_and_keeps_what_it_learned_when_quantized() {
    let place = place();
    let printed = train(&place, "run", &["--epochs", "8", "--batch-size", "20", "--kl-weight", "0.05"]);
    assert!(printed.starts_with("densenet on 200 training and 50 test images of CIFAR-10"), "{printed}");
    let last = place.metrics("run").pop().unwrap();
    // Guessing one of ten classes has an accuracy of 0.1.
    for name in ["accuracy_mean", "accuracy_quantized"] {
        assert!(last[name].as_f64().unwrap() >= 0.5, "{last}");
    }
    let levels = last["levels"].as_object().unwrap();
    let names =
        ["block1.layer1.conv", "block2.layer1.conv", "block3.layer1.conv", "conv0", "fc", "trans1.conv", "trans2.conv"];
    assert_eq!(levels.keys().collect::<Vec<_>>(), names);
    let eval = |what: &[&str]| -> Value {
        let samples: &[&str] = if what[0].ends_with(".packed") { &[] } else { &["--samples", "2"] };
        serde_json::from_str(&place.succeed(&[&["eval", "--json"], samples, what].concat())).unwrap()
    };
    let packed = eval(&["run/model.packed", "--data", "ten"]);
    assert_eq!(packed["accuracy_quantized"], last["accuracy_quantized"]);
    assert_eq!(eval(&["run"])["accuracy_mean"], last["accuracy_mean"]);
    let inspected = place.succeed(&["inspect", "run/model.packed"]);
    assert!(inspected.starts_with("packed densenet, on images of 3 x 32 x 32"), "{inspected}");
    // The figure shows the layers of the published figure and no others.
    let figure = String::from_utf8(place.read("run/figures/histogram.svg")).unwrap();
    for (layer, shown) in
        [("conv0", true), ("block1.layer1.conv", true), ("trans2.conv", true), ("block2.layer1.conv", false)]
    {
        assert_eq!(figure.contains(layer), shown, "{layer}");
    }
}

#[test]
fn its_sizes_are_options_and_part_of_the_run() {
    let place = place();
    train(&place, "plain", &["--epochs", "1"]);
    let plain = config(&place, "plain");
    assert_eq!((&plain["network"], text(&plain)), (&json!("densenet"), text_of(SMALL)));
    let recipe = &plain["recipe"];
    assert_eq!(recipe["batch_size"], json!(64));
    assert_eq!((&recipe["kl_weight"], &recipe["kl_warmup_power"]), (&json!(20.0), &json!(6)));

    let densenet = "densenet:depth=10,growth=2,bottleneck=true,compression=0.5";
    let options = ["train", densenet, "--data", "ten", "--recipe", "one-phase", "--epochs", "2", "--out"];
    place.succeed(&[&options[..], &["run", "--threads", "1"]].concat());
    assert_eq!(text(&config(&place, "run")), text_of(densenet));
    let inspected = place.succeed(&["inspect", "run"]);
    assert!(inspected.starts_with("run of densenet after epoch 2 of 2"), "{inspected}");
    assert!(inspected.contains("block3.layer1.conv2"), "{inspected}");

    place.succeed(&[&options[..], &["other"]].concat());
    assert_same_results(&place, "run", "other");
    place.copy("run", "cut");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        fs::remove_file(place.path("cut").join(name)).unwrap();
    }
    place.succeed(&["train", "--resume", "cut"]);
    assert_same_results(&place, "run", "cut");
    // The checkpoint of the network without bottleneck is refused.
    fs::copy(place.path("plain/checkpoint.safetensors"), place.path("cut/checkpoint.safetensors")).unwrap();
    place.refuse(&["eval", "cut"], 1, &["checkpoint", "whose config.recipe.epochs is 2", "1"]);
    let mut checkpoint = Parts::of(&place.read("cut/checkpoint.safetensors"));
    checkpoint.header(|header| header["origin"] = Value::Null);
    fs::write(place.path("cut/checkpoint.safetensors"), checkpoint.sealed()).unwrap();
    place.refuse(&["eval", "cut"], 1, &["checkpoint", "a checkpoint of densenet", "another network"]);
}

#[test]
fn a_deep_network_has_two_phases_unless_another_recipe_is_named() {
    let place = place();
    let begun = |out: &str, options: &[&str]| {
        let arguments = ["train", SMALL, "--data", "ten", "--epochs", "1", "--batch-size", "50", "--out", out];
        place.succeed(&[&arguments, options].concat());
        let config = config(&place, out);
        let unquantized = text(&config).lines().filter(|line| line.ends_with("unquantized")).count();
        (config["recipe"].clone(), unquantized)
    };
    let field =
        |recipe: &Value, names: &[&str]| -> Vec<Value> { names.iter().map(|name| recipe[name].clone()).collect() };
    let phases = ["warmup", "forward", "init_levels", "prior", "spike"];
    let (best, unquantized) = begun("best", &[]);
    assert_eq!(field(&best, &phases), [json!(0.8), json!("hard"), json!("kmeans"), json!("nearest"), json!("exact")]);
    assert_eq!(
        (field(&best, &["learning_rate", "level_rate", "weight_decay"]), unquantized),
        (vec![json!(0.001), json!(0.1), json!(0.1)], 2)
    );
    let (one, unquantized) = begun("one", &["--recipe", "one-phase"]);
    assert_eq!(field(&one, &phases), [json!(0.0), json!("sampled"), json!("given"), json!("nearest"), json!("exact")]);
    assert_eq!((&one["kl_weight"], &one["kl_warmup_power"], unquantized), (&json!(20.0), &json!(6), 0));
    for (levels, prior) in [("3", "vnq"), ("4", "windows")] {
        let (published, _) = begun(prior, &["--recipe", "published", "--levels", levels]);
        assert_eq!(field(&published, &phases[3..]), [json!(prior), json!("fit")]);
    }
    // What is given stands; what it excludes changes with it.
    let (given, unquantized) =
        begun("given", &["--forward", "straight-through", "--keep-first-last=false", "--warmup", "0.5"]);
    assert_eq!(field(&given, &phases[..4]), [json!(0.5), json!("straight-through"), json!("kmeans"), json!("none")]);
    assert_eq!(unquantized, 0);
    // Levels that are given are not replaced by those of k-means.
    let (levels, _) = begun("levels", &["--codebook=-0.9,0,0.9"]);
    assert_eq!(field(&levels, &phases[..3]), [json!(0.8), json!("hard"), json!("given")]);
    let (first, _) = begun("first", &["--prior", "none"]);
    assert_eq!(field(&first, &phases[..2]), [json!(0.0), json!("sampled")]);
    let (second, _) = begun("second", &["--init", "first"]);
    assert_eq!(field(&second, &phases[..3]), [json!(0.0), json!("hard"), json!("kmeans")]);
    place.refuse(&["train", "--resume", "best", "--recipe", "published"], 2, &["--recipe", "--resume"]);
}

#[test]
fn sizes_it_cannot_have_are_refused() {
    let place = place();
    write100(&place.path("hundred"), 100, 50);
    let refuse = |sizes: &str, parts: &[&str]| {
        let densenet = format!("densenet:{sizes}");
        place.refuse(&["train", &densenet, "--data", "ten", "--out", "run"], 2, parts);
        assert!(!place.path("run").exists(), "{sizes:?}");
    };
    refuse("depth=8", &["depth", "3n + 4", "8"]);
    refuse("depth=7,bottleneck=true", &["depth", "6n + 4", "7"]);
    refuse("depth=-7", &["depth", "3n + 4", "-7"]);
    refuse("growth=0", &["growth", "1 to 1000", "0"]);
    for compression in ["0", "-0.5", "1.5", "nan", "inf"] {
        refuse(&format!("compression={compression}"), &["compression", "above 0, up to 1"]);
    }
    refuse("depth=18446744073709551615", &["depth", "3n + 4"]);
    for size in ["depth=7", "growth=3", "bottleneck=true", "compression=0.5"] {
        let lenet5 = format!("lenet5:{size}");
        place.refuse(
            &["train", &lenet5, "--data", "ten", "--out", "run"],
            2,
            &["lenet5", "no sizes", size.split('=').next().unwrap()],
        );
    }
    place.refuse(&["train", "densenet-bottleneck", "--data", "ten"], 2, &["densenet-bottleneck"]);
}

#[test]
fn without_data_two_lines_say_where_to_get_it() {
    let place = Workplace::new();
    let output = place.run(&["train", "densenet"]);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    let lines: Vec<&str> = complaint.lines().collect();
    assert_eq!(lines.len(), 2, "{complaint}");
    assert!(lines[0].contains("--data PATH with CIFAR-10 or other images"), "{complaint}");
    assert!(lines[1].contains("https://www.cs.toronto.edu/~kriz/cifar.html"), "{complaint}");
    assert!(!place.path("runs").exists());
}
