//! Trainings that begin with the weights of a run, of a packed model, or of PyTorch.

use super::Workplace;
use serde_json::Value;
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
