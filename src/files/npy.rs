//! The header of an array of NumPy, in a `.npy` file or in an `.npz` archive of such files.
//!
//! ```text
//! magic      6 bytes   0x93 "NUMPY"
//! version    2 bytes
//! length     u16 in version 1, else u32, little-endian
//! header     that number of bytes, a literal of Python:
//!   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 28, 28), }
//! ```
//!
//! This module reads only the headers that `numpy.save` writes for arrays of plain numbers, which have nothing nested:
//! a reader of all literals can be kept busy practically forever by a header of twenty braces.

use crate::error::{Error, Result};
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
