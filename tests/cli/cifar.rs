//! Training on colour images from the command line: the files of CIFAR-10 and CIFAR-100.

use super::{Workplace, assert_same_results};
use crate::common::cifar::{records10, records100, write10, write100};
use crate::train::Parts;
use serde_json::{Value, json};
use spikeslab::packed::format;
use std::fs;

/// A workplace with 400 training and 100 test images like CIFAR-10's in `ten`, and 200 and 100 like CIFAR-100's in
/// `hundred`.
fn place() -> Workplace {
    let place = Workplace::new();
    write10(&place.path("ten"), 80, 100);
    write100(&place.path("hundred"), 200, 100);
    place
}

const SHORT: [&str; 6] = ["--epochs", "1", "--batch-size", "100", "--learning-rate", "0.01"];

fn train(place: &Workplace, data: &str, out: &str, options: &[&str]) -> String {
    place.succeed(&[&["train", "lenet5", "--data", data, "--out", out], &SHORT[..], options].concat())
}

fn config(place: &Workplace, run: &str) -> Value {
    serde_json::from_slice(&place.read(format!("{run}/config.json"))).unwrap()
}

fn eval(place: &Workplace, arguments: &[&str]) -> Value {
    // A packed model has no posterior to draw from.
    let samples: &[&str] = if arguments[0].ends_with(".packed") { &[] } else { &["--samples", "2"] };
    serde_json::from_str(&place.succeed(&[&["eval", "--json"], samples, arguments].concat())).unwrap()
}

/// The object that `eval` prints, without the name and the path of the data.
fn figures(place: &Workplace, arguments: &[&str]) -> Value {
    let mut value = eval(place, arguments);
    value.as_object_mut().unwrap().remove("data").expect("the data are told");
    value
}

#[test]
fn lenet5_learns_coloured_shapes_and_keeps_them_when_quantized() {
    let place = place();
    let options = ["--epochs", "12", "--batch-size", "20", "--learning-rate", "0.01", "--augment"];
    let printed = place.succeed(&[&["train", "lenet5", "--data", "ten", "--out", "run"], &options[..]].concat());
    assert!(
        printed.starts_with("lenet5 on 400 training and 100 test images of CIFAR-10, 3 x 32 x 32 in 10 classes, from "),
        "{printed}"
    );
    let last = place.metrics("run").pop().unwrap();
    for name in ["accuracy_mean", "accuracy_quantized"] {
        assert!(last[name].as_f64().unwrap() >= 0.9, "{last}");
    }
    let run = eval(&place, &["run"]);
    for name in ["accuracy_mean", "accuracy_quantized"] {
        assert_eq!(run[name], last[name], "{name}");
    }
    // The packed model standardizes by the means and deviations of the training images, which its file contains.
    let packed = eval(&place, &["run/model.packed", "--data", "ten"]);
    assert_eq!(packed["accuracy_quantized"], run["accuracy_quantized"]);
    let [seen, expected] = [&packed, &run].map(|value| value["nll_quantized"].as_f64().unwrap());
    assert!((seen - expected).abs() < 1e-5 * expected, "{seen}, {expected}");
    place.succeed(&["quantize", "run", "--out", "out.packed"]);
    assert_eq!(place.read("out.packed"), place.read("run/model.packed"));
}

#[test]
fn other_data_are_standardized_by_the_figures_of_the_run() {
    let place = place();
    train(&place, "ten", "run", &[]);
    // The same test images with other training images, all dark.
    write10(&place.path("dark"), 10, 100);
    for n in 1..=5 {
        let dark: Vec<u8> = records10(10, n).iter().map(|byte| byte / 4).collect();
        fs::write(place.path(format!("dark/data_batch_{n}.bin")), dark).unwrap();
    }
    assert_eq!(figures(&place, &["run", "--data", "dark"]), figures(&place, &["run"]));
    let packed = |data| figures(&place, &["run/model.packed", "--data", data]);
    assert_eq!(packed("dark"), packed("ten"));
    // Images of which one channel is constant cannot be standardized by their own figures.
    write10(&place.path("no-blue"), 40, 100);
    for entry in fs::read_dir(place.path("no-blue")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes.chunks_exact_mut(3073).for_each(|record| record[2049..].fill(0));
        fs::write(path, bytes).unwrap();
    }
    let refused = ["train", "lenet5", "--data", "no-blue", "--out", "of-no-blue"];
    place.refuse(&refused, 1, &["no-blue", "images that can be standardized"]);
    for (out, options) in [
        ("begun", &["--init", "run/model.packed"][..]),
        ("taught", &["--teacher", "run"]),
        ("both", &["--init", "run", "--teacher", "run/model.packed"]),
    ] {
        train(&place, "no-blue", out, options);
        assert_eq!(config(&place, out)["standardization"], config(&place, "run")["standardization"], "{out}");
    }
    // Without the standardization it is another model.
    let text = String::from_utf8(place.read("run/config.json")).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["standardization"] = Value::Null;
    place.copy("run", "bare");
    fs::write(place.path("bare/config.json"), value.to_string()).unwrap();
    let expected = "a checkpoint of this run, whose config.standardization is null";
    place.refuse(&["eval", "bare"], 1, &["bare/checkpoint.safetensors", expected]);
    let mut checkpoint = Parts::of(&place.read("bare/checkpoint.safetensors"));
    checkpoint.header(|header| header["origin"] = Value::Null);
    fs::write(place.path("bare/checkpoint.safetensors"), checkpoint.sealed()).unwrap();
    assert_ne!(eval(&place, &["bare"])["nll_mean"], eval(&place, &["run"])["nll_mean"]);
}

#[test]
fn the_configuration_holds_what_was_asked_of_the_data() {
    let place = place();
    let printed = train(&place, "hundred", "run", &["--coarse", "--limit", "150", "--augment"]);
    let start = "lenet5 on 200 training and 100 test images of CIFAR-100, 3 x 32 x 32 in 20 classes, from ";
    assert!(printed.starts_with(start), "{printed}");
    assert!(
        printed.lines().next().unwrap().ends_with(", of which the first 150 training images are used"),
        "{printed}"
    );
    let config = config(&place, "run");
    assert_eq!(
        (&config["coarse"], &config["limit"], &config["recipe"]["augment"]),
        (&json!(true), &json!(150), &json!(true))
    );
    for name in ["mean", "deviation"] {
        let figures = config["standardization"][name].as_array().unwrap();
        assert!(figures.len() == 3 && figures.iter().all(|f| (0.05..0.95).contains(&f.as_f64().unwrap())), "{config}");
    }
    // The standardization is that of the first 150 images.
    write100(&place.path("fewer"), 150, 100);
    train(&place, "fewer", "all", &["--coarse", "--augment"]);
    assert_eq!(self::config(&place, "all")["standardization"], config["standardization"]);
    // All files are equal except the configuration, which is also in the checkpoint, and the data set recorded in the
    // packed model.
    assert!(place.results("run")["metrics.jsonl"] == place.results("all")["metrics.jsonl"]);
    let packed = |run: &str| format::load(&place.path(run).join("model.packed")).unwrap().with_trained_on(None);
    assert_eq!(packed("run"), packed("all"));
    // Evaluation accepts a data set with fewer training images, and uses the kind of labels of the run.
    assert_eq!(figures(&place, &["run", "--data", "fewer"]), figures(&place, &["run"]));
    assert_eq!(eval(&place, &["run", "--coarse"]), eval(&place, &["run"]));
    assert_eq!(eval(&place, &["run"])["n"], 100);
    // A data set without coarse labels may have the same classes.
    let png = {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 32, 32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(&[99; 3072]).unwrap();
        png
    };
    for class in config["trained_on"]["classes"].as_array().unwrap() {
        for part in ["train", "test"] {
            let dir = place.path("folders").join(part).join(class.as_str().unwrap());
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("0.png"), &png).unwrap();
        }
    }
    assert_eq!(eval(&place, &["run", "--data", "folders"])["n"], 20);
    assert_eq!(place.succeed(&["predict", "run", "--data", "folders"]).lines().count(), 20);
    let asked = ["eval", "run", "--data", "folders", "--coarse"];
    place.refuse(&asked, 2, &["coarse", "a data set with coarse labels, CIFAR-100", "folders of images"]);
}

#[test]
fn the_classes_of_the_data_are_those_of_the_network() {
    let place = place();
    for (data, options, classes) in [("ten", &[][..], 10), ("hundred", &[], 100), ("hundred", &["--coarse"], 20)] {
        let _ = fs::remove_dir_all(place.path("run"));
        train(&place, data, "run", options);
        let model = spikeslab::packed::format::load(&place.path("run/model.packed")).unwrap();
        assert_eq!((model.input(), model.graph().classes()), ([3, 32, 32], classes));
        assert!(
            place
                .succeed(&["inspect", "run"])
                .starts_with("run of lenet5 after epoch 1 of 1, on images of 3 x 32 x 32")
        );
    }
    // The last model has 20 classes.
    let packed = ["eval", "run/model.packed", "--data", "hundred"];
    place.succeed(&[&packed[..], &["--coarse"]].concat());
    place.refuse(&packed, 1, &["labels", "20 classes", "100"]);
    place.refuse(&["eval", "run", "--data", "ten"], 1, &["labels", "20 classes", "10"]);
    place.refuse(&["eval", "run/model.packed"], 2, &["--data with CIFAR-100, which the model was trained on", "MNIST"]);
    train(&place, "hundred", "fine", &[]);
    place.refuse(&["eval", "fine", "--coarse"], 1, &["labels", "100 classes", "20"]);
}

#[test]
fn augmented_runs_have_the_same_bits_at_any_number_of_threads_and_after_a_stop() {
    let place = place();
    let options = ["--augment", "--epochs", "2"];
    let short: Vec<&str> = [&SHORT[2..], &options].concat();
    let begin = |out, more: &[&str]| {
        place.succeed(&[&["train", "lenet5", "--data", "ten", "--out", out], &short[..], more].concat());
    };
    begin("one", &["--threads", "1"]);
    begin("two", &[]);
    assert_same_results(&place, "one", "two");
    begin("other", &["--seed", "1"]);
    assert_ne!(place.results("one")["checkpoint.safetensors"], place.results("other")["checkpoint.safetensors"]);
    place.succeed(&[&["train", "lenet5", "--data", "ten", "--out", "plain"], &short[..4], &short[5..]].concat());
    assert_ne!(place.results("one")["checkpoint.safetensors"], place.results("plain")["checkpoint.safetensors"]);

    place.succeed(
        &[&["train", "lenet5", "--data", "ten", "--out", "upright", "--mirror", "false"], &short[..]].concat(),
    );
    assert_ne!(place.results("one")["checkpoint.safetensors"], place.results("upright")["checkpoint.safetensors"]);

    // From its beginning, and of the first epoch again.
    place.copy("one", "cut");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        fs::remove_file(place.path("cut").join(name)).unwrap();
    }
    place.succeed(&["train", "--resume", "cut"]);
    assert_same_results(&place, "one", "cut");
}

#[test]
fn a_run_goes_on_with_the_data_it_was_begun_on_only() {
    let place = place();
    train(&place, "hundred", "run", &["--coarse", "--limit", "150"]);
    place.copy("run", "good");
    for (from, to, parts) in [
        ("\"limit\": 150", "\"limit\": 149", &["the data it was begun on, checksum "][..]),
        ("\"limit\": 150", "\"limit\": 201", &["the data it was begun on", "1 to 200, the training images"]),
        ("\"coarse\": true", "\"coarse\": false", &["the data it was begun on, checksum "]),
        ("\"deviation\": [", "\"deviation\": [ 0.1,", &["run whose configuration fits", "deviation", "3 numbers"]),
        ("\"mean\": [", "\"mean\": [ -7,", &["run whose configuration fits", "mean", "3 numbers"]),
    ] {
        let text = String::from_utf8(place.read("good/config.json")).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(place.path("run/config.json"), text.replace(from, to)).unwrap();
        place.refuse(&["train", "--resume", "run"], 1, &[&["run: expected "], parts].concat());
        if from.ends_with('[') {
            for arguments in [&["eval", "run"][..], &["inspect", "run"], &["quantize", "run", "--out", "x"]] {
                place.refuse(arguments, 1, &[&["run: expected a "], parts].concat());
            }
        }
    }
    // Another data set at the path of this one.
    fs::copy(place.path("good/config.json"), place.path("run/config.json")).unwrap();
    fs::remove_dir_all(place.path("hundred")).unwrap();
    fs::rename(place.path("ten"), place.path("hundred")).unwrap();
    place.refuse(
        &["train", "--resume", "run"],
        1,
        &["run: expected the data it was begun on", "CIFAR-100", "CIFAR-10"],
    );
}

/// Changes one thing about `ten` or `hundred`.
type Flaw = fn(&Workplace);

#[test]
fn every_flaw_of_the_files_is_named_in_one_line() {
    let cases: [(&str, Flaw, &[&str]); 9] = [
        ("ten", |p| fs::remove_file(p.path("ten/data_batch_4.bin")).unwrap(), &["ten", "data_batch_4.bin", "neither"]),
        ("ten", |p| fs::remove_file(p.path("ten/test_batch.bin")).unwrap(), &["ten", "test_batch.bin", "neither"]),
        ("hundred", |p| fs::remove_file(p.path("hundred/test.bin")).unwrap(), &["hundred", "test.bin", "neither"]),
        (
            "ten",
            |p| fs::write(p.path("ten/data_batch_2.bin"), &records10(2, 1)[1..]).unwrap(),
            &["data_batch_2.bin", "whole records of 3073 bytes", "6145 bytes"],
        ),
        (
            "ten",
            |p| fs::write(p.path("ten/test_batch.bin"), records100(10, 1)).unwrap(),
            &["test_batch.bin", "3073 bytes, as in CIFAR-10", "30740 bytes, whole records of CIFAR-100"],
        ),
        (
            "hundred",
            |p| fs::write(p.path("hundred/train.bin"), [&[3, 100], &[0; 3072][..]].concat()).unwrap(),
            &["train.bin", "fine labels from 0 to 99", "100 in record 0"],
        ),
        (
            "ten",
            |p| fs::write(p.path("ten/train.bin.gz"), "").unwrap(),
            &["ten", "the files of one data set", "CIFAR-10 and CIFAR-100"],
        ),
        (
            "hundred",
            |p| {
                fs::remove_file(p.path("hundred/train.bin")).unwrap();
                fs::write(p.path("hundred/train.bin.gz"), records100(1, 1)).unwrap();
            },
            &["train.bin.gz", "a gzip file, or a name that does not end in .gz", "a file that begins with"],
        ),
        (
            "hundred",
            |p| fs::write(p.path("hundred/train.bin"), vec![7; 3074 * 200]).unwrap(),
            &["hundred", "images that can be standardized", "different pixels in channel 0", "only 7"],
        ),
    ];
    for (data, flaw, parts) in cases {
        let place = place();
        flaw(&place);
        for command in ["train", "compare"] {
            place.refuse(&[command, "lenet5", "--data", data, "--out", "run"], 1, parts);
        }
    }
}

#[test]
fn options_that_do_not_fit_the_data_are_refused() {
    let place = place();
    for (data, option, parts) in [
        ("ten", &["--coarse"][..], &["coarse", "a data set with coarse labels, CIFAR-100", "CIFAR-10"][..]),
        ("ten", &["--limit", "401"], &["limit", "1 to 400, the training images", "401"]),
        ("hundred", &["--limit", "0"], &["limit", "1 to 200, the training images", "0"]),
    ] {
        place.refuse(&[&["train", "lenet5", "--data", data], option].concat(), 2, parts);
    }
}

/// Grey images without labels are told from colour images, as `predict` reads them.
#[test]
fn grey_pictures_are_other_images_of_a_colour_model() {
    let place = place();
    train(&place, "ten", "run", &[]);
    fs::create_dir(place.path("grey")).unwrap();
    for i in 0..3_u8 {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 32, 32);
        encoder.set_color(png::ColorType::Grayscale);
        let pixels: Vec<u8> = (0..1024).map(|at| (at % 256) as u8 ^ (40 * i)).collect();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        fs::write(place.path(format!("grey/{i}.png")), png).unwrap();
    }
    let value = eval(&place, &["run", "--ood", "grey"]);
    assert_eq!(value["ood"], json!({"n": 3, "name": "grey", "path": "grey"}));
    let entropy = value["uncertainty"]["quantized"]["ood"]["entropy"].as_f64().unwrap();
    let objects = place.succeed(&["predict", "run", "--json", "grey/0.png", "grey/1.png", "grey/2.png"]);
    let of = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap();
        let probabilities = object["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap());
        probabilities.map(|p| if p > 0.0 { -p * p.ln() } else { 0.0 }).sum::<f64>()
    };
    let expected = objects.lines().map(of).sum::<f64>() / 3.0;
    assert!((entropy - expected).abs() < 1e-4 * expected.max(1.0), "{entropy}, {expected}");
}

/// A run trained on coarse labels is evaluated on CIFAR-100's test file alone.
#[test]
fn the_test_file_alone_has_the_scores_of_the_whole_data_set() {
    let place = place();
    train(&place, "hundred", "run", &["--coarse"]);
    let whole = figures(&place, &["run", "--data", "hundred"]);
    fs::remove_file(place.path("hundred/train.bin")).unwrap();
    assert_eq!(figures(&place, &["run", "--data", "hundred"]), whole);
}
