//! Files of a data set, raw or compressed as `.gz`.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::gz::GzReader;
use crate::error::{Error, Result};

/// The path of the first file that exists: first `names` in their order, then `names` with `.gz` in the same order.
///
/// # Errors
/// [`Error::File`] if it is a directory, [`Error::Io`] if the system cannot tell whether a file exists.
pub fn look(dir: &Path, names: &[impl Display]) -> Result<Option<PathBuf>> {
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

/// Like [`look`], for a file that must exist; the error names it by the first name.
///
/// # Errors
/// The errors of [`look`], and [`Error::File`] if there is none.
pub fn find(dir: &Path, names: &[impl Display]) -> Result<PathBuf> {
    let name = names.first().map(ToString::to_string).unwrap_or_default();
    look(dir, names)?.ok_or_else(|| Error::file(dir, format!("{name} or {name}.gz in it"), "neither"))
}

/// Whether [`open`] unpacks `path`: its name ends in `.gz`.
pub fn is_gz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// A reader of a file's contents, which unpacks a `.gz`. It does not limit how much a `.gz` unpacks to: the caller
/// does.
///
/// # Errors
/// [`Error::File`] if the file is packed and its name does not end in `.gz`, or the reverse, or it is an HTML page,
/// which servers send in place of a file; [`Error::Io`] if a system call fails.
pub fn open(path: &Path) -> Result<Box<dyn Read>> {
    let io = |source| Error::io(path, source);
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let start = file.fill_buf().map_err(io)?;
    let text = start.trim_ascii_start();
    let begins_with = |tag: &[u8]| text.len() >= tag.len() && text[..tag.len()].eq_ignore_ascii_case(tag);
    let is_packed = start.starts_with(&GZIP);
    if begins_with(b"<!doctype") || begins_with(b"<html") {
        return Err(Error::file(path, "a file of a data set", "an HTML page"));
    }
    match (is_gz(path), is_packed) {
        (false, true) => Err(Error::file(path, "an unpacked file, or a name that ends in .gz", "a gzip file")),
        (true, false) if !start.is_empty() => {
            let bytes: Vec<String> = start.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            let expected = "a gzip file, or a name that does not end in .gz";
            Err(Error::file(path, expected, format!("a file that begins with {}", bytes.join(" "))))
        }
        (is_gz, _) => Ok(unpacked(file, is_gz)),
    }
}

/// Like [`open`], for a file that is packed if `is_gz`, whatever its name and contents.
///
/// # Errors
/// [`Error::Io`] if a system call fails.
#[cfg(feature = "download")]
pub fn open_as(path: &Path, is_gz: bool) -> Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    Ok(unpacked(file, is_gz))
}

/// The first two bytes of every gzip file.
const GZIP: [u8; 2] = [0x1F, 0x8B];

fn unpacked(file: BufReader<File>, is_gz: bool) -> Box<dyn Read> {
    if is_gz { Box::new(GzReader::new(file)) } else { Box::new(file) }
}

/// The names of the entries of a directory, in ascending order; in a name, U+FFFD replaces bytes that are not UTF-8.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be listed.
pub fn names(dir: &Path) -> Result<Vec<String>> {
    let io = |source| Error::io(dir, source);
    let entry = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = fs::read_dir(dir).map_err(io)?.map(entry).collect::<std::io::Result<Vec<_>>>().map_err(io)?;
    names.sort();
    Ok(names)
}
