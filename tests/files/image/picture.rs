//! Images that Pillow wrote, and the pixels that Pillow reads from them: see fixtures/generate/data.py.

use super::{SIZE, fixture, sample};
use crate::common::assert_error;
use spikeslab::files::image::picture::{Header, decode, header, samples};
use std::fs;
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/files/image/picture").join(name)
}

/// PNG is lossless. Decoders of JPEG may round the cosine transform differently, here by at most two of 255 (ISO
/// 10918-2 allows an error of one in a coefficient, and colours are a sum of three).
#[test]
fn pixels_are_those_that_pillow_reads() {
    for (name, channels, tolerance) in [
        ("grey.png", 1, 0),
        ("sixteen.png", 1, 0),
        ("colour.png", 3, 0),
        ("palette.png", 3, 0),
        ("opaque.png", 3, 0),
        ("slope_grey.jpg", 1, 2),
        ("slope_colour.jpeg", 3, 2),
    ] {
        let path = path(name);
        assert_eq!(header(&path).unwrap(), Header { height: 4, width: 5, is_colour: channels == 3 }, "{name}");
        let (seen, expected) = (samples(&path, channels).unwrap(), fs::read(path.with_extension("bin")).unwrap());
        assert_eq!(seen.len(), expected.len(), "{name}");
        let furthest = seen.iter().zip(&expected).map(|(seen, expected)| seen.abs_diff(*expected)).max();
        assert!(furthest <= Some(tolerance), "{name}: {furthest:?}");
    }
}

#[test]
fn grey_has_three_equal_channels_where_three_are_wanted() {
    let grey = samples(&path("grey.png"), 1).unwrap();
    assert_eq!(samples(&path("grey.png"), 3).unwrap(), grey.repeat(3));
}

#[test]
fn what_is_no_image_or_transparent_is_refused() {
    let place = tempfile::TempDir::new().unwrap();
    let file = place.path().join("image.png");
    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        samples(&file, 1).unwrap_err().to_string().replace(&file.display().to_string(), "FILE")
    };
    let png = fs::read(path("grey.png")).unwrap();
    assert!(refused(b"GIF89a, of another kind").starts_with("FILE: expected a PNG or JPEG image (saw: "));
    for cut in [0, 10, 30, png.len() - 30] {
        let message = refused(&png[..cut]);
        assert!(message.starts_with("FILE: expected a") && !message.contains('\n'), "{message}");
    }
    // A header with 20,000 columns.
    let mut wide = png.clone();
    wide[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    let checksum = crc32fast::hash(&wide[12..29]);
    wide[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert!(refused(&wide).starts_with("FILE: expected a PNG or JPEG image (saw: "));
    let error = samples(&path("transparent.png"), 3).unwrap_err().to_string();
    assert!(error.ends_with("expected an image without transparent pixels (saw: one with some)"), "{error}");
}

/// Decodes a PNG file of fixtures/parsers/picture, written by fixtures/generate/parsers.py, for a model with `channels`
/// channels.
fn decode_as(channels: usize, bytes: &[u8]) -> spikeslab::Result<Vec<f32>> {
    decode(Path::new("x.png"), bytes, [channels, SIZE[0], SIZE[1]])
}

/// Samples of fewer than eight bits are scaled up, those of sixteen bits are rounded.
#[test]
fn every_type_and_depth() {
    for (kind, depths) in [("grey", &[1, 2, 4, 8, 16][..]), ("rgb", &[8, 16])] {
        for bits in depths {
            let (channels, bytes) = fixture("picture", &format!("{kind}{bits}"));
            let most = f64::from(2_u32.pow(*bits) - 1);
            let expected = super::pixels(channels, |row, column, channel| {
                (sample(row, column, channel, *bits) as f64 / most * 255.0).round() / 255.0
            });
            assert_eq!(decode_as(channels, &bytes).unwrap(), expected, "{kind}{bits}");
        }
    }
    for (name, bits) in [("palette1", 1), ("palette2", 2), ("palette4", 4), ("palette8", 8)] {
        let entry = |row, column, channel| ((sample(row, column, 0, bits) + 50 * channel) % 256) as f64 / 255.0;
        assert_eq!(decode_as(3, &fixture("picture", name).1).unwrap(), super::pixels(3, entry), "{name}");
    }
    for name in ["grey_alpha8", "grey_alpha16", "rgba8", "rgba16", "palette4_transparent"] {
        let (channels, bytes) = fixture("picture", name);
        assert_error(decode_as(channels, &bytes), &["x.png", "an image without transparent pixels", "one with some"]);
    }
}

/// Programs that make PNGs smaller convert grey images to colour types and back.
#[test]
fn grey_and_colour() {
    let grey = |row, column, _| sample(row, column, 0, 8) as f64 / 255.0;
    assert_eq!(decode_as(3, &fixture("picture", "grey8").1).unwrap(), super::pixels(3, grey));
    assert_eq!(decode_as(1, &fixture("picture", "rgb8_of_grey").1).unwrap(), super::pixels(1, grey));
    for name in ["rgb8", "palette4"] {
        let refused = decode_as(1, &fixture("picture", name).1);
        assert_error(refused, &["x.png", "a grey image", "one whose channels are not alike"]);
    }
    assert_error(decode_as(2, &fixture("picture", "rgb8").1), &["an image of 2 x 4 x 3", "(saw: 3 x 4 x 3)"]);
}

#[test]
fn another_size_is_refused_before_it_is_unpacked() {
    // Only the header of an image that no memory can hold.
    let mut huge = fixture("picture", "rgb16").1;
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let crc = crate::common::crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_error(decode_as(3, &huge), &["x.png", "a PNG or JPEG image"]);
    let refused = decode(Path::new("x.png"), &fixture("picture", "grey8").1, [1, 3, 4]);
    assert_error(refused, &["1 x 3 x 4", "(saw: 1 x 4 x 3)"]);
}

/// A profile and a text that unpack to a megabyte are not read.
#[test]
fn what_is_beside_the_pixels_is_passed_over() {
    let bytes = fixture("picture", "profile_bomb").1;
    assert_eq!(decode_as(1, &bytes).unwrap(), decode_as(1, &fixture("picture", "grey8").1).unwrap());
}

#[test]
fn what_is_cut_or_changed_is_refused() {
    let bytes = fixture("picture", "rgb8").1;
    for len in [0, 7, 8, 20, 33, 50] {
        assert_error(decode_as(3, &bytes[..len]), &["x.png", "PNG or JPEG image"]);
    }
    let mut changed = bytes.clone();
    changed[45] ^= 1;
    assert_error(decode_as(3, &changed), &["x.png", "a PNG or JPEG image"]);
}
