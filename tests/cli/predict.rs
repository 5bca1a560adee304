use super::Workplace;
use ndarray::Array4;
use serde_json::Value;
use spikeslab::nets::WeightMode;
use spikeslab::packed::{PackedModel, format};
use spikeslab::train::checkpoint;
use spikeslab::train::data::mnist;
use spikeslab::train::evaluate::{Weights, predictions};
use std::fs;

/// A grey PNG of 12 × 12, with the value `pixel` at each row and column.
fn png(pixel: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 12, 12);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..144).map(|i| pixel(i / 12, i % 12)).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// A workplace with images in three formats, and the model that predicts them.
fn place() -> (Workplace, PackedModel) {
    let place = Workplace::with_run();
    fs::write(place.path("stripes.png"), png(|row, _| (row % 2) as u8 * 255)).unwrap();
    fs::write(place.path("dark.raw"), [3; 144]).unwrap();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 12), }";
    let floats: Vec<u8> = (0..144).flat_map(|i| (i as f32 / 144.0).to_le_bytes()).collect();
    let array = [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &floats].concat();
    fs::write(place.path("slope.npy"), array).unwrap();
    let model = format::load(&place.path("run/model.packed")).unwrap();
    (place, model)
}

/// The logits and the softmax of each of the three images.
fn expected(model: &PackedModel) -> Vec<(Vec<f32>, Vec<f64>)> {
    let pixels = |i: usize, image: usize| match image {
        0 => (i / 12 % 2) as f32,
        1 => 3.0 / 255.0,
        _ => i as f32 / 144.0,
    };
    let x = Array4::from_shape_fn((3, 1, 12, 12), |(image, _, row, column)| pixels(12 * row + column, image));
    let softmax = |logits: &[f32]| {
        let exponentials: Vec<f64> = logits.iter().map(|logit| f64::from(*logit).exp()).collect();
        let sum: f64 = exponentials.iter().sum();
        exponentials.iter().map(|exponential| exponential / sum).collect()
    };
    let logits = model.predict(x).unwrap();
    logits.outer_iter().map(|row| (row.to_vec(), softmax(row.as_slice().unwrap()))).collect()
}

/// The classes, the most probable first.
fn order(probabilities: &[f64]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..probabilities.len()).collect();
    classes.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
    classes
}

const FILES: [&str; 3] = ["stripes.png", "dark.raw", "slope.npy"];

#[test]
fn a_line_an_image() {
    let (place, model) = place();
    for source in ["run", "run/model.packed"] {
        let printed = place.succeed(&[&["predict", source, "--top", "2"][..], &FILES].concat());
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), 3);
        for ((line, file), (_, probabilities)) in lines.iter().zip(FILES).zip(expected(&model)) {
            let [first, second] = [0, 1].map(|place| order(&probabilities)[place]);
            let of = |class: usize| format!("{class} {:.4}", probabilities[class]);
            assert_eq!(*line, format!("{file:<13}{}  {}", of(first), of(second)));
        }
    }
    // Without `--top` one class is printed.
    let printed = place.succeed(&["predict", "run", "dark.raw"]);
    assert_eq!(printed.split_whitespace().count(), 3, "{printed}");
}

#[test]
fn an_object_a_line() {
    let (place, model) = place();
    let printed = place.succeed(&[&["predict", "run", "--json"][..], &FILES].concat());
    let objects: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 3);
    for ((object, file), (logits, probabilities)) in objects.iter().zip(FILES).zip(expected(&model)) {
        let numbers = |key: &str| -> Vec<f64> {
            object[key].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        assert_eq!(object["file"], file);
        let class = order(&probabilities)[0];
        assert_eq!(
            (object["class"].as_u64(), object["name"].as_str()),
            (Some(class as u64), Some(&*class.to_string()))
        );
        assert_eq!(numbers("logits").iter().map(|logit| *logit as f32).collect::<Vec<_>>(), logits);
        let error = numbers("probabilities").iter().zip(&probabilities).map(|(p, q)| (p - q).abs()).fold(0.0, f64::max);
        assert!(error < 1e-12, "{file}: {error}");
        assert_eq!(object["probability"], object["probabilities"][class]);
        assert!(object.get("image").is_none() && object.get("label").is_none());
    }
}

#[test]
fn the_test_images_of_a_data_set() {
    let (place, model) = place();
    let test = mnist::load(&place.path("data"), "").unwrap().test;
    let (x, labels) = test.batch::<f32>(&(0..test.len()).collect::<Vec<_>>());
    let logits = model.predict(x).unwrap();
    let plain = place.succeed(&["predict", "run", "--data", "data"]);
    let json = place.succeed(&["predict", "run/model.packed", "--data", "data", "--json"]);
    assert_eq!((plain.lines().count(), json.lines().count()), (test.len(), test.len()));
    for (i, (line, object)) in plain.lines().zip(json.lines()).enumerate() {
        let row = logits.row(i);
        let class = (0..10).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..4], [&i.to_string(), "label", &labels[i].to_string(), &class.to_string()], "{line}");
        let object: Value = serde_json::from_str(object).unwrap();
        assert_eq!((object["image"].as_u64(), object["label"].as_u64()), (Some(i as u64), Some(labels[i] as u64)));
        assert_eq!(object["class"].as_u64(), Some(class as u64));
    }
}

/// If one of several files is wrong, no prediction of the others is printed.
#[test]
fn a_file_that_is_not_an_image_is_refused() {
    let (place, _) = place();
    let mut small = Vec::new();
    let mut writer = png::Encoder::new(&mut small, 8, 12).write_header().unwrap();
    writer.write_image_data(&[0; 96]).unwrap();
    drop(writer);
    fs::write(place.path("small.png"), small).unwrap();
    fs::write(place.path("short.raw"), [0; 143]).unwrap();
    fs::write(place.path("text.txt"), "no image").unwrap();
    fs::write(place.path("cut.png"), &place.read("stripes.png")[..60]).unwrap();
    let refuse = |image: &str, parts: &[&str]| {
        place.refuse(&["predict", "run", "stripes.png", image], 1, &[&[image], parts].concat());
    };
    refuse("small.png", &["an image of 1 x 12 x 12, channels by height by width", "(saw: 1 x 12 x 8)"]);
    refuse("short.raw", &["1 x 12 x 12", "143 bytes instead of 144"]);
    refuse("text.txt", &["a PNG or JPEG, NumPy's .npy, or bytes", "another kind of file"]);
    refuse("cut.png", &["PNG or JPEG image"]);
    refuse("data", &["--data takes a data set", "a directory"]);
    refuse("none.png", &["No such file"]);
}

#[test]
fn usage() {
    let (place, _) = place();
    place.refuse(&["predict", "run", "dark.raw", "--data", "data"], 2, &["--data"]);
    place.refuse(&["predict", "run", "dark.raw", "--top", "0"], 2, &["--top"]);
    place.refuse(&["predict", "run", "dark.raw", "--top", "2", "--json"], 2, &["--json"]);
    place.refuse(&["predict", "run", "dark.raw", "--mean", "--samples", "2"], 2, &["--samples", "--mean"]);
    place.refuse(&["predict", "run", "dark.raw", "--samples", "0"], 2, &["--samples"]);
    let packed = ["predict", "run/model.packed", "dark.raw"];
    place.refuse(&[&packed[..], &["--mean"]].concat(), 2, &["mean", "a run directory", "a packed model"]);
    place.refuse(&[&packed[..], &["--samples", "2"]].concat(), 2, &["samples", "a run directory", "a packed model"]);
    place.train("none", &["--prior", "none"]);
    place.refuse(&["predict", "none", "dark.raw", "--samples", "2"], 2, &["samples", "a run with a posterior"]);
    place.refuse(&["predict", "dark.raw", "dark.raw"], 1, &["dark.raw", "a packed model"]);
    place.refuse(&["predict", "run", "--data", "none"], 1, &["none"]);
    // Images of another shape.
    super::write_data(&place.path("other"), 8, 8, 10);
    place.refuse(&["predict", "run", "--data", "other"], 1, &["[1, 12, 12]", "[1, 10, 10]"]);
}

/// The mean over drawn networks and its uncertainty, as the library computes them, for files and for test images; and
/// the mean weights of the run.
#[test]
fn drawn_networks_and_mean_weights() {
    let (place, _) = place();
    let network = checkpoint::load(&place.path("run/checkpoint.safetensors")).unwrap().network;
    let test = mnist::load(&place.path("data"), "").unwrap().test;
    let objects = |options: &[&str]| -> Vec<Value> {
        let printed = place.succeed(&[&["predict", "run", "--json"], options].concat());
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let numbers = |object: &Value, key: &str| -> Vec<f64> {
        object[key].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let weights = Weights::Sampled { samples: 3, seed: 0 };
    let expected = predictions(&network, &test, weights, &mut |_| Ok(())).unwrap();
    let seen = objects(&["--samples", "3"]);
    assert_eq!(seen.len(), test.len());
    let (entropy, own, mutual) = (expected.entropy(), expected.expected_entropy(), expected.mutual_information());
    for (i, (object, log)) in seen.iter().zip(expected.log_probabilities().rows()).enumerate() {
        assert_eq!(numbers(object, "probabilities"), log.mapv(f64::exp).to_vec());
        let figures = ["entropy", "expected_entropy", "mutual_information"].map(|key| object[key].as_f64().unwrap());
        assert_eq!(figures, [entropy[i], own[i], mutual[i]]);
        assert!(object.get("logits").is_none() && object["label"] == test.labels()[i]);
    }
    assert!(mutual.iter().any(|mutual| *mutual > 1e-6), "{mutual:?}");
    let lines = place.succeed(&["predict", "run", "--samples", "3"]);
    let end = format!("  entropy {:.4}  mutual information {:.4}", entropy[0], mutual[0]);
    assert!(lines.lines().next().unwrap().ends_with(&end), "{lines}");
    // A file is predicted like the image of a data set.
    fs::write(place.path("first.raw"), test.pixels(0)).unwrap();
    assert_eq!(objects(&["--samples", "3", "first.raw"])[0]["probabilities"], seen[0]["probabilities"]);

    let (x, _) = test.batch::<f32>(&[0]);
    let logits = network.predict(x, &WeightMode::Mean).unwrap();
    let seen = numbers(&objects(&["--mean", "first.raw"])[0], "logits");
    for (seen, logit) in seen.iter().zip(&logits) {
        assert!((seen - f64::from(*logit)).abs() <= 1e-5 * (1.0 + f64::from(logit.abs())), "{seen} {logit}");
    }
}

/// A file name that would move a terminal's cursor is escaped, in JSON too.
#[cfg(unix)]
#[test]
fn names_of_files_are_escaped() {
    let (place, _) = place();
    let name = "\u{1b}[2J\n.raw";
    fs::write(place.path(name), [9; 144]).unwrap();
    let printed = place.succeed(&["predict", "run", name]);
    assert!(printed.starts_with("\\u{1b}[2J\\n.raw  ") && printed.lines().count() == 1, "{printed:?}");
    let printed = place.succeed(&["predict", "run", "--json", name]);
    let object: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((object["file"].as_str(), printed.lines().count()), (Some(name), 1));
}
