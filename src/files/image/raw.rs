//! An image as raw bytes, one byte per pixel and channel: channel by channel, row by row. Byte 255 is the value 1.

use super::{of_byte, other_shape};
use crate::error::Result;
use std::path::Path;

/// The pixels (C, H, W) of the image of `shape` in `bytes`, the contents of the file `path`.
///
/// # Errors
/// [`Error::File`](crate::Error::File) if there is not exactly one byte per pixel and channel.
pub fn decode(path: &Path, bytes: &[u8], shape: [usize; 3]) -> Result<Vec<f32>> {
    let elements: usize = shape.iter().product();
    if bytes.len() != elements {
        return Err(other_shape(path, shape, format!("{} bytes instead of {elements}", bytes.len())));
    }
    Ok(bytes.iter().copied().map(of_byte).collect())
}
