//! The header of an array of NumPy, in a `.npy` file or in an `.npz` archive of such files.
//!
//! ```text
//! magic      6 bytes   0x93 "NUMPY"
//! version    2 bytes
//! length     u16 in version 1, else u32, little-endian
//! header     that number of bytes, a literal of Python: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 28, 28), }
//! ```
//!
//! Read here are those that `numpy.save` writes of arrays of plain numbers, which hold nothing nested: readers of all literals have
//! been kept busy for good by a header of twenty braces.

use crate::error::{Error, Result};
use std::path::Path;

/// The first bytes of the file.
pub const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The bytes before the length of the header.
pub const START: usize = MAGIC.len() + 2;

/// What an array holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the elements, as NumPy writes it: `<f4`.
    pub descr: String,
    /// Whether the first index is the one that changes fastest.
    pub is_fortran: bool,
    /// The sizes.
    pub shape: Vec<usize>,
}

impl Header {
    /// The header that `bytes` begin with, and what follows it; errors call the file `path`.
    ///
    /// # Errors
    /// [`Error::File`] if it is no header of an array of plain numbers.
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

/// The bytes of the length of the header in a file of that version.
pub fn length_bytes(version: u8) -> usize {
    if version == 1 { 2 } else { 4 }
}

/// The entries of a header, as far as they are there.
#[derive(Default)]
struct Fields<'a> {
    descr: Option<&'a str>,
    fortran_order: Option<bool>,
    shape: Option<Vec<usize>>,
}

/// The text of the header, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (version, rest) = bytes.strip_prefix(&MAGIC)?.split_first_chunk::<2>()?;
    let (len, rest) = match version {
        [1, _] => rest.split_first_chunk::<2>().map(|(len, rest)| (u16::from_le_bytes(*len).into(), rest))?,
        _ => rest.split_first_chunk::<4>().map(|(len, rest)| (u32::from_le_bytes(*len), rest))?,
    };
    rest.split_at_checked(len as usize)
}

impl<'a> Fields<'a> {
    /// Of `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 28, 28), }`, in any order.
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

/// What stands between the quotes that a text begins with, and what follows them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| "'\"".contains(*c))?;
    text[1..].split_once(quote)
}
