use super::{packed, standardized};
use crate::common::assert_error;
use crate::train::Rng;
use spikeslab::Result;
use spikeslab::nets::{Architecture, Role};
use spikeslab::packed::PackedModel;
use spikeslab::packed::digits::pack;
use spikeslab::packed::format::{MAGIC, from_bytes, load, save, to_bytes};
use std::path::Path;
use tempfile::TempDir;

fn read(bytes: &[u8]) -> Result<PackedModel> {
    from_bytes(Path::new("model"), bytes)
}

/// CRC-32 (IEEE 802.3), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

/// The file with the checksum that its bytes demand.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len().saturating_sub(4);
    bytes.truncate(body);
    let checksum = crc32(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

fn small() -> Vec<u8> {
    to_bytes(&packed(Architecture::Mlp, 3, 2))
}

#[test]
fn a_model_comes_back_the_same() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model.packed");
    for architecture in Architecture::ALL {
        for levels in [2, 3, 256] {
            let model = packed(architecture, levels, 16);
            save(&path, &model).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), to_bytes(&model));
            assert_eq!(load(&path).unwrap(), model);
            let model = standardized(architecture, levels, 16);
            assert_eq!(read(&to_bytes(&model)).unwrap(), model);
        }
    }
    assert_error(load(&dir.path().join("missing")), &["missing: No such file"]);
}

#[test]
fn the_bytes_are_those_of_the_documented_layout() {
    let model = packed(Architecture::Mlp, 3, 2);
    let mut expected = b"spikslab".to_vec();
    assert_eq!(MAGIC, *b"spikslab");
    expected.extend([1, 0, 0, 0, 3]);
    expected.extend(b"mlp");
    [1_u32, 2, 2].iter().for_each(|size| expected.extend(size.to_le_bytes()));
    expected.push(3);
    [12_u32, 8, 10].iter().for_each(|width| expected.extend(width.to_le_bytes()));
    let bytes = to_bytes(&model);
    assert!(bytes.starts_with(&expected));
    // Each layer: M − 1, levels, codes; after the first two scale and shift, after the last the bias.
    let layers = 3 * (1 + 12) + (10 + 20 + 16) + 2 * 4 * (12 + 8) + 4 * 10;
    assert_eq!(bytes.len(), expected.len() + layers + 4);
    let first = &model.layers()[0];
    let mut layer = vec![2];
    first.levels.iter().for_each(|level| layer.extend(level.to_le_bytes()));
    layer.extend(pack(first.indices(), 3));
    assert!(bytes[expected.len()..].starts_with(&layer));
    let checksum = crc32(&bytes[..bytes.len() - 4]);
    assert!(bytes.ends_with(&checksum.to_le_bytes()));
}

#[test]
fn the_figures_of_a_standardization_follow_the_widths_in_version_2() {
    let [plain, bytes] = [packed, standardized].map(|model| to_bytes(&model(Architecture::Mlp, 3, 2)));
    let mut expected = plain[..41].to_vec();
    expected[8] = 2;
    expected.extend([0.3_f32.to_le_bytes(), 0.25_f32.to_le_bytes()].concat());
    expected.extend(&plain[41..]);
    assert_eq!(bytes, sealed(expected));
    for (at, value, name) in [(41, 1.5, "mean"), (45, 0.0, "deviation"), (45, -1.0, "deviation")] {
        let odd = patched(&bytes, at, &f32::to_le_bytes(value));
        assert_error(read(&odd), &["model: expected a packed model", &format!("standardization {name}")]);
    }
    assert_error(read(&patched(&bytes, 41, &f32::NAN.to_le_bytes())), &["finite numbers in mean", "NaN"]);
    assert_error(read(&sealed(bytes[..48].to_vec())), &["bytes of mean", "before the end of the file"]);
    assert_error(read(&patched(&bytes, 8, &[1])), &["model: expected"]);
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
                8..12 => "format version 1 or 2",
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
        // With a checksum that fits, the contents tell.
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

/// `good` with `bytes` put in at `at`, and the checksum that fits.
fn patched(good: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut patched = good.to_vec();
    patched[at..at + bytes.len()].copy_from_slice(bytes);
    sealed(patched)
}

#[test]
fn what_no_model_has_is_refused_by_name() {
    let good = small();
    let (name, input, widths, layer) = (13, 16, 29, 41);
    let (levels, codes) = (layer + 1, layer + 13);
    let scale = codes + 10;
    let bias = good.len() - 44;
    let cases: [(usize, &[u8], &[&str]); 17] = [
        (name, b"mlq", &["mlp, lenet5, lenet-caffe", "mlq"]),
        (name, b"\xff\n\0", &["mlp, lenet5, lenet-caffe"]),
        (input, &[0xff; 12], &["at most 65535", "4294967295"]),
        (input, &[0; 12], &["positive"]),
        (input, &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff], &["bytes of fc1", "before the end of the file"]),
        (input + 4, &[3], &["fc1"]),
        (input - 1 + 12 + 1, &[2], &["fc1, fc2, fc3"]),
        (widths, &[0], &["outputs of fc1", "a positive number"]),
        (widths, &[0xff, 0xff], &["bytes of fc1", "before the end of the file"]),
        (widths, &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff], &["bytes of fc1"]),
        (layer, &[0], &["fc1", "2 to 256 levels", "1"]),
        (levels, &f32::NAN.to_le_bytes(), &["finite numbers in fc1", "NaN"]),
        (levels, &1e10_f32.to_le_bytes(), &["fc1", "ascending"]),
        (codes, &[243], &["digits below 3 in fc1", "byte 243"]),
        (codes + 9, &[27], &["digits below 3 in fc1", "byte 27"]),
        (scale, &f32::INFINITY.to_le_bytes(), &["finite numbers in bn1.gamma", "inf"]),
        (bias, &f32::NEG_INFINITY.to_le_bytes(), &["finite numbers in fc3", "-inf"]),
    ];
    for (at, bytes, parts) in cases {
        assert_error(read(&patched(&good, at, bytes)), &[&["model: expected"], parts].concat());
    }
    // The last byte of fc1's codes holds three digits: 48 weights, five a byte.
    read(&patched(&good, codes + 9, &[26])).unwrap();
}

#[test]
fn a_model_that_could_not_be_read_again_is_not_written() {
    let widths = crate::train::narrow(Architecture::Mlp);
    let mut network = super::trained(Architecture::Mlp, 3, 2);
    let gamma = network.parameters_mut().iter_mut().find(|parameter| parameter.role == Role::Gamma).unwrap();
    gamma.as_slice_mut()[0] = f32::MAX;
    let variance = network.parameters_mut().iter_mut().find(|parameter| parameter.role == Role::RunningVar).unwrap();
    variance.as_slice_mut()[0] = 0.0;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model.packed");
    let model = PackedModel::new(Architecture::Mlp, widths, &network, None);
    assert_error(save(&path, &model), &["model.packed: expected finite numbers in bn1.gamma", "inf"]);
    assert!(!path.exists());
}

#[test]
fn mutations_with_the_right_checksum_never_panic() {
    let models = [
        (packed(Architecture::Mlp, 3, 2), 4000),
        (standardized(Architecture::Mlp, 3, 2), 4000),
        (packed(Architecture::Lenet5, 3, 16), 300),
    ];
    for (model, count) in models {
        let good = to_bytes(&model);
        let mut random = Rng(2);
        let mut accepted = 0;
        for i in 0..count {
            let bytes = sealed(random.mutate(&good));
            if let Ok(model) = read(&bytes) {
                accepted += 1;
                assert!(to_bytes(&model) == bytes, "mutation {i} is read as another model");
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
    for at in 8..60 {
        for value in 0..=255 {
            // Reading takes no more memory than the file is long: 65,535 inputs and outputs would not fit otherwise.
            let _ = read(&patched(&good, at, &[value])).map(|model| to_bytes(&model));
        }
    }
}
