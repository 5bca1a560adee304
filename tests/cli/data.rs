//! The user's data, from a folder or a file to the predicted class.

use super::{SHORT, Workplace};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Twelve pictures of 12 x 12 of each of two classes, bright at the top or at the left; the n-th picture is a little
/// darker.
pub(super) fn write_flowers(dir: &Path) {
    for (class, is_bright) in [("aster", (|row, _| row < 4) as fn(u8, u8) -> bool), ("rose", |_, column| column < 4)] {
        fs::create_dir_all(dir.join(class)).unwrap();
        for n in 0..12 {
            let pixels: Vec<u8> =
                (0..144).map(|i| if is_bright(i / 12, i % 12) { 255 - 5 * n } else { 3 * n }).collect();
            let mut png = Vec::new();
            let mut encoder = png::Encoder::new(&mut png, 12, 12);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
            fs::write(dir.join(class).join(format!("{n}.png")), png).unwrap();
        }
    }
}

fn config(place: &Workplace, run: &str) -> Value {
    serde_json::from_slice(&place.read(format!("{run}/config.json"))).unwrap()
}

#[test]
fn a_folder_of_images_gives_a_model_that_names_its_classes() {
    let place = Workplace::new();
    write_flowers(&place.path("flowers"));
    let options = ["--epochs", "100", "--batch-size", "6", "--levels", "2", "--validation", "0.2"];
    let printed = place.succeed(&[&["train", "mlp", "--data", "flowers", "--out", "run"], &options[..]].concat());
    let start = "mlp on 20 training and 4 test images of flowers, 1 x 12 x 12 in 2 classes, from ";
    assert!(printed.starts_with(start), "{printed}");
    assert!(printed.lines().next().unwrap().ends_with("4 of the training images held out"), "{printed}");
    assert!(printed.contains("100 epochs of 2 steps"), "{printed}");
    let config = config(&place, "run");
    assert_eq!(config["trained_on"]["classes"], json!(["aster", "rose"]));
    assert_eq!((&config["trained_on"]["name"], &config["validation"]), (&json!("flowers"), &json!(0.2)));

    let predicted = place.succeed(&["predict", "run/model.packed", "flowers/rose/3.png", "flowers/aster/3.png"]);
    let classes: Vec<&str> = predicted.lines().map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(classes, ["rose", "aster"], "{predicted}");
    // The test images of a folder are named by their files, which are in no order.
    let predicted = place.succeed(&["predict", "run/model.packed", "--data", "flowers"]);
    let objects = place.succeed(&["predict", "run/model.packed", "--data", "flowers", "--json"]);
    assert_eq!((predicted.lines().count(), objects.lines().count()), (4, 4), "{predicted}");
    for (i, (line, object)) in predicted.lines().zip(objects.lines()).enumerate() {
        let object: Value = serde_json::from_str(object).unwrap();
        let file = object["file"].as_str().unwrap();
        assert_eq!(object["image"], json!(i));
        let words: Vec<&str> = line.split_whitespace().collect();
        let class = if file.starts_with("flowers/rose/") { "rose" } else { "aster" };
        assert_eq!((words[0], words[1], words[3]), (file, "label", class), "{line}");
        assert!(place.path(file).is_file(), "{file}");
    }
    // A run in a folder of images would be one of its classes.
    for out in ["flowers/run", "flowers/rose/run", "./flowers/./new/run", "flowers"] {
        let refused = ["train", "mlp", "--data", "flowers", "--out", out];
        place.refuse(&refused, 2, &["out", "a directory outside", "whose images are the data", out]);
        place.refuse(&[&["compare"], &refused[1..]].concat(), 2, &["out", "a directory outside"]);
    }
    for figures in ["flowers/figures", "flowers/rose"] {
        let outside = &["figures", "a directory outside", "whose images are the data", figures];
        place.refuse(&["eval", "run", "--figures", figures], 2, outside);
        place.refuse(&["eval", "run/model.packed", "--data", "flowers", "--figures", figures], 2, outside);
    }
    fs::write(place.path("flowers/beside.png"), place.read("flowers/rose/3.png")).unwrap();
    place.refuse(&["eval", "run"], 1, &["flowers", "images only in the folders of their classes", "beside.png"]);
    fs::remove_file(place.path("flowers/beside.png")).unwrap();
    // Nor does a command replace an image.
    for command in [
        &["quantize", "run", "--out"][..],
        &["export", "run", "--to", "c", "--out"],
        &["eval", "run", "--save-logits"],
        &["eval", "run/model.packed", "--data", "flowers", "--save-logits"],
    ] {
        place.refuse(
            &[command, &["flowers/rose/3.png"]].concat(),
            1,
            &["an output that is not a file of a data set", "the data in"],
        );
    }
    let inspected = place.succeed(&["inspect", "run/model.packed"]);
    assert!(inspected.contains("trained on flowers, 2 classes: aster, rose\n"), "{inspected}");

    // The run goes on with its data at another path; the model is evaluated only on data with its classes.
    fs::rename(place.path("flowers"), place.path("moved")).unwrap();
    place.succeed(&["train", "--resume", "run", "--data", "moved", "--epochs", "101"]);
    let tested: Value =
        serde_json::from_str(&place.succeed(&["eval", "run/model.packed", "--data", "moved", "--json"])).unwrap();
    assert_eq!((&tested["n"], &tested["data"]), (&json!(4), &json!({"name": "moved", "path": "moved"})));
    fs::rename(place.path("moved/rose"), place.path("moved/tulip")).unwrap();
    let expected = ["labels", "the classes aster, rose, as the model was trained on flowers", "aster, tulip"];
    place.refuse(&["eval", "run/model.packed", "--data", "moved"], 1, &expected);
    place.refuse(&["eval", "run/model.packed"], 2, &["--data with flowers, which the model was trained on", "MNIST"]);
}

#[test]
fn held_out_images_are_the_same_in_every_run_and_no_test_images() {
    let place = Workplace::new();
    place.train("one", &["--validation", "0.25"]);
    place.train("two", &["--validation", "0.25"]);
    assert_eq!(place.results("one"), place.results("two"));
    place.train("none", &[]);
    let [held_out, none] = ["one", "none"].map(|run| config(&place, run));
    assert_eq!(held_out["data_checksum"], none["data_checksum"]);
    assert_ne!(place.results("one")["metrics.jsonl"], place.results("none")["metrics.jsonl"]);
    // Whatever images the epochs were evaluated on, `eval` uses the 64 test images.
    let value: Value = serde_json::from_str(&place.succeed(&["eval", "one", "--json", "--samples", "1"])).unwrap();
    assert_eq!(value["n"], 64);
    for (share, seen) in [("0", "0"), ("1", "1"), ("nan", "NaN")] {
        let refused = ["train", "mlp", "--data", "data", "--validation", share];
        place.refuse(&refused, 2, &["validation: expected a number between 0 and 1", seen]);
    }
}

/// With few images the default number of epochs is larger, for at least 4,000 steps.
#[test]
fn the_number_of_epochs_follows_the_steps() {
    let place = Workplace::new();
    let interrupted = |options: &[&str]| {
        let arguments =
            [&["train", "mlp", "--data", "data", "--out", "run", "--learning-rate", "1e30"], options].concat();
        let _ = place.run(&arguments);
        let config = config(&place, "run");
        fs::remove_dir_all(place.path("run")).unwrap();
        (config["recipe"]["epochs"].clone(), config["recipe"]["batch_size"].clone())
    };
    assert_eq!(interrupted(&[]), (json!(2000), json!(128)));
    assert_eq!(interrupted(&["--batch-size", "4"]), (json!(63), json!(4)));
    assert_eq!(interrupted(&["--limit", "100"]), (json!(4000), json!(100)));
    assert_eq!(interrupted(&["--epochs", "3"]), (json!(3), json!(128)));
}

#[test]
fn a_training_that_diverges_says_so_with_its_rate() {
    let place = Workplace::new();
    let arguments =
        [&["train", "mlp", "--data", "data", "--out", "run"], &SHORT[..2], &["--learning-rate", "1e30"]].concat();
    let output = place.run(&arguments);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), complaint.lines().count()), (Some(1), 1), "{complaint}");
    assert!(complaint.contains("finite") && complaint.contains("1e30"), "{complaint}");
}

/// MNIST's test files alone give the scores of the whole data set, also where they lack a class.
#[test]
fn a_model_is_evaluated_on_the_files_of_test_images_alone() {
    let place = Workplace::with_run();
    let scores = |place: &Workplace, source: &str| {
        let printed = place.succeed(&["eval", source, "--data", "data", "--json"]);
        let value: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(value["n"], json!(64));
        value["uncertainty"].clone()
    };
    let whole = ["run", "run/model.packed"].map(|source| scores(&place, source));
    for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
        fs::remove_file(place.path("data").join(name)).unwrap();
    }
    assert_eq!(["run", "run/model.packed"].map(|source| scores(&place, source)), whole);
    // Without an image of class 0, the labels are still the digits that the model was trained on.
    let labels = place.path("data/t10k-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    bytes[8..].iter_mut().for_each(|label| *label = 7);
    fs::write(labels, bytes).unwrap();
    let predicted = place.succeed(&["predict", "run/model.packed", "--data", "data", "--json"]);
    assert!(
        predicted.lines().count() == 64 && predicted.lines().all(|line| line.contains("\"label\":7,")),
        "{predicted}"
    );
    let refused = ["train", "--resume", "run", "--epochs", "9"];
    place.refuse(&refused, 1, &["train-images-idx3-ubyte or train-images-idx3-ubyte.gz in it"]);
}

/// A model is evaluated on images in a folder `test` alone, of some of its classes; where a fifth of changed data is
/// tested on, a note says so.
#[test]
fn a_model_is_evaluated_on_images_without_a_training_part() {
    let place = Workplace::new();
    write_flowers(&place.path("flowers"));
    let train = ["train", "mlp", "--data", "flowers", "--out", "run", "--epochs", "20", "--batch-size", "6"];
    place.succeed(&train);
    fs::create_dir(place.path("new")).unwrap();
    for class in ["aster", "rose"] {
        fs::create_dir_all(place.path(format!("new/test/{class}"))).unwrap();
    }
    fs::copy(place.path("flowers/rose/3.png"), place.path("new/test/rose/3.png")).unwrap();
    // A data set in the current directory, named by one of its files, is named like the directory.
    super::write_data(&place.path("digits"), 64, 8, 12);
    let options = ["--data", "train-images-idx3-ubyte", "--out", "../digits-run", "--epochs", "1"];
    let output = place.command(&[&["train", "mlp"], &options[..]].concat()).current_dir(place.path("digits")).output();
    assert!(output.unwrap().status.success());
    assert_eq!(config(&place, "digits-run")["trained_on"]["name"], "digits");

    for source in ["run", "run/model.packed"] {
        let printed = place.succeed(&["eval", source, "--data", "new"]);
        assert!(printed.contains("1 test image of new"), "{printed}");
        assert_eq!(place.succeed(&["predict", source, "--data", "new"]).lines().count(), 1);
    }
    let printed = place.succeed(&["eval", "run", "--ood", "new"]);
    assert!(printed.contains("1 other image of new"), "{printed}");
    // Images of --ood need no labels. The figures must not be written among them.
    for file in fs::read_dir(place.path("new/test/rose")).unwrap() {
        let file = file.unwrap();
        fs::create_dir_all(place.path("unlabelled")).unwrap();
        fs::copy(file.path(), place.path("unlabelled").join(file.file_name())).unwrap();
    }
    let printed = place.succeed(&["eval", "run", "--ood", "unlabelled", "--figures", "figures"]);
    assert!(printed.contains("1 other image of unlabelled"), "{printed}");
    let outside = ["figures", "a directory outside", "unlabelled, whose images are the data"];
    place.refuse(&["eval", "run", "--ood", "unlabelled", "--figures", "unlabelled/figures"], 2, &outside);
    place.refuse(&["eval", "run", "--data", "unlabelled"], 1, &["unlabelled", "no folder in it"]);
    // A file that is not there yet would become an image of the data.
    for output in ["unlabelled/3.png", "unlabelled/new.png"] {
        place.refuse(
            &["eval", "run", "--ood", "unlabelled", "--save-logits", output],
            1,
            &["an output that is not a file of a data set", "the data in unlabelled"],
        );
    }
    for output in ["flowers/rose/new.jpg", "flowers/new.bmp"] {
        place.refuse(&["quantize", "run", "--out", output], 1, &["an output that is not a file of a data set"]);
    }
    // All images of a data set without test images are used, and none of them is missed for a lack of classes.
    let printed = place.succeed(&["eval", "run", "--ood", "flowers", "--samples", "1"]);
    assert!(printed.contains("24 other images of flowers"), "{printed}");
    let printed = place.succeed(&["eval", "run", "--ood", "flowers/rose", "--samples", "1"]);
    assert!(printed.contains("12 other images of rose"), "{printed}");
    place.refuse(&["eval", "run", "--data", "new", "--recalibrate"], 2, &["recalibrate", "training images"]);
    place.refuse(&["train", "mlp", "--data", "new"], 1, &["new", "training images", "1 test images alone"]);
    fs::remove_file(place.path("flowers/rose/0.png")).unwrap();
    let output = place.run(&["eval", "run", "--data", "flowers"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("a fifth of each class") && told.lines().count() == 1, "{told}");
}
