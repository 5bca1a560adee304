//! Trainings that begin with the weights of a run, of a packed model, or of PyTorch.

use super::data::write_flowers;
use super::{SHORT, Workplace, assert_same_results, with_entry};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/train/init").join(name);
    path.to_str().unwrap().to_string()
}

/// A small network for the images of the workplace.
const NET: &str = "input 1x12x12\nflatten\nfc1 dense 6\nbn1 norm\nrelu\nfc2 dense classes bias\n";

#[test]
fn a_packed_model_is_begun_with_as_a_run_is() {
    let place = Workplace::new();
    fs::write(place.path("small.net"), NET).unwrap();
    let train = |out: &str, options: &[&str]| {
        place
            .succeed(&[&["train", "small.net", "--data", "data", "--batch-size", "32", "--out", out], options].concat())
    };
    train("first", &["--forward", "straight-through", "--learning-rate", "0.01", "--epochs", "8"]);
    // After a straight-through training θ is Q(θ), so that both are the same weights; norms are folded in the packed
    // model.
    let accuracies = ["first", "first/model.packed"].map(|init| {
        let out = format!("from-{}", init.len());
        train(&out, &["--init", init, "--learning-rate", "1e-9", "--epochs", "1"]);
        let metrics: Value = serde_json::from_slice(&place.read(format!("{out}/metrics.jsonl"))).unwrap();
        metrics["accuracy_mean"].as_f64().unwrap()
    });
    // The packed model's normalizations have statistics of 64 images.
    assert!(accuracies[0] > 0.5 && (accuracies[0] - accuracies[1]).abs() < 0.05, "{accuracies:?}");
    place.refuse(
        &["train", "small.net", "--data", "data", "--init", "first", "--init-names", &fixture("names.json")],
        2,
        &["init-names", "a safetensors file to begin with", "first"],
    );
    place.refuse(
        &["train", "mlp", "--data", "data", "--init", "first/model.packed"],
        1,
        &["weights of the same network"],
    );
}

/// A network whose last line has another name than in the run, packed model or file of `--init` begins with the weights
/// of the lines before it.
#[test]
fn the_lines_of_another_name_are_not_used() {
    let place = Workplace::new();
    fs::write(place.path("small.net"), NET).unwrap();
    fs::write(place.path("named.net"), NET.replace("fc2", "head")).unwrap();
    place.succeed(&["train", "small.net", "--data", "data", "--out", "first", "--epochs", "1"]);
    place.succeed(&["export", "first", "--to", "safetensors", "--mean", "--out", "first.safetensors"]);
    for (source, unused) in [
        ("first", "not used: fc2.bias, fc2.theta"),
        ("first/model.packed", "not used: fc2.bias, fc2.theta"),
        ("first.safetensors", "not used: fc2.bias, fc2.weight"),
    ] {
        let train = ["train", "named.net", "--data", "data", "--epochs", "1", "--init", source];
        let refused: &[&str] =
            if source.ends_with(".safetensors") { &["head.weight"] } else { &["head.theta", "no tensor of that name"] };
        place.refuse(&train, 1, refused);
        let out = ["--out", &format!("from-{}", source.replace('/', "-")), "--init-except", "head"];
        let output = place.run(&[&train[..], &out].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && told.contains(unused) && told.lines().count() == 1, "{told}");
    }
    // A bias that the network's line lacks would be lost.
    fs::write(place.path("bare.net"), NET.replace(" bias", "")).unwrap();
    let bare = ["train", "bare.net", "--data", "data", "--init", "first"];
    place.refuse(&[&bare[..], &["--init-except", "bn1"]].concat(), 1, &["fc2.bias", "as in this network"]);
}

/// Weights for grey images serve a network of colour images if every layer that reads the images begins anew; the pixels
/// are then standardized as if no weight were taken over.
#[test]
fn images_are_standardized_anew_where_the_first_layer_begins_at_random() {
    let place = Workplace::new();
    fs::write(place.path("small.net"), NET).unwrap();
    fs::write(place.path("colour.net"), NET.replace("1x12x12", "3x12x12")).unwrap();
    place.succeed(&["train", "small.net", "--data", "data", "--out", "grey", "--epochs", "1"]);
    let pixel = |class: usize, i: usize| if i % 3 == class { [200, 90, 40] } else { [30, 60, 220] };
    for (class, name) in ["aster", "rose"].iter().enumerate() {
        fs::create_dir_all(place.path("colours").join(name)).unwrap();
        for n in 0..5 {
            let pixels: Vec<u8> = (0..144).flat_map(|i| pixel(class, i + n)).collect();
            let mut png = Vec::new();
            let mut encoder = png::Encoder::new(&mut png, 12, 12);
            encoder.set_color(png::ColorType::Rgb);
            encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
            fs::write(place.path(format!("colours/{name}/{n}.png")), png).unwrap();
        }
    }
    let train = ["train", "colour.net", "--data", "colours", "--batch-size", "4", "--epochs", "1"];
    let begin = |out: &str, options: &[&str]| {
        place.succeed(&[&train[..], &["--out", out], options].concat());
        let config: Value = serde_json::from_slice(&place.read(format!("{out}/config.json"))).unwrap();
        config["standardization"].clone()
    };
    let own = begin("own", &[]);
    assert_eq!(own["mean"].as_array().unwrap().len(), 3);
    assert_eq!(begin("from-grey", &["--init", "grey", "--init-except", "fc1,fc2"]), own);
    // And the other way round.
    let back = ["train", "small.net", "--data", "data", "--epochs", "1", "--init", "own"];
    place.refuse(&[&back[..], &["--init-except", "fc2"]].concat(), 1, &["fc1.theta", "[432, 6]"]);
    place.succeed(&[&back[..], &["--out", "back", "--init-except", "fc1, fc2,fc1"]].concat());
    let config: Value = serde_json::from_slice(&place.read("back/config.json")).unwrap();
    assert_eq!((&config["standardization"], &config["init"]["except"]), (&Value::Null, &json!(["fc1", "fc2"])));
    place.refuse(
        &[&back[..], &["--init-except", "fc1,"]].concat(),
        2,
        &["init-except", "fc1, bn1, fc2", "(saw: \"\")"],
    );
}

/// The recorded standardization stays as long as one layer or normalization that is taken over reads the images.
#[test]
fn every_layer_that_reads_the_images_must_begin_at_random_to_standardize_anew() {
    let place = Workplace::new();
    let net = "input 1x12x12\nbn0 norm\nflat flatten\nfc1 dense 6\nfc3 dense 6 of flat\nsum add of fc1 fc3\nrelu\nfc2 dense classes\n";
    fs::write(place.path("two.net"), net).unwrap();
    fs::write(place.path("bare.net"), net.replace("bn0 norm\n", "")).unwrap();
    let figures = json!({"mean": [0.5], "deviation": [0.25]});
    for (net, except, is_recorded) in [
        ("bare.net", "fc1,fc2", true),
        ("bare.net", "fc3,fc2", true),
        ("bare.net", "fc1,fc3", false),
        ("two.net", "fc1,fc3", true),
        ("two.net", "bn0", false),
    ] {
        let first = format!("first-{net}");
        if !place.path(&first).exists() {
            place.succeed(&["train", net, "--data", "data", "--epochs", "1", "--out", &first]);
            place.succeed(&[
                "export",
                &first,
                "--to",
                "safetensors",
                "--mean",
                "--out",
                &format!("{first}.safetensors"),
            ]);
        }
        let bytes = place.read(format!("{first}.safetensors"));
        let standardized = with_entry(&bytes, &|entry| entry["standardization"] = figures.clone());
        fs::write(place.path("standardized"), standardized).unwrap();
        let out = format!("{net}-{except}");
        let train = ["train", net, "--data", "data", "--epochs", "1", "--init", "standardized", "--out", &out];
        place.succeed(&[&train[..], &["--init-except", except]].concat());
        let config: Value = serde_json::from_slice(&place.read(format!("{out}/config.json"))).unwrap();
        let expected = if is_recorded { &figures } else { &Value::Null };
        assert_eq!(&config["standardization"], expected, "{net} {except}");
    }
}

/// The weights that a run begins with may be moved before it begins, or after.
#[test]
fn weights_are_found_at_their_new_path() {
    let place = Workplace::new();
    for (run, seed) in [("first", "1"), ("other", "2")] {
        place.train(run, &["--prior", "none", "--seed", seed]);
    }
    place.train("second", &["--init", "first"]);
    place.copy("second", "again");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed", "result.json"] {
        fs::remove_file(place.path("again").join(name)).unwrap();
    }
    fs::rename(place.path("first"), place.path("moved")).unwrap();
    let resume = ["train", "--resume", "again"];
    place.refuse(&resume, 1, &["first", "whose new path --init gives", "nothing of that name"]);
    place.refuse(&[&resume[..], &["--init", "other"]].concat(), 1, &["other", "the weights that a run was begun with"]);
    fs::write(place.path("narrow.net"), NET).unwrap();
    place.succeed(&[&["train", "narrow.net", "--data", "data", "--out", "narrow"], &SHORT[..]].concat());
    place.refuse(
        &[&resume[..], &["--init", "narrow"]].concat(),
        1,
        &["narrow", "weights of the same network", "fc1.theta"],
    );
    place.succeed(&[&resume[..], &["--init", "moved"]].concat());
    assert_eq!(place.read("again/model.packed"), place.read("second/model.packed"));
    place.succeed(&["train", "--resume", "again", "--epochs", "3"]);
    let over = ["train", "--resume", "second", "--epochs", "3", "--init"];
    place.refuse(&[&over[..], &["other"]].concat(), 1, &["other", "the weights that a run was begun with"]);
    place.succeed(&[&over[..], &["moved"]].concat());
    assert_eq!(place.read("again/model.packed"), place.read("second/model.packed"));
    place.refuse(
        &["train", "--resume", "moved", "--init", "other"],
        2,
        &["init", "none, as the run was begun without"],
    );

    // `compare` looks for the weights before it trains, as its later runs read them when they begin.
    let compare = ["compare", "mlp", "--data", "data", "--out", "compared", "--init", "moved"];
    place.succeed(&[&compare[..], &SHORT].concat());
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed", "result.json"] {
        fs::remove_file(place.path("compared/straight-through").join(name)).unwrap();
    }
    fs::rename(place.path("moved"), place.path("first")).unwrap();
    place.refuse(&["compare", "--resume", "compared"], 1, &["moved", "whose new path --init gives"]);
    let printed = place.succeed(&["compare", "--resume", "compared", "--init", "first"]);
    assert!(printed.contains("straight-through/"), "{printed}");
}

/// A file's metadata say how the images of its network were standardized, and the order of its classes.
#[test]
fn weights_are_begun_with_on_the_pixels_they_were_trained_on() {
    let place = Workplace::new();
    place.train("first", &["--prior", "none"]);
    place.succeed(&["export", "first", "--to", "safetensors", "--mean", "--out", "first.safetensors"]);
    let bytes = place.read("first.safetensors");
    let figures = json!({"mean": [0.5], "deviation": [0.25]});
    let standardized = with_entry(&bytes, &|entry| entry["standardization"] = figures.clone());
    fs::write(place.path("standardized"), standardized).unwrap();
    let begin = |out: &str, init: &str| {
        let printed = place.train(out, &["--init", init]);
        let right = printed.lines().find(|line| line.starts_with("begins with the weights of ")).unwrap().to_string();
        assert!(right.ends_with("% of 256 training images right"), "{right}");
        let config: Value = serde_json::from_slice(&place.read(format!("{out}/config.json"))).unwrap();
        (config["standardization"].clone(), right.rsplit_once(": ").unwrap().1.to_string())
    };
    let (run, file) = (begin("of-run", "first"), begin("of-file", "first.safetensors"));
    assert_eq!((&run, run.0.is_null()), (&file, true));
    assert_eq!(begin("of-standardized", "standardized").0, figures);
    let turned = with_entry(&bytes, &|entry| entry["classes"].as_array_mut().unwrap().reverse());
    fs::write(place.path("turned"), turned).unwrap();
    let arguments = ["train", "mlp", "--data", "data", "--out", "run", "--init", "turned"];
    place.refuse(&arguments, 1, &["weights for the classes in the order 0, 1, 2", "(saw: 9, 8, 7"]);
    let silent = with_entry(&bytes, &|entry| drop(entry.as_object_mut().unwrap().remove("standardization")));
    fs::write(place.path("silent"), silent).unwrap();
    let arguments = ["train", "mlp", "--data", "data", "--out", "run", "--init", "silent"];
    place.refuse(&arguments, 1, &["standardization and classes in the metadata entry", "missing field"]);
    // A teacher and weights that want different pixels.
    let both = [&arguments[..6], &["--init", "first", "--teacher", "standardized"]].concat();
    place.refuse(&both, 1, &["a teacher of images standardized as those of the weights of --init"]);
}

#[test]
fn a_file_of_tensors_that_does_not_fit_is_refused_before_a_directory_is_made() {
    let place = Workplace::new();
    fs::write(place.path("small.net"), NET).unwrap();
    let train = ["train", "small.net", "--data", "data", "--init"];
    let file = fixture("pytorch.safetensors");
    let names = fixture("names.json");
    place.refuse(&[&train[..], &[&file]].concat(), 1, &["expected the tensors fc1.weight", "0.weight"]);
    place.refuse(
        &[&train[..], &[&file, "--init-names", &names]].concat(),
        1,
        &["expected 4.weight of shape [6, 144]", "[6, 60]"],
    );
    fs::write(place.path("names.json"), "[1]").unwrap();
    place.refuse(&[&train[..], &[&file, "--init-names", "names.json"]].concat(), 1, &["names.json", "a JSON object"]);
    place.refuse(&[&train[..], &["none.safetensors"]].concat(), 1, &["none.safetensors", "No such file"]);
    assert!(!place.path("runs").exists());
}

/// A network for other classes begins with the weights of another but for its last layer.
#[test]
fn the_last_layer_may_begin_anew_for_other_classes() {
    let place = Workplace::new();
    fs::write(place.path("small.net"), NET).unwrap();
    place.succeed(&["train", "small.net", "--data", "data", "--out", "first", "--epochs", "1"]);
    let other = Workplace::new();
    write_flowers(&other.path("flowers"));
    let (net, first) = (place.path("small.net"), place.path("first"));
    let (net, first) = (net.to_str().unwrap(), first.to_str().unwrap());
    let train = ["train", net, "--data", "flowers", "--epochs", "2", "--out", "second", "--init", first];
    let named = ["weights of the same network", "--init-except", "fc2.theta", "[6, 2]", "[6, 10]"];
    other.refuse(&train, 1, &named);
    let unknown = [&train[..], &["--init-except", "fc3"]].concat();
    other.refuse(&unknown, 2, &["init-except", "lines of the network with parameters: fc1, bn1, fc2", "fc3"]);
    other.refuse(&["train", net, "--data", "flowers", "--init-except", "fc2"], 2, &["--init"]);
    let printed = other.succeed(&[&train[..], &["--init-except", "fc2", "--learning-rate", "1e-9"]].concat());
    assert!(printed.contains("/first, except fc2\n") && !printed.contains("images right"), "{printed}");
    let config: Value = serde_json::from_slice(&other.read("second/config.json")).unwrap();
    assert_eq!(config["init"]["except"], json!(["fc2"]));
    // The first layer is the other run's.
    let of = |place: &Workplace, run: &str, layer: &str| {
        let out = format!("{run}.safetensors");
        place.succeed(&["export", run, "--to", "safetensors", "--mean", "--out", &out]);
        let bytes = place.read(&out);
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let data = tensors.tensor(&format!("{layer}.weight")).unwrap().data().to_vec();
        data.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect::<Vec<f32>>()
    };
    let (from, to) = (of(&place, "first", "fc1"), of(&other, "second", "fc1"));
    assert!(from.len() == 864 && from.iter().zip(&to).all(|(from, to)| (from - to).abs() < 1e-6));
    assert_eq!(of(&other, "second", "fc2").len(), 12);

    // The run begins anew with the same weights.
    other.copy("second", "again");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed", "result.json"] {
        fs::remove_file(other.path("again").join(name)).unwrap();
    }
    other.succeed(&["train", "--resume", "again"]);
    assert_same_results(&other, "second", "again");

    // With a layer that has learned nothing, the default recipe has a first phase.
    let hard = ["train", net, "--data", "flowers", "--init", first, "--init-except", "fc2", "--forward", "hard"];
    let printed = other.succeed(&[&hard[..], &["--epochs", "2", "--out", "third"]].concat());
    assert!(printed.contains("without noise, KL or levels"), "{printed}");
    let kmeans = [&hard[..], &["--init-levels", "kmeans", "--warmup", "0"]].concat();
    other.refuse(&kmeans, 2, &["init-levels", "trained weights to fit levels to"]);
}
