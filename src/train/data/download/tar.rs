//! Tar archives (POSIX.1-1988, ustar): for each entry a header of 512 bytes, then its contents, padded with zeros to
//! whole blocks of 512.
//!
//! | bytes of the header | |
//! |---|---|
//! | 0 … 99 | name, ended by a zero if shorter |
//! | 124 … 135 | length of the contents in bytes, octal |
//! | 148 … 155 | sum of the header's bytes, these eight taken as spaces, octal |
//! | 156 | kind: `0` or a zero byte for a regular file |
//!
//! A header of zeros ends the archive.

use std::io::{self, ErrorKind, Read};

const BLOCK: usize = 512;

/// An entry's header.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// The name without directories, if the entry is a regular file.
    pub file: Option<String>,
    /// The length of the contents.
    pub bytes: u64,
}

impl Entry {
    /// Reads a header; none at the end of the archive.
    ///
    /// # Errors
    /// If reading fails, or the bytes are not a header.
    pub fn next(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = Vec::with_capacity(BLOCK);
        input.by_ref().take(BLOCK as u64).read_to_end(&mut header)?;
        // Some archives end without a header of zeros.
        if header.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        if header.len() < BLOCK {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let sum: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
        let own: u64 = header[148..156].iter().map(|&byte| u64::from(byte)).sum();
        if octal(&header[148..156])? != sum - own + 8 * u64::from(b' ') {
            return Err(invalid("a tar header whose checksum does not fit"));
        }
        let name = header[..100].split(|&byte| byte == 0).next().unwrap_or_default();
        let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let is_file = matches!(header[156], b'0' | 0);
        let file = is_file.then(|| String::from_utf8_lossy(name).into_owned());
        Ok(Some(Self { file, bytes: octal(&header[124..136])? }))
    }

    /// The number of zeros after the contents.
    pub fn padding(&self) -> u64 {
        self.bytes.wrapping_neg() % BLOCK as u64
    }
}

/// A number in octal digits, among spaces and zero bytes.
fn octal(field: &[u8]) -> io::Result<u64> {
    let digits = std::str::from_utf8(field).map_err(|_| invalid("a tar header without octal numbers"))?;
    u64::from_str_radix(digits.trim_matches([' ', '\0']), 8).map_err(|_| invalid("a tar header without octal numbers"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
