//! Files that are never half-written: the bytes go beside the file, are synced, and take its name in one step.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Replaces the contents of `path`, or leaves it as it was.
///
/// # Errors
/// [`Error::Io`] if the system refuses; nothing is left beside the file then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = part(path);
    File::create(&part).and_then(|file| finish(file, bytes, &part, path)).map_err(|source| Error::io(path, source))
}

/// Makes the file `path`; false if it is there already. Of several processes that make it at once, one does.
///
/// # Errors
/// [`Error::Io`] if the system refuses; nothing is left behind then.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    let part = part(path);
    // Who has made this file is alone until it is renamed.
    match File::create_new(&part) {
        Ok(_) if path.exists() => fs::remove_file(&part).map(|()| false),
        Ok(file) => finish(file, bytes, &part, path).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
    .map_err(|source| Error::io(path, source))
}

/// Where the bytes of `path` go first.
fn part(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

fn finish(mut file: File, bytes: &[u8], part: &Path, path: &Path) -> io::Result<()> {
    file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(part, path)).inspect_err(|_| {
        // The first error is the one to report.
        let _ = fs::remove_file(part);
    })
}
