mod about;
mod layer;
mod older;

use super::{packed, standardized};
use crate::common::fixture::{for_each_case, note};
use crate::common::networks::NETWORKS;
use crate::common::random::Random;
use crate::common::{assert_error, crc32};
use ndarray::ArrayD;
use spikeslab::Result;
use spikeslab::nets::Role;
use spikeslab::packed::PackedModel;
use spikeslab::packed::entropy::encode;
use spikeslab::packed::format::{MAGIC, from_bytes, load, save, to_bytes};
use spikeslab::train::data::TrainedOn;
use std::path::Path;
use tempfile::TempDir;

fn read(bytes: &[u8]) -> Result<PackedModel> {
    from_bytes(Path::new("model"), bytes)
}

/// The file with the checksum of its bytes.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len().saturating_sub(4);
    bytes.truncate(body);
    let checksum = crc32(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// The file of an `mlp` for images of 2 × 2 pixels.
fn small() -> Vec<u8> {
    to_bytes(&packed("mlp", 3, 2))
}

/// A data set of digits, as a model may record it.
fn digits() -> TrainedOn {
    let classes = (0..10).map(|digit| format!("digit {digit}")).collect();
    TrainedOn { name: "digits".to_string(), checksum: 0x1234_abcd, classes }
}

/// The text of the network in `small`.
const TEXT: &str = "input 1x2x2
     flatten
fc1  dense 12
bn1  norm
     relu
fc2  dense 8
bn2  norm
     relu
fc3  dense 10 bias
";

/// The positions of the length of the compressed block, and of the block, in the file of a network named `mlp`.
const LENGTH: usize = 8 + 4 + 1 + 3;
const BLOCK: usize = LENGTH + 4;

/// The position of the byte after the block, which tells whether pixels are standardized.
fn after_block(bytes: &[u8]) -> usize {
    let length = 13 + usize::from(bytes[12]);
    length + 4 + u32::from_le_bytes(bytes[length..length + 4].try_into().unwrap()) as usize
}

#[test]
fn a_model_comes_back_the_same() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model.packed");
    for name in NETWORKS {
        for levels in [2, 3, 256] {
            let model = packed(name, levels, 16);
            save(&path, &model).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), to_bytes(&model));
            assert_eq!(load(&path).unwrap(), model);
            let model = standardized(name, levels, 16).with_trained_on(Some(digits()));
            assert_eq!(read(&to_bytes(&model)).unwrap(), model);
        }
    }
    assert_error(load(&dir.path().join("missing")), &["missing: No such file"]);
}

#[test]
fn golden() {
    for_each_case::<f64>("packed/format", 2, |case| {
        let file: Vec<u8> = case.integers("bytes").into_iter().map(|byte| byte as u8).collect();
        let model = read(&file).unwrap();
        let path = "packed/format";
        assert_eq!(model.name, note(path, &case.name, "name"));
        let trained_on = case.has("checksum").then(|| TrainedOn {
            name: note(path, &case.name, "data"),
            checksum: case.integers("checksum")[0] as u32,
            classes: note(path, &case.name, "classes").split('|').map(str::to_string).collect(),
        });
        assert_eq!(model.trained_on, trained_on);
        let floats = |name: String| case.vec(&name).into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        if let Some(figures) = &model.standardization {
            let stored = [&figures.mean, &figures.deviation];
            assert_eq!(stored, [&floats("mean".to_string()), &floats("deviation".to_string())]);
        }
        for layer in model.layers() {
            let name = &layer.name;
            if layer.is_quantized() {
                assert_eq!(layer.levels(), floats(format!("{name}.levels")));
                let index: ArrayD<f64> = case.array(&format!("{name}.index"));
                assert_eq!(layer.shape, index.shape());
                assert_eq!(layer.indices().collect::<Vec<_>>(), case.integers(&format!("{name}.index")));
            } else {
                assert_eq!(layer.theta().collect::<Vec<_>>(), floats(format!("{name}.theta")));
            }
            assert_eq!(layer.bias, case.has(&format!("{name}.bias")).then(|| floats(format!("{name}.bias"))));
        }
        let network = model.decode();
        for (role, folded) in [(Role::Gamma, "scale"), (Role::Beta, "shift")] {
            for parameter in network.parameters().iter().filter(|parameter| parameter.role == role) {
                let norm = parameter.name.split('.').next().unwrap();
                assert_eq!(parameter.as_slice(), floats(format!("{norm}.{folded}")));
            }
        }
        // Written again, the bytes after the block are the same; another zlib may compress the block differently.
        let again = to_bytes(&model);
        let [seen, expected] = [&again, &file].map(|file| &file[after_block(file)..file.len() - 4]);
        assert_eq!(seen, expected);
    });
}

#[test]
fn the_bytes_are_those_of_the_documented_layout() {
    let model = packed("mlp", 3, 2);
    let mut expected = b"spikslab".to_vec();
    assert_eq!(MAGIC, *b"spikslab");
    expected.extend([4, 0, 0, 0, 3]);
    expected.extend(b"mlp");
    let bytes = to_bytes(&model);
    assert!(bytes.starts_with(&expected));
    assert_eq!(about::block(&bytes), [b"\0", TEXT.as_bytes()].concat());
    let pixels = after_block(&bytes);
    assert_eq!(bytes[pixels], 0);
    let mut layers = Vec::new();
    for layer in model.layers() {
        layers.push(2);
        layer.levels().iter().for_each(|level| layers.extend(level.to_le_bytes()));
        let indices: Vec<u8> = layer.indices().map(|index| index as u8).collect();
        let counts = [0, 1, 2].map(|level| indices.iter().filter(|index| **index == level).count());
        let words = encode(&indices, &counts);
        // All layers have fewer than 256 weights.
        layers.extend([counts[0] as u8, counts[1] as u8, words.len() as u8]);
        words.iter().for_each(|word| layers.extend(word.to_le_bytes()));
        if layer.name == "fc1" {
            assert!(bytes[pixels + 1..].starts_with(&layers));
        }
        // Scale and shift, or the bias.
        layers.extend(vec![0; if layer.name == "fc3" { 40 } else { 8 * layer.outputs() }]);
    }
    assert_eq!(bytes.len(), pixels + 1 + layers.len() + 4);
    let checksum = crc32(&bytes[..bytes.len() - 4]);
    assert!(bytes.ends_with(&checksum.to_le_bytes()));
}

#[test]
fn the_figures_of_a_standardization_follow_the_block() {
    let [plain, bytes] = [packed, standardized].map(|model| to_bytes(&model("mlp", 3, 2)));
    let pixels = after_block(&plain);
    let mut expected = plain[..pixels].to_vec();
    expected.push(1);
    expected.extend([0.3_f32.to_le_bytes(), 0.25_f32.to_le_bytes()].concat());
    expected.extend(&plain[pixels + 1..]);
    assert_eq!(bytes, sealed(expected));
    assert_flaws_of_the_figures(&bytes, pixels + 1);
    assert_error(read(&patched(&bytes, pixels, &[0])), &["model: expected"]);
}

/// Checks that invalid means and deviations, which begin at `figures`, are refused.
fn assert_flaws_of_the_figures(good: &[u8], figures: usize) {
    for (at, value, name) in [(0, 1.5, "mean"), (4, 0.0, "deviation"), (4, -1.0, "deviation")] {
        let odd = patched(good, figures + at, &f32::to_le_bytes(value));
        assert_error(read(&odd), &["model: expected a packed model", &format!("standardization {name}")]);
    }
    assert_error(read(&patched(good, figures, &f32::NAN.to_le_bytes())), &["finite numbers in mean", "NaN"]);
    let cut = sealed(good[..figures + 7].to_vec());
    assert_error(read(&cut), &["bytes of mean", "before the end of the file"]);
}

#[test]
fn a_changed_byte_is_noticed() {
    let good = small();
    for at in 0..good.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            let expected = match at {
                0..8 => "a packed model",
                8..12 => "format version 1 to 4",
                _ => "checksum",
            };
            assert_error(read(&bytes), &["model: expected", expected]);
        }
    }
}

#[test]
fn a_file_cut_or_continued_is_refused() {
    let good = small();
    for length in 0..good.len() {
        assert_error(read(&good[..length]), &["model: expected"]);
        // With the right checksum, the contents show that the file is too short.
        if length > 16 {
            assert_error(read(&sealed(good[..length].to_vec())), &["model: expected", "before the end of the file"]);
        }
    }
    for extra in [1, 4, 1000] {
        let longer = [&good[..], &vec![0; extra]].concat();
        assert_error(read(&longer), &["checksum"]);
        assert_error(read(&sealed(longer)), &["the end of the file", &format!("{extra} more bytes")]);
    }
}

/// `good` with the bytes from `at` on replaced by `bytes`, and the right checksum.
fn patched(good: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut patched = good.to_vec();
    patched[at..at + bytes.len()].copy_from_slice(bytes);
    sealed(patched)
}

/// The position of the change, the new bytes, and the words in the error.
type Flaw<'a> = (usize, &'a [u8], &'a [&'a str]);

fn assert_flaws(good: &[u8], flaws: &[Flaw<'_>]) {
    for (at, bytes, parts) in flaws {
        assert_error(read(&patched(good, *at, bytes)), &[&["model: expected"], *parts].concat());
    }
}

#[test]
fn a_model_that_could_not_be_read_again_is_not_written() {
    let mut network = super::trained("mlp", 3, 2);
    let gamma = network.parameters_mut().iter_mut().find(|parameter| parameter.role == Role::Gamma).unwrap();
    gamma.as_slice_mut()[0] = f32::MAX;
    let variance = network.parameters_mut().iter_mut().find(|parameter| parameter.role == Role::RunningVar).unwrap();
    variance.as_slice_mut()[0] = 0.0;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model.packed");
    let model = PackedModel::new("mlp", &network, None);
    assert_error(save(&path, &model), &["model.packed: expected finite numbers in bn1.gamma", "inf"]);
    assert!(!path.exists());
}

#[test]
fn mutations_with_the_right_checksum_never_panic() {
    let files = [
        (to_bytes(&packed("mlp", 3, 2)), 4000),
        (to_bytes(&standardized("mlp", 3, 2).with_trained_on(Some(digits()))), 4000),
        (to_bytes(&packed("lenet5", 3, 16)), 300),
    ];
    for (good, count) in files {
        let mut random = Random::new(2);
        let mut accepted = 0;
        for i in 0..count {
            let bytes = sealed(random.mutate(&good));
            if let Ok(model) = read(&bytes) {
                accepted += 1;
                // The same block can be compressed in several ways, and the same network has several texts.
                let again = to_bytes(&model);
                let [seen, expected] = [&again, &bytes].map(|file| &file[after_block(file)..file.len() - 4]);
                assert!(seen == expected, "mutation {i} is read as another model");
                assert!(read(&again).unwrap() == model, "mutation {i} is written as another model");
                let [channels, height, width] = model.input();
                model.predict(ndarray::Array4::zeros((1, channels, height, width))).unwrap();
            }
        }
        assert!(accepted > 0 && accepted < count / 2, "{accepted} of {count}");
    }
}

#[test]
fn every_byte_of_the_head_at_every_value_never_panics() {
    let good = small();
    for at in 8..after_block(&good) + 20 {
        for value in 0..=255 {
            let _ = read(&patched(&good, at, &[value])).map(|model| to_bytes(&model));
        }
    }
}
