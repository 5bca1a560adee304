//! Files read as a whole, up to a size that none of their kind reaches: a sparse file or a device costs no memory.

use crate::error::{Error, Result};
use crate::reserve::reserve;
use safetensors::tensor::Metadata as Header;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

/// For tensors: a hundred million weights with their moments.
pub const TENSORS: u64 = 1 << 32;
/// For the metrics of a run and packed models.
pub const LARGE: u64 = 1 << 30;
/// For a configuration.
pub const SMALL: u64 = 1 << 20;

/// For the header of a file of tensors: some 30,000 of them.
pub const HEADER: u64 = 1 << 22;

/// The bytes of the file, of which there may be `most`.
///
/// # Errors
/// [`Error::File`] if there are more, [`Error::Io`] if the system refuses, [`Error::Memory`] if there is too little for them.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let io = |source| Error::io(path, source);
    let too_long = |seen: String| Error::file(path, format!("at most {most} bytes"), seen);
    let (file, length) = open(path)?;
    if length.unwrap_or(0) > most {
        return Err(too_long(length.unwrap_or(0).to_string()));
    }
    // A pipe has no length of its own, and a file may still grow.
    let mut bytes = reserve(length.unwrap_or(0) as usize, || path.display().to_string())?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most { Err(too_long("more".to_string())) } else { Ok(bytes) }
}

/// The bytes of a safetensors file: the length of its header, the header, and as many bytes as that tells of. What is longer
/// or shorter is refused before its tensors are read.
///
/// # Errors
/// [`Error::File`] if it is no such file, its header has more than [`HEADER`] bytes or the file more than [`TENSORS`];
/// [`Error::Io`] if the system refuses, [`Error::Memory`] if there is too little for it.
pub fn read_tensors(path: &Path) -> Result<Vec<u8>> {
    let io = |source| Error::io(path, source);
    let no_such_file = |seen: String| Error::file(path, "a safetensors file", seen);
    let (mut file, length) = open(path)?;
    let mut bytes = Vec::new();
    let mut take = |count: u64, bytes: &mut Vec<u8>| {
        file.by_ref().take(count).read_to_end(bytes).map(|read| read as u64 == count).map_err(io)
    };
    if !take(LENGTH, &mut bytes)? {
        return Err(no_such_file(format!("{} bytes", bytes.len())));
    }
    let header = bytes.iter().rev().fold(0, |length, byte| length << 8 | u64::from(*byte));
    if header > HEADER {
        return Err(Error::file(path, format!("a safetensors file with a header of at most {HEADER} bytes"), header));
    }
    if !take(header, &mut bytes)? {
        return Err(no_such_file(format!("{} bytes, in a header of {header}", bytes.len())));
    }
    let tensors: Header =
        serde_json::from_slice(&bytes[LENGTH as usize..]).map_err(|error| no_such_file(error.to_string()))?;
    let data = tensors.data_len() as u64;
    let whole = (LENGTH + header).saturating_add(data);
    if whole > TENSORS {
        return Err(Error::file(path, format!("at most {TENSORS} bytes"), format!("{whole}, by its header")));
    }
    let other_length = |seen: String| Error::file(path, format!("a safetensors file of {whole} bytes"), seen);
    if let Some(length) = length.filter(|length| *length != whole) {
        return Err(other_length(length.to_string()));
    }
    let mut all = reserve(whole as usize, || path.display().to_string())?;
    all.append(&mut bytes);
    if !take(data, &mut all)? {
        return Err(other_length(all.len().to_string()));
    }
    // A pipe may hold more, and a file may have grown.
    if take(1, &mut all)? { Err(other_length("more".to_string())) } else { Ok(all) }
}

/// Of the number that a safetensors file begins with.
const LENGTH: u64 = 8;

/// Opens a file, and tells its length unless it is a pipe.
fn open(path: &Path) -> Result<(File, Option<u64>)> {
    let io = |source| Error::io(path, source);
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if is_device(&metadata) {
        return Err(Error::file(path, "a file", "a device"));
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok((file, length))
}

/// Whether it has no end.
#[cfg(unix)]
fn is_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_char_device() || metadata.file_type().is_block_device()
}

/// Other systems name no devices in directories.
#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}
