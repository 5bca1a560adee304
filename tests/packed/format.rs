use super::{packed, standardized};
use crate::common::networks::NETWORKS;
use crate::common::{assert_error, crc32};
use crate::train::Rng;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use spikeslab::Result;
use spikeslab::nets::Role;
use spikeslab::packed::PackedModel;
use spikeslab::packed::digits::pack;
use spikeslab::packed::format::{MAGIC, from_bytes, load, save, to_bytes};
use std::io::{Read, Write};
use std::path::Path;
use tempfile::TempDir;

fn read(bytes: &[u8]) -> Result<PackedModel> {
    from_bytes(Path::new("model"), bytes)
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
    to_bytes(&packed("mlp", 3, 2))
}

/// Of the network in `small`.
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

/// Where the length of the compressed text lies in the file of a network called `mlp`, and the text.
const LENGTH: usize = 8 + 4 + 1 + 3;
const TEXT_AT: usize = LENGTH + 4;

/// Where the first byte lies after the description of the network: of pixels, or in an older file of what follows them.
fn after_network(bytes: &[u8]) -> usize {
    let name = 13 + usize::from(bytes[12]);
    match bytes[8] {
        3 => name + 4 + u32::from_le_bytes(bytes[name..name + 4].try_into().unwrap()) as usize,
        _ => name + 12 + 1 + 4 * usize::from(bytes[name + 12]),
    }
}

/// The file of an `mlp` with another text.
fn with_text(bytes: &[u8], text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    let text = encoder.finish().unwrap();
    let length = (text.len() as u32).to_le_bytes();
    sealed([&bytes[..LENGTH], &length, &text, &bytes[after_network(bytes)..]].concat())
}

/// The file of an `mlp` of 2 × 2 pixels in an older format, which gives the outputs of each layer in place of a text: version
/// 1, or 2 where the model standardizes.
fn older(bytes: &[u8]) -> Vec<u8> {
    let pixels = after_network(bytes);
    let mut older = b"spikslab".to_vec();
    older.extend([1 + bytes[pixels], 0, 0, 0, 3]);
    older.extend(b"mlp");
    [1_u32, 2, 2].iter().for_each(|size| older.extend(size.to_le_bytes()));
    older.push(3);
    [12_u32, 8, 10].iter().for_each(|width| older.extend(width.to_le_bytes()));
    older.extend(&bytes[pixels + 1..]);
    sealed(older)
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
            let model = standardized(name, levels, 16);
            assert_eq!(read(&to_bytes(&model)).unwrap(), model);
        }
    }
    assert_error(load(&dir.path().join("missing")), &["missing: No such file"]);
}

#[test]
fn the_bytes_are_those_of_the_documented_layout() {
    let model = packed("mlp", 3, 2);
    let mut expected = b"spikslab".to_vec();
    assert_eq!(MAGIC, *b"spikslab");
    expected.extend([3, 0, 0, 0, 3]);
    expected.extend(b"mlp");
    let bytes = to_bytes(&model);
    assert!(bytes.starts_with(&expected));
    let pixels = after_network(&bytes);
    let mut text = String::new();
    ZlibDecoder::new(&bytes[TEXT_AT..pixels]).read_to_string(&mut text).unwrap();
    assert_eq!(text, TEXT);
    assert_eq!(bytes[pixels], 0);
    // Each layer: M − 1, levels, codes; after the first two scale and shift, after the last the bias.
    let layers = 3 * (1 + 12) + (10 + 20 + 16) + 2 * 4 * (12 + 8) + 4 * 10;
    assert_eq!(bytes.len(), pixels + 1 + layers + 4);
    let first = &model.layers()[0];
    let mut layer = vec![2];
    first.levels.iter().for_each(|level| layer.extend(level.to_le_bytes()));
    layer.extend(pack(first.indices(), 3));
    assert!(bytes[pixels + 1..].starts_with(&layer));
    let checksum = crc32(&bytes[..bytes.len() - 4]);
    assert!(bytes.ends_with(&checksum.to_le_bytes()));
}

#[test]
fn files_of_the_versions_before_are_read_as_the_same_models() {
    for model in [packed("mlp", 3, 2), standardized("mlp", 3, 2)] {
        assert_eq!(read(&older(&to_bytes(&model))).unwrap(), model);
    }
}

#[test]
fn the_figures_of_a_standardization_follow_the_text() {
    let [plain, bytes] = [packed, standardized].map(|model| to_bytes(&model("mlp", 3, 2)));
    let pixels = after_network(&plain);
    let mut expected = plain[..pixels].to_vec();
    expected.push(1);
    expected.extend([0.3_f32.to_le_bytes(), 0.25_f32.to_le_bytes()].concat());
    expected.extend(&plain[pixels + 1..]);
    assert_eq!(bytes, sealed(expected));
    // In the present version, and in version 2, where they follow the widths.
    for (bytes, figures) in [(&bytes, pixels + 1), (&older(&bytes), 41)] {
        for (at, value, name) in [(0, 1.5, "mean"), (4, 0.0, "deviation"), (4, -1.0, "deviation")] {
            let odd = patched(bytes, figures + at, &f32::to_le_bytes(value));
            assert_error(read(&odd), &["model: expected a packed model", &format!("standardization {name}")]);
        }
        assert_error(read(&patched(bytes, figures, &f32::NAN.to_le_bytes())), &["finite numbers in mean", "NaN"]);
        let cut = sealed(bytes[..figures + 7].to_vec());
        assert_error(read(&cut), &["bytes of mean", "before the end of the file"]);
    }
    assert_error(read(&patched(&bytes, pixels, &[0])), &["model: expected"]);
    assert_error(read(&patched(&older(&bytes), 8, &[1])), &["model: expected"]);
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
                // Version 2.
                8 if change == 1 => "checksum",
                8..12 => "format version 1 to 3",
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

/// What is put where, and what the error names.
type Flaw<'a> = (usize, &'a [u8], &'a [&'a str]);

fn assert_flaws(good: &[u8], flaws: &[Flaw<'_>]) {
    for (at, bytes, parts) in flaws {
        assert_error(read(&patched(good, *at, bytes)), &[&["model: expected"], *parts].concat());
    }
}

/// What is in the file after the description of the network, at `layer`.
fn assert_flaws_of_the_layers(good: &[u8], layer: usize) {
    let (levels, codes) = (layer + 1, layer + 13);
    let scale = codes + 10;
    let bias = good.len() - 44;
    let flaws: [Flaw<'_>; 7] = [
        (layer, &[0], &["fc1", "2 to 256 levels", "1"]),
        (levels, &f32::NAN.to_le_bytes(), &["finite numbers in fc1", "NaN"]),
        (levels, &1e10_f32.to_le_bytes(), &["fc1", "ascending"]),
        (codes, &[243], &["digits below 3 in fc1", "byte 243"]),
        (codes + 9, &[27], &["digits below 3 in fc1", "byte 27"]),
        (scale, &f32::INFINITY.to_le_bytes(), &["finite numbers in bn1.gamma", "inf"]),
        (bias, &f32::NEG_INFINITY.to_le_bytes(), &["finite numbers in fc3", "-inf"]),
    ];
    assert_flaws(good, &flaws);
    // The last byte of fc1's codes holds three digits: 48 weights, five a byte.
    read(&patched(good, codes + 9, &[26])).unwrap();
}

#[test]
fn what_no_model_has_is_refused_by_name() {
    let good = small();
    let pixels = after_network(&good);
    let flaws: [Flaw<'_>; 6] = [
        (13, b"\xff", &["name in UTF-8"]),
        (LENGTH, &[0xff; 4], &["4294967295 bytes of network", "before the end of the file"]),
        (LENGTH, &[0; 4], &["a network's text, compressed by zlib"]),
        (TEXT_AT, &[0xff], &["a network's text, compressed by zlib"]),
        (pixels - 1, &[good[pixels - 1] ^ 1], &["a network's text, compressed by zlib"]),
        (pixels, &[2], &["pixels", "2"]),
    ];
    assert_flaws(&good, &flaws);
    assert_flaws_of_the_layers(&good, pixels + 1);
    // A byte after the compressed text that belongs to nothing.
    let mut longer = [&good[..pixels], b"x", &good[pixels..]].concat();
    let length = (pixels + 1 - TEXT_AT) as u32;
    longer[LENGTH..TEXT_AT].copy_from_slice(&length.to_le_bytes());
    assert_error(read(&sealed(longer)), &["model: expected"]);

    let texts: [(&str, &str, &[&str]); 9] = [
        (TEXT, "", &["a network of one operation a line"]),
        ("1x2x2", "0x2x2", &["sizes from 1 to 65535", "0"]),
        ("1x2x2", "1x2x3", &["model: expected"]),
        ("flatten", "flattem", &["mlp, line 2, flattem", "an operation"]),
        ("12", "0", &["mlp, line 3, outputs", "from 1 to 65535", "(saw: 0)"]),
        ("12", "65535", &["bytes of fc1", "before the end of the file"]),
        ("12", "65536", &["mlp, line 3, outputs", "from 1 to 65535", "65536"]),
        ("10 bias", "classes bias", &["mlp, line 9, classes", "number of classes"]),
        ("bn2", "fc1", &["mlp, line 7, fc1", "a name of its own", "line 3"]),
    ];
    assert_eq!(read(&with_text(&good, TEXT.as_bytes())).unwrap(), packed("mlp", 3, 2));
    for (from, to, parts) in texts {
        let text = TEXT.replacen(from, to, 1);
        assert_error(read(&with_text(&good, text.as_bytes())), &[&["model: expected"], parts].concat());
    }
    assert_error(read(&with_text(&good, b"input \xff")), &["a network's text", "UTF-8"]);
    // Reading takes no more memory than the longest text, however well it is compressed.
    assert_error(read(&with_text(&good, &vec![b'\n'; 1 << 26])), &["a text of at most 1048576 bytes"]);
}

#[test]
fn what_no_older_model_has_is_refused_by_name() {
    let good = older(&small());
    let (name, input, widths, layer) = (13, 16, 29, 41);
    let flaws: [Flaw<'_>; 10] = [
        (name, b"mlq", &["mlp, lenet5, lenet-caffe", "mlq"]),
        (name, b"\xff\n\0", &["network in UTF-8"]),
        (input, &[0xff; 12], &["sizes from 1 to 65535", "4294967295"]),
        (input, &[0; 12], &["sizes from 1 to 65535", "(saw: 0)"]),
        (
            input,
            &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff],
            &["mlp", "at most 268435456 elements", "65535x65535x65535"],
        ),
        (input + 4, &[3], &["fc1"]),
        (input - 1 + 12 + 1, &[2], &["3 layers with weights", "2"]),
        (widths, &[0], &["mlp, line 4, outputs", "from 1 to 65535", "(saw: 0)"]),
        (widths, &[0xff, 0xff], &["bytes of fc1", "before the end of the file"]),
        (widths, &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff], &["weights", "at most 268435456"]),
    ];
    assert_flaws(&good, &flaws);
    assert_flaws_of_the_layers(&good, layer);
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
        (to_bytes(&standardized("mlp", 3, 2)), 4000),
        (older(&to_bytes(&packed("mlp", 3, 2))), 4000),
        (older(&to_bytes(&standardized("mlp", 3, 2))), 4000),
        (to_bytes(&packed("lenet5", 3, 16)), 300),
    ];
    for (good, count) in files {
        let mut random = Rng(2);
        let mut accepted = 0;
        for i in 0..count {
            let bytes = sealed(random.mutate(&good));
            if let Ok(model) = read(&bytes) {
                accepted += 1;
                // A text may be written in several ways, and an older file is written in the present version.
                let again = to_bytes(&model);
                let rest = &bytes[after_network(&bytes)..bytes.len() - 4];
                assert!(again[..again.len() - 4].ends_with(rest), "mutation {i} is read as another model");
                assert!(read(&again).unwrap() == model, "mutation {i} is written as another model");
                let [channels, height, width] = model.input();
                model.predict(ndarray::Array4::zeros((1, channels, height, width))).unwrap();
            }
        }
        assert!(accepted > 0 && accepted < count / 2, "{accepted} of {count}");
    }
}

#[test]
fn mutations_of_the_text_never_panic() {
    let good = small();
    let mut random = Rng(3);
    let mut accepted = 0;
    for _ in 0..4000 {
        if let Ok(model) = read(&with_text(&good, &random.mutate(TEXT.as_bytes()))) {
            accepted += 1;
            assert!(read(&to_bytes(&model)).unwrap() == model);
        }
    }
    assert!((10..2000).contains(&accepted), "{accepted}");
}

#[test]
fn every_byte_of_the_head_at_every_value_never_panics() {
    for (good, head) in [(small(), 8..after_network(&small()) + 20), (older(&small()), 8..60)] {
        for at in head {
            for value in 0..=255 {
                // Reading takes no more memory than the file is long: 65,535 inputs and outputs would not fit otherwise.
                let _ = read(&patched(&good, at, &[value])).map(|model| to_bytes(&model));
            }
        }
    }
}
