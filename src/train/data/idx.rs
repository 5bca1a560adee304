//! IDX, the format of the MNIST files: a header of big-endian 32-bit words, then unsigned bytes, row major.
//!
//! | file | word 0 | word 1 | words 2, 3 | bytes |
//! |---|---|---|---|---|
//! | labels | 0x00000801 | count | | (count) |
//! | images | 0x00000803 | count | rows, columns | (count, rows, columns) |
//!
//! A file is exactly as long as its header says. Everything the headers can tell is checked before the first byte after
//! them is read, and memory is taken only as bytes arrive, so a header that lies costs nothing.

use std::io::{self, Read};
use std::path::Path;

use super::Dataset;
use crate::error::{Error, Result};

const IMAGES: u32 = 0x0000_0803;
const LABELS: u32 = 0x0000_0801;
const CLASSES: u8 = 10;

/// No file may hold more: 1.3 million images of 28 x 28, twenty times MNIST.
const MAX_BYTES: u64 = 1 << 30;

/// How far past its end a file that is too long is read, to say how long it is.
const MAX_EXCESS: u64 = 1 << 16;

/// Reads images (N, H, W) and their labels (N), 0 to 9, into a data set of shape (1, H, W) with 10 classes.
///
/// The paths are only named in errors. `images` and `labels` are read to their ends.
///
/// # Errors
/// [`Error::File`] if a header is not what the format demands, a size is zero, a file would hold more than 1 GiB, the
/// counts differ, a file is shorter or longer than its header says or cannot be decoded, or a label is above 9;
/// [`Error::Io`] if reading fails.
pub fn read(images: impl Read, images_path: &Path, labels: impl Read, labels_path: &Path) -> Result<Dataset> {
    let mut images = Idx { input: images, path: images_path };
    let mut labels = Idx { input: labels, path: labels_path };
    let [n] = labels.header(LABELS)?;
    let [count, rows, columns] = images.header(IMAGES)?;
    if count != n {
        let expected = format!("{n} images, one for each label in {}", labels_path.display());
        return Err(Error::file(images_path, expected, count));
    }
    let labels = labels.body(&[n])?;
    if let Some(i) = labels.iter().position(|&label| label >= CLASSES) {
        let seen = format!("{} at index {i}", labels[i]);
        return Err(Error::file(labels_path, "labels from 0 to 9", seen));
    }
    let pixels = images.body(&[count, rows, columns])?;
    Dataset::new(pixels, labels, [1, rows as usize, columns as usize], CLASSES.into())
}

struct Idx<'a, R> {
    input: R,
    path: &'a Path,
}

impl<R: Read> Idx<'_, R> {
    /// The sizes that follow the magic word, checked: none is zero, and their product is not above [`MAX_BYTES`].
    fn header<const RANK: usize>(&mut self, magic: u32) -> Result<[u32; RANK]> {
        let header = header_bytes(RANK);
        let expected = format!("a header of {header} bytes");
        let words = self.take(header, 0, &expected)?;
        let mut words = words.chunks_exact(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
        let seen = words.next().unwrap_or_default();
        if seen != magic {
            let expected = format!("magic word 0x{magic:08x}, unsigned bytes of rank {RANK}");
            return Err(Error::file(self.path, expected, format!("0x{seen:08x}")));
        }
        let mut sizes = [0; RANK];
        sizes.iter_mut().zip(words).for_each(|(size, word)| *size = word);
        let bytes = sizes.iter().try_fold(1, |n: u64, &size| n.checked_mul(size.into()));
        if !bytes.is_some_and(|n| (1..=MAX_BYTES).contains(&n)) {
            let expected = format!("a size of 1 to {MAX_BYTES} bytes");
            return Err(Error::file(self.path, expected, product(&sizes)));
        }
        Ok(sizes)
    }

    /// All bytes after the header; their number is the product of `sizes`.
    fn body(&mut self, sizes: &[u32]) -> Result<Vec<u8>> {
        let header = header_bytes(sizes.len());
        let count = sizes.iter().map(|&size| u64::from(size)).product();
        let total = header + count;
        let expected = format!("{total} bytes, {} after a header of {header}", product(sizes));
        let bytes = self.take(count, header, &expected)?;

        // Reading on also makes a decoder compare its checksum.
        let excess = io::copy(&mut self.input.by_ref().take(MAX_EXCESS), &mut io::sink())
            .map_err(|e| Error::unreadable(self.path, total, expected.as_str(), e))?;
        match excess {
            0 => Ok(bytes),
            MAX_EXCESS => Err(Error::file(self.path, expected, format!("over {total} bytes"))),
            _ => Err(Error::file(self.path, expected, format!("{} bytes", total + excess))),
        }
    }

    /// Exactly `count` bytes, `before` of the file having been read.
    fn take(&mut self, count: u64, before: u64, expected: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.input.by_ref().take(count).read_to_end(&mut bytes);
        let seen = before + bytes.len() as u64;
        match read {
            Err(e) => Err(Error::unreadable(self.path, seen, expected, e)),
            Ok(_) if seen < before + count => Err(Error::file(self.path, expected, format!("{seen} bytes"))),
            Ok(_) => Ok(bytes),
        }
    }
}

fn header_bytes(rank: usize) -> u64 {
    4 * (1 + rank as u64)
}

fn product(sizes: &[u32]) -> String {
    sizes.iter().map(u32::to_string).collect::<Vec<_>>().join(" x ")
}
