//! Writes files that are never incomplete: the bytes are written to another file beside the file and synced, and this
//! other file is renamed to the file's name. Then the directory is synced, so that neither a crash nor a power cut
//! brings back the old file. All of this happens in one open [`Dir`].

use super::dir::{Dir, is_there};
use super::lock::{lock, try_lock};
use crate::error::{Error, Result};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for another process that writes the same file.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Puts a new file, with the permissions of a new file, in the place of `path` or, if `path` is a link, of the file
/// that the link leads to. After an error the old file stays, with one exception: if syncing the directory fails, the
/// new file is already in place, and a power cut may bring back the old one. If several processes write the file at
/// once, it always has the whole contents of one of them.
///
/// # Errors
/// The errors of [`check_replaceable`], [`Error::File`] if another process writes the file for longer than
/// [`PATIENCE`], and [`Error::Io`] if a system call fails. The file beside it is then removed.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_within(path, bytes, PATIENCE)
}

/// Like [`write()`], with `patience` in place of [`PATIENCE`].
///
/// # Errors
/// The errors of [`write()`].
pub fn write_within(path: &Path, bytes: &[u8], patience: Duration) -> Result<()> {
    let all = |file: &mut File| file.write_all(bytes).map_err(|source| Error::io(path, source));
    fill_at(path, patience, all)
}

/// Like [`write()`], for bytes that need not be in memory at once: `fill` writes them to the open file.
///
/// # Errors
/// The errors of [`write()`], and those of `fill`.
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

/// Like [`write()`], for the file `name` in an open directory. Returns the new file, locked; errors name it `path`.
///
/// # Errors
/// The errors of [`write()`].
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
        // If not, the process that held the lock before has renamed the file.
        if dir.names(&part, &file).map_err(io)? {
            let part = PartialFile { dir, name: &part, is_finished: false };
            file.set_len(0).map_err(io)?;
            fill(&mut file)?;
            part.finish(&file, name).and_then(|()| dir.sync()).map_err(io)?;
            return Ok(file);
        }
    }
}

/// The path, without links, of a file to write, which may not exist yet; a link to a file that does not exist stays as
/// it is. None if its directory does not exist.
pub fn destination(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(parent.canonicalize().ok()?.join(path.file_name()?))
    })
}

/// Checks that `path` is a file or does not exist: a device or a pipe would be replaced, not written to.
///
/// # Errors
/// [`Error::File`] if `path` is anything else.
pub fn check_replaceable(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(Error::file(path, "a file to write", "a directory")),
        Ok(there) if !there.is_file() => Err(Error::file(path, "a file to write", "a device or pipe")),
        _ => Ok(()),
    }
}

/// Creates the file `name` in `dir` and returns it locked; none if it exists already. If several processes do this at
/// once, one of them creates the file. An unfinished file that a killed process left beside it is reused. Errors name
/// the file `path`.
///
/// # Errors
/// [`Error::Io`] if a system call fails; no file is then left.
pub fn write_new(dir: &Dir, name: &OsStr, bytes: &[u8], path: &Path) -> Result<Option<File>> {
    let part = part(name);
    let make = || {
        let mut file = dir.open_part(&part)?;
        // Another process holds the lock, or the one that held it has renamed or removed the file.
        if !try_lock(&file, path)? || !dir.names(&part, &file)? {
            return Ok(None);
        }
        let part = PartialFile { dir, name: &part, is_finished: false };
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

/// Creates a directory and its missing parents, and syncs their entries to disk.
///
/// # Errors
/// [`Error::Io`] if a system call fails.
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

/// The name, or the path, of the file to which the bytes of the file `name` are written first. No other program uses
/// such a name: a file of that name was left by a killed process, and is replaced.
pub(crate) fn part(name: &OsStr) -> OsString {
    let mut part = name.to_owned();
    part.push(".spikeslab.part");
    part
}

/// A file that is locked by this process and not yet renamed to its final name; if it is dropped before, it is removed.
struct PartialFile<'a> {
    dir: &'a Dir,
    name: &'a OsStr,
    is_finished: bool,
}

impl PartialFile<'_> {
    /// Syncs the file to disk, then renames it to its final name.
    fn finish(mut self, file: &File, name: &OsStr) -> io::Result<()> {
        file.sync_all()?;
        self.dir.rename(self.name, name)?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for PartialFile<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            // The error that led here is the one to report.
            let _ = self.dir.remove(self.name);
        }
    }
}
