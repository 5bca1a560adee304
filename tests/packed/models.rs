//! The models in `fixtures/models`: the number of committed images that each predicts correctly is the number in its
//! record.

use flate2::read::GzDecoder;
use serde_json::Value;
use spikeslab::nets::{Description, Given};
use spikeslab::packed::{Executor, format};
use spikeslab::train::data::cifar::{self, CIFAR10, CIFAR100};
use spikeslab::train::init::pytorch;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models")
}

#[test]
fn each_model_is_right_on_as_many_images_as_its_record_says() {
    let record: Value = serde_json::from_slice(&std::fs::read(models().join("record.json")).unwrap()).unwrap();
    let record = record.as_object().unwrap();
    let packed = std::fs::read_dir(models()).unwrap().map(|entry| entry.unwrap().path());
    let packed: Vec<PathBuf> = packed.filter(|path| path.extension().is_some_and(|e| e == "packed")).collect();
    assert_eq!(packed.len(), record.len());
    assert!(!packed.is_empty());
    for path in packed {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let of = &record[name];
        let model = format::load(&path).unwrap();
        let (images, variant) = match &*model.trained_on.as_ref().unwrap().name {
            "CIFAR-10" => ("cifar10-first-200.bin.gz", &CIFAR10),
            "CIFAR-100" => ("cifar100-first-200.bin.gz", &CIFAR100),
            odd => panic!("{name}: no images of {odd}"),
        };
        let images = models().join(images);
        let data = cifar::read(GzDecoder::new(File::open(&images).unwrap()), &images, variant, false).unwrap();
        // The model standardizes the pixels itself.
        let (x, labels) = data.batch(&(0..data.len()).collect::<Vec<_>>());
        let logits = Executor::new(&model).predict(x).unwrap();
        let best =
            |row: ndarray::ArrayView1<'_, f32>| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        let right = logits.rows().into_iter().zip(&labels).filter(|(row, label)| best(row.view()) == **label).count();
        assert_eq!((data.len() as u64, right as u64), (200, of["right_of_200"].as_u64().unwrap()), "{name}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), of["bytes"].as_u64().unwrap(), "{name}");
        let command = of["command"].as_str().unwrap();
        assert!(command.starts_with(&format!("spikeslab train {} ", model.name)), "{name}");
        // The count agrees with the accuracy on all test images to four standard errors.
        let accuracy = of["accuracy"].as_f64().unwrap();
        let standard_error = (accuracy * (1.0 - accuracy) / 200.0).sqrt();
        assert!((right as f64 / 200.0 - accuracy).abs() < 4.0 * standard_error, "{name}");
    }
}

/// The weights to begin with have PyTorch's names and the shapes of the preset.
#[test]
fn the_weights_to_begin_with_are_those_of_the_preset() {
    for (name, preset, classes) in [
        ("resnet20-phase-a", "resnet20", 10),
        ("resnet20-cifar100-none", "resnet20", 100),
        ("densenet-none", "densenet", 10),
    ] {
        let given = Given { input: Some([3, 32, 32]), classes: Some(classes), outputs: None };
        let graph = Description::preset(preset).unwrap().graph(given).unwrap();
        let path = models().join(name).with_extension("safetensors");
        let (_, unused) = pytorch::read(&path, &BTreeMap::new(), &[], &graph).unwrap();
        assert!(unused.is_empty(), "{name}: {unused:?}");
    }
}
