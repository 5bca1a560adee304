//! `fixtures/generate/parsers.py` writes the files.

use super::{SIZE, fixture, pixels, sample};
use crate::common::assert_error;
use spikeslab::files::image::npy::decode;
use std::path::Path;

const PATH: &str = "x.npy";

fn decode_as(channels: usize, bytes: &[u8]) -> spikeslab::Result<Vec<f32>> {
    decode(Path::new(PATH), bytes, [channels, SIZE[0], SIZE[1]])
}

/// A file with this header, and `data` after it.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn every_order_and_type() {
    for name in
        ["planes", "pixels", "planes_fortran", "pixels_fortran", "grey", "f4", "f4_big", "f4_fortran", "f8", "f8_big"]
    {
        let (channels, bytes) = fixture("npy", name);
        let expected = pixels(channels, |row, column, channel| sample(row, column, channel, 8) as f64 / 255.0);
        assert_eq!(decode_as(channels, &bytes).unwrap(), expected, "{name}");
    }
}

#[test]
fn headers() {
    let data = [7; 12];
    for header in [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 3), }\n",
        "{'descr':'|u1','fortran_order':False,'shape':(4,3)}",
        r#"  {"shape": (4, 3,), "fortran_order": False, "descr": "|u1"}   "#,
    ] {
        assert_eq!(decode_as(1, &file(header, &data)).unwrap(), [7.0 / 255.0; 12], "{header}");
    }
    for header in [
        "",
        "{",
        "{}",
        "{'descr': '|u1', 'shape': (4, 3)}",
        "{'descr': '|u1', 'fortran_order': 0, 'shape': (4, 3)}",
        "{'descr': '|u1' 'fortran_order': False, 'shape': (4, 3)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4, -3)}",
        "{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (4, 3)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': ((4, 3))}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 3",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 3), 'é': 1}",
        "('descr', '|u1')",
        "{é",
    ] {
        assert_error(decode_as(1, &file(header, &data)), &[PATH, "an array of plain numbers", "another header"]);
    }
    // Headers that keep readers of Python's literals busy.
    for nested in ["(", "{", "["].map(|bracket| bracket.repeat(60_000)) {
        assert_error(decode_as(1, &file(&nested, &data)), &["another header"]);
    }
    assert_error(decode_as(1, b"\x93NUMPY"), &["another header"]);
    assert_error(decode_as(1, b"\x93NUMPY\x02\0\xff\xff\xff\xff"), &["another header"]);
}

#[test]
fn another_shape_type_or_length_is_refused() {
    let file = |descr: &str, shape: &str, data: &[u8]| {
        file(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), data)
    };
    let huge = "(18446744073709551615, 18446744073709551615)";
    for (shape, seen) in [
        ("(3, 4)", "an array of 3 x 4"),
        ("(12,)", "an array of 12"),
        ("()", "an array of )"),
        ("(1, 1, 4, 3)", "1 x 1 x 4 x 3"),
        (huge, "an array of 18446744073709551615 x 18446744073709551615"),
    ] {
        assert_error(decode_as(1, &file("|u1", shape, &[0; 12])), &["an image of 1 x 4 x 3", seen]);
    }
    assert_error(decode_as(3, &file("|u1", "(4, 3)", &[0; 12])), &["an image of 3 x 4 x 3", "an array of 4 x 3"]);
    for descr in ["<i4", "|b1", "<f2", "<c8", "|S1", "<u1x"] {
        let expected = format!("(saw: one of type {descr})");
        assert_error(decode_as(1, &file(descr, "(4, 3)", &[0; 96])), &["an array of u8, f32 or f64", &expected]);
    }
    assert_error(decode_as(1, &fixture("npy", "objects").1), &["objects of Python, which are never loaded"]);
    for (descr, len) in [("|u1", 11), ("|u1", 13), ("<f4", 47), ("<f4", 50), ("<f8", 95), ("<f8", 0)] {
        let seen = format!("(saw: {len})");
        assert_error(decode_as(1, &file(descr, "(4, 3)", &vec![0; len])), &["bytes after the header", &seen]);
    }
}

#[test]
fn floats_that_are_no_pixels_are_refused() {
    for odd in [f32::NAN, f32::INFINITY, -0.001, 1.001, 255.0] {
        let data: Vec<u8> = [0.5, odd].repeat(6).iter().flat_map(|value| value.to_le_bytes()).collect();
        let file = file("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }", &data);
        assert_error(decode_as(1, &file), &[PATH, "floats in [0, 1]"]);
    }
}
