//! Files of a data set, which may be there raw or as `.gz`.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};

/// The first file that is there: `names` in their order raw, then in their order with `.gz`.
///
/// # Errors
/// [`Error::File`] if it is a directory, [`Error::Io`] if the system refuses to look.
pub fn look(dir: &Path, names: &[&str]) -> Result<Option<PathBuf>> {
    for ending in ["", ".gz"] {
        for name in names {
            let path = dir.join(format!("{name}{ending}"));
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => return Err(Error::file(&path, "a file", "a directory")),
                Ok(_) => return Ok(Some(path)),
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(&path, e)),
            }
        }
    }
    Ok(None)
}

/// As [`look`], for a file that must be there; the error calls it by the first name.
///
/// # Errors
/// As [`look`], and [`Error::File`] if there is none.
pub fn find(dir: &Path, names: &[&str]) -> Result<PathBuf> {
    let name = names.first().unwrap_or(&"");
    look(dir, names)?.ok_or_else(|| Error::file(dir, format!("{name} or {name}.gz in it"), "neither"))
}

/// Whether `path` is unpacked by [`open`].
pub fn is_gz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// The contents of a file, those of a `.gz` unpacked as they are read: how much may come of it is the reader's to limit.
///
/// # Errors
/// [`Error::Io`] if the system refuses.
pub fn open(path: &Path) -> Result<Box<dyn Read>> {
    open_as(path, is_gz(path))
}

/// As [`open`], whatever the name says.
///
/// # Errors
/// [`Error::Io`] if the system refuses.
pub fn open_as(path: &Path, is_gz: bool) -> Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    Ok(if is_gz { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}
