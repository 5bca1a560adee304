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
    for descr in ["<f16", "<c8", "|S1", "<u1x", "", "é1"] {
        let expected = format!("(saw: elements of type {descr})");
        assert_error(decode_as(1, &file(descr, "(4, 3)", &[0; 96])), &["an array of u8, i64, f16, f32", &expected]);
    }
    assert_error(decode_as(1, &fixture("npy", "objects").1), &["pickled objects, which are never loaded"]);
    for (descr, len, whole, seen) in [
        ("|u1", 11, 12, "0 bytes, then"),
        ("|u1", 13, 12, "more"),
        ("<f4", 47, 48, "0 bytes, then"),
        ("<f4", 50, 48, "more"),
        ("<f8", 95, 96, "0 bytes, then"),
        ("<f8", 0, 96, "0 bytes, then"),
    ] {
        let expected = format!("the array of {whole} bytes after its header");
        assert_error(decode_as(1, &file(descr, "(4, 3)", &vec![0; len])), &[&expected, seen]);
    }
}

#[test]
fn floats_that_are_no_pixels_are_refused() {
    for (odd, expected) in [
        (f32::NAN, "finite numbers in the array (saw: NaN at index 1)"),
        (f32::INFINITY, "finite numbers in the array (saw: inf at index 1)"),
        (-0.001, "numbers from 0 to 1 (saw: -0.001"),
        (1.001, "or from 0 to 255 with one above 128 (saw: numbers up to 1.001)"),
        (256.0, "numbers from 0 to 255 (saw: 256)"),
    ] {
        let data: Vec<u8> = [0.5, odd].repeat(6).iter().flat_map(|value| value.to_le_bytes()).collect();
        let file = file("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }", &data);
        assert_error(decode_as(1, &file), &[PATH, expected]);
    }
}

/// The same pixels as numbers of every type; the largest of the two-coloured ones is 1.
#[test]
fn numbers_of_every_type_are_scaled_as_in_a_data_set() {
    let file = |descr: &str, numbers: &[[u8; 2]]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (4, 3), }}");
        let width = descr[2..].parse::<usize>().unwrap();
        let bytes = numbers.iter().flat_map(|[low, high]| {
            // Whole numbers, little-endian; F16 has two bytes.
            let mut number = vec![0; width];
            number[0] = *low;
            if width > 1 {
                number[1] = *high;
            }
            if descr.starts_with('>') {
                number.reverse();
            }
            number
        });
        self::file(&header, &bytes.collect::<Vec<u8>>())
    };
    let pixels: Vec<[u8; 2]> = [0, 7, 127].repeat(4).into_iter().map(|pixel| [pixel, 0]).collect();
    let expected: Vec<f32> = [0, 7, 127].repeat(4).into_iter().map(|pixel: u8| f32::from(pixel) / 255.0).collect();
    let colours: Vec<[u8; 2]> = [0, 1, 1].repeat(4).into_iter().map(|colour| [colour, 0]).collect();
    let of_colours = [0.0, 1.0, 1.0].repeat(4);
    for descr in ["|u1", "|i1", "<u2", "<i2", ">i2", "<u4", "<i4", "<u8", "<i8", ">i8"] {
        assert_eq!(decode_as(1, &file(descr, &pixels)).unwrap(), expected, "{descr}");
        assert_eq!(decode_as(1, &file(descr, &colours)).unwrap(), of_colours, "{descr}");
    }
    assert_eq!(decode_as(1, &file("|b1", &colours)).unwrap(), of_colours);
    // F16: 0x3c00 is 1, 0x3800 is 1/2, 0x5bf8 is 255.
    let halves = |bits: u16| [0, bits, bits].repeat(4).into_iter().map(u16::to_le_bytes).collect::<Vec<_>>();
    assert_eq!(decode_as(1, &file("<f2", &halves(0x3c00))).unwrap(), of_colours);
    assert_eq!(decode_as(1, &file("<f2", &halves(0x3800))).unwrap(), [0.0, 0.5, 0.5].repeat(4));
    assert_eq!(decode_as(1, &file("<f2", &halves(0x5bf8))).unwrap(), of_colours);
    assert_error(decode_as(1, &file("<i2", &halves(0x0100))), &["numbers from 0 to 255 (saw: 256)"]);
    assert_error(decode_as(1, &file("<i2", &halves(0xffff))), &["numbers from 0 to 255 (saw: -1)"]);
}
