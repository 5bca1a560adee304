//! One image in a PNG or JPEG file.

use std::io::ErrorKind;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use crate::error::{Error, Result};

/// The most columns and rows that an image may have.
const MOST: u32 = 1 << 14;

/// What the beginning of a file tells of its image.
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
/// [`Error::File`] if it is not the beginning of a PNG or JPEG file, or tells of more than 16,384 rows or columns; [`Error::Io`] if
/// the system refuses to open or read it.
pub fn header(path: &Path) -> Result<Header> {
    let decoder = decoder(path)?;
    let (width, height) = decoder.dimensions();
    Ok(Header { height: height as usize, width: width as usize, is_colour: decoder.color_type().has_color() })
}

/// The pixels (C, H, W) of the image in a file: its brightness for one channel, its red, green and blue for three. Numbers of sixteen
/// bits are rounded to eight.
///
/// # Errors
/// Those of [`header`]; [`Error::File`] if it cannot be decoded or is transparent anywhere.
///
/// # Panics
/// If `channels` is neither 1 nor 3.
pub fn pixels(path: &Path, channels: usize) -> Result<Vec<u8>> {
    let picture = DynamicImage::from_decoder(decoder(path)?).map_err(|error| undecodable(path, error))?;
    if picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] != u8::MAX) {
        return Err(Error::file(path, "an image without transparent pixels", "one with some"));
    }
    match channels {
        1 => Ok(picture.into_luma8().into_raw()),
        3 => {
            let by_pixel = picture.into_rgb8().into_raw();
            let channel = |channel: usize| by_pixel[channel..].iter().step_by(3).copied();
            Ok((0..3).flat_map(channel).collect())
        }
        _ => panic!("an image of 1 or 3 channels, not of {channels}"),
    }
}

fn decoder(path: &Path) -> Result<impl ImageDecoder> {
    let open = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let mut reader = open.map_err(|source| Error::io(path, source))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MOST), Some(MOST));
    reader.limits(limits);
    reader.into_decoder().map_err(|error| undecodable(path, error))
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
