use crate::common::random::Random;
use std::io::{self, Read};
use std::path::Path;

use spikeslab::train::data::idx::read_images;
use spikeslab::train::data::{Dataset, idx};

use super::{idx_images, idx_labels, noise};

fn read(images: &[u8], labels: &[u8]) -> Result<Dataset, String> {
    idx::read(images, Path::new("images"), labels, Path::new("labels")).map_err(|e| e.to_string())
}

fn refused(images: &[u8], labels: &[u8]) -> String {
    read(images, labels).unwrap_err()
}

/// Two images of 2 x 3 and their labels.
fn valid() -> (Vec<u8>, Vec<u8>) {
    (idx_images([2, 2, 3], &[0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]), idx_labels(2, &[9, 0]))
}

#[test]
fn rows_and_columns_keep_their_places() {
    let (images, labels) = valid();
    let data = read(&images, &labels).unwrap();
    assert_eq!((data.len(), data.shape(), data.classes()), (2, [1, 2, 3], 10));
    assert_eq!(data.labels(), [9, 0]);
    let (x, _) = data.batch::<f64>(&[1]);
    assert_eq!(x[[0, 0, 0, 0]] * 255.0, 250.0);
    assert_eq!(x[[0, 0, 0, 2]] * 255.0, 252.0);
    assert_eq!(x[[0, 0, 1, 0]] * 255.0, 253.0);
}

#[test]
fn images_may_be_read_without_their_labels() {
    let (images, labels) = valid();
    let (data, alone) = (read(&images, &labels).unwrap(), read_images(&images[..], Path::new("images")).unwrap());
    assert_eq!((alone.labels(), alone.shape(), alone.classes()), (&[0, 0][..], data.shape(), 1));
    assert_eq!((alone.pixels(0), alone.pixels(1)), (data.pixels(0), data.pixels(1)));
    let cut = read_images(&images[..20], Path::new("images")).unwrap_err().to_string();
    assert_eq!(cut, "images: expected 28 bytes, 2 x 2 x 3 after a header of 16 (saw: 20 bytes)");
}

#[test]
fn magic_words_are_checked() {
    let (images, labels) = valid();
    assert_eq!(
        refused(&images, &images),
        "labels: expected the magic word of labels, 0x00000801 or 0x00000b01 or 0x00000c01 (saw: 0x00000803)"
    );
    assert_eq!(
        refused(b"GIF89a, an image of another kind", &labels),
        "images: expected the magic word of images, 0x00000803 or 0x00000804 (saw: 0x47494638)"
    );
}

#[test]
fn every_truncation_is_told() {
    let (images, labels) = valid();
    for n in 0..images.len() {
        let expected = if n < 16 { "a header of 16 bytes" } else { "28 bytes, 2 x 2 x 3 after a header of 16" };
        let message = format!("images: expected {expected} (saw: {n} bytes)");
        assert_eq!(refused(&images[..n], &labels), message);
    }
    for n in 0..labels.len() {
        let expected = if n < 8 { "a header of 8 bytes" } else { "10 bytes, 2 after a header of 8" };
        let message = format!("labels: expected {expected} (saw: {n} bytes)");
        assert_eq!(refused(&images, &labels[..n]), message);
    }
}

#[test]
fn trailing_bytes_are_told() {
    let (mut images, mut labels) = valid();
    labels.push(0);
    let message = "labels: expected 10 bytes, 2 after a header of 8 (saw: 11 bytes)";
    assert_eq!(refused(&images, &labels), message);
    labels.pop();
    images.extend([0; 5]);
    let message = "images: expected 28 bytes, 2 x 2 x 3 after a header of 16 (saw: 33 bytes)";
    assert_eq!(refused(&images, &labels), message);
    // Reading a file without end stops after a while.
    let endless = images.chain(io::repeat(0));
    let error = idx::read(endless, Path::new("images"), &labels[..], Path::new("labels"));
    let message = "images: expected 28 bytes, 2 x 2 x 3 after a header of 16 (saw: over 28 bytes)";
    assert_eq!(error.unwrap_err().to_string(), message);
}

#[test]
fn zero_and_enormous_sizes_are_refused_before_anything_is_read() {
    struct Nothing;
    impl Read for Nothing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("read past the header");
        }
    }
    let refused = |sizes: [u32; 3]| {
        let images = idx_images(sizes, &[]);
        let labels = idx_labels(sizes[0].max(1), &[]);
        let (images, labels) = (images.chain(Nothing), labels.chain(Nothing));
        idx::read(images, Path::new("images"), labels, Path::new("labels")).unwrap_err().to_string()
    };
    let message = |seen| format!("images: expected a size of 1 to 1073741824 bytes (saw: {seen})");
    assert_eq!(refused([0, 28, 28]), message("0 x 28 x 28"));
    assert_eq!(refused([2, 0, 28]), message("2 x 0 x 28"));
    assert_eq!(refused([2, 28, 0]), message("2 x 28 x 0"));
    assert_eq!(refused([1_000_000_000, 28, 28]), message("1000000000 x 28 x 28"));
    // Three times (2^32 - 1)^2 does not fit in 64 bits.
    assert_eq!(refused([3, u32::MAX, u32::MAX]), message("3 x 4294967295 x 4294967295"));
    let labels = "labels: expected a size of 1 to 1073741824 bytes (saw: 4294967295)";
    assert_eq!(refused([u32::MAX; 3]), labels);
}

#[test]
fn a_header_that_claims_much_costs_what_is_there() {
    // A header of 16 bytes that claims 1 GiB, the largest size allowed.
    let images = idx_images([1 << 20, 32, 32], &[]);
    let labels = idx_labels(1 << 20, &vec![0; 1 << 20]);
    let message = "images: expected 1073741840 bytes, 1048576 x 32 x 32 after a header of 16 (saw: 16 bytes)";
    assert_eq!(refused(&images, &labels), message);
}

#[test]
fn counts_must_be_equal() {
    let (images, _) = valid();
    let message = "images: expected 3 images, one for each label in labels (saw: 2)";
    assert_eq!(refused(&images, &idx_labels(3, &[1, 2, 3])), message);
}

#[test]
fn labels_of_two_and_four_bytes() {
    let (images, _) = valid();
    let labels = |kind: u8, bytes: &[u8]| [&[0, 0, kind, 1, 0, 0, 0, 2], bytes].concat();
    let data = read(&images, &labels(0x0B, &[0x01, 0x02, 0, 7])).unwrap();
    assert_eq!((data.labels(), data.classes()), (&[258, 7][..], 259));
    let data = read(&images, &labels(0x0C, &[0, 0, 0xFF, 0xFF, 0, 0, 0, 0])).unwrap();
    assert_eq!((data.labels(), data.classes()), (&[65_535, 0][..], 65_536));
    let message = |seen| format!("labels: expected labels from 0 to 65535 (saw: {seen})");
    assert_eq!(refused(&images, &labels(0x0B, &[0, 1, 0xFF, 0xFF])), message("-1 at index 1"));
    assert_eq!(refused(&images, &labels(0x0C, &[0, 1, 0, 0, 0, 0, 0, 0])), message("65536 at index 0"));
    let message = "labels: expected 12 bytes, 2 x 2 after a header of 8 (saw: 11 bytes)";
    assert_eq!(refused(&images, &labels(0x0B, &[0, 1, 0])), message);
}

#[test]
fn channels_before_or_after_rows_and_columns() {
    let header = |sizes: [u32; 4]| [&[0, 0, 8, 4][..], &sizes.map(u32::to_be_bytes).concat()].concat();
    let labels = idx_labels(1, &[1]);
    let pixels: Vec<u8> = (0..24).collect();
    let first = read(&[header([1, 3, 2, 4]), pixels.clone()].concat(), &labels).unwrap();
    assert_eq!((first.shape(), first.pixels(0)), ([3, 2, 4], &pixels[..]));
    let last = read(&[header([1, 2, 4, 3]), pixels.clone()].concat(), &labels).unwrap();
    assert_eq!(last.shape(), [3, 2, 4]);
    // Pixel 5 is the second of row 1; its channels are bytes 15, 16, 17.
    assert_eq!([0, 1, 2].map(|channel| last.pixels(0)[channel * 8 + 5]), [15, 16, 17]);
    let message = "images: expected 1 or 3 channels, before or after rows and columns (saw: 1 x 2 x 4 x 3)";
    assert_eq!(
        refused(&[header([1, 2, 4, 3]), pixels[..3].to_vec()].concat(), &idx_labels(1, &[1])).split(" (saw").next(),
        Some("images: expected 44 bytes, 1 x 2 x 4 x 3 after a header of 20")
    );
    let odd = [header([1, 2, 4, 5]), vec![0; 40]].concat();
    assert_eq!(refused(&odd, &labels), message.replace("x 4 x 3", "x 4 x 5"));
}

#[test]
fn an_error_of_the_system_keeps_its_reason() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5)) // EIO
        }
    }
    let (images, labels) = valid();
    let broken = images[..20].chain(Broken);
    let error = idx::read(broken, Path::new("images"), &labels[..], Path::new("labels"));
    let error = error.unwrap_err();
    assert!(matches!(error, spikeslab::Error::Io { .. }), "{error}");
    assert!(error.to_string().starts_with("images: "), "{error}");
}

#[test]
fn mutations_never_panic() {
    let (images, labels) = (idx_images([5, 4, 4], &noise(80, 1)), idx_labels(5, &[3, 1, 4, 1, 5]));
    let (mut rng, mut good) = (Random::new(2), 0);
    for _ in 0..5000 {
        let (images, labels) = (rng.mutate(&images), rng.mutate(&labels));
        if let Ok(data) = read(&images, &labels) {
            good += 1;
            // An accepted file has exactly these pixels.
            assert!(images.ends_with(&(0..data.len()).flat_map(|i| data.pixels(i)).copied().collect::<Vec<u8>>()));
            let wide = labels[2] != 8;
            assert!(wide || data.labels().iter().map(|&label| label as u8).eq(labels[8..].iter().copied()));
        }
    }
    assert!(good > 0, "no mutation is harmless: they reach nothing but the headers");
}
