//! Reads the data set at a path, whose format is recognized by the files there.
//!
//! | path | data set |
//! |---|---|
//! | a directory with four files named like MNIST's | see [`mnist`] |
//! | a directory with the files of CIFAR-10 or CIFAR-100 | see [`cifar`] |
//! | one of these files, where a directory has those of several data sets | see [`mnist`] and [`cifar`] |
//! | a directory with a folder of images for each class, or with such folders in `train` and `test` | see [`folder`] |
//! | a file whose name ends in `.npz` | see [`npz`] |
//!
//! To evaluate a model, a data set may have test images alone. Where labels do not matter, they may be missing, and the
//! images may also be the PNG and JPEG files of one directory.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::cifar::{VARIANTS, Variant};
use super::{Split, cifar, files, folder, mnist, npz};
use crate::error::{Error, Result};

/// Reads the data set at `path` or, without a path, the MNIST images in the crate; with the coarse labels of CIFAR-100
/// if `coarse`.
///
/// # Errors
/// [`Error::File`] if there is no data set, there are several, or one has test images alone; [`Error::Option`] if
/// `coarse` and the data set has no coarse labels; the errors of the function that reads the format.
pub fn load(path: Option<&Path>, coarse: bool) -> Result<Split> {
    let data = load_parts(path, coarse, false)?;
    match path {
        Some(path) if data.train.is_empty() => {
            let seen = format!("{} test images alone", data.test.len());
            Err(Error::file(path, "training images: a folder train, or arrays x_train and y_train", seen))
        }
        _ => Ok(data),
    }
}

/// Like [`load`], but a data set may have test images alone. There are then no training images, and the classes of
/// folders, arrays and MNIST's files are those of the test images.
///
/// # Errors
/// The other errors of [`load`].
pub fn load_to_evaluate(path: Option<&Path>, coarse: bool) -> Result<Split> {
    load_parts(path, coarse, true)
}

/// The images of the data set at `path` as test images, where labels do not matter and may be missing: the data set's
/// test images or, where it consists of folders or arrays without test images, all its images. They may also be the PNG
/// and JPEG files of one directory. Labels are 0 but for those in CIFAR's files and in MNIST's, if all four are there:
/// MNIST's training images tell which data set it is.
///
/// # Errors
/// The errors of [`load_to_evaluate`].
pub fn load_images(path: &Path) -> Result<Split> {
    match recognize(path, &format!("a directory of PNG and JPEG images, or {EXPECTED}"))? {
        Found::Npz => npz::load_images(path),
        Found::Folders | Found::Images => folder::load_images(path),
        Found::Idx(prefix) => mnist::load_images(folder_of(path), &prefix),
        Found::Cifar(variant) => cifar::load_test(folder_of(path), variant, false),
    }
}

/// The data set at `path`; if `to_evaluate`, MNIST's and CIFAR's files may be those of test images alone. Folders and
/// arrays may be test images alone whatever `to_evaluate` is.
fn load_parts(path: Option<&Path>, coarse: bool, to_evaluate: bool) -> Result<Split> {
    let found = path.map(|path| recognize(path, EXPECTED)).transpose()?;
    match (path, found) {
        (Some(path), Some(Found::Cifar(variant))) if !coarse || variant.labels.len() > 1 => {
            let load = if to_evaluate { cifar::load_to_evaluate } else { cifar::load };
            load(folder_of(path), variant, coarse)
        }
        (_, found) if coarse => {
            let seen = found.map_or("MNIST", |found| found.name());
            Err(Error::option("coarse", "a data set with coarse labels, CIFAR-100", seen))
        }
        (Some(path), Some(Found::Idx(prefix))) => {
            let load = if to_evaluate { mnist::load_to_evaluate } else { mnist::load };
            load(folder_of(path), &prefix)
        }
        (Some(path), Some(Found::Folders)) => folder::load(path),
        (Some(path), Some(Found::Images)) => Err(Error::file(path, EXPECTED, NOTHING)),
        (Some(path), Some(Found::Npz)) => npz::load(path),
        _ => mnist::embedded(),
    }
}

/// Whether the data set at `path` has coarse labels.
///
/// # Errors
/// Those of [`load`] if there is no data set, or there are several.
pub fn has_coarse_labels(path: &Path) -> Result<bool> {
    Ok(matches!(recognize(path, EXPECTED)?, Found::Cifar(variant) if variant.labels.len() > 1))
}

/// Whether the data set at `path` is a folder of images for each class, or a folder of images. False where no
/// single data set is recognized: [`load`] and [`load_images`] return that error.
///
/// # Errors
/// [`Error::Io`] if a directory cannot be listed.
pub fn is_of_image_files(path: &Path) -> Result<bool> {
    match recognize(path, EXPECTED) {
        Ok(found) => Ok(matches!(found, Found::Folders | Found::Images)),
        Err(error @ Error::Io { .. }) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Whether `file` is a file of the data set at `path`, would be one if it existed, or is at `path` itself. Both paths
/// have no links.
pub fn is_file_of(path: &Path, file: &Path) -> bool {
    let dir = folder_of(path);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_named = match recognize(path, EXPECTED) {
        Ok(Found::Idx(prefix)) => file.parent() == Some(dir) && mnist::prefix(&name) == Some(prefix.as_str()),
        Ok(Found::Cifar(variant)) => file.parent() == Some(dir) && variant.has_file(&name),
        Ok(Found::Folders) => file.starts_with(path) && folder::is_named_as_image(file),
        Ok(Found::Images) => file.parent() == Some(path) && folder::is_named_as_image(file),
        Ok(Found::Npz) | Err(_) => false,
    };
    is_named || file == path
}

/// The directory at `path`, or that of the file there.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        _ if path.is_dir() => path,
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// The format of the data set at a path.
enum Found {
    /// Four files named like MNIST's, each name after this prefix; the prefix may be empty.
    Idx(String),
    Cifar(&'static Variant),
    Folders,
    /// Images in the directory itself, and nothing else that is known.
    Images,
    Npz,
}

impl Found {
    /// The format of a data set with a file of this name.
    fn by_file(name: &str) -> Option<Self> {
        let cifar = VARIANTS.into_iter().find(|variant| variant.has_file(name));
        mnist::prefix(name).map(|prefix| Self::Idx(prefix.to_string())).or(cifar.map(Self::Cifar))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Idx(_) => "MNIST's files",
            Self::Cifar(variant) => variant.name,
            Self::Folders => "folders of images",
            Self::Images => "images without labels",
            Self::Npz => "arrays",
        }
    }
}

/// The data sets whose files are in a directory with these names, each with its own name.
fn known_files(dir: &Path, names: &[String]) -> Result<Vec<(String, Found)>> {
    let mut found: Vec<(String, Found)> = Vec::new();
    let prefixes: BTreeSet<&str> = names.iter().filter_map(|name| mnist::prefix(name)).collect();
    for prefix in prefixes {
        let name = if prefix.is_empty() { "MNIST".to_string() } else { prefix[..prefix.len() - 1].to_string() };
        found.push((name, Found::Idx(prefix.to_string())));
    }
    for variant in VARIANTS {
        if files::look(dir, &variant.files())?.is_some() {
            found.push((variant.name.to_string(), Found::Cifar(variant)));
        }
    }
    Ok(found)
}

/// The first folder in a directory that has the files of a data set, and the name of the data set. Many archives unpack
/// their files into a folder.
fn inside(dir: &Path, names: &[String]) -> Result<Option<(String, String)>> {
    for name in names {
        let folder = dir.join(name);
        if folder.is_dir()
            && let Some((set, _)) = known_files(&folder, &files::names(&folder)?)?.into_iter().next()
        {
            return Ok(Some((name.clone(), set)));
        }
    }
    Ok(None)
}

/// A file of the version of CIFAR-10 for Python, which is not read.
const PYTHON_CIFAR10: &str = "data_batch_1";

const EXPECTED: &str = "a data set: a directory with the files of MNIST, Fashion-MNIST, EMNIST, CIFAR-10 or CIFAR-100 or a folder of images \
                        for each class, or an .npz file";

/// What is seen in a directory without a data set.
const NOTHING: &str = "none of these files and no folder in it";

/// The format of the data set at `path`; the error for a path without one says that it `expected` this.
fn recognize(path: &Path, expected: &str) -> Result<Found> {
    let none = |seen: &str| Error::file(path, expected, seen);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) if path.extension().is_some_and(|ending| ending == "npz") => return Ok(Found::Npz),
        Ok(_) => return Found::by_file(&name).ok_or_else(|| none("another file")),
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(none("nothing of that name")),
        Err(e) => return Err(Error::io(path, e)),
    }
    let names = files::names(path)?;
    let mut found = known_files(path, &names)?;
    match found.len() {
        0 if names.iter().any(|name| name == PYTHON_CIFAR10) => Err(Error::file(
            path,
            "the binary version of CIFAR-10, cifar-10-batches-bin: data_batch_1.bin to data_batch_5.bin, test_batch.bin",
            "data_batch_1, as in the Python version",
        )),
        0 => match inside(path, &names)? {
            Some((folder, set)) => {
                Err(none(&format!("none of these files in it, but in {folder}: the files of {set}")))
            }
            None if folder::has_folders(path)? => Ok(Found::Folders),
            None if folder::has_images(path)? => Ok(Found::Images),
            None => Err(none(NOTHING)),
        },
        1 => Ok(found.remove(0).1),
        _ => {
            let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
            let expected = "the files of one data set; of several, name one of the files in place of the directory";
            Err(Error::file(path, expected, format!("those of {}", names.join(" and "))))
        }
    }
}
