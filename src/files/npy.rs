//! An array of NumPy, in a `.npy` file or in an `.npz` archive of such files: its header and its numbers.
//!
//! ```text
//! magic      6 bytes   0x93 "NUMPY"
//! version    2 bytes
//! length     u16 in version 1, else u32, little-endian
//! header     that number of bytes, a literal of Python:
//!   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 28, 28), }
//! numbers    the elements; the type in the header sets the bytes of each
//! ```
//!
//! This module reads only the headers that `numpy.save` writes for arrays of plain numbers, which have nothing nested:
//! a reader of all literals can be kept busy practically forever by a header of twenty braces.

use crate::error::{Error, Result};
use half::f16;
use std::io::Read;
use std::path::Path;

/// The first bytes of the file.
pub const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The bytes before the length of the header.
pub const START: usize = MAGIC.len() + 2;

/// The entries of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the elements, as NumPy writes it: `<f4`.
    pub descr: String,
    /// Whether the first index changes fastest.
    pub is_fortran: bool,
    /// The sizes of the array.
    pub shape: Vec<usize>,
}

impl Header {
    /// The header at the beginning of `bytes`, and the bytes that follow it; errors name the file `path`.
    ///
    /// # Errors
    /// [`Error::File`] if `bytes` do not begin with the header of an array of plain numbers.
    pub fn split<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let plain = || Error::file(path, "an array of plain numbers, as numpy.save writes it", "another header");
        let (text, data) = split(bytes).ok_or_else(plain)?;
        let fields = str::from_utf8(text).ok().and_then(Fields::parse).ok_or_else(plain)?;
        match (fields.descr, fields.fortran_order, fields.shape) {
            (Some(descr), Some(is_fortran), Some(shape)) => {
                Ok((Self { descr: descr.to_string(), is_fortran, shape }, data))
            }
            _ => Err(plain()),
        }
    }
}

/// The number of bytes of the header's length in a file of this version.
pub fn length_bytes(version: u8) -> usize {
    if version == 1 { 2 } else { 4 }
}

/// The entries of a header that were found.
#[derive(Default)]
struct Fields<'a> {
    descr: Option<&'a str>,
    fortran_order: Option<bool>,
    shape: Option<Vec<usize>>,
}

/// The text of the header, and the bytes that follow it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (version, rest) = bytes.strip_prefix(&MAGIC)?.split_first_chunk::<2>()?;
    let (len, rest) = match version {
        [1, _] => rest.split_first_chunk::<2>().map(|(len, rest)| (u16::from_le_bytes(*len).into(), rest))?,
        _ => rest.split_first_chunk::<4>().map(|(len, rest)| (u32::from_le_bytes(*len), rest))?,
    };
    rest.split_at_checked(len as usize)
}

impl<'a> Fields<'a> {
    /// Parses the header that the [module](self) shows, with its entries in any order.
    fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let mut header = Self::default();
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" => {
                    let (descr, after) = quoted(value)?;
                    header.descr = Some(descr);
                    after
                }
                "fortran_order" => {
                    let end = value.find(',').unwrap_or(value.len());
                    header.fortran_order = match value[..end].trim() {
                        "True" => Some(true),
                        "False" => Some(false),
                        _ => return None,
                    };
                    &value[end..]
                }
                "shape" => {
                    let (sizes, after) = value.strip_prefix('(')?.split_once(')')?;
                    let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
                    header.shape = Some(sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?);
                    after
                }
                _ => return None,
            };
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').or(rest.is_empty().then_some(rest))?.trim_start();
        }
        Some(header)
    }
}

/// The part of a text between the quotes that it begins with, and the part after them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| "'\"".contains(*c))?;
    text[1..].split_once(quote)
}

/// The numbers of an array, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Bytes, or booleans as 0 and 1.
    Bytes(Vec<u8>),
    /// Whole numbers of any other type; those above the largest i64 become it.
    Integers(Vec<i64>),
    /// Finite floats; those of 64 bits are rounded.
    Floats(Vec<f32>),
}

/// The largest value of images of floats from 0 to 255 is above this: a smaller one is more likely of another scale.
const LEAST_MAXIMUM: f32 = 128.0;

impl Values {
    /// The factor that maps pixels to 0 … 255: 255 for floats from 0 to 1 and for whole numbers of which the largest is
    /// 1, as images of two colours are stored; else 1.
    ///
    /// # Errors
    /// A description of floats that are scaled neither to 1 nor to 255.
    pub fn scale(&self) -> std::result::Result<f64, String> {
        let of_whole = |has_two_colours: bool| Ok(if has_two_colours { 255.0 } else { 1.0 });
        let floats = match self {
            Self::Bytes(bytes) => return of_whole(bytes.iter().max() == Some(&1)),
            Self::Integers(integers) => return of_whole(integers.iter().max() == Some(&1)),
            Self::Floats(floats) => floats,
        };
        match floats.iter().copied().fold(0.0, f32::max) {
            ..=1.0 => Ok(255.0),
            largest if largest > LEAST_MAXIMUM => Ok(1.0),
            largest => Err(format!("numbers up to {largest}")),
        }
    }
}

/// What is known of an array from its header, and how errors name it.
#[derive(Clone, Copy, Debug)]
pub struct Array<'a> {
    /// The file.
    pub path: &'a Path,
    /// The array as something expected: "an array x_train".
    pub what: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The type of its elements, as NumPy writes it.
    pub descr: &'a str,
}

impl Array<'_> {
    /// The number of bytes of an element.
    ///
    /// # Errors
    /// [`Error::File`] if the elements are no plain numbers.
    pub fn element_bytes(&self) -> Result<usize> {
        match self.kind() {
            "u1" | "b1" | "i1" => Ok(1),
            "u2" | "i2" | "f2" => Ok(2),
            "u4" | "i4" | "f4" => Ok(4),
            "u8" | "i8" | "f8" => Ok(8),
            "O" => Err(self.error("pickled objects, which are never loaded".to_string())),
            _ => Err(self.error(format!("elements of type {}", self.descr))),
        }
    }

    /// The number of bytes that an element takes in [`Values`].
    pub fn value_bytes(&self) -> usize {
        match self.kind() {
            "u1" | "b1" => 1,
            "f2" | "f4" | "f8" => 4,
            _ => 8,
        }
    }

    /// Reads the `count` numbers of the array to the end of `input`, where the reader of an archive checks its
    /// checksum.
    ///
    /// # Errors
    /// [`Error::File`] if the elements are no plain numbers, a float is not finite, or `input` has fewer or more bytes;
    /// [`Error::Io`] if it cannot be read.
    pub fn read(&self, count: usize, input: &mut impl Read) -> Result<Values> {
        self.element_bytes()?;
        let values = match self.kind() {
            "i1" => Values::Integers(self.each(count, input, |bytes| i8::from_le_bytes(bytes).into())?),
            "u2" => Values::Integers(self.each(count, input, |bytes| u16::from_le_bytes(bytes).into())?),
            "i2" => Values::Integers(self.each(count, input, |bytes| i16::from_le_bytes(bytes).into())?),
            "u4" => Values::Integers(self.each(count, input, |bytes| u32::from_le_bytes(bytes).into())?),
            "i4" => Values::Integers(self.each(count, input, |bytes| i32::from_le_bytes(bytes).into())?),
            "i8" => Values::Integers(self.each(count, input, i64::from_le_bytes)?),
            "u8" => {
                let signed = |bytes| i64::try_from(u64::from_le_bytes(bytes)).unwrap_or(i64::MAX);
                Values::Integers(self.each(count, input, signed)?)
            }
            "f2" => Values::Floats(self.each(count, input, |bytes| f16::from_le_bytes(bytes).to_f32())?),
            "f4" => Values::Floats(self.each(count, input, f32::from_le_bytes)?),
            "f8" => Values::Floats(self.each(count, input, |bytes| f64::from_le_bytes(bytes) as f32)?),
            _ => Values::Bytes(self.each(count, input, u8::from_le_bytes)?),
        };
        if let Values::Floats(floats) = &values
            && let Some(i) = floats.iter().position(|value| !value.is_finite())
        {
            let expected = format!("finite numbers in {}", self.name);
            return Err(Error::file(self.path, expected, format!("{} at index {i}", floats[i])));
        }
        Ok(values)
    }

    /// The type without the order of its bytes.
    fn kind(&self) -> &str {
        self.descr.split_at_checked(1).map_or("", |(_, kind)| kind)
    }

    fn error(&self, seen: String) -> Error {
        let types = "u8, i64, f16, f32, f64 or other plain numbers";
        Error::file(self.path, format!("{} of {types}", self.what), seen)
    }

    fn each<T, const BYTES: usize>(
        &self,
        count: usize,
        input: &mut impl Read,
        of: impl Fn([u8; BYTES]) -> T,
    ) -> Result<Vec<T>> {
        let expected = || format!("{} of {} bytes after its header", self.name, count * BYTES);
        let is_little = !self.descr.starts_with('>');
        let mut values = Vec::new();
        let mut block = vec![0; BYTES << 12];
        let (mut rest, mut read) = (count * BYTES, 0);
        while rest > 0 {
            let block = &mut block[..rest.min(BYTES << 12)];
            input.read_exact(block).map_err(|error| Error::unreadable(self.path, read as u64, expected(), error))?;
            values.extend(block.chunks_exact(BYTES).map(|bytes| {
                let mut number: [u8; BYTES] = bytes.try_into().unwrap_or([0; BYTES]);
                if !is_little {
                    number.reverse();
                }
                of(number)
            }));
            (rest, read) = (rest - block.len(), read + block.len());
        }
        match input.read(&mut block[..1]) {
            Ok(0) => Ok(values),
            Ok(_) => Err(Error::file(self.path, expected(), "more")),
            Err(error) => Err(Error::unreadable(self.path, read as u64, expected(), error)),
        }
    }
}
