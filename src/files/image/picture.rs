//! Reads an image in a PNG or JPEG file, for training and prediction alike: samples of eight bits; samples of sixteen
//! bits are rounded.
//!
//! Programs that make PNGs smaller may change the type of a PNG without changing a pixel. So a model of colour images
//! also takes a grey image, with three equal channels, and a model of grey images also takes an image whose three
//! channels are equal. An image with transparent pixels, which have no colour, is refused.

use super::{of_byte, other_shape};
use crate::error::{Error, Result};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Seek};
use std::path::Path;

/// The largest number of columns and of rows of an image.
const MOST: u32 = 1 << 14;

/// The size and the kind of an image, as the beginning of its file gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// H.
    pub height: usize,
    /// W.
    pub width: usize,
    /// Whether it has colours.
    pub is_colour: bool,
}

/// The size of the image in a file and whether it has colours, without its pixels.
///
/// # Errors
/// [`Error::File`] if the file does not begin like a PNG or JPEG file, or has more than 16,384 rows or columns;
/// [`Error::Io`] if it cannot be opened or read.
pub fn header(path: &Path) -> Result<Header> {
    Ok(header_of(&decoder(path, open(path)?)?))
}

/// The samples (C, H, W) of the image in a file: red, green and blue for three channels, its brightness for one.
///
/// # Errors
/// The errors of [`header`]; [`Error::File`] if the image cannot be decoded, has a transparent pixel, or has colours
/// and `channels` is 1.
///
/// # Panics
/// If `channels` is neither 1 nor 3.
pub fn samples(path: &Path, channels: usize) -> Result<Vec<u8>> {
    samples_of(path, decoder(path, open(path)?)?, channels)
}

/// The pixels (C, H, W) of the image of `shape` in `bytes`, the contents of the file `path`.
///
/// # Errors
/// The errors of [`samples`], and [`Error::File`] if the image has another shape.
pub fn decode(path: &Path, bytes: &[u8], shape: [usize; 3]) -> Result<Vec<f32>> {
    let decoder = decoder(path, Cursor::new(bytes))?;
    let ([channels, height, width], seen) = (shape, header_of(&decoder));
    if (seen.height, seen.width) != (height, width) || ![1, 3].contains(&channels) {
        let colours = if seen.is_colour { 3 } else { 1 };
        return Err(other_shape(path, shape, format!("{colours} x {} x {}", seen.height, seen.width)));
    }
    Ok(samples_of(path, decoder, channels)?.into_iter().map(of_byte).collect())
}

fn open(path: &Path) -> Result<BufReader<File>> {
    File::open(path).map(BufReader::new).map_err(|source| Error::io(path, source))
}

fn decoder<'a>(path: &Path, file: impl BufRead + Seek + 'a) -> Result<impl ImageDecoder + 'a> {
    let mut reader = ImageReader::new(file).with_guessed_format().map_err(|source| Error::io(path, source))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MOST), Some(MOST));
    reader.limits(limits);
    reader.into_decoder().map_err(|error| undecodable(path, error))
}

fn header_of(decoder: &impl ImageDecoder) -> Header {
    let (width, height) = decoder.dimensions();
    Header { height: height as usize, width: width as usize, is_colour: decoder.color_type().has_color() }
}

fn samples_of(path: &Path, decoder: impl ImageDecoder, channels: usize) -> Result<Vec<u8>> {
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| undecodable(path, error))?;
    if picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] != u8::MAX) {
        return Err(Error::file(path, "an image without transparent pixels", "one with some"));
    }
    if channels == 1 && !picture.color().has_color() {
        return Ok(picture.into_luma8().into_raw());
    }
    let by_pixel = picture.into_rgb8().into_raw();
    let channel = |channel: usize| by_pixel[channel..].iter().step_by(3).copied();
    match channels {
        1 if by_pixel.chunks_exact(3).all(|pixel| pixel[1] == pixel[0] && pixel[2] == pixel[0]) => {
            Ok(channel(0).collect())
        }
        1 => Err(Error::file(path, "a grey image", "one whose channels are not alike")),
        3 => Ok((0..3).flat_map(channel).collect()),
        _ => panic!("an image of 1 or 3 channels, not of {channels}"),
    }
}

fn undecodable(path: &Path, error: ImageError) -> Error {
    match error {
        ImageError::IoError(source) if source.raw_os_error().is_some() => Error::io(path, source),
        ImageError::IoError(source) if source.kind() == ErrorKind::UnexpectedEof => {
            Error::file(path, "a whole PNG or JPEG image", "the end of the file")
        }
        error => Error::file(path, "a PNG or JPEG image", error),
    }
}
