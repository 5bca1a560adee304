//! MNIST, the data sets whose four files are named like MNIST's, such as Fashion-MNIST and EMNIST's six sets, and the
//! MNIST images in the crate.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::gz::GzReader;
use super::split::numbered;
use super::{Split, by, files, idx, known};
use crate::error::{Error, Result};

/// The names of the four files after the prefix of their set, the usual name first: MNIST's names, the names that some
/// tools unpack to, those of images with channels, and EMNIST's.
const TRAIN_IMAGES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-images.idx3-ubyte", "train-images-idx4-ubyte", "train-images.idx4-ubyte"];
const TRAIN_LABELS: [&str; 2] = ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"];
const TEST_IMAGES: [&str; 8] = [
    "t10k-images-idx3-ubyte",
    "t10k-images.idx3-ubyte",
    "t10k-images-idx4-ubyte",
    "t10k-images.idx4-ubyte",
    "test-images-idx3-ubyte",
    "test-images.idx3-ubyte",
    "test-images-idx4-ubyte",
    "test-images.idx4-ubyte",
];
const TEST_LABELS: [&str; 4] =
    ["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte", "test-labels-idx1-ubyte", "test-labels.idx1-ubyte"];
const ALL: [&[&str]; 4] = [&TRAIN_IMAGES, &TRAIN_LABELS, &TEST_IMAGES, &TEST_LABELS];

/// 600 training and 100 test images of each class; `ATTRIBUTION.md` beside the files says where they are from and how
/// they were chosen.
const EMBEDDED: [&[u8]; 4] = [
    include_bytes!("embedded/train-images-idx3-ubyte.gz"),
    include_bytes!("embedded/train-labels-idx1-ubyte.gz"),
    include_bytes!("embedded/t10k-images-idx3-ubyte.gz"),
    include_bytes!("embedded/t10k-labels-idx1-ubyte.gz"),
];

/// The MNIST images in the crate: 6,000 to train on and 1,000 to test on, 1 x 28 x 28, each digit equally often.
///
/// # Errors
/// None, unless the embedded files were changed before the crate was built.
pub fn embedded() -> Result<Split> {
    let names = [TRAIN_IMAGES[0], TRAIN_LABELS[0], TEST_IMAGES[0], TEST_LABELS[0]];
    let paths = names.map(|name| PathBuf::from(format!("embedded {name}.gz")));
    read(paths, EMBEDDED.map(GzReader::new), "MNIST", "the program itself")
}

/// The prefix of a file's name, if the file is named like one of MNIST's: `emnist-letters-` for
/// `emnist-letters-train-images-idx3-ubyte.gz`, and an empty prefix for MNIST's files.
pub(super) fn prefix(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".gz").unwrap_or(file);
    let prefix = ALL.iter().copied().flatten().find_map(|known| name.strip_suffix(known))?;
    (prefix.is_empty() || prefix.ends_with('-')).then_some(prefix)
}

/// Reads the four files in `dir` whose names begin with `prefix`, each raw or, where there is no raw file, `.gz`. They
/// may have any number of images and classes. The classes are the numbers from 0, or from 1 if no label is 0, to the
/// largest label.
///
/// # Errors
/// [`Error::File`] if `dir` lacks one of the files, [`idx::read`] rejects a file, test images have another shape than
/// training images, there are fewer than two classes, or a class has no training image; [`Error::Io`] if a file cannot
/// be opened or read.
pub fn load(dir: &Path, prefix: &str) -> Result<Split> {
    let find = |names: &[&str]| files::find(dir, &prefixed(prefix, names));
    // All files are searched for before the first is read, so that a missing file is reported at once.
    let paths = [find(&TRAIN_IMAGES)?, find(&TRAIN_LABELS)?, find(&TEST_IMAGES)?, find(&TEST_LABELS)?];
    let [a, b, c, d] = &paths;
    let inputs = [files::open(a)?, files::open(b)?, files::open(c)?, files::open(d)?];
    read(paths, inputs, &name(dir, prefix), &from(dir))
}

/// Like [`load`], but where `dir` has neither file of training images, there are no training images. The classes are
/// then the numbers from 0, or from 1 if no test label is 0, to the largest test label.
///
/// # Errors
/// The errors of [`load`].
pub fn load_to_evaluate(dir: &Path, prefix: &str) -> Result<Split> {
    if files::look(dir, &prefixed(prefix, &[&TRAIN_IMAGES[..], &TRAIN_LABELS[..]].concat()))?.is_some() {
        return load(dir, prefix);
    }
    let images = files::find(dir, &prefixed(prefix, &TEST_IMAGES))?;
    let labels = files::find(dir, &prefixed(prefix, &TEST_LABELS))?;
    let test = idx::read(files::open(&images)?, &images, files::open(&labels)?, &labels)?;
    let (train, test) = numbered(test.subset(&[]), test)?;
    Ok(Split::read_from(train, test, &name(dir, prefix), &from(dir)))
}

/// Like [`load`], but where `dir` lacks one of the files, the file of test images is read alone; the label of each image
/// is then 0.
///
/// # Errors
/// The errors of [`load`].
pub fn load_images(dir: &Path, prefix: &str) -> Result<Split> {
    let there = ALL.map(|names| files::look(dir, &prefixed(prefix, names)));
    if there.into_iter().collect::<Result<Option<Vec<PathBuf>>>>()?.is_some() {
        return load(dir, prefix);
    }
    let images = files::find(dir, &prefixed(prefix, &TEST_IMAGES))?;
    let test = idx::read_images(files::open(&images)?, &images)?;
    Ok(Split::of_test_images(test, &name(dir, prefix), &from(dir)))
}

/// Each name after `prefix`.
fn prefixed(prefix: &str, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{prefix}{name}")).collect()
}

/// The name of a data set that has no published name.
fn name(dir: &Path, prefix: &str) -> String {
    known::place(prefix.strip_suffix('-').map_or(dir, Path::new))
}

/// A directory, quoted and escaped: one line, whatever its name holds.
fn from(dir: &Path) -> String {
    format!("{dir:?}")
}

fn read<R: Read>(paths: [PathBuf; 4], inputs: [R; 4], name: &str, from: &str) -> Result<Split> {
    let [train_images, train_labels, test_images, test_labels] = inputs;
    let train = idx::read(train_images, &paths[0], train_labels, &paths[1])?;
    let test = idx::read(test_images, &paths[2], test_labels, &paths[3])?;
    if train.shape() != test.shape() {
        let expected = format!("images of {}, as in {}", by(train.shape()), paths[0].display());
        return Err(Error::file(&paths[2], expected, by(test.shape())));
    }
    let (train, test) = numbered(train, test).map_err(|error| Error::file(&paths[1], "labels of classes", error))?;
    Ok(known::named(train, test, name, from))
}
