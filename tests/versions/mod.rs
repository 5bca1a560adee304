//! Files that earlier versions of the program wrote: they can be read, and give the results of the program of their
//! version: to the bit if all sums are still computed in the same order, else to rounding. `record.json` in the folder
//! of each version, for example `fixtures/versions/1`, says how they were made.

use crate::common::compare::assert_close;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, crc32};
use ndarray::{Array2, Array4, s};
use spikeslab::nets::WeightMode;
use spikeslab::packed::{PackedModel, format};
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::simd;
use spikeslab::train::recipe::PriorName;
use spikeslab::train::{Config, KlScale, Recipe, checkpoint};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/versions").join(name)
}

/// The contents of `record.json` of a version.
fn record(version: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path(version).join("record.json")).unwrap()).unwrap()
}

/// Images whose pixel i, in the order of memory, is (97 i + 31 ⌊i/11⌋ mod 256)/255.
fn images([channels, height, width]: [usize; 3]) -> Array4<f32> {
    let mut i = 0_u32;
    Array4::from_shape_simple_fn((3, channels, height, width), || {
        let pixel = (i * 97 + i / 11 * 31) % 256;
        i += 1;
        pixel as f32 / 255.0
    })
}

/// Files of networks without average pooling; the order of the sums in average pooling has changed since.
const WITHOUT_AVERAGES: [&str; 3] = ["1/lenet5.packed", "3/lenet5.packed", "3/mixed.packed"];

/// Compares a file's logits with the bits recorded for the vector instructions in use. If there are none for these, or
/// the network has average pooling, the logits are compared with those of portable vectors, to rounding.
#[track_caller]
fn assert_recorded(file: &str, kind: &str, logits: &Array2<f32>) {
    let (version, name) = file.split_once('/').expect("a folder");
    let recorded = &record(version)["logits"][name][kind];
    let parse = |bits: &serde_json::Value| -> Vec<u32> {
        let words = bits.as_str().expect("bits").split(' ');
        words.map(|word| u32::from_str_radix(word, 16).expect("eight digits")).collect()
    };
    let seen: Vec<u32> = logits.iter().map(|logit| logit.to_bits()).collect();
    let same_order = cfg!(target_arch = "x86_64") && WITHOUT_AVERAGES.contains(&file);
    match recorded.get(simd::in_use()).filter(|_| same_order) {
        Some(bits) => assert_eq!(seen, parse(bits), "{file}, {kind}, {}", simd::in_use()),
        None => {
            let expected: Vec<f32> = parse(&recorded["portable"]).into_iter().map(f32::from_bits).collect();
            let seen: Vec<f32> = logits.iter().copied().collect();
            let tolerance = tolerance("versions", Dtype::F32, Check::Reference);
            assert_close(&format!("{file}, {kind}"), &seen, &expected, tolerance);
        }
    }
}

fn assert_packed_recorded(file: &str, model: &PackedModel) {
    let x = images(model.input());
    assert_recorded(file, "three", &model.predict(x.clone()).unwrap());
    assert_recorded(file, "second", &model.predict(x.slice(s![1..2, .., .., ..]).to_owned()).unwrap());
}

/// Checks that the model has the recorded logits, also after it was saved in the present format.
fn assert_saved_and_recorded(file: &str, model: &PackedModel) {
    assert_packed_recorded(file, model);
    let dir = TempDir::new().unwrap();
    let again = dir.path().join("model.packed");
    format::save(&again, model).unwrap();
    assert_ne!(fs::read(&again).unwrap(), fs::read(path(file)).unwrap());
    let again = format::load(&again).unwrap();
    assert_eq!(again, *model);
    assert_packed_recorded(file, &again);
}

/// The first file has format version 1; the other, whose model standardizes pixels, version 2.
#[test]
fn packed_models_of_version_1() {
    for (file, name, version, layers) in
        [("1/lenet5.packed", "lenet5", 1, 5), ("1/bottleneck.packed", "densenet-bottleneck", 2, 16)]
    {
        let bytes = fs::read(path(file)).unwrap();
        assert_eq!(bytes[8..12], u32::to_le_bytes(version), "{file}");
        let model = format::load(&path(file)).unwrap();
        assert_eq!((&model.name[..], model.layers().len()), (name, layers));
        assert_eq!(model.standardization.is_some(), version == 2);
        assert_saved_and_recorded(file, &model);
    }
}

#[test]
fn packed_models_of_version_3() {
    for (file, name, layers) in [("3/lenet5.packed", "lenet5", 5), ("3/mixed.packed", "mixed", 3)] {
        let bytes = fs::read(path(file)).unwrap();
        assert_eq!(bytes[8..12], u32::to_le_bytes(3), "{file}");
        let model = format::load(&path(file)).unwrap();
        assert_eq!((&model.name[..], model.layers().len()), (name, layers));
        assert_eq!((model.standardization.is_some(), &model.trained_on), (name == "mixed", &None));
        assert_saved_and_recorded(file, &model);
        let indices = &record("3")["indices"][format!("{name}.packed")];
        for layer in model.layers().iter().filter(|layer| layer.is_quantized()) {
            let indices_of: Vec<u8> = layer.indices().map(|index| index as u8).collect();
            let checksum = format!("{:08x}", crc32(&indices_of));
            assert_eq!(indices[&layer.name], checksum, "{file}, {}", layer.name);
        }
    }
}

#[test]
fn a_checkpoint_of_version_1() {
    let state = checkpoint::load(&path("1/run/checkpoint.safetensors")).unwrap();
    assert_eq!((state.steps_taken, state.position.epoch, state.position.epoch_step), (6, 1, 1));
    assert_eq!(state.position.sum.loss, 2.5818838037084206);
    assert!(state.origin.is_none());
    assert_eq!((state.network.weights(), state.network.layers().count()), (2348, 7));
    let x = images([3, 32, 32]);
    let file = "1/run/checkpoint.safetensors";
    assert_recorded(file, "mean", &state.network.predict(x.clone(), &WeightMode::Mean).unwrap());
    assert_recorded(file, "quantized", &state.network.predict(x, &WeightMode::Quantized).unwrap());
}

#[test]
fn a_configuration_of_version_1() {
    let file = path("1/run/config.json");
    let config = Config::from_json(&file, &fs::read(&file).unwrap()).unwrap();
    assert_eq!(config.network, "densenet:depth=7,growth=2,bottleneck=false,compression=1");
    assert_eq!(
        (config.data.as_deref(), config.data_checksum, config.limit),
        (Some(Path::new("data")), 942_082_161, None)
    );
    assert_eq!(config.standardization.as_ref().map(|figures| figures.mean[0]), Some(0.500_588_24));
    assert_eq!(config.codebook, [-0.2, 0.0, 0.2]);
    let expected = Recipe {
        prior: PriorName::Nearest,
        spike: Spike::Fit,
        kl_scale: KlScale::PerWeight,
        kl_weight: 20.0,
        kl_warmup: Some(3.0),
        kl_warmup_power: 6,
        epochs: 3,
        batch_size: 16,
        learning_rate: 0.005,
        seed: 0,
        ..Recipe::default()
    };
    assert_eq!(config.recipe, expected);
    config.check(80).unwrap();
}

/// Record `number` of a data set in CIFAR-10's format: a wave whose period depends on the label, on a ramp that depends
/// on the number.
#[cfg(feature = "cli")]
fn image_record(number: usize) -> Vec<u8> {
    let label = number % 10;
    let pixel = |i: usize| {
        let (channel, row, column) = (i / 1024, i / 32 % 32, i % 32);
        128 * ((column * (label + 1) / 8 + row * channel / 4) % 2) + 7 * number + 3 * row
    };
    [label].into_iter().chain((0..3 * 1024).map(pixel)).map(|byte| byte as u8).collect()
}

/// A run of version 1 goes on, with any vectors, and keeps its metrics.
#[cfg(all(feature = "cli", target_arch = "x86_64"))]
#[test]
fn a_run_of_version_1_is_resumed() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("data");
    fs::create_dir(&data).unwrap();
    let mut numbers = 0..;
    let names =
        (1..=5).map(|batch| (format!("data_batch_{batch}.bin"), 16)).chain([("test_batch.bin".to_string(), 20)]);
    for (name, count) in names {
        let records: Vec<u8> = numbers.by_ref().take(count).flat_map(image_record).collect();
        fs::write(data.join(name), records).unwrap();
    }
    for vectors in ["portable", "avx2"] {
        let run = place.path().join(vectors);
        fs::create_dir(&run).unwrap();
        for file in fs::read_dir(path("1/run")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), run.join(file.file_name())).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_spikeslab"));
        command.current_dir(place.path()).args(["train", "--resume", vectors]).env("SPIKESLAB_VECTORS", vectors);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        assert_eq!(metrics.lines().count(), 3);
        assert!(metrics.starts_with(&fs::read_to_string(path("1/run/metrics.jsonl")).unwrap()), "{metrics}");
        let state = checkpoint::load(&run.join("checkpoint.safetensors")).unwrap();
        assert_eq!((state.position.epoch, state.steps_taken), (3, 15));
        assert_eq!(state.origin.unwrap().vectors, vectors);
        assert!(format::load(&run.join("model.packed")).is_ok());
    }
}

/// The other tests compute with the widest vectors of this processor; this one runs them in separate processes with
/// narrower vectors.
#[test]
fn the_same_with_narrower_vectors() {
    const TESTS: [&str; 3] = [
        "versions::packed_models_of_version_1",
        "versions::packed_models_of_version_3",
        "versions::a_checkpoint_of_version_1",
    ];
    for vectors in ["portable", "avx2"] {
        let tests = std::env::current_exe().unwrap();
        let output = Command::new(tests).args(TESTS).env("SPIKESLAB_VECTORS", vectors).output().unwrap();
        let seen = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{vectors}: {seen}");
        assert!(TESTS.iter().all(|test| seen.contains(&format!("{test} ... ok"))), "{vectors}: {seen}");
    }
}
