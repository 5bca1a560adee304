//! Files that are never half-written: the bytes go beside the file, are synced, and take its name in one step.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Replaces the contents of `path`, or leaves it as it was.
///
/// # Errors
/// [`Error::Io`] if the system refuses; nothing is left beside the file then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = File::create(&part)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        // The first error is the one to report.
        let _ = fs::remove_file(&part);
        Error::io(path, source)
    })
}
