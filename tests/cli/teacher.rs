//! Trainings that learn from the predictions of a trained network.

use super::{SHORT, Workplace, with_entry, write_data};
use serde_json::{Value, json};
use std::fs;

/// A workplace with the teacher `teacher`, a run of `mlp`.
fn workplace() -> Workplace {
    let place = Workplace::new();
    place.train("teacher", &["--prior", "none", "--seed", "1"]);
    place
}

fn config(place: &Workplace, run: &str) -> Value {
    serde_json::from_slice(&place.read(format!("{run}/config.json"))).unwrap()
}

#[test]
fn a_run_learns_from_a_run_and_from_its_packed_model() {
    let place = workplace();
    let loss = |run: &str| {
        let metrics = place.metrics(run);
        [&metrics[1]["loss"], &metrics[1]["nll"]].map(|value| value.as_f64().unwrap())
    };
    place.train("none", &["--prior", "none"]);
    place.train("whole", &["--prior", "none", "--teacher", "teacher"]);
    place.train("half", &["--prior", "none", "--teacher", "teacher", "--teacher-share", "0.5"]);
    place.train("packed", &["--prior", "none", "--teacher", "teacher/model.packed"]);
    assert_eq!(loss("none")[0], loss("none")[1]);
    for run in ["whole", "half", "packed"] {
        assert!(loss(run)[0] != loss(run)[1], "{run}: {:?}", loss(run));
    }
    // The teacher's weights are not at their levels: its packed model computes something else.
    assert_ne!(loss("whole"), loss("packed"));
    let teacher = &config(&place, "half")["teacher"];
    let path = place.path("teacher").canonicalize().unwrap();
    assert_eq!((&teacher["share"], &teacher["path"]), (&json!(0.5), &json!(path)));
    assert_eq!(config(&place, "whole")["teacher"]["share"], json!(1.0));
    assert!(config(&place, "none").get("teacher").is_none());
}

#[test]
fn a_resumed_run_learns_from_the_same_teacher_wherever_it_lies() {
    let place = workplace();
    let options = |epochs| ["--teacher", "teacher", "--teacher-share", "0.5", "--epochs", epochs];
    let train = |out: &str, epochs| {
        place.succeed(&[&["train", "mlp", "--data", "data", "--out", out], &SHORT[2..], &options(epochs)].concat())
    };
    train("run", "2");
    place.copy("run", "again");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        fs::remove_file(place.path("again").join(name)).unwrap();
    }
    fs::rename(place.path("teacher"), place.path("moved")).unwrap();
    place.refuse(
        &["train", "--resume", "again"],
        1,
        &["teacher: expected the teacher of the run, whose new path --teacher gives", "nothing of that name"],
    );
    place.succeed(&["train", "--resume", "again", "--teacher", "moved"]);
    // The runs are the same but for the path of the teacher.
    let path = config(&place, "again")["teacher"]["path"].clone();
    assert_eq!(path, json!(place.path("moved").canonicalize().unwrap()));
    assert_eq!(place.read("again/model.packed"), place.read("run/model.packed"));
    let metrics = |run: &str| -> Vec<Value> {
        place.metrics(run).into_iter().map(|epoch| json!([epoch["loss"], epoch["nll"], epoch["levels"]])).collect()
    };
    assert_eq!(metrics("again"), metrics("run"));

    // Another teacher is refused, and a teacher for a run that was begun without one.
    place.train("other", &["--prior", "none", "--seed", "2"]);
    let seen = ["other", "the teacher that a run was begun with"];
    place.refuse(&["train", "--resume", "run", "--epochs", "3", "--teacher", "other"], 1, &seen);
    let none = ["teacher", "none, as the run was begun without one", "moved"];
    place.refuse(&["train", "--resume", "other", "--epochs", "3", "--teacher", "moved"], 2, &none);
    place.refuse(&["train", "--resume", "run", "--teacher-share", "1"], 2, &["--teacher-share", "--resume"]);
}

/// The file that `export --mean` writes says how the images of its network were standardized, and their classes.
#[test]
fn the_file_of_a_teacher_is_checked_like_its_run() {
    let place = workplace();
    place.succeed(&["export", "teacher", "--to", "safetensors", "--mean", "--out", "teacher.safetensors"]);
    place.train("learned", &["--prior", "none", "--teacher", "teacher.safetensors"]);
    let bytes = place.read("teacher.safetensors");
    let with = |name: &str, change: &dyn Fn(&mut Value)| {
        fs::write(place.path(name), with_entry(&bytes, change)).unwrap();
    };
    with("other", &|entry| entry["standardization"] = json!({"mean": [0.5, 0.5], "deviation": [0.25, 0.25]}));
    with("named", &|entry| entry["classes"] = json!(["a", "b"]));
    with("broken", &|entry| entry["classes"] = json!(3));
    let refuse = |teacher: &str, parts: &[&str]| {
        place.refuse(&["train", "mlp", "--data", "data", "--out", "run", "--teacher", teacher], 1, parts);
    };
    refuse("other", &["the standardization of images of its shape", "expected 1 numbers"]);
    refuse("named", &["a teacher for the images of this training, of the classes 0, 1", "a, b"]);
    refuse("broken", &["standardization and classes in the metadata entry spikeslab"]);
    assert!(!place.path("run").exists());
    // The student's pixels are standardized as the teacher's were.
    let figures = json!({"mean": [0.5], "deviation": [0.25]});
    with("other", &|entry| entry["standardization"] = figures.clone());
    let printed = place.train("standardized", &["--prior", "none", "--teacher", "other"]);
    assert_eq!(config(&place, "standardized")["standardization"], figures);
    assert!(printed.contains("% of 256 training images right"), "{printed}");
    assert!(config(&place, "learned")["standardization"].is_null());
}

#[test]
fn a_teacher_that_does_not_fit_is_refused_before_a_directory_is_made() {
    let place = workplace();
    write_data(&place.path("wider"), 64, 32, 13);
    let train = ["train", "mlp", "--data", "wider", "--out", "run", "--teacher"];
    let refuse = |teacher: &str, code, parts: &[&str]| place.refuse(&[&train[..], &[teacher]].concat(), code, parts);
    refuse("teacher", 1, &["teacher", "a teacher for the images of this training", "[1, 12, 12]", "[1, 13, 13]"]);
    refuse("teacher/model.packed", 1, &["model.packed", "a teacher for the images of this training"]);
    refuse("none", 1, &["none", "No such file"]);
    refuse("wider", 1, &["wider", "a run directory"]);
    fs::write(place.path("text"), "not a model").unwrap();
    refuse("text", 1, &["text", "safetensors"]);
    let share = |share| ["train", "mlp", "--data", "data", "--teacher", "teacher", "--teacher-share", share];
    for out in ["-1", "1.01", "nan"] {
        place.refuse(&share(out), 2, &["teacher-share", "a number from 0 to 1"]);
    }
    place.refuse(&["train", "mlp", "--data", "data", "--teacher-share", "1"], 2, &["--teacher"]);
    assert!(!place.path("run").exists() && !place.path("runs").exists());
}
