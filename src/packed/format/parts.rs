//! Reading and writing the basic types of a packed model's file.

use crate::error::{Error, Result};
use std::path::Path;

/// The longest name, of the network, the data set or a class, in bytes.
const LONGEST_NAME: usize = 255;

pub(super) fn push_word(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend((value as u32).to_le_bytes());
}

pub(super) fn push_floats(bytes: &mut Vec<u8>, values: &[f32]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// Writes a byte with the length, and as many whole characters of the text as fit.
pub(super) fn push_short_text(bytes: &mut Vec<u8>, text: &str) {
    let len = (0..=LONGEST_NAME.min(text.len())).rev().find(|len| text.is_char_boundary(*len)).unwrap_or(0);
    bytes.push(len as u8);
    bytes.extend(&text.as_bytes()[..len]);
}

/// The remaining bytes of the file, and its path for errors.
pub(super) struct Reader<'a> {
    pub path: &'a Path,
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// An error with what the file should have and what it has.
    pub fn error(&self, expected: impl Into<String>, seen: impl ToString) -> Error {
        Error::file(self.path, expected, seen)
    }

    /// The next `count` bytes, which errors name `what`.
    pub fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8]> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else {
            let seen = format!("{} before the end of the file", self.rest.len());
            return Err(self.error(format!("{count} bytes of {what}"), seen));
        };
        self.rest = rest;
        Ok(head)
    }

    /// A whole number of `len` bytes, at most four.
    pub fn number(&mut self, len: usize, what: &str) -> Result<usize> {
        let bytes = self.take(len, what)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A whole number of four bytes.
    pub fn word(&mut self, what: &str) -> Result<usize> {
        self.number(4, what)
    }

    /// A byte of 0 or 1.
    pub fn flag(&mut self, what: &str) -> Result<bool> {
        match self.number(1, what)? {
            0 => Ok(false),
            1 => Ok(true),
            odd => Err(self.error(format!("a byte {what} of 0 or 1"), odd)),
        }
    }

    /// A text, which follows a byte with its length.
    pub fn short_text(&mut self, what: &str) -> Result<String> {
        let len = self.number(1, what)?;
        let bytes = self.take(len, what)?;
        let text = str::from_utf8(bytes).map_err(|error| self.error(format!("{what} in UTF-8"), error))?;
        Ok(text.to_string())
    }

    /// The next `count` numbers, all finite.
    pub fn floats(&mut self, count: usize, what: &str) -> Result<Vec<f32>> {
        let bytes = self.take(count.saturating_mul(4), what)?;
        let floats: Vec<f32> = words(bytes).map(f32::from_bits).collect();
        match floats.iter().find(|value| !value.is_finite()) {
            Some(odd) => Err(self.error(format!("finite numbers in {what}"), odd)),
            None => Ok(floats),
        }
    }
}

/// Each four bytes as a little-endian number.
pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
