//! Reads whole files, up to a size that no proper file of their kind reaches: a sparse file or a device costs no
//! memory.

use crate::error::{Error, Result};
use crate::reserve::reserve;
use safetensors::tensor::Metadata as Header;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

/// The largest file of tensors, in bytes: a hundred million weights with their moments.
pub const TENSORS: u64 = 1 << 32;
/// The largest file of a run's metrics, and the largest packed model, in bytes.
pub const LARGE: u64 = 1 << 30;
/// The largest configuration, in bytes.
pub const SMALL: u64 = 1 << 20;

/// The largest header of a file of tensors, in bytes: some 30,000 tensors.
pub const HEADER: u64 = 1 << 22;

/// The bytes of a file of at most `most` bytes.
///
/// # Errors
/// [`Error::File`] if the file has more bytes, or is a directory or a device; [`Error::Io`] if a system call fails,
/// [`Error::Memory`] if there is too little memory.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let io = |source| Error::io(path, source);
    let too_long = |seen: String| Error::file(path, format!("at most {most} bytes"), seen);
    let (file, length) = open(path)?;
    if length.unwrap_or(0) > most {
        return Err(too_long(length.unwrap_or(0).to_string()));
    }
    // A pipe has no length, and a file may still grow.
    let mut bytes = reserve(length.unwrap_or(0) as usize, || path.display().to_string())?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most { Err(too_long("more".to_string())) } else { Ok(bytes) }
}

/// The bytes of a safetensors file: the length of its header, the header, and the tensors. A file whose length is not
/// the length in its header is rejected before the tensors are read.
///
/// # Errors
/// [`Error::File`] if it is a directory, a device or not a safetensors file, its header has more than [`HEADER`] bytes,
/// or the file has more than [`TENSORS`]; [`Error::Io`] if a system call fails, [`Error::Memory`] if there is too little
/// memory.
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
        // The first bytes of a file of another kind, read as a length, usually give one beyond the file's end.
        if length.is_some_and(|length| header > length) {
            return Err(no_such_file("a file of another kind".to_string()));
        }
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
    // A pipe may contain more bytes, and a file may have grown.
    if take(1, &mut all)? { Err(other_length("more".to_string())) } else { Ok(all) }
}

/// The bytes of the number that a safetensors file begins with, the length of its header.
const LENGTH: u64 = 8;

/// Opens a file, and returns its length too unless it is a pipe.
fn open(path: &Path) -> Result<(File, Option<u64>)> {
    let io = |source| Error::io(path, source);
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    for (is_other, seen) in [(metadata.is_dir(), "a directory"), (is_device(&metadata), "a device")] {
        if is_other {
            return Err(Error::file(path, "a file", seen));
        }
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok((file, length))
}

/// Whether it is a device, which may have no end.
#[cfg(unix)]
fn is_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_char_device() || metadata.file_type().is_block_device()
}

/// On other systems devices are not files of a directory.
#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}
