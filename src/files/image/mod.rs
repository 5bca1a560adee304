//! Reads the image in a file, as pixels (C, H, W) in [0, 1]: a PNG or JPEG, an array of NumPy, or raw bytes.
//!
//! The image must have the shape that the caller gives: it is not scaled or cropped. Its sizes are compared with that
//! shape before it is unpacked, so that a small file cannot take much memory.

pub mod npy;
pub mod picture;
pub mod raw;

use super::npy::MAGIC;
use super::read::read as read_file;
use crate::error::{Error, Result};
use std::path::Path;

/// The first bytes of a PNG and of a JPEG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";

/// The bytes that a PNG or JPEG may have besides its pixels, including what compressing noise adds.
const OTHER_BYTES: u64 = 1 << 24;
/// The bytes of the widest pixel of a PNG, four samples of 16 bits; no sample of an array has more.
const WIDEST: u64 = 8;

/// Reads an image of `shape` (C, H, W). A file whose name ends in `.raw` or `.bin` is raw bytes; PNG, JPEG and NumPy's
/// `.npy` are recognized by their first bytes.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::File`] if it is none of these or has another shape.
pub fn read(path: &Path, shape: [usize; 3]) -> Result<Vec<f32>> {
    if path.is_dir() {
        return Err(Error::file(path, "the file of an image; --data takes a data set", "a directory"));
    }
    let elements = shape.iter().fold(1, |product: u64, size| product.saturating_mul(*size as u64));
    let bytes = read_file(path, elements.saturating_mul(WIDEST).saturating_add(OTHER_BYTES))?;
    decode(path, &bytes, shape)
}

/// The pixels of the image of `shape` in `bytes`, the contents of the file `path`.
///
/// # Errors
/// [`Error::File`] if `bytes` are not such an image.
pub fn decode(path: &Path, bytes: &[u8], shape: [usize; 3]) -> Result<Vec<f32>> {
    let is_called = |extension: &str| path.extension().is_some_and(|there| there.eq_ignore_ascii_case(extension));
    if is_called("raw") || is_called("bin") {
        raw::decode(path, bytes, shape)
    } else if bytes.starts_with(PNG) || bytes.starts_with(JPEG) {
        picture::decode(path, bytes, shape)
    } else if bytes.starts_with(&MAGIC) {
        npy::decode(path, bytes, shape)
    } else {
        let expected = "a PNG or JPEG, NumPy's .npy, or bytes in a file called .raw or .bin";
        Err(Error::file(path, expected, "another kind of file"))
    }
}

/// The error for an image of another shape.
fn other_shape(path: &Path, [channels, height, width]: [usize; 3], seen: impl ToString) -> Error {
    let expected = format!("an image of {channels} x {height} x {width}, channels by height by width");
    Error::file(path, expected, seen)
}

/// The value in [0, 1] of a sample of eight bits, the same as for the images of a data set.
fn of_byte(sample: u8) -> f32 {
    f32::from(sample) / 255.0
}
