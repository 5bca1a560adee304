//! Files that are never half-written: the bytes go beside the file, are synced, and take its name in one step; then the
//! directory is synced, so that neither a crash nor a power cut brings back what was replaced.

use crate::error::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Replaces the contents of `path`, or of what the link `path` leads to, or leaves it as it was. Of several processes that
/// write it at once, each does so as a whole.
///
/// # Errors
/// As [`check_replaceable`], and [`Error::Io`] if the system refuses; nothing is left beside the file then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    check_replaceable(path)?;
    let write = || {
        let target = if path.is_symlink() { fs::canonicalize(path)? } else { path.to_path_buf() };
        let part = part(&target);
        loop {
            let mut file = open_part(&part)?;
            match file.lock() {
                Err(error) if error.kind() != ErrorKind::Unsupported => return Err(error),
                _ => {}
            }
            // Whoever held the lock before has given the file its name.
            if is_at(&file, &part)? {
                file.set_len(0)?;
                return finish(&mut file, bytes, &part, &target);
            }
        }
    };
    write().map_err(|source| Error::io(path, source))
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

/// Makes the file `path` and returns it locked; none if it is there already. Of several processes that make it at once, one
/// does. What one that was killed left beside it is taken over.
///
/// # Errors
/// [`Error::Io`] if the system refuses; nothing is left behind then.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<Option<File>> {
    let part = part(path);
    let make = || {
        let mut file = open_part(&part)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever held the lock before has given the file its name, or has given up.
        if !is_at(&file, &part)? {
            return Ok(None);
        }
        if path.exists() {
            return fs::remove_file(&part).map(|()| None);
        }
        file.set_len(0)?;
        finish(&mut file, bytes, &part, path)?;
        Ok(Some(file))
    };
    make().map_err(|source| Error::io(path, source))
}

/// Whether `path` is the name of this open file; where the platform does not tell, it is taken to be.
///
/// # Errors
/// If the system refuses to look.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// As on Unix.
#[cfg(not(unix))]
pub(super) fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Makes a directory and those it is in, durably.
///
/// # Errors
/// [`Error::Io`] if the system refuses.
pub fn create_dir_all(dir: &Path) -> Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
    fs::create_dir_all(dir)
        .and_then(|()| missing.into_iter().try_for_each(sync_parent))
        .map_err(|source| Error::io(dir, source))
}

/// Where the bytes of `path` go first.
fn part(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Opens it, or makes it; what one that was killed left is as it was.
fn open_part(part: &Path) -> io::Result<File> {
    if fs::symlink_metadata(part).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} is in the way", part.display())));
    }
    File::options().create(true).truncate(false).write(true).open(part)
}

fn finish(file: &mut File, bytes: &[u8], part: &Path, path: &Path) -> io::Result<()> {
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(part, path))
        .inspect_err(|_| {
            // The first error is the one to report.
            let _ = fs::remove_file(part);
        })
        .and_then(|()| sync_parent(path))
}

/// Makes a new name in a directory durable.
#[cfg(unix)]
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A directory that may be written but not read cannot be opened, and some file systems sync none.
    match File::open(parent).and_then(|parent| parent.sync_all()) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

/// The other systems sync the name with the file.
#[cfg(not(unix))]
fn sync_parent(_: &Path) -> io::Result<()> {
    Ok(())
}
