//! Files read as a whole, up to a size that none of their kind reaches: a sparse file or a device costs no memory.

use crate::error::{Error, Result};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

/// For tensors: a hundred million weights with their moments.
pub const TENSORS: u64 = 1 << 32;
/// For the metrics of a run and packed models.
pub const LARGE: u64 = 1 << 30;
/// For a configuration.
pub const SMALL: u64 = 1 << 20;

/// The bytes of the file, of which there may be `most`.
///
/// # Errors
/// [`Error::File`] if there are more, [`Error::Io`] if the system refuses.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let io = |source| Error::io(path, source);
    let too_long = |seen: String| Error::file(path, format!("at most {most} bytes"), seen);
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if is_device(&metadata) {
        return Err(Error::file(path, "a file", "a device"));
    }
    let length = metadata.len();
    if length > most {
        return Err(too_long(length.to_string()));
    }
    // A pipe has no length of its own, and a file may still grow.
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most { Err(too_long("more".to_string())) } else { Ok(bytes) }
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
