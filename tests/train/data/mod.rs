//! Tests of `Dataset`, and functions that the tests of the files share.

mod augment;
#[cfg(feature = "files")]
mod cifar;
#[cfg(feature = "download")]
mod download;
#[cfg(feature = "files")]
mod folder;
#[cfg(feature = "files")]
mod gz;
mod held_out;
mod idx;
mod layout;
#[cfg(feature = "files")]
mod load;
#[cfg(feature = "files")]
mod mnist;
#[cfg(feature = "files")]
mod npz;
mod split;
mod standardization;

use crate::common::assert_error;
use crate::common::random::Random;
use spikeslab::train::data::Dataset;

/// An IDX file of images with these sizes in its header.
fn idx_images(sizes: [u32; 3], pixels: &[u8]) -> Vec<u8> {
    let header = [0x803, sizes[0], sizes[1], sizes[2]];
    [&header.map(u32::to_be_bytes).concat(), pixels].concat()
}

/// An IDX file of labels with this count in its header.
fn idx_labels(count: u32, labels: &[u8]) -> Vec<u8> {
    [&[0x801, count].map(u32::to_be_bytes).concat(), labels].concat()
}

/// `n` bytes that look random, the same in every run.
fn noise(n: usize, seed: u64) -> Vec<u8> {
    Random::new(seed).bytes(n)
}

#[test]
fn grey_images_have_one_channel_or_three_equal_ones() {
    let grey = Dataset::new(vec![1, 2, 3, 4], vec![1, 0], [1, 1, 2], 2).unwrap();
    let colour = grey.in_three_channels();
    assert_eq!((colour.shape(), colour.pixels(1)), ([3, 1, 2], &[3, 4, 3, 4, 3, 4][..]));
    assert_eq!(colour.in_three_channels().pixels(1), colour.pixels(1));
    for of in [&grey, &colour] {
        let one = of.in_one_channel().unwrap();
        assert_eq!((one.shape(), one.pixels(0), one.pixels(1)), ([1, 1, 2], grey.pixels(0), grey.pixels(1)));
        assert_eq!((one.labels(), one.classes()), (grey.labels(), 2));
    }
    let mut last = colour.pixels(0).to_vec();
    last[5] += 1;
    let other = Dataset::new(last, vec![0], [3, 1, 2], 1).unwrap();
    assert!(other.in_one_channel().is_none());
}

#[test]
fn batch_holds_the_chosen_images_in_order() {
    // Three images of 2 channels, 1 x 2.
    let bytes = vec![0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6];
    let data = Dataset::new(bytes, vec![2, 0, 1], [2, 1, 2], 3).unwrap();
    assert_eq!((data.len(), data.is_empty()), (3, false));
    assert_eq!((data.shape(), data.classes(), data.labels()), ([2, 1, 2], 3, &[2, 0, 1][..]));
    let (x, labels) = data.batch::<f64>(&[1, 0, 1]);
    assert_eq!(x.shape(), [3, 2, 1, 2]);
    let second = [204.0 / 255.0, 1.0, 1.0 / 255.0, 2.0 / 255.0];
    let first = [0.0, 0.2, 0.4, 0.6];
    assert_eq!(x.into_raw_vec_and_offset().0, [second, first, second].concat());
    assert_eq!(labels, [0, 2, 0]);
    assert_eq!(data.batch::<f32>(&[]).0.shape(), [0, 2, 1, 2]);
}

#[test]
fn every_pixel_value_is_the_rounded_quotient() {
    let data = Dataset::new((0..=255).collect(), vec![0], [1, 16, 16], 1).unwrap();
    let (single, _) = data.batch::<f32>(&[0]);
    let (double, _) = data.batch::<f64>(&[0]);
    for p in 0..256 {
        let at = [0, 0, p / 16, p % 16];
        assert_eq!(single[at], p as f32 / 255.0, "{p}");
        assert_eq!(double[at], p as f64 / 255.0, "{p}");
    }
}

#[test]
fn lengths_sizes_and_labels_are_checked() {
    let refused = |images: usize, labels: &[u16], shape, classes| {
        Dataset::new(vec![0; images], labels.to_vec(), shape, classes).unwrap_err().to_string()
    };
    let expected = "tensor images: expected 2 x 1 x 2 x 3 bytes, no size zero (saw: 11)";
    assert_eq!(refused(11, &[0, 0], [1, 2, 3], 1), expected);
    let expected = "tensor images: expected 1 x 1 x 0 x 3 bytes, no size zero (saw: 0)";
    assert_eq!(refused(0, &[0], [1, 0, 3], 1), expected);
    assert!(refused(0, &[0, 0], [1, usize::MAX, 3], 1).starts_with("tensor images"));
    let expected = "tensor labels: expected labels below 10 (saw: 10 at index 1)";
    assert_eq!(refused(2, &[9, 10], [1, 1, 1], 10), expected);
    assert!(Dataset::new(vec![], vec![], [1, 1, 1], 1).unwrap().is_empty());
}

#[test]
fn debug_shows_sizes_only() {
    let data = Dataset::new(vec![7; 4], vec![1], [1, 2, 2], 2).unwrap();
    assert_eq!(format!("{data:?}"), "Dataset { len: 1, shape: [1, 2, 2], classes: 2, .. }");
}

#[test]
fn classes_are_called_by_numbers_or_names() {
    let data = || Dataset::new(vec![7; 3], vec![1, 0, 2], [1, 1, 1], 3).unwrap();
    assert_eq!(data().class_names(), ["0", "1", "2"]);
    let named = data().with_class_names(&["cat", "dog", "fish"]);
    assert_eq!(
        (named.class_names(), named.labels(), named.classes()),
        (&["cat", "dog", "fish"].map(String::from)[..], data().labels(), 3)
    );
    // Class names are not part of the checksum.
    #[cfg(feature = "files")]
    assert_eq!(named.checksum(), data().checksum());
    let most = Dataset::new(vec![0], vec![65_535], [1, 1, 1], 65_536).unwrap();
    assert_eq!((most.classes(), most.batch::<f32>(&[0]).1), (65_536, vec![65_535]));
    let error = Dataset::new(vec![0], vec![0], [1, 1, 1], 65_537);
    assert_error(error, &["tensor labels: expected at most 65536 classes (saw: 65537)"]);
}

/// The checksum is zlib's CRC-32; a label takes one byte if there are at most 256 classes, else two.
#[test]
#[cfg(feature = "files")]
fn a_checksum_is_of_pixels_and_labels() {
    let data = |classes| Dataset::new(vec![1, 2, 3], vec![4, 0, 255], [1, 1, 1], classes).unwrap();
    assert_eq!(data(256).checksum(), crc32fast::hash(&[1, 2, 3, 4, 0, 255]));
    assert_eq!(data(257).checksum(), crc32fast::hash(&[1, 2, 3, 4, 0, 0, 0, 255, 0]));
    assert_eq!(data(256).checksum_of_first(2), crc32fast::hash(&[1, 2, 4, 0]));
}
