//! The files are written by `fixtures/generate/parsers.py`.

use super::{SIZE, fixture, pixels, sample};
use crate::common::assert_error;
use spikeslab::files::image::png::decode;
use std::path::Path;

fn decode_as(channels: usize, bytes: &[u8]) -> spikeslab::Result<Vec<f32>> {
    decode(Path::new("x.png"), bytes, [channels, SIZE[0], SIZE[1]])
}

#[test]
fn every_type_and_depth() {
    for (kind, depths) in
        [("grey", &[1, 2, 4, 8, 16][..]), ("grey_alpha", &[8, 16]), ("rgb", &[8, 16]), ("rgba", &[8, 16])]
    {
        for bits in depths {
            let (channels, bytes) = fixture("png", &format!("{kind}{bits}"));
            let most = f64::from(2_u32.pow(*bits) - 1);
            let expected = pixels(channels, |row, column, channel| sample(row, column, channel, *bits) as f64 / most);
            assert_eq!(decode_as(channels, &bytes).unwrap(), expected, "{kind}{bits}");
        }
    }
    for (name, bits) in
        [("palette1", 1), ("palette2", 2), ("palette4", 4), ("palette8", 8), ("palette4_transparent", 4)]
    {
        let entry = |row, column, channel| ((sample(row, column, 0, bits) + 50 * channel) % 256) as f64 / 255.0;
        assert_eq!(decode_as(3, &fixture("png", name).1).unwrap(), pixels(3, entry), "{name}");
    }
}

/// Grey is written as colour and back by programs that make PNGs smaller.
#[test]
fn grey_and_colour() {
    let grey = |row, column, _| sample(row, column, 0, 8) as f64 / 255.0;
    assert_eq!(decode_as(3, &fixture("png", "grey8").1).unwrap(), pixels(3, grey));
    assert_eq!(decode_as(1, &fixture("png", "rgb8_of_grey").1).unwrap(), pixels(1, grey));
    for name in ["rgb8", "rgba16", "palette4"] {
        let refused = decode_as(1, &fixture("png", name).1);
        assert_error(refused, &["x.png", "1 x 4 x 3", "3 x 4 x 3, its channels not alike"]);
    }
    assert_error(decode_as(2, &fixture("png", "rgb8").1), &["an image of 2 x 4 x 3", "(saw: 3 x 4 x 3)"]);
}

#[test]
fn another_size_is_refused_before_it_is_unpacked() {
    // A header alone, of an image that no memory holds.
    let mut huge = fixture("png", "rgb16").1;
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let crc = crate::common::crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    assert_error(
        decode_as(3, &huge),
        &["an image of 3 x 4 x 3, channels by height by width", "3 x 2147483647 x 2147483647"],
    );
    let refused = decode(Path::new("x.png"), &fixture("png", "grey8").1, [1, 3, 4]);
    assert_error(refused, &["1 x 3 x 4", "(saw: 1 x 4 x 3)"]);
}

/// A profile and a text that unpack to a megabyte are not looked at.
#[test]
fn what_is_beside_the_pixels_is_passed_over() {
    let bytes = fixture("png", "profile_bomb").1;
    assert_eq!(decode_as(1, &bytes).unwrap(), decode_as(1, &fixture("png", "grey8").1).unwrap());
}

#[test]
fn what_is_cut_or_changed_is_refused() {
    let bytes = fixture("png", "rgb8").1;
    for len in [0, 7, 8, 20, 33, 50] {
        assert_error(decode_as(3, &bytes[..len]), &["x.png", "a PNG"]);
    }
    let mut changed = bytes.clone();
    changed[45] ^= 1;
    assert_error(decode_as(3, &changed), &["x.png", "a PNG"]);
}
