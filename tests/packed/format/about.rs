//! The compressed block of a file, which has the network's text and the data set.

use super::{BLOCK, Flaw, LENGTH, TEXT, after_block, assert_flaws, digits, read, sealed, small};
use crate::common::assert_error;
use crate::common::random::Random;
use crate::packed::packed;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use spikeslab::packed::format::{save, to_bytes};
use spikeslab::train::data::TrainedOn;
use std::io::{Read, Write};
use tempfile::TempDir;

/// A block compressed by zlib.
pub fn compressed(block: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(block).unwrap();
    encoder.finish().unwrap()
}

/// The uncompressed contents of the block.
pub fn block(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    ZlibDecoder::new(&bytes[BLOCK..after_block(bytes)]).read_to_end(&mut block).unwrap();
    block
}

/// The file of an `mlp` with another block.
fn with_block(bytes: &[u8], block: &[u8]) -> Vec<u8> {
    let block = compressed(block);
    let length = (block.len() as u32).to_le_bytes();
    sealed([&bytes[..LENGTH], &length, &block, &bytes[after_block(bytes)..]].concat())
}

/// The file of an `mlp` with another text, and without a data set.
fn with_text(bytes: &[u8], text: &[u8]) -> Vec<u8> {
    with_block(bytes, &[&[0], text].concat())
}

#[test]
fn the_data_stand_before_the_text() {
    let model = packed("mlp", 3, 2).with_trained_on(Some(digits()));
    let good = to_bytes(&model);
    let mut expected = b"\x01\x06digits\xcd\xab\x34\x12\x0a\0".to_vec();
    (0..10).for_each(|digit| expected.extend(format!("\x07digit {digit}").bytes()));
    let data = expected.len();
    expected.extend(TEXT.as_bytes());
    assert_eq!(block(&good), expected);
    assert_eq!(read(&with_block(&good, &expected)).unwrap(), model);
    let flaws: [(usize, &[u8], &[&str]); 6] = [
        (0, &[2], &["a byte data of 0 or 1", "2"]),
        (1, &[255], &["255 bytes of data", "before the end"]),
        (2, &[0xff], &["data in UTF-8"]),
        (12, &[11], &["model: expected"]),
        (14, &[8], &["model: expected"]),
        (15, &[0xff], &["class names in UTF-8"]),
    ];
    for (at, bytes, parts) in flaws {
        let mut odd = expected.clone();
        odd[at..at + bytes.len()].copy_from_slice(bytes);
        assert_error(read(&with_block(&good, &odd)), &[&["model: expected"], parts].concat());
    }
    for length in 0..data {
        assert_error(read(&with_block(&good, &expected[..length])), &["model: expected"]);
    }
    // A name that is too long is cut before the first character that does not fit.
    let long = TrainedOn { name: "é".repeat(200), ..digits() };
    let read_again = read(&to_bytes(&model.clone().with_trained_on(Some(long)))).unwrap();
    assert_eq!(read_again.trained_on.unwrap().name, "é".repeat(127));
    // There must be a name for each output of the network.
    let fewer = TrainedOn { classes: digits().classes[1..].to_vec(), ..digits() };
    let fewer = model.with_trained_on(Some(fewer));
    assert_error(read(&to_bytes(&fewer)), &["model: expected 10 classes", "(saw: 9)"]);
    let dir = TempDir::new().unwrap();
    assert_error(save(&dir.path().join("model.packed"), &fewer), &["model.packed: expected 10 classes", "(saw: 9)"]);
}

#[test]
fn what_no_head_has_is_refused_by_name() {
    let good = small();
    let pixels = after_block(&good);
    const NO_BLOCK: &str = "a block about the model, compressed by zlib";
    let flaws: [Flaw<'_>; 6] = [
        (13, b"\xff", &["name in UTF-8"]),
        (LENGTH, &[0xff; 4], &["4294967295 bytes of network", "before the end of the file"]),
        (LENGTH, &[0; 4], &[NO_BLOCK]),
        (BLOCK, &[0xff], &[NO_BLOCK]),
        (pixels - 1, &[good[pixels - 1] ^ 1], &[NO_BLOCK]),
        (pixels, &[2], &["pixels", "2"]),
    ];
    assert_flaws(&good, &flaws);
    // An extra byte after the compressed data.
    let mut longer = [&good[..pixels], b"x", &good[pixels..]].concat();
    let length = (pixels + 1 - BLOCK) as u32;
    longer[LENGTH..BLOCK].copy_from_slice(&length.to_le_bytes());
    assert_error(read(&sealed(longer)), &[NO_BLOCK, "1 bytes after it"]);
    assert_error(read(&with_block(&good, b"")), &["bytes of data", "before the end"]);

    let texts: [(&str, &str, &[&str]); 9] = [
        (TEXT, "", &["a network of one operation a line"]),
        ("1x2x2", "0x2x2", &["sizes from 1 to 65535", "0"]),
        ("1x2x2", "1x2x3", &["model: expected"]),
        ("flatten", "flattem", &["mlp, line 2, flattem", "an operation"]),
        ("12", "0", &["mlp, line 3, outputs", "from 1 to 65535", "(saw: 0)"]),
        ("12", "65535", &["at most 262140 weights at the levels of fc1"]),
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
    // Reading takes no more memory than for the longest text, however well a longer text is compressed.
    assert_error(read(&with_text(&good, &vec![b'\n'; 1 << 26])), &["a text of at most 1048576 bytes"]);
}

#[test]
fn mutations_of_the_block_never_panic() {
    let model = packed("mlp", 3, 2).with_trained_on(Some(digits()));
    let good = to_bytes(&model);
    let mut random = Random::new(3);
    let mut accepted = 0;
    for _ in 0..4000 {
        if let Ok(model) = read(&with_block(&good, &random.mutate(&block(&good)))) {
            accepted += 1;
            assert!(read(&to_bytes(&model)).unwrap() == model);
        }
    }
    assert!((10..3500).contains(&accepted), "{accepted}");
}

#[test]
fn mutations_of_the_text_never_panic() {
    let good = small();
    let mut random = Random::new(3);
    let mut accepted = 0;
    for _ in 0..4000 {
        if let Ok(model) = read(&with_text(&good, &random.mutate(TEXT.as_bytes()))) {
            accepted += 1;
            assert!(read(&to_bytes(&model)).unwrap() == model);
        }
    }
    assert!((10..2000).contains(&accepted), "{accepted}");
}
