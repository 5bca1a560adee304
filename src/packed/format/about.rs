//! The block about a model: the training data and the network's text, compressed together.

use super::parts::{Reader, push_short_text};
use crate::error::{Error, Result};
use crate::nets::text::LONGEST_TEXT;
use crate::train::data::TrainedOn;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// The most classes whose names a file can hold: their number is written in two bytes.
const MOST_CLASSES: usize = 65_535;
/// The most bytes that describe the data: a flag, a name, a checksum, a number of classes, their names.
const LONGEST_DATA: usize = 1 + 256 + 4 + 2 + 256 * MOST_CLASSES;

/// The compressed block about a model.
pub(super) fn to_bytes(trained_on: Option<&TrainedOn>, text: &str) -> Vec<u8> {
    let mut bytes = vec![trained_on.is_some().into()];
    if let Some(TrainedOn { name, checksum, classes }) = trained_on {
        push_short_text(&mut bytes, name);
        bytes.extend(checksum.to_le_bytes());
        let classes = &classes[..classes.len().min(MOST_CLASSES)];
        bytes.extend((classes.len() as u16).to_le_bytes());
        classes.iter().for_each(|class| push_short_text(&mut bytes, class));
    }
    bytes.extend(text.as_bytes());
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes).and_then(|()| encoder.finish()).expect("a vector takes all")
}

/// The data and the text of a compressed block.
///
/// # Errors
/// [`Error::File`] if the bytes are not such a block.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<(Option<TrainedOn>, String)> {
    let block = inflate(bytes, LONGEST_DATA + LONGEST_TEXT)
        .map_err(|error| Error::file(path, "a block about the model, compressed by zlib", error))?;
    let mut reader = Reader { path, rest: &block };
    let trained_on = if reader.flag("data")? { Some(data(&mut reader)?) } else { None };
    let text = str::from_utf8(reader.rest).map_err(|error| reader.error("a network's text in UTF-8", error))?;
    Ok((trained_on, text.to_string()))
}

fn data(reader: &mut Reader<'_>) -> Result<TrainedOn> {
    let name = reader.short_text("data")?;
    let checksum = reader.word("checksum of the data")? as u32;
    let count = reader.number(2, "number of classes")?;
    let classes = (0..count).map(|_| reader.short_text("class names")).collect::<Result<_>>()?;
    Ok(TrainedOn { name, checksum, classes })
}

/// The text of a network in a file of version 3, which compresses only the text.
///
/// # Errors
/// [`Error::File`] if the bytes are not such a text.
pub(super) fn read_text(path: &Path, bytes: &[u8]) -> Result<String> {
    let invalid = |error| std::io::Error::new(ErrorKind::InvalidData, error);
    inflate(bytes, LONGEST_TEXT)
        .and_then(|text| String::from_utf8(text).map_err(invalid))
        .map_err(|error| Error::file(path, "a network's text, compressed by zlib", error))
}

/// The decompressed bytes, or the first `most` + 1 if there are more.
///
/// # Errors
/// If the bytes are not exactly one compressed block.
fn inflate(bytes: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    let (mut block, mut decoder) = (Vec::new(), ZlibDecoder::new(bytes));
    decoder.by_ref().take(most as u64 + 1).read_to_end(&mut block)?;
    if block.len() <= most && decoder.total_in() != bytes.len() as u64 {
        let more = bytes.len() as u64 - decoder.total_in();
        return Err(std::io::Error::new(ErrorKind::InvalidData, format!("{more} bytes after it")));
    }
    Ok(block)
}
