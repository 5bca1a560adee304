//! Arrays of numpy in an `.npz` file, as `numpy.savez` and `savez_compressed` write them.
//!
//! | array | shape | numbers |
//! |---|---|---|
//! | `x_train` | see [`layout`](super::layout) | bytes or other whole numbers from 0 to 255; whole numbers or booleans of which the largest is 1; or floats of 16, 32 or 64 bits, all from 0 to 1, or from 0 to 255 with one above 128 |
//! | `y_train` | (N) or (N, 1) | whole numbers from 0 to 65,535, also as floats |
//! | `x_test`, `y_test` | as these | as these; where both are missing, a fifth of each class are test images, the same ones as long as the data stay the same; where they are alone, there are no training images; where labels do not matter, `x_test` or `x_train` is enough |
//!
//! Floats are rounded to bytes, since the images of a data set are stored as bytes; numbers from 0 to 1 are first
//! multiplied by 255. Memory is allocated only as numbers are read, so a header with wrong sizes costs no memory.
//! Pickled objects are refused.

use std::fs::{File, metadata};
use std::io::{Read, Seek};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::held_out::{Choice, TEST_SHARE, hold_out};
use super::idx::labels_of;
use super::layout::{Layout, SHAPES};
use super::split::numbered;
use super::{Dataset, MOST_BYTES, MOST_CLASSES, Split, by, known};
use crate::error::{Error, Result};
use crate::files::npy::{self, Array, Header, Values};

/// Reads the arrays in the file at `path`.
///
/// # Errors
/// The errors of [`read`], and [`Error::Io`] if the file cannot be opened.
pub fn load(path: &Path) -> Result<Split> {
    read(open(path)?, path)
}

/// The images in `x_test` or, without it, in `x_train`, as test images; the label of each is 0.
///
/// # Errors
/// The errors of [`load`].
pub fn load_images(path: &Path) -> Result<Split> {
    let mut file = Npz::open(open(path)?, path)?;
    let name = if file.has("x_train") && !file.has("x_test") { "x_train" } else { "x_test" };
    let images = file.numbers(name)?;
    let scale = if name == "x_test" && file.has("x_train") {
        scale_of_both(path, &file.numbers("x_train")?, &images)?
    } else {
        scale_of(path, name, &images)?
    };
    let count = images.shape.first().copied().unwrap_or(0);
    let labels = Numbers { shape: vec![count], values: Values::Bytes(vec![0; count]) };
    tests(path, (name, images), ("labels", labels), scale)
}

fn open(path: &Path) -> Result<File> {
    let io = |source| Error::io(path, source);
    // To open a pipe would wait for its other end.
    if !metadata(path).map_err(io)?.is_file() {
        return Err(Error::file(path, "an .npz file", "something else"));
    }
    File::open(path).map_err(io)
}

/// Reads the arrays in `input`; `path` is only named in errors.
///
/// # Errors
/// [`Error::File`] if the file is not a zip archive with the arrays, an array is not as in the table above, is shorter
/// or longer than its header says, has no number, more than [`MOST_BYTES`] numbers or more than 4 · [`MOST_BYTES`]
/// bytes as stored or as read; if there are training images, but fewer than two classes, or none of a class; [`Error::Io`]
/// if the file cannot be read.
pub fn read(input: impl Read + Seek, path: &Path) -> Result<Split> {
    let mut file = Npz::open(input, path)?;
    if file.has("x_test") && !file.has("x_train") && !file.has("y_train") {
        if !file.has("y_test") {
            return Err(Error::file(path, "y_test beside x_test, and x_train and y_train to train on", "none"));
        }
        let images = file.numbers("x_test")?;
        let scale = scale_of(path, "x_test", &images)?;
        return tests(path, ("x_test", images), ("y_test", file.numbers("y_test")?), scale);
    }
    let (x_train, y_train) = (file.numbers("x_train")?, file.numbers("y_train")?);
    let tests = match (file.has("x_test"), file.has("y_test")) {
        (true, true) => Some((file.numbers("x_test")?, file.numbers("y_test")?)),
        (false, false) => None,
        (has_images, _) => {
            let (there, missing) = if has_images { ("x_test", "y_test") } else { ("y_test", "x_test") };
            return Err(Error::file(path, format!("{missing} beside {there}"), "none"));
        }
    };
    let scale = match &tests {
        Some((x_test, _)) => scale_of_both(path, &x_train, x_test)?,
        None => scale_of(path, "x_train", &x_train)?,
    };
    let train = dataset(path, ("x_train", x_train), ("y_train", y_train), scale)?;
    let is_held_out = tests.is_none();
    let (train, test) = match tests {
        Some((x, y)) => {
            let test = dataset(path, ("x_test", x), ("y_test", y), scale)?;
            if test.shape() != train.shape() {
                let expected = format!("x_test of {}, as x_train", by(train.shape()));
                return Err(Error::file(path, expected, by(test.shape())));
            }
            (train, test)
        }
        None => hold_out(&train, TEST_SHARE, Choice::Test).map_err(|_| {
            Error::file(
                path,
                "x_test and y_test, or a class of at least three images",
                format!("{} images", train.len()),
            )
        })?,
    };
    Ok(Split { test_is_held_out: is_held_out, ..named(path, train, test)? })
}

/// The data set of the images `x` and their labels `y`, as test images.
fn tests(path: &Path, x: (&str, Numbers), y: (&str, Numbers), scale: Scale) -> Result<Split> {
    let test = dataset(path, x, y, scale)?;
    named(path, test.subset(&[]), test)
}

/// The data set of two parts, with the name of the file.
fn named(path: &Path, train: Dataset, test: Dataset) -> Result<Split> {
    let (train, test) = numbered(train, test).map_err(|error| Error::file(path, "labels of classes", error))?;
    Ok(known::named(train, test, &known::place(path), &format!("{path:?}")))
}

/// The factor by which the numbers of images become bytes, and the array that it comes from.
#[derive(Clone, Copy)]
struct Scale {
    factor: f64,
    of: &'static str,
}

/// The scale of the images in the array `name`.
fn scale_of(path: &Path, name: &'static str, images: &Numbers) -> Result<Scale> {
    let factor = images.values.scale().map_err(|seen| {
        let expected = format!(
            "floats from 0 to 1, or from 0 to 255 with one above 128, in {name}: pixels before any normalization"
        );
        Error::file(path, expected, seen)
    })?;
    Ok(Scale { factor, of: name })
}

/// The scale of the training images, which must be that of the test images too.
fn scale_of_both(path: &Path, x_train: &Numbers, x_test: &Numbers) -> Result<Scale> {
    let scale = scale_of(path, "x_train", x_train)?;
    if scale.factor == 1.0 && x_test.values.scale() == Ok(255.0) {
        return Err(Error::file(path, "x_test from 0 to 255, as x_train", "numbers from 0 to 1"));
    }
    Ok(scale)
}

/// The data set of the arrays `x`, images, and `y`, their labels.
fn dataset(path: &Path, (x_name, x): (&str, Numbers), (y_name, y): (&str, Numbers), scale: Scale) -> Result<Dataset> {
    let layout = x.shape.get(1..).and_then(Layout::of);
    let layout = layout.ok_or_else(|| Error::file(path, format!("{x_name} of {SHAPES}"), format!("{:?}", x.shape)))?;
    let count = x.shape.first().copied().unwrap_or(0);
    if !matches!(y.shape[..], [n] | [n, 1] if n == count) {
        let expected = format!("{y_name} of {count} labels, one for each image in {x_name}");
        return Err(Error::file(path, expected, format!("shape {:?}", y.shape)));
    }
    let labels = y
        .labels()
        .map_err(|seen| Error::file(path, format!("{y_name} of whole numbers from 0 to {}", MOST_CLASSES - 1), seen))?;
    let as_elsewhere = if x_name == scale.of { String::new() } else { format!(", as in {}", scale.of) };
    let most = 255.0 / scale.factor;
    let pixels = x
        .bytes(scale.factor)
        .map_err(|seen| Error::file(path, format!("{x_name} from 0 to {most}{as_elsewhere}"), seen))?;
    let classes = labels.iter().max().map_or(0, |&label| usize::from(label) + 1);
    let data = Dataset::new(layout.channels_first(pixels), labels, layout.shape, classes);
    data.map_err(|error| Error::file(path, format!("images in {x_name}"), error))
}

/// The numbers of an array.
struct Numbers {
    shape: Vec<usize>,
    values: Values,
}

impl Numbers {
    /// The numbers as labels, or a description of the first number that is not a label.
    fn labels(&self) -> std::result::Result<Vec<u16>, String> {
        match &self.values {
            Values::Bytes(bytes) => labels_of(bytes.iter().copied().map(i64::from)),
            Values::Integers(integers) => labels_of(integers.iter().copied()),
            Values::Floats(floats) => {
                let label = |(i, float): (usize, &f32)| match *float as u16 {
                    label if f32::from(label) == *float => Ok(label),
                    _ => Err(format!("{float} at index {i}")),
                };
                floats.iter().enumerate().map(label).collect()
            }
        }
    }

    /// The numbers times `scale`, rounded to bytes; or a description of the first that is then not from 0 to 255.
    fn bytes(self, scale: f64) -> std::result::Result<Vec<u8>, String> {
        let seen = |(i, value): (usize, f64)| {
            let is_pixel = (0.0..=255.0 / scale).contains(&value);
            if is_pixel { Ok((value * scale).round() as u8) } else { Err(format!("{value} at index {i}")) }
        };
        match self.values {
            Values::Bytes(bytes) if scale == 1.0 => Ok(bytes),
            Values::Bytes(bytes) => bytes.into_iter().map(f64::from).enumerate().map(seen).collect(),
            Values::Integers(integers) => {
                integers.into_iter().map(|value| value as f64).enumerate().map(seen).collect()
            }
            Values::Floats(floats) => floats.into_iter().map(f64::from).enumerate().map(seen).collect(),
        }
    }
}

struct Npz<'a, R> {
    path: &'a Path,
    archive: ZipArchive<R>,
}

/// The largest number of bytes of an array in the file: a pixel may take several bytes there, and one here.
const MOST_STORED: u64 = 4 * MOST_BYTES;

/// The largest number of bytes of an array's header; the headers that numpy writes for arrays of numbers have some 100.
const MOST_HEADER: usize = 1024;

impl<'a, R: Read + Seek> Npz<'a, R> {
    fn open(input: R, path: &'a Path) -> Result<Self> {
        let archive = ZipArchive::new(input).map_err(|error| unreadable(path, "an .npz file, a zip archive", error))?;
        Ok(Self { path, archive })
    }

    fn has(&self, name: &str) -> bool {
        self.archive.index_for_name(&format!("{name}.npy")).is_some()
    }

    /// Reads an array's numbers, in row-major order.
    fn numbers(&mut self, name: &str) -> Result<Numbers> {
        let path = self.path;
        let what = format!("an array {name}");
        let file = |seen: String| Error::file(path, format!("an array {name} of numbers"), seen);
        if !self.has(name) {
            let names = self.archive.file_names().filter_map(|name| name.ok());
            let names: Vec<String> = names.filter_map(|name| name.strip_suffix(".npy").map(str::to_string)).collect();
            let seen = if names.is_empty() { "none".to_string() } else { format!("arrays {}", names.join(", ")) };
            return Err(Error::file(path, what, seen));
        }
        let entry = self.archive.by_name(&format!("{name}.npy"));
        let mut entry = entry.map_err(|error| unreadable(path, &what, error))?;
        let header = header(&mut entry).map_err(file)?;
        let (Header { descr, is_fortran, shape }, _) =
            Header::split(path, &header).map_err(|_| file("another header".to_string()))?;
        if is_fortran && shape.len() > 1 {
            return Err(file("one in the order of columns; numpy.ascontiguousarray gives it that of rows".to_string()));
        }
        let array = Array { path, what: &what, name, descr: &descr };
        let bytes = array.element_bytes()?;
        let count = shape.iter().try_fold(1, |count: usize, &size| count.checked_mul(size));
        if count == Some(0) {
            return Err(Error::file(path, format!("{name} of at least one number"), format!("shape {shape:?}")));
        }
        let most = MOST_BYTES.min(MOST_STORED / bytes.max(array.value_bytes()) as u64);
        let Some(count) = count.filter(|count| *count as u64 <= most) else {
            return Err(Error::file(
                path,
                format!("{name} of at most {most} numbers of {descr}"),
                format!("shape {shape:?}"),
            ));
        };
        let values = array.read(count, &mut entry)?;
        Ok(Numbers { shape, values })
    }
}

/// Reads the bytes of an array's header, whose length must be at most [`MOST_HEADER`].
fn header(entry: &mut impl Read) -> std::result::Result<Vec<u8>, String> {
    let mut take = |count: usize, header: &mut Vec<u8>| {
        let there = entry.by_ref().take(count as u64).read_to_end(header).map_err(|error| error.to_string())?;
        if there == count { Ok(()) } else { Err("the end of the file".to_string()) }
    };
    let mut bytes = Vec::new();
    take(npy::START, &mut bytes)?;
    take(npy::length_bytes(bytes[npy::MAGIC.len()]), &mut bytes)?;
    let length = bytes[npy::START..].iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
    if length > MOST_HEADER {
        return Err(format!("a header of {length} bytes"));
    }
    take(length, &mut bytes)?;
    Ok(bytes)
}

/// The error for an archive that cannot be read: [`Error::Io`] if a system call fails, else [`Error::File`].
fn unreadable(path: &Path, expected: &str, error: ZipError) -> Error {
    match error {
        ZipError::Io(source) if source.raw_os_error().is_some() => Error::io(path, source),
        error => Error::file(path, expected, error),
    }
}
