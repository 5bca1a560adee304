//! Small data sets in the official layout of CIFAR: a shape of one of ten colours on a grey, noisy background.
//!
//! Each class of CIFAR-10 has another shape and another colour. A fine class of CIFAR-100 is `10 · shape + colour`, its
//! coarse class `2 · shape + (colour ≥ 5)`.

use super::random::Random;
use std::fs;
use std::path::Path;

/// The number of bytes of an image, and of one of its planes.
pub const PIXELS: usize = 3 * PLANE;
const PLANE: usize = SIZE * SIZE;
const SIZE: usize = 32;

/// Red, green and blue of each colour.
const COLOURS: [[u8; 3]; 10] = [
    [230, 40, 40],
    [40, 200, 40],
    [40, 60, 230],
    [230, 220, 40],
    [220, 40, 220],
    [40, 220, 220],
    [250, 250, 250],
    [10, 10, 10],
    [240, 140, 30],
    [100, 40, 10],
];

/// Whether a shape of this size covers the point at this distance from its middle.
fn covers(shape: usize, size: f64, down: f64, right: f64) -> bool {
    let (d, r) = (down.abs(), right.abs());
    match shape {
        0 => down.hypot(right) < size,                                     // disc
        1 => d < size && r < size,                                         // square
        2 => d + r < size,                                                 // diamond
        3 => (d < size / 3.0 && r < size) || (r < size / 3.0 && d < size), // cross
        4 => d < size / 3.0 && r < size,                                   // bar
        5 => r < size / 3.0 && d < size,                                   // pillar
        6 => (size / 2.0..size).contains(&down.hypot(right)),              // ring
        7 => d < size && r < (down + size) / 2.0,                          // triangle
        8 => d < size && r < size && (d > size / 2.0 || r > size / 2.0),   // frame
        _ => d < size && r < size && (down - right).abs() < size / 2.0,    // slash
    }
}

/// An image (3, 32, 32) of a shape and a colour, each 0 to 9.
fn image(shape: usize, colour: usize, random: &mut Random) -> Vec<u8> {
    let colour = COLOURS[colour];
    let mut uniform = |low, high| random.uniform(low, high);
    let (row, column, size) = (uniform(12.0, 20.0), uniform(12.0, 20.0), uniform(6.0, 10.0));
    let ground = uniform(90.0, 160.0);
    let mut pixels = vec![0; PIXELS];
    for i in 0..PLANE {
        let inside = covers(shape, size, (i / SIZE) as f64 - row, (i % SIZE) as f64 - column);
        for (plane, colour) in colour.iter().enumerate() {
            let value = if inside { f64::from(*colour) } else { ground } + uniform(-25.0, 25.0);
            pixels[plane * PLANE + i] = value.clamp(0.0, 255.0) as u8;
        }
    }
    pixels
}

/// `count` records of CIFAR-10, with the classes in turn.
pub fn records10(count: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..count).flat_map(|i| [vec![(i % 10) as u8], image(i % 10, i % 10, &mut random)].concat()).collect()
}

/// `count` records of CIFAR-100, with the classes in turn.
pub fn records100(count: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut record = |i: usize| {
        let (shape, colour) = (i % 100 / 10, i % 10);
        let labels = vec![(2 * shape + colour / 5) as u8, (10 * shape + colour) as u8];
        [labels, image(shape, colour, &mut random)].concat()
    };
    (0..count).flat_map(&mut record).collect()
}

/// Writes a directory with the files of CIFAR-10: five files of `batch` training images each, and one of `test` test
/// images.
pub fn write10(dir: &Path, batch: usize, test: usize) {
    fs::create_dir_all(dir).unwrap();
    for n in 1..=5 {
        fs::write(dir.join(format!("data_batch_{n}.bin")), records10(batch, n)).unwrap();
    }
    fs::write(dir.join("test_batch.bin"), records10(test, 6)).unwrap();
}

/// Writes a directory with the files of CIFAR-100.
pub fn write100(dir: &Path, train: usize, test: usize) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("train.bin"), records100(train, 1)).unwrap();
    fs::write(dir.join("test.bin"), records100(test, 2)).unwrap();
}
