//! An image in a PNG, of whatever type and depth: grey, colour, palette, 1 to 16 bits; transparency is passed over, and so is
//! what the file says of the meaning of its colours.
//!
//! Programs that make PNGs smaller change their type as long as no pixel changes. So a grey image is one for a model of colours, its
//! three channels alike; and one whose three channels are alike is one for a model of grey.

use super::{of_byte, other_shape};
use crate::error::{Error, Result};
use png::{BitDepth, ColorType, Decoder, Info, Limits, Transformations};
use std::io::Cursor;
use std::path::Path;

/// The first bytes of the file.
pub const MAGIC: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Memory for what describes the pixels, a palette for one.
const MOST_BYTES: usize = 1 << 24;

/// The pixels (C, H, W) of the image of `shape` in the file `path`, which holds `bytes`.
///
/// # Errors
/// [`Error::File`] if they are no PNG, or of another shape.
pub fn decode(path: &Path, bytes: &[u8], shape: [usize; 3]) -> Result<Vec<f32>> {
    let no_png = |error: png::DecodingError| Error::file(path, "a PNG", error);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MOST_BYTES });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let seen = shape_of(decoder.read_header_info().map_err(no_png)?);
    let [channels, height, width] = shape;
    if seen[1..] != shape[1..] {
        return Err(other_shape(path, shape, format!("{} x {} x {}", seen[0], seen[1], seen[2])));
    }

    let mut reader = decoder.read_info().map_err(no_png)?;
    let (colour, depth) = reader.output_color_type();
    let size = reader.output_buffer_size().ok_or_else(|| Error::file(path, "a PNG", "too many pixels for memory"))?;
    let mut samples = vec![0; size];
    reader.next_frame(&mut samples).map_err(no_png)?;
    let samples: Vec<f32> = match depth {
        BitDepth::Sixteen => samples.chunks_exact(2).map(|two| of_two_bytes([two[0], two[1]])).collect(),
        _ => samples.into_iter().map(of_byte).collect(),
    };

    let pixels: Vec<&[f32]> = samples.chunks_exact(colour.samples()).collect();
    let plane = |channel: usize| pixels.iter().map(move |pixel| pixel[channel]);
    let is_grey = |pixel: &&[f32]| pixel[1] == pixel[0] && pixel[2] == pixel[0];
    match (channels, seen[0]) {
        (3, 3) => Ok((0..3).flat_map(plane).collect()),
        (1 | 3, 1) => Ok((0..channels).flat_map(|_| plane(0)).collect()),
        (1, 3) if pixels.iter().all(is_grey) => Ok(plane(0).collect()),
        (1, _) => Err(other_shape(path, shape, format!("3 x {height} x {width}, its channels not alike"))),
        _ => Err(other_shape(path, shape, format!("{} x {height} x {width}", seen[0]))),
    }
}

/// (C, H, W) without transparency; a palette is of colours.
fn shape_of(info: &Info<'_>) -> [usize; 3] {
    let channels = match info.color_type {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
        ColorType::Rgb | ColorType::Rgba | ColorType::Indexed => 3,
    };
    [channels, info.height as usize, info.width as usize]
}

/// The value of a sample of 16 bits.
fn of_two_bytes(sample: [u8; 2]) -> f32 {
    f32::from(u16::from_be_bytes(sample)) / 65_535.0
}
