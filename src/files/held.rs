//! A directory that one process at a time works in: this process has locked the directory's first file.
//!
//! The first file is written as a whole, before any other. Until it exists the directory counts as free: a process that
//! was killed earlier has left nothing that must be kept.

use super::dir::{Dir, is_there};
use super::lock::try_lock;
use super::write::{PATIENCE, create_dir_all, part, write_in, write_new};
use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The kind of a directory: what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The name of the kind in errors: run.
    pub name: &'static str,
    /// The name of the directory's first file: config.json.
    pub first: &'static str,
}

/// The directory of a run.
pub const RUN: Kind = Kind { name: "run", first: "config.json" };
/// The directory of a comparison of runs.
pub const COMPARISON: Kind = Kind { name: "comparison", first: "compare.json" };

/// A directory of some kind, locked by this process.
#[derive(Debug)]
pub struct Held {
    kind: Kind,
    dir: PathBuf,
    /// The open directory, which stays the same when it is renamed.
    place: Dir,
    /// The directory's first file, locked; dropping it releases the lock.
    lock: File,
}

impl Held {
    /// Creates and locks the directory, with `bytes` in its first file. The directory may exist already if it is empty.
    ///
    /// # Errors
    /// The errors of [`check_free`], and [`Error::Io`] if a system call fails. A directory that did not exist before is
    /// then removed.
    pub fn begin(kind: Kind, dir: &Path, bytes: &[u8]) -> Result<Self> {
        check_free(kind, dir)?;
        let is_new = !is_there(dir).map_err(|source| Error::io(dir, source))?;
        let begin = || {
            create_dir_all(dir)?;
            let place = Dir::open(dir).map_err(|source| Error::io(dir, source))?;
            match write_new(&place, OsStr::new(kind.first), bytes, &dir.join(kind.first))? {
                Some(lock) => Ok(Self { kind, dir: dir.to_path_buf(), place, lock }),
                None => Err(Error::file(dir, FREE, "one with files in it")),
            }
        };
        begin().inspect_err(|_| {
            if is_new {
                // The first error is the one to report, and a directory with files in it stays.
                let _ = fs::remove_dir(dir);
            }
        })
    }

    /// Locks an existing directory of this kind.
    ///
    /// # Errors
    /// [`Error::File`] if it is not a directory of this kind or another process has locked it, [`Error::Io`] if a
    /// system call fails.
    pub fn open(kind: Kind, dir: &Path) -> Result<Self> {
        let (path, first) = (dir.join(kind.first), OsStr::new(kind.first));
        let io = |source| Error::io(&path, source);
        let place = Dir::open(dir).map_err(|source| none_of(kind, dir, source))?;
        if place.is_link(first).map_err(io)? {
            return Err(Error::file(&path, "a file", "a link"));
        }
        loop {
            let lock = place.read(first).map_err(|source| none_of(kind, dir, source))?;
            if !try_lock(&lock, &path).map_err(io)? {
                let expected = format!("a {} that no other process is training", kind.name);
                return Err(Error::file(dir, expected, "one in training"));
            }
            // The process that held the lock before may have replaced the file.
            if place.names(first, &lock).map_err(io)? {
                return Ok(Self { kind, dir: dir.to_path_buf(), place, lock });
            }
        }
    }

    /// The path of the directory when it was locked.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The open directory.
    pub fn place(&self) -> &Dir {
        &self.place
    }

    /// Checks that the path still leads to the locked directory. Files are written to the locked directory even if it
    /// was moved, where the user would not find them.
    ///
    /// # Errors
    /// [`Error::File`] if the directory was removed, or another is in its place.
    pub fn check_in_place(&self) -> Result<()> {
        let is_here = Dir::open(&self.dir).and_then(|dir| dir.names(OsStr::new(self.kind.first), &self.lock));
        match is_here {
            Ok(true) => Ok(()),
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(Error::io(&self.dir.join(self.kind.first), error))
            }
            _ => {
                let expected = format!("the directory of the {} in training", self.kind.name);
                Err(Error::file(&self.dir, expected, format!("none, or another {}'s", self.kind.name)))
            }
        }
    }

    /// Replaces the directory's first file; the directory stays locked meanwhile.
    ///
    /// # Errors
    /// The errors of [`Held::check_in_place`], and [`Error::Io`] if a system call fails.
    pub fn replace_first(&mut self, bytes: &[u8]) -> Result<()> {
        self.check_in_place()?;
        let (first, path) = (OsStr::new(self.kind.first), self.dir.join(self.kind.first));
        self.lock = write_in(&self.place, first, bytes, &path, PATIENCE)?;
        Ok(())
    }
}

/// What errors expect of a directory in which a run or a comparison may begin.
const FREE: &str = "a directory that is new or empty";

/// Checks that `dir` does not exist, or is a directory that is empty except for the unfinished first file of a process
/// that was killed while it wrote it.
///
/// # Errors
/// [`Error::File`] if `dir` is anything else, [`Error::Io`] if a system call fails.
pub fn check_free(kind: Kind, dir: &Path) -> Result<()> {
    let left = part(OsStr::new(kind.first));
    let is_left = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() == left);
    match fs::read_dir(dir).map(|mut entries| entries.all(is_left)) {
        Ok(true) => Ok(()),
        Ok(false) if is_there(&dir.join(kind.first)).map_err(|e| Error::io(dir, e))? => {
            Err(Error::file(dir, FREE, format!("one with files in it: a {}, which --resume continues", kind.name)))
        }
        Ok(false) => Err(Error::file(dir, FREE, "one with files in it")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(Error::file(dir, FREE, "a file")),
        Err(source) => Err(Error::io(dir, source)),
    }
}

/// Creates the first directory of `dir`/`name`-1, `dir`/`name`-2, … that does not exist. Processes that do this at the
/// same time get different directories.
///
/// # Errors
/// [`Error::File`] if `dir` is a file, [`Error::Io`] if a system call fails, [`Error::Option`] if `dir`/`name`-1 to
/// `dir`/`name`-9999 exist.
pub fn make_free(dir: &Path, name: &str) -> Result<PathBuf> {
    let numbered = |number: u32| dir.join(format!("{name}-{number}"));
    if fs::metadata(dir).is_ok_and(|there| !there.is_dir()) {
        return Err(Error::file(dir, "a directory", "a file"));
    }
    create_dir_all(dir)?;
    for path in (1..10_000).map(numbered) {
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::io(&path, source)),
        }
    }
    Err(Error::option("out", "a directory", format!("none free under {}", dir.display())))
}

/// The error to report for an error of the system about a directory that should be of this kind.
pub fn none_of(kind: Kind, dir: &Path, source: io::Error) -> Error {
    let expected = format!("a {} directory", kind.name);
    match source.kind() {
        ErrorKind::NotFound => {
            let other = [RUN, COMPARISON].into_iter().find(|other| *other != kind && dir.join(other.first).exists());
            let seen = match other {
                Some(COMPARISON) => "a comparison: name one of the runs in it".to_string(),
                Some(other) => format!("a {}", other.name),
                None => format!("none, or one without {}", kind.first),
            };
            Error::file(dir, expected, seen)
        }
        ErrorKind::NotADirectory => Error::file(dir, expected, "a file"),
        _ => Error::io(dir, source),
    }
}
