//! An image in an array of NumPy (`numpy.save`): bytes, or floats in [0, 1].
//!
//! ```text
//! (C, H, W), (H, W, C), or (H, W) where C is 1
//! a shape that is both of the first two is (C, H, W)
//! ```

use super::{of_byte, other_shape};
use crate::error::{Error, Result};
use crate::files::npy::Header;
use std::path::Path;

/// The pixels (C, H, W) of the image of `shape` in `bytes`, the contents of the file `path`.
///
/// # Errors
/// [`Error::File`] if `bytes` are not an array of bytes or floats, the array has another shape, or a float is not in
/// [0, 1].
pub fn decode(path: &Path, bytes: &[u8], shape: [usize; 3]) -> Result<Vec<f32>> {
    let (Header { descr, is_fortran, shape: seen }, data) = Header::split(path, bytes)?;
    let strides = strides(&seen, is_fortran, shape).ok_or_else(|| {
        let sizes: Vec<String> = seen.iter().map(usize::to_string).collect();
        other_shape(path, shape, format!("an array of {}", sizes.join(" x ")))
    })?;
    let samples = samples(path, &descr, data, shape.iter().product())?;
    let [channels, height, width] = shape;
    let places = (0..channels).flat_map(|c| (0..height).flat_map(move |h| (0..width).map(move |w| [c, h, w])));
    let place = |at: [usize; 3]| at.iter().zip(strides).map(|(at, stride)| at * stride).sum::<usize>();
    Ok(places.map(|at| samples[place(at)]).collect())
}

/// The distance in the file between elements that are neighbours along C, H and W; none if an array of shape `seen` is
/// not an image of shape (C, H, W).
fn strides(seen: &[usize], is_fortran: bool, [channels, height, width]: [usize; 3]) -> Option<[usize; 3]> {
    // The dimension of the array that is C, H and W; a missing channel dimension counts as a last dimension of size 1.
    let directions = if seen == [channels, height, width] {
        [0, 1, 2]
    } else if seen == [height, width, channels] || (seen == [height, width] && channels == 1) {
        [2, 0, 1]
    } else {
        return None;
    };
    let faster = |direction: usize| match is_fortran {
        true => seen[..direction].iter().product(),
        false => seen.get(direction + 1..).unwrap_or(&[]).iter().product(),
    };
    Some(directions.map(faster))
}

/// The elements of the array, in the order of the file.
fn samples(path: &Path, descr: &str, data: &[u8], elements: usize) -> Result<Vec<f32>> {
    let bytes = match descr {
        "|u1" => 1,
        "<f4" | ">f4" => 4,
        "<f8" | ">f8" => 8,
        "|O" => {
            return Err(Error::file(path, "an array of u8, f32 or f64", "objects of Python, which are never loaded"));
        }
        _ => return Err(Error::file(path, "an array of u8, f32 or f64", format!("one of type {descr}"))),
    };
    if data.len() != elements * bytes {
        return Err(Error::file(path, format!("{} bytes after the header", elements * bytes), data.len()));
    }
    let float = |sample: f64| match (0.0..=1.0).contains(&sample) {
        true => Ok(sample as f32),
        false => Err(Error::file(path, "floats in [0, 1]: pixels divided by 255", sample)),
    };
    let (fours, eights) = (data.as_chunks().0.iter().copied(), data.as_chunks().0.iter().copied());
    match descr {
        "<f4" => fours.map(|bytes| float(f32::from_le_bytes(bytes).into())).collect(),
        ">f4" => fours.map(|bytes| float(f32::from_be_bytes(bytes).into())).collect(),
        "<f8" => eights.map(|bytes| float(f64::from_le_bytes(bytes))).collect(),
        ">f8" => eights.map(|bytes| float(f64::from_be_bytes(bytes))).collect(),
        _ => Ok(data.iter().copied().map(of_byte).collect()),
    }
}
