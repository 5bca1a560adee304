//! The data set in a directory, recognized by the names of its files.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::cifar::{CIFAR10, CIFAR100};
use super::{Split, cifar, files, mnist};
use crate::error::{Error, Result};

/// Reads the data set in `dir` or, without one, the MNIST images in the crate; with the coarse labels of CIFAR-100 if
/// `coarse`.
///
/// # Errors
/// [`Error::File`] if `dir` is not a directory or holds files of none or of several data sets;
/// [`Error::Option`] if `coarse` and the data set has no coarse labels; those of [`mnist::load`] and [`cifar::load`].
pub fn load(dir: Option<&Path>, coarse: bool) -> Result<Split> {
    let kind = dir.map_or(Ok(Kind::Mnist), recognize)?;
    if coarse && kind != Kind::Cifar100 {
        return Err(Error::option("coarse", "a data set with coarse labels, CIFAR-100", kind.name()));
    }
    match (dir, kind) {
        (None, _) => mnist::embedded(),
        (Some(dir), Kind::Mnist) => mnist::load(dir),
        (Some(dir), Kind::Cifar10) => cifar::load(dir, &CIFAR10, coarse),
        (Some(dir), Kind::Cifar100) => cifar::load(dir, &CIFAR100, coarse),
    }
}

/// A data set by its files.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Mnist,
    Cifar10,
    Cifar100,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Mnist, Self::Cifar10, Self::Cifar100];

    fn name(self) -> &'static str {
        match self {
            Self::Mnist => "MNIST",
            Self::Cifar10 => CIFAR10.name,
            Self::Cifar100 => CIFAR100.name,
        }
    }

    /// Whether any of its files is in `dir`.
    fn is_in(self, dir: &Path) -> Result<bool> {
        let found = |names: &[&str]| Ok(files::look(dir, names)?.is_some());
        match self {
            Self::Mnist => found(mnist::FILES.as_flattened()),
            Self::Cifar10 => found(&CIFAR10.files()),
            Self::Cifar100 => found(&CIFAR100.files()),
        }
    }
}

fn recognize(dir: &Path) -> Result<Kind> {
    let expected = "a directory with the files of MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100";
    match fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(Error::file(dir, expected, "a file")),
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(Error::file(dir, expected, "nothing of that name")),
        Err(e) => return Err(Error::io(dir, e)),
    }
    let mut there = Vec::new();
    for kind in Kind::ALL {
        if kind.is_in(dir)? {
            there.push(kind);
        }
    }
    match there[..] {
        [kind] => Ok(kind),
        [] => Err(Error::file(dir, expected, "none of these files in it")),
        _ => {
            let names: Vec<&str> = there.into_iter().map(Kind::name).collect();
            Err(Error::file(
                dir,
                "a directory with the files of one data set",
                format!("those of {}", names.join(" and ")),
            ))
        }
    }
}
