//! IDX, the format of the MNIST files: a header of big-endian 32-bit words, then numbers, row major.
//!
//! | file | word 0 | word 1 | further words | numbers |
//! |---|---|---|---|---|
//! | labels | 0x00000801 | count | | (count) |
//! | images | 0x00000803 | count | rows, columns | (count, rows, columns) |
//! | images | 0x00000804 | count | a [`Layout`] with channels | (count, channels, rows, columns) or (count, rows, columns, channels) |
//!
//! The third byte of word 0 is the type of the numbers, 08 for unsigned bytes; labels may also be big-endian integers
//! of two bytes (0B) or four (0C). A file is exactly as long as its header says. The headers are checked before the
//! first byte after them is read, and memory is allocated only as bytes are read, so a header with wrong sizes costs no
//! memory.

use std::io::{self, Read};
use std::path::Path;

use super::layout::Layout;
use super::{Dataset, MOST_BYTES, MOST_CLASSES};
use crate::error::{Error, Result};

const BYTES: u8 = 0x08;
/// The types of the numbers in a file of images, each with the number of sizes in its header.
const IMAGES: [(u8, usize); 2] = [(BYTES, 3), (BYTES, 4)];
/// The types of labels, each with the number of bytes of a label.
const LABELS: [(u8, usize); 3] = [(BYTES, 1), (0x0B, 2), (0x0C, 4)];

/// The number of bytes that are read past the end of a file that is too long, to report its length.
const MAX_EXCESS: u64 = 1 << 16;

/// Reads images (N, H, W), (N, C, H, W) or (N, H, W, C) and their labels (N). The classes are those from 0 to the
/// largest label.
///
/// The paths are only named in errors; `images` and `labels` are read to their ends.
///
/// # Errors
/// [`Error::File`] if a header is not what the format demands, a size is zero, a file would hold more than
/// [`MOST_BYTES`], the counts differ, a file is shorter or longer than its header says or cannot be decoded, or a label
/// is not from 0 to 65,535; [`Error::Io`] if reading fails.
pub fn read(images: impl Read, images_path: &Path, labels: impl Read, labels_path: &Path) -> Result<Dataset> {
    let mut images = Idx { input: images, path: images_path };
    let mut labels = Idx { input: labels, path: labels_path };
    let (kind, sizes) = labels.header("labels", &LABELS.map(|(kind, _)| (kind, 1)))?;
    let (n, bytes) = (sizes[0], bytes_of(kind));
    let (_, sizes) = images.header("images", &IMAGES)?;
    if sizes[0] != n {
        let expected = format!("{n} images, one for each label in {}", labels_path.display());
        return Err(Error::file(images_path, expected, sizes[0]));
    }
    let layout = layout(images_path, &sizes)?;
    let labels = labels.body(&[n], bytes)?;
    let labels = labels_of(labels.chunks_exact(bytes).map(signed))
        .map_err(|seen| Error::file(labels_path, format!("labels from 0 to {}", MOST_CLASSES - 1), seen))?;
    let pixels = layout.channels_first(images.body(&sizes, 1)?);
    let classes = labels.iter().max().map_or(0, |&label| usize::from(label) + 1);
    Dataset::new(pixels, labels, layout.shape, classes)
}

/// Like [`read`], but without labels: the label of each image is 0.
///
/// # Errors
/// The errors of [`read`].
pub fn read_images(images: impl Read, path: &Path) -> Result<Dataset> {
    let mut images = Idx { input: images, path };
    let (_, sizes) = images.header("images", &IMAGES)?;
    let layout = layout(path, &sizes)?;
    let pixels = layout.channels_first(images.body(&sizes, 1)?);
    Dataset::new(pixels, vec![0; sizes[0] as usize], layout.shape, 1)
}

/// The layout of images with these sizes, of which the first is their number.
fn layout(path: &Path, sizes: &[u32]) -> Result<Layout> {
    let image: Vec<usize> = sizes[1..].iter().map(|&size| size as usize).collect();
    Layout::of(&image).ok_or_else(|| {
        let expected = "1 or 3 channels, before or after rows and columns";
        Error::file(path, expected, product(sizes))
    })
}

/// The number of bytes of a number of a type.
fn bytes_of(kind: u8) -> usize {
    LABELS.iter().find(|(of, _)| *of == kind).map_or(1, |(_, bytes)| *bytes)
}

/// A big-endian number: an unsigned byte, or a signed number of two or four bytes.
fn signed(bytes: &[u8]) -> i64 {
    match *bytes {
        [a, b] => i16::from_be_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_be_bytes([a, b, c, d]).into(),
        _ => bytes.first().copied().unwrap_or(0).into(),
    }
}

/// The numbers as labels, or a description of the first number that is not a label.
pub(super) fn labels_of(numbers: impl IntoIterator<Item = i64>) -> std::result::Result<Vec<u16>, String> {
    let label = |(i, number): (usize, i64)| u16::try_from(number).map_err(|_| format!("{number} at index {i}"));
    numbers.into_iter().enumerate().map(label).collect()
}

struct Idx<'a, R> {
    input: R,
    path: &'a Path,
}

impl<R: Read> Idx<'_, R> {
    /// Reads a header: the type of the numbers, and the sizes. Checks that the type and the number of sizes are among
    /// `kinds`, that no size is zero, and that the numbers have at most [`MOST_BYTES`] in all.
    fn header(&mut self, what: &str, kinds: &[(u8, usize)]) -> Result<(u8, Vec<u32>)> {
        let header = header_bytes(kinds[0].1);
        let mut bytes = self.take(header, 0, &format!("a header of {header} bytes"))?;
        let (zeros, kind, rank) = ([bytes[0], bytes[1]], bytes[2], usize::from(bytes[3]));
        if zeros != [0, 0] || !kinds.contains(&(kind, rank)) {
            let words: Vec<String> = kinds.iter().map(|(kind, rank)| format!("0x0000{kind:02x}{rank:02x}")).collect();
            let seen: String = bytes[..4].iter().map(|byte| format!("{byte:02x}")).collect();
            let expected = format!("the magic word of {what}, {}", words.join(" or "));
            return Err(Error::file(self.path, expected, format!("0x{seen}")));
        }
        if header_bytes(rank) > header {
            let more = header_bytes(rank) - header;
            let expected = format!("a header of {} bytes", header_bytes(rank));
            bytes.extend(self.take(more, header, &expected)?);
        }
        let word = |w: &[u8]| u32::from_be_bytes([w[0], w[1], w[2], w[3]]);
        let sizes: Vec<u32> = bytes.chunks_exact(4).skip(1).map(word).collect();
        let bytes_each = bytes_of(kind) as u64;
        let count = sizes.iter().try_fold(bytes_each, |n: u64, &size| n.checked_mul(size.into()));
        if !count.is_some_and(|n| (1..=MOST_BYTES).contains(&n)) {
            let expected = format!("a size of 1 to {MOST_BYTES} bytes");
            return Err(Error::file(self.path, expected, product(&sizes)));
        }
        Ok((kind, sizes))
    }

    /// All bytes after the header, as many as the product of `sizes` times `bytes`, the bytes of a number.
    fn body(&mut self, sizes: &[u32], bytes: usize) -> Result<Vec<u8>> {
        let header = header_bytes(sizes.len());
        let count = sizes.iter().map(|&size| u64::from(size)).product::<u64>() * bytes as u64;
        let total = header + count;
        let each = if bytes == 1 { String::new() } else { format!(" x {bytes}") };
        let expected = format!("{total} bytes, {}{each} after a header of {header}", product(sizes));
        let bytes = self.take(count, header, &expected)?;

        // Reading to the end also makes a decoder check its checksum.
        let excess = io::copy(&mut self.input.by_ref().take(MAX_EXCESS), &mut io::sink())
            .map_err(|e| Error::unreadable(self.path, total, expected.as_str(), e))?;
        match excess {
            0 => Ok(bytes),
            MAX_EXCESS => Err(Error::file(self.path, expected, format!("over {total} bytes"))),
            _ => Err(Error::file(self.path, expected, format!("{} bytes", total + excess))),
        }
    }

    /// Reads exactly `count` bytes, after `before` bytes of the file have been read.
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
