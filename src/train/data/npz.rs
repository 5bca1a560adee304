//! Arrays of numpy in an `.npz` file, as `numpy.savez` and `savez_compressed` write them.
//!
//! | array | shape | numbers |
//! |---|---|---|
//! | `x_train` | see [`layout`](super::layout) | bytes or other whole numbers from 0 to 255; whole numbers or booleans of which the largest is 1; or floats, all from 0 to 1, or from 0 to 255 with one above 128 |
//! | `y_train` | (N) or (N, 1) | whole numbers from 0 to 65,535 |
//! | `x_test`, `y_test` | as these | as these; where both are missing, a fifth of each class are test images, always the same ones |
//!
//! Floats are rounded to bytes, since the images of a data set are stored as bytes; numbers from 0 to 1 are first
//! multiplied by 255. Memory is allocated only as numbers are read, so a header with wrong sizes costs no memory.
//! Pickled objects are refused.

use std::fs::{File, metadata};
use std::io::{Read, Seek};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::held_out::{Part, TEST_SHARE, hold_out};
use super::idx::labels_of;
use super::layout::{Layout, SHAPES};
use super::split::numbered;
use super::{Dataset, MOST_BYTES, MOST_CLASSES, Split, by, known};
use crate::error::{Error, Result};
use crate::files::npy::{self, Header};

/// Reads the arrays in the file at `path`.
///
/// # Errors
/// The errors of [`read`], and [`Error::Io`] if the file cannot be opened.
pub fn load(path: &Path) -> Result<Split> {
    let io = |source| Error::io(path, source);
    // To open a pipe would wait for its other end.
    if !metadata(path).map_err(io)?.is_file() {
        return Err(Error::file(path, "an .npz file", "something else"));
    }
    read(File::open(path).map_err(io)?, path)
}

/// Reads the arrays in `input`; `path` is only named in errors.
///
/// # Errors
/// [`Error::File`] if the file is not a zip archive with the arrays, an array is not as in the table above, is shorter
/// or longer than its header says or has more than [`MOST_BYTES`], there are fewer than two classes, or a class has no
/// training image; [`Error::Io`] if the file cannot be read.
pub fn read(input: impl Read + Seek, path: &Path) -> Result<Split> {
    let mut file = Npz::open(input, path)?;
    let (x_train, y_train) = (file.numbers("x_train")?, file.numbers("y_train")?);
    let tests = match (file.has("x_test"), file.has("y_test")) {
        (true, true) => Some((file.numbers("x_test")?, file.numbers("y_test")?)),
        (false, false) => None,
        (has_images, _) => {
            let (there, missing) = if has_images { ("x_test", "y_test") } else { ("y_test", "x_test") };
            return Err(Error::file(path, format!("{missing} beside {there}"), "none"));
        }
    };
    let scale = x_train.scale().map_err(|seen| {
        let expected = "floats from 0 to 1, or from 0 to 255, in x_train: pixels before any normalization";
        Error::file(path, expected, seen)
    })?;
    let train = dataset(path, ("x_train", x_train), ("y_train", y_train), scale)?;
    let (train, test) = match tests {
        Some((x, y)) => {
            if scale == 1.0 && x.scale() == Ok(255.0) {
                let expected = "x_test from 0 to 255, as x_train";
                return Err(Error::file(path, expected, "numbers from 0 to 1"));
            }
            let test = dataset(path, ("x_test", x), ("y_test", y), scale)?;
            if test.shape() != train.shape() {
                let expected = format!("x_test of {}, as x_train", by(train.shape()));
                return Err(Error::file(path, expected, by(test.shape())));
            }
            (train, test)
        }
        None => hold_out(&train, TEST_SHARE, Part::Test).map_err(|_| {
            Error::file(
                path,
                "x_test and y_test, or a class of at least three images",
                format!("{} images", train.len()),
            )
        })?,
    };
    let (train, test) = numbered(train, test).map_err(|error| Error::file(path, "labels of classes", error))?;
    Ok(known::named(train, test, &known::place(path), &format!("{path:?}")))
}

/// The data set of the arrays `x`, images, and `y`, their labels.
fn dataset(path: &Path, (x_name, x): (&str, Numbers), (y_name, y): (&str, Numbers), scale: f64) -> Result<Dataset> {
    let layout = x.shape.get(1..).and_then(Layout::of);
    let layout = layout.ok_or_else(|| Error::file(path, format!("{x_name} of {SHAPES}"), format!("{:?}", x.shape)))?;
    let count = x.shape.first().copied().unwrap_or(0);
    if !matches!(y.shape[..], [n] | [n, 1] if n == count) {
        let expected = format!("{y_name} of {count} labels, one for each image in {x_name}");
        return Err(Error::file(path, expected, format!("shape {:?}", y.shape)));
    }
    let labels = y.labels().ok_or_else(|| Error::file(path, format!("{y_name} of whole numbers"), "floats"))?;
    let labels = labels.map_err(|seen| Error::file(path, format!("{y_name} from 0 to {}", MOST_CLASSES - 1), seen))?;
    let as_elsewhere = if x_name == "x_train" { "" } else { ", as in x_train" };
    let pixels = x
        .bytes(scale)
        .map_err(|seen| Error::file(path, format!("{x_name} from 0 to {}{as_elsewhere}", 255.0 / scale), seen))?;
    let classes = labels.iter().max().map_or(0, |&label| usize::from(label) + 1);
    let data = Dataset::new(layout.channels_first(pixels), labels, layout.shape, classes);
    data.map_err(|error| Error::file(path, format!("images in {x_name}"), error))
}

/// The largest value of images of floats from 0 to 255 is above this: a smaller one is more likely of another scale.
const LEAST_MAXIMUM: f32 = 128.0;

/// The numbers of an array.
struct Numbers {
    shape: Vec<usize>,
    values: Values,
}

enum Values {
    Bytes(Vec<u8>),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
}

impl Numbers {
    /// The factor that maps the numbers to 0 … 255; or a description of floats that are scaled neither to 1 nor to 255.
    fn scale(&self) -> std::result::Result<f64, String> {
        let values = match &self.values {
            Values::Floats(values) => values,
            // Images of two colours are stored as 0 and 1.
            Values::Bytes(bytes) => return Ok(if bytes.iter().max() == Some(&1) { 255.0 } else { 1.0 }),
            Values::Integers(integers) => return Ok(if integers.iter().max() == Some(&1) { 255.0 } else { 1.0 }),
        };
        match values.iter().copied().fold(0.0, f32::max) {
            ..=1.0 => Ok(255.0),
            largest if largest > LEAST_MAXIMUM => Ok(1.0),
            largest => Err(format!("numbers up to {largest}")),
        }
    }

    /// The numbers as labels, or a description of the first number that is not a label; none if they are floats.
    fn labels(&self) -> Option<std::result::Result<Vec<u16>, String>> {
        match &self.values {
            Values::Bytes(bytes) => Some(labels_of(bytes.iter().copied().map(i64::from))),
            Values::Integers(integers) => Some(labels_of(integers.iter().copied())),
            Values::Floats(_) => None,
        }
    }

    /// The numbers times `scale`, rounded to bytes; or a description of the first that is then not from 0 to 255.
    fn bytes(self, scale: f64) -> std::result::Result<Vec<u8>, String> {
        let seen = |(i, value): (usize, f64)| {
            let byte = (value * scale).round();
            if (0.0..=255.0).contains(&byte) { Ok(byte as u8) } else { Err(format!("{value} at index {i}")) }
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
        let mut entry = match self.archive.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Err(Error::file(path, what, "none")),
            Err(error) => return Err(unreadable(path, &what, error)),
        };
        let header = header(&mut entry).map_err(file)?;
        let (Header { descr, is_fortran, shape }, _) =
            Header::split(path, &header).map_err(|_| file("another header".to_string()))?;
        if is_fortran && shape.len() > 1 {
            return Err(file("one in the order of columns; numpy.ascontiguousarray gives it that of rows".to_string()));
        }
        let (order, kind) = descr.split_at_checked(1).unwrap_or((&descr, ""));
        let bytes = kind.get(1..).and_then(|bytes| bytes.parse().ok()).unwrap_or(1_usize);
        let count = shape.iter().try_fold(1, |count: usize, &size| count.checked_mul(size));
        let Some(count) = count.filter(|count| (1..=MOST_BYTES as usize / bytes.max(1)).contains(count)) else {
            let seen = format!("shape {shape:?} of {descr}");
            return Err(Error::file(path, format!("{name} of 1 to {MOST_BYTES} bytes"), seen));
        };
        let data = Data { path, name, count, is_little: order != ">" };
        let values = match kind {
            "u1" | "b1" => Values::Bytes(data.read(&mut entry, u8::from_le_bytes)?),
            "i1" => Values::Integers(data.read(&mut entry, |bytes| i8::from_le_bytes(bytes).into())?),
            "u2" => Values::Integers(data.read(&mut entry, |bytes| u16::from_le_bytes(bytes).into())?),
            "i2" => Values::Integers(data.read(&mut entry, |bytes| i16::from_le_bytes(bytes).into())?),
            "u4" => Values::Integers(data.read(&mut entry, |bytes| u32::from_le_bytes(bytes).into())?),
            "i4" => Values::Integers(data.read(&mut entry, |bytes| i32::from_le_bytes(bytes).into())?),
            "i8" => Values::Integers(data.read(&mut entry, i64::from_le_bytes)?),
            "u8" => {
                let signed = |bytes| i64::try_from(u64::from_le_bytes(bytes)).unwrap_or(i64::MAX);
                Values::Integers(data.read(&mut entry, signed)?)
            }
            "f4" => Values::Floats(data.read(&mut entry, f32::from_le_bytes)?),
            "f8" => Values::Floats(data.read(&mut entry, |bytes| f64::from_le_bytes(bytes) as f32)?),
            "O" => return Err(file("pickled objects, which are never loaded".to_string())),
            _ => return Err(file(format!("elements of type {descr}"))),
        };
        if let Values::Floats(floats) = &values
            && let Some(i) = floats.iter().position(|value| !value.is_finite())
        {
            return Err(Error::file(path, format!("finite numbers in {name}"), format!("{} at index {i}", floats[i])));
        }
        Ok(Numbers { shape, values })
    }
}

/// The numbers of an array that follow its header.
struct Data<'a> {
    path: &'a Path,
    name: &'a str,
    count: usize,
    is_little: bool,
}

impl Data<'_> {
    /// Reads the numbers to the end of the entry, where the archive's reader checks the entry's checksum.
    fn read<T, const BYTES: usize>(&self, entry: &mut impl Read, of: impl Fn([u8; BYTES]) -> T) -> Result<Vec<T>> {
        let expected = || format!("{} of {} bytes after its header", self.name, self.count * BYTES);
        let mut values = Vec::new();
        let mut block = vec![0; BYTES << 12];
        let (mut rest, mut read) = (self.count * BYTES, 0);
        while rest > 0 {
            let block = &mut block[..rest.min(BYTES << 12)];
            entry.read_exact(block).map_err(|error| Error::unreadable(self.path, read as u64, expected(), error))?;
            values.extend(block.chunks_exact(BYTES).map(|bytes| {
                let mut number: [u8; BYTES] = bytes.try_into().unwrap_or([0; BYTES]);
                if !self.is_little {
                    number.reverse();
                }
                of(number)
            }));
            (rest, read) = (rest - block.len(), read + block.len());
        }
        match entry.read(&mut block[..1]) {
            Ok(0) => Ok(values),
            Ok(_) => Err(Error::file(self.path, expected(), "more")),
            Err(error) => Err(Error::unreadable(self.path, read as u64, expected(), error)),
        }
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
