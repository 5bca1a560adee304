//! An open directory, in which names are looked up. If it is moved, or another is put in its place, files still go to
//! the directory that was opened. A link in the place of a file to be written is not followed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    #[cfg(unix)]
    handle: File,
    #[cfg(not(unix))]
    path: std::path::PathBuf,
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::ffi::CString;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    /// Looking names up in a directory does not need the right to list it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const LOOK_UP: libc::c_int = libc::O_PATH | libc::O_DIRECTORY;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const LOOK_UP: libc::c_int = libc::O_DIRECTORY;

    fn c_string(name: &OsStr) -> io::Result<CString> {
        Ok(CString::new(name.as_bytes())?)
    }

    /// Repeats a call that a signal interrupts; the call returns -1 on an error.
    fn check(mut call: impl FnMut() -> libc::c_int) -> io::Result<libc::c_int> {
        loop {
            match call() {
                -1 => {
                    let error = io::Error::last_os_error();
                    if error.kind() != ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
                value => return Ok(value),
            }
        }
    }

    impl Dir {
        /// Opens a directory, or the directory that a link leads to.
        ///
        /// # Errors
        /// If a system call fails, or `path` is not a directory.
        pub fn open(path: &Path) -> io::Result<Self> {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            let handle = File::options().read(true).custom_flags(LOOK_UP).open(path)?;
            Ok(Self { handle })
        }

        fn open_at(&self, name: &OsStr, flags: libc::c_int) -> io::Result<File> {
            let name = c_string(name)?;
            let flags = flags | libc::O_CLOEXEC;
            // SAFETY: the handle is open, the name ends with a zero, and the mode is given.
            let file = check(|| unsafe { libc::openat(self.handle.as_raw_fd(), name.as_ptr(), flags, 0o666) })?;
            // SAFETY: the file was just opened, and nothing else owns its descriptor.
            Ok(unsafe { File::from_raw_fd(file) })
        }

        /// Creates the directory `name` in this one, if it does not exist, and opens it.
        ///
        /// # Errors
        /// If a system call fails, or `name` is not a directory.
        pub fn make_dir(&self, name: &OsStr) -> io::Result<Self> {
            let c_name = c_string(name)?;
            // SAFETY: the handle is open and the name ends with a zero.
            match check(|| unsafe { libc::mkdirat(self.handle.as_raw_fd(), c_name.as_ptr(), 0o777) }) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            Ok(Self { handle: self.open_at(name, LOOK_UP | libc::O_NOFOLLOW)? })
        }

        /// Opens the file `name` to read it or, if it is a link, the file that it leads to.
        ///
        /// # Errors
        /// If a system call fails.
        pub fn read(&self, name: &OsStr) -> io::Result<File> {
            self.open_at(name, libc::O_RDONLY)
        }

        /// Opens the file `name` to write it, or creates it; its contents are not erased.
        ///
        /// # Errors
        /// If a system call fails, or `name` is not a regular file, for example a link.
        pub fn open_part(&self, name: &OsStr) -> io::Result<File> {
            // Without O_NONBLOCK opening a pipe would wait for its reader.
            let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_NOFOLLOW | libc::O_NONBLOCK;
            let in_the_way = || io::Error::new(ErrorKind::AlreadyExists, format!("{} is in the way", name.display()));
            match self.open_at(name, flags) {
                Ok(file) if file.metadata()?.is_file() => Ok(file),
                Ok(_) => Err(in_the_way()),
                Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EISDIR | libc::ENXIO)) => {
                    Err(in_the_way())
                }
                Err(error) => Err(error),
            }
        }

        /// The status of the entry `name`, if there is one; of a link, not of its target.
        fn look(&self, name: &OsStr) -> io::Result<Option<libc::stat>> {
            let name = c_string(name)?;
            // SAFETY: the structure is plain data, for which zeros are valid.
            let mut found: libc::stat = unsafe { std::mem::zeroed() };
            let (handle, flags) = (self.handle.as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
            // SAFETY: the handle is open, the name ends with a zero, and the structure may be written.
            match check(|| unsafe { libc::fstatat(handle, name.as_ptr(), &mut found, flags) }) {
                Ok(_) => Ok(Some(found)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        }

        /// Whether there is an entry `name`.
        ///
        /// # Errors
        /// If a system call fails.
        pub fn has(&self, name: &OsStr) -> io::Result<bool> {
            Ok(self.look(name)?.is_some())
        }

        /// Whether `name` is a link.
        ///
        /// # Errors
        /// If a system call fails.
        pub fn is_link(&self, name: &OsStr) -> io::Result<bool> {
            Ok(self.look(name)?.is_some_and(|found| found.st_mode & libc::S_IFMT == libc::S_IFLNK))
        }

        /// Whether `name` is a name of the open file `file`.
        ///
        /// # Errors
        /// If a system call fails.
        pub fn names(&self, name: &OsStr, file: &File) -> io::Result<bool> {
            let open = file.metadata()?;
            // The types of both numbers differ between systems.
            #[allow(clippy::unnecessary_cast)]
            let is_it = |found: libc::stat| (found.st_dev as u64, found.st_ino as u64) == (open.dev(), open.ino());
            Ok(self.look(name)?.is_some_and(is_it))
        }

        /// Renames a file; a file with the new name is replaced.
        ///
        /// # Errors
        /// If a system call fails.
        pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
            let (from, to, handle) = (c_string(from)?, c_string(to)?, self.handle.as_raw_fd());
            // SAFETY: the handle is open and the names end with a zero.
            check(|| unsafe { libc::renameat(handle, from.as_ptr(), handle, to.as_ptr()) }).map(drop)
        }

        /// Removes a file.
        ///
        /// # Errors
        /// If a system call fails.
        pub fn remove(&self, name: &OsStr) -> io::Result<()> {
            let (name, handle) = (c_string(name)?, self.handle.as_raw_fd());
            // SAFETY: the handle is open and the name ends with a zero.
            check(|| unsafe { libc::unlinkat(handle, name.as_ptr(), 0) }).map(drop)
        }

        /// Syncs the directory's entries to disk.
        ///
        /// # Errors
        /// If the system fails to.
        pub fn sync(&self) -> io::Result<()> {
            // A directory that may be written but not read cannot be synced, and some file systems sync no directory.
            match self.open_at(OsStr::new("."), libc::O_RDONLY | libc::O_DIRECTORY).and_then(|dir| dir.sync_all()) {
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
    }
}

/// On other systems, which have no such calls, the path of the directory and the name are joined.
#[cfg(not(unix))]
#[allow(missing_docs, clippy::missing_errors_doc)]
impl Dir {
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        if fs::metadata(path)?.is_dir() {
            Ok(Self { path: path.to_path_buf() })
        } else {
            Err(ErrorKind::NotADirectory.into())
        }
    }

    pub fn make_dir(&self, name: &OsStr) -> io::Result<Self> {
        fs::create_dir_all(self.path.join(name))?;
        Self::open(&self.path.join(name))
    }

    pub fn read(&self, name: &OsStr) -> io::Result<File> {
        File::open(self.path.join(name))
    }

    pub fn open_part(&self, name: &OsStr) -> io::Result<File> {
        let path = self.path.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} is in the way", name.display())));
        }
        File::options().create(true).truncate(false).write(true).open(path)
    }

    pub fn has(&self, name: &OsStr) -> io::Result<bool> {
        is_there(&self.path.join(name))
    }

    pub fn is_link(&self, name: &OsStr) -> io::Result<bool> {
        Ok(self.path.join(name).is_symlink())
    }

    pub fn names(&self, name: &OsStr, _: &File) -> io::Result<bool> {
        self.has(name)
    }

    pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether anything has the path `path`, even a link that leads nowhere.
///
/// # Errors
/// If a system call fails.
pub fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
