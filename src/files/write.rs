//! Files that are never half-written: the bytes go beside the file, are synced, and take its name in one step; then the
//! directory is synced, so that neither a crash nor a power cut brings back what was replaced. All of it happens in one open
//! [`Dir`].

use super::dir::{Dir, is_there};
use super::lock::{lock, try_lock};
use crate::error::{Error, Result};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// How long another process that writes the same file is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Replaces the contents of `path`, or of what the link `path` leads to, or leaves it as it was. Of several processes that
/// write it at once, each does so as a whole.
///
/// # Errors
/// As [`check_replaceable`], [`Error::File`] if another process writes it for longer than [`PATIENCE`], and [`Error::Io`] if
/// the system refuses; nothing is left beside the file then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_within(path, bytes, PATIENCE)
}

/// As [`write()`], with a patience of the caller's.
///
/// # Errors
/// As [`write()`].
pub fn write_within(path: &Path, bytes: &[u8], patience: Duration) -> Result<()> {
    let all = |file: &mut File| file.write_all(bytes).map_err(|source| Error::io(path, source));
    fill_at(path, patience, all)
}

/// As [`write()`], for bytes that need not be in memory at once: `fill` writes them to the open file, at whatever pace.
///
/// # Errors
/// As [`write()`], and those of `fill`.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    fill_at(path, PATIENCE, fill)
}

fn fill_at(path: &Path, patience: Duration, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    check_replaceable(path)?;
    let io = |source| Error::io(path, source);
    let target = fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink()).then(|| fs::canonicalize(path));
    let target = target.transpose().map_err(io)?;
    let (dir, name) = split(target.as_deref().unwrap_or(path));
    let dir = Dir::open(dir).map_err(io)?;
    fill_in(&dir, name, path, patience, fill).map(drop)
}

/// As [`write()`], of the file `name` in an open directory, which is returned locked; errors call it `path`.
///
/// # Errors
/// As [`write()`].
pub fn write_in(dir: &Dir, name: &OsStr, bytes: &[u8], path: &Path, patience: Duration) -> Result<File> {
    let all = |file: &mut File| file.write_all(bytes).map_err(|source| Error::io(path, source));
    fill_in(dir, name, path, patience, all)
}

fn fill_in(
    dir: &Dir,
    name: &OsStr,
    path: &Path,
    patience: Duration,
    fill: impl FnOnce(&mut File) -> Result<()>,
) -> Result<File> {
    let io = |source| Error::io(path, source);
    let part = part(name);
    loop {
        let mut file = dir.open_part(&part).map_err(io)?;
        lock(&file, path, patience)?;
        // Whoever held the lock before has given the file its name.
        if dir.names(&part, &file).map_err(io)? {
            let part = Part { dir, name: &part, is_finished: false };
            file.set_len(0).map_err(io)?;
            fill(&mut file)?;
            part.finish(&file, name).and_then(|()| dir.sync()).map_err(io)?;
            return Ok(file);
        }
    }
}

/// Checks that `path` is a file or nothing yet: a device or a pipe would be replaced, not written to.
///
/// # Errors
/// [`Error::File`] if it is something else.
pub fn check_replaceable(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(Error::file(path, "a file to write", "a directory")),
        Ok(there) if !there.is_file() => Err(Error::file(path, "a file to write", "a device or pipe")),
        _ => Ok(()),
    }
}

/// Makes the file `name` in `dir` and returns it locked; none if it is there already. Of several processes that make it at
/// once, one does. What one that was killed left beside it is taken over. Errors call it `path`.
///
/// # Errors
/// [`Error::Io`] if the system refuses; nothing is left behind then.
pub fn write_new(dir: &Dir, name: &OsStr, bytes: &[u8], path: &Path) -> Result<Option<File>> {
    let part = part(name);
    let make = || {
        let mut file = dir.open_part(&part)?;
        // Whoever held the lock before has given the file its name, or has given up.
        if !try_lock(&file, path)? || !dir.names(&part, &file)? {
            return Ok(None);
        }
        let part = Part { dir, name: &part, is_finished: false };
        if dir.has(name)? {
            return Ok(None);
        }
        file.set_len(0)?;
        file.write_all(bytes)?;
        part.finish(&file, name)?;
        dir.sync().inspect_err(|_| {
            // The first error is the one to report.
            let _ = dir.remove(name);
        })?;
        Ok(Some(file))
    };
    make().map_err(|source| Error::io(path, source))
}

/// Makes a directory and those it is in, durably.
///
/// # Errors
/// [`Error::Io`] if the system refuses.
pub fn create_dir_all(dir: &Path) -> Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !is_there(dir).unwrap_or(true)).collect();
    let sync = |made: &Path| Dir::open(split(made).0)?.sync();
    fs::create_dir_all(dir)
        .and_then(|()| missing.into_iter().try_for_each(sync))
        .map_err(|source| Error::io(dir, source))
}

/// The directory of a path, and the name in it.
fn split(path: &Path) -> (&Path, &OsStr) {
    (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default())
}

/// The name under which the bytes of a file are written first.
pub(super) fn part(name: &OsStr) -> OsString {
    let mut part = name.to_owned();
    part.push(".part");
    part
}

/// A file on its way to its name, locked by this process; as long as it has not got there it is removed in the end.
struct Part<'a> {
    dir: &'a Dir,
    name: &'a OsStr,
    is_finished: bool,
}

impl Part<'_> {
    /// Gives the file its name, once what was written is on the disk.
    fn finish(mut self, file: &File, name: &OsStr) -> io::Result<()> {
        file.sync_all()?;
        self.dir.rename(self.name, name)?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            // The error that led here is the one to report.
            let _ = self.dir.remove(self.name);
        }
    }
}
