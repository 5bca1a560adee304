//! The image in a file, as pixels (C, H, W) in [0, 1]: a PNG or JPEG, an array of NumPy, or the bytes alone.
//!
//! What the file holds must have the shape asked for: nothing is scaled or cropped. Its sizes are compared with that shape before
//! anything is unpacked, so that a small file cannot ask for much memory.

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

/// What a PNG or JPEG may hold beside its pixels, and what compressing noise adds to them.
const OTHER_BYTES: u64 = 1 << 24;
/// The bytes of the widest pixel of a PNG, four samples of 16 bits; no sample of an array has more.
const WIDEST: u64 = 8;

/// Reads an image of `shape` (C, H, W). A file called `.raw` or `.bin` is its bytes; PNG, JPEG and NumPy's `.npy` are recognized by
/// their first bytes.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::File`] if it is none of these or not of that shape.
pub fn read(path: &Path, shape: [usize; 3]) -> Result<Vec<f32>> {
    if path.is_dir() {
        return Err(Error::file(path, "the file of an image; --data takes a data set", "a directory"));
    }
    let elements = shape.iter().fold(1, |product: u64, size| product.saturating_mul(*size as u64));
    let bytes = read_file(path, elements.saturating_mul(WIDEST).saturating_add(OTHER_BYTES))?;
    decode(path, &bytes, shape)
}

/// The pixels of the image of `shape` whose file, called `path`, holds `bytes`.
///
/// # Errors
/// [`Error::File`] if they are no such image.
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

/// An image of another shape than that asked for.
fn other_shape(path: &Path, [channels, height, width]: [usize; 3], seen: impl ToString) -> Error {
    let expected = format!("an image of {channels} x {height} x {width}, channels by height by width");
    Error::file(path, expected, seen)
}

/// The value of a sample of eight bits, as of the images of a data set.
fn of_byte(sample: u8) -> f32 {
    f32::from(sample) / 255.0
}
