//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their official binary files: records side by side, without a header.
//!
//! | data set | files | record |
//! |---|---|---|
//! | CIFAR-10 | `data_batch_1.bin` to `data_batch_5.bin`; `test_batch.bin` | label, pixels |
//! | CIFAR-100 | `train.bin`; `test.bin` | coarse label, fine label, pixels |
//!
//! A label is one byte. The 3,072 pixel bytes are three planes, red, green and blue, of 32 rows of 32. All files of a
//! set must exist or, where test images are enough, the test file alone. Each has a whole number of records, from 1 to
//! [`MAX_RECORDS`]. As there is no header, a file of the other set is recognized by its length, or else by labels that
//! are out of range.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Dataset, Split, files, known};
use crate::error::{Error, Result};

/// (C, H, W) of an image.
pub const SHAPE: [usize; 3] = [3, 32, 32];

const PIXELS: usize = 3 * 32 * 32;

/// The largest number of records in a file, that of the largest official file. A `.gz` is not unpacked beyond it.
pub const MAX_RECORDS: usize = 50_000;

/// One of the two data sets: its name, its files, and the labels of their records.
#[derive(Debug)]
pub struct Variant {
    /// The data set's name.
    pub name: &'static str,
    /// The files of training images, in order.
    pub train: &'static [&'static str],
    /// The file of test images.
    pub test: &'static str,
    /// For each label byte of a record, what it is called in errors, and its classes; the last byte has the finest
    /// classes.
    pub labels: &'static [(&'static str, &'static [&'static str])],
}

/// 10 classes.
pub const CIFAR10: Variant = Variant {
    name: "CIFAR-10",
    train: &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
    test: "test_batch.bin",
    labels: &[("labels", &known::CIFAR10)],
};

/// 100 classes, or 20 coarse classes of five of them each.
pub const CIFAR100: Variant = Variant {
    name: "CIFAR-100",
    train: &["train.bin"],
    test: "test.bin",
    labels: &[("coarse labels", &known::CIFAR100_COARSE), ("fine labels", &known::CIFAR100)],
};

/// Both data sets.
pub(super) const VARIANTS: [&Variant; 2] = [&CIFAR10, &CIFAR100];

impl Variant {
    /// The names of all files.
    pub fn files(&self) -> Vec<&'static str> {
        [self.train, &[self.test]].concat()
    }

    /// Whether a file of this name, raw or `.gz`, is one of the files.
    pub(super) fn has_file(&self, name: &str) -> bool {
        self.files().contains(&name.strip_suffix(".gz").unwrap_or(name))
    }

    /// The bytes of a record.
    pub fn record(&self) -> usize {
        self.labels.len() + PIXELS
    }

    /// Checks that a file of `bytes` bytes holds whole records, and no more than an official file.
    fn check_length(&self, path: &Path, bytes: u64) -> Result<()> {
        let whole = |variant: &Self| bytes > 0 && bytes.is_multiple_of(variant.record() as u64);
        let most = (MAX_RECORDS * self.record()) as u64;
        if bytes > most {
            let expected = format!("at most {MAX_RECORDS} records of {} bytes", self.record());
            return Err(Error::file(path, expected, format!("over {most} bytes")));
        }
        if whole(self) {
            return Ok(());
        }
        let other = VARIANTS.into_iter().find(|variant| whole(variant));
        let other = other.map_or(String::new(), |other| format!(", whole records of {}", other.name));
        Err(Error::file(path, self.expected(), format!("{bytes} bytes{other}")))
    }

    /// The error for the first label of a record that is out of range, if there is one.
    fn label_out_of_range(&self, path: &Path, labels: &[u8], record: u64) -> Option<Error> {
        let (label, (what, classes)) =
            labels.iter().zip(self.labels).find(|(label, (_, classes))| usize::from(**label) >= classes.len())?;
        let expected = format!("{what} from 0 to {}", classes.len() - 1);
        Some(Error::file(path, expected, format!("{label} in record {record}")))
    }

    fn expected(&self) -> String {
        format!("whole records of {} bytes, as in {}", self.record(), self.name)
    }
}

/// Reads the files of `variant` in `dir`, each raw or, where there is no raw file, `.gz`. Of the labels of a record the
/// first is taken if `coarse`, else the last.
///
/// # Errors
/// [`Error::File`] if a file is missing, holds no records, part of one or more than [`MAX_RECORDS`], or a label beyond
/// its classes, or cannot be decoded; [`Error::Io`] if one cannot be opened or read.
pub fn load(dir: &Path, variant: &Variant, coarse: bool) -> Result<Split> {
    let find = |name: &&str| files::find(dir, &[*name]);
    // All files are searched for before the first is read, so that a missing file is reported at once.
    let train = variant.train.iter().map(find).collect::<Result<Vec<_>>>()?;
    let test = find(&variant.test)?;
    let (train, test) = (read_files(&train, variant, coarse)?, read_files(&[test], variant, coarse)?);
    Ok(Split::read_from(train, test, variant.name, &format!("{dir:?}")))
}

/// Like [`load`], but where `dir` has none of the files of training images, there are no training images.
///
/// # Errors
/// The errors of [`load`].
pub fn load_to_evaluate(dir: &Path, variant: &Variant, coarse: bool) -> Result<Split> {
    if files::look(dir, variant.train)?.is_some() {
        return load(dir, variant, coarse);
    }
    load_test(dir, variant, coarse)
}

/// Like [`load`], but without the training images, whose files need not be there.
///
/// # Errors
/// The errors of [`load`].
pub fn load_test(dir: &Path, variant: &Variant, coarse: bool) -> Result<Split> {
    let test = read_files(&[files::find(dir, &[variant.test])?], variant, coarse)?;
    Ok(Split::of_test_images(test, variant.name, &format!("{dir:?}")))
}

/// Reads the records of several files of `variant`, one after the other.
fn read_files(paths: &[PathBuf], variant: &Variant, coarse: bool) -> Result<Dataset> {
    let mut images = Images::new(variant, coarse);
    paths.iter().try_for_each(|path| images.append_file(path))?;
    images.finish()
}

/// Reads the records of one file of `variant` to its end. Of the labels of a record the first is taken if `coarse`,
/// else the last. `path` is only named in errors.
///
/// # Errors
/// The errors of [`load`] for the contents of a file.
pub fn read(input: impl Read, path: &Path, variant: &Variant, coarse: bool) -> Result<Dataset> {
    let mut images = Images::new(variant, coarse);
    images.append(input, path)?;
    images.finish()
}

/// The images that have been read.
struct Images<'a> {
    variant: &'a Variant,
    /// The index of the byte in a record that is taken as its label.
    which: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl<'a> Images<'a> {
    fn new(variant: &'a Variant, coarse: bool) -> Self {
        let which = if coarse { 0 } else { variant.labels.len() - 1 };
        Self { variant, which, pixels: Vec::new(), labels: Vec::new() }
    }

    fn finish(self) -> Result<Dataset> {
        let classes = self.variant.labels[self.which].1;
        let labels = self.labels.into_iter().map(u16::from).collect();
        Ok(Dataset::new(self.pixels, labels, SHAPE, classes.len())?.with_class_names(classes))
    }

    /// Appends the images of a file.
    fn append_file(&mut self, path: &Path) -> Result<()> {
        let metadata = fs::metadata(path).map_err(|e| Error::io(path, e))?;
        if metadata.is_file() && !files::is_gz(path) {
            self.variant.check_length(path, metadata.len())?;
            self.pixels.reserve_exact(metadata.len() as usize / self.variant.record() * PIXELS);
        }
        self.append(files::open(path)?, path)
    }

    /// Appends the images of the records in `input`.
    fn append(&mut self, input: impl Read, path: &Path) -> Result<()> {
        let variant = self.variant;
        let most = (MAX_RECORDS * variant.record()) as u64;
        let mut input = input.take(most + 1);
        let mut record = Vec::with_capacity(variant.record());
        let (mut bytes, mut odd) = (0, None);
        loop {
            record.clear();
            let end = input.by_ref().take(variant.record() as u64).read_to_end(&mut record);
            bytes += record.len() as u64;
            end.map_err(|e| Error::unreadable(path, bytes, variant.expected(), e))?;
            if record.len() < variant.record() {
                break;
            }
            let (labels, pixels) = record.split_at(variant.labels.len());
            odd = odd.or_else(|| variant.label_out_of_range(path, labels, bytes / variant.record() as u64 - 1));
            // After a wrong label only the length is needed: it may show that the file is one of the other data set.
            if odd.is_none() {
                self.labels.push(labels[self.which]);
                self.pixels.extend_from_slice(pixels);
            }
        }
        variant.check_length(path, bytes)?;
        odd.map_or(Ok(()), Err)
    }
}
