//! An image in an array of NumPy (`numpy.save`), of the same numbers as the images of an
//! [`.npz`](crate::train::data::npz): whole numbers from 0 to 255, booleans or whole numbers of which the largest is 1,
//! or floats from 0 to 1, or from 0 to 255 with one above 128.
//!
//! ```text
//! (C, H, W), (H, W, C), or (H, W) where C is 1
//! a shape that is both of the first two is (C, H, W)
//! ```

use super::other_shape;
use crate::error::{Error, Result};
use crate::files::npy::{Array, Header, Values};
use std::path::Path;

/// The pixels (C, H, W) of the image of `shape` in `bytes`, the contents of the file `path`.
///
/// # Errors
/// [`Error::File`] if `bytes` are not an array of such numbers, or the array has another shape.
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

/// The elements of the array as pixels in [0, 1], in the order of the file.
fn samples(path: &Path, descr: &str, mut data: &[u8], elements: usize) -> Result<Vec<f32>> {
    let array = Array { path, what: "an array", name: "the array", descr };
    let values = array.read(elements, &mut data)?;
    let scale = values
        .scale()
        .map_err(|seen| Error::file(path, "floats from 0 to 1, or from 0 to 255 with one above 128", seen))?;
    let largest = 255.0 / scale;
    let pixel = |value: f64| match (0.0..=largest).contains(&value) {
        true => Ok((value / largest) as f32),
        false => Err(Error::file(path, format!("numbers from 0 to {largest}"), value)),
    };
    match values {
        Values::Bytes(bytes) => bytes.into_iter().map(|byte| pixel(byte.into())).collect(),
        Values::Integers(integers) => integers.into_iter().map(|integer| pixel(integer as f64)).collect(),
        Values::Floats(floats) => floats.into_iter().map(|float| pixel(float.into())).collect(),
    }
}
