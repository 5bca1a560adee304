//! Locks on open files. The system releases them when the process that holds them ends.

use super::notice::notice;
use crate::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Once;
use std::time::{Duration, Instant};

/// How long [`lock`] waits for another process before it sends a notice.
const SILENCE: Duration = Duration::from_secs(1);
/// The time between two attempts to take the lock.
const INTERVAL: Duration = Duration::from_millis(10);

/// Tries to lock an open file, which notices call `path`; false if another process holds the lock. On a file system
/// without locks it returns true, and sends one notice per process.
///
/// # Errors
/// If the system fails.
pub fn try_lock(file: &File, path: &Path) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                notice(&format!(
                    "warning: {}: its file system has no locks; nothing keeps two processes from writing it at once",
                    path.display()
                ));
            });
            Ok(true)
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Like [`try_lock`], but waits until another process has released the lock.
///
/// # Errors
/// [`Error::File`] if that takes longer than `patience`, [`Error::Io`] if the system fails.
pub fn lock(file: &File, path: &Path, patience: Duration) -> Result<()> {
    let (begun, mut told) = (Instant::now(), false);
    while !try_lock(file, path).map_err(|source| Error::io(path, source))? {
        let waited = begun.elapsed();
        if waited >= patience {
            let expected = format!("a file that no other process writes for {} s", patience.as_secs());
            return Err(Error::file(path, expected, "one that another is writing"));
        }
        if waited >= SILENCE && !told {
            notice(&format!("{}: waiting for another process that is writing it", path.display()));
            told = true;
        }
        std::thread::sleep(INTERVAL.min(patience - waited));
    }
    Ok(())
}

/// Whether the file system has no locks, or cannot grant one now.
fn is_unsupported(error: &io::Error) -> bool {
    #[cfg(unix)]
    if matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::ENOSYS | libc::EOPNOTSUPP)) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}
