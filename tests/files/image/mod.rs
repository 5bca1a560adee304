mod npy;
mod picture;
mod raw;

use crate::common::assert_error;
use spikeslab::files::image;
use std::fs;
use std::path::Path;

/// (H, W) of the images in `fixtures/parsers`.
const SIZE: [usize; 2] = [4, 3];

/// The sample of `bits` bits at a place of these images.
fn sample(row: usize, column: usize, channel: usize, bits: u32) -> usize {
    (37 * (3 * row + column) + 101 * channel + 11) % 2_usize.pow(bits)
}

/// The pixels (C, H, W) of such an image, with `value` at each place.
fn pixels(channels: usize, value: impl Fn(usize, usize, usize) -> f64) -> Vec<f32> {
    let [height, width] = SIZE;
    let places = (0..channels).flat_map(|c| (0..height).flat_map(move |h| (0..width).map(move |w| (h, w, c))));
    places.map(|(row, column, channel)| value(row, column, channel) as f32).collect()
}

/// The number of channels for which a file of `fixtures/parsers` is read, and its bytes.
fn fixture(parser: &str, name: &str) -> (usize, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parsers").join(parser).join(name);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (bytes[0].into(), bytes[1..].to_vec())
}

/// The first bytes of a file determine its kind, whatever its name; only raw bytes are recognized by the name.
#[test]
fn kinds_of_files() {
    let dir = tempfile::tempdir().unwrap();
    let expected = pixels(1, |row, column, _| sample(row, column, 0, 8) as f64 / 255.0);
    let bytes: Vec<u8> = expected.iter().map(|pixel| (pixel * 255.0).round() as u8).collect();
    let read = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        image::read(&path, [1, SIZE[0], SIZE[1]])
    };
    for (name, bytes) in [
        ("a.png", fixture("picture", "grey8").1),
        ("without extension", fixture("picture", "grey8").1),
        ("a.npy", fixture("npy", "grey").1),
        ("a.raw", bytes.clone()),
        ("A.BIN", bytes.clone()),
    ] {
        assert_eq!(read(name, &bytes).unwrap(), expected, "{name}");
    }
    assert_error(read("b.png", &bytes), &["b.png", "a PNG or JPEG, NumPy's .npy, or bytes", "another kind of file"]);
    assert_error(read("b", b"\xff\xd8\xff\xe0"), &["PNG or JPEG image"]);
    assert_error(read("b", b""), &["(saw: another kind of file)"]);
    assert_error(image::read(dir.path(), [1, 4, 3]), &["--data", "a directory"]);
    assert!(matches!(image::read(&dir.path().join("none"), [1, 4, 3]), Err(spikeslab::Error::Io { .. })));
}

/// A file longer than any image of its shape is refused before it is read.
#[test]
fn a_file_without_end_costs_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 40).unwrap();
    assert_error(image::read(file.path(), [3, 32, 32]), &["at most 16801792 bytes", "(saw: 1099511627776)"]);
}
