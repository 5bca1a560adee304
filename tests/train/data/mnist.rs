use crate::common::random::Random;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use spikeslab::train::data::mnist;
use tempfile::TempDir;

use super::{idx_images, idx_labels, noise};

pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn put(dir: &TempDir, name: &str, bytes: &[u8]) {
    fs::write(dir.path().join(name), bytes).unwrap();
}

/// A directory with 3 training and 2 test images of 2 x 2.
pub(super) fn small() -> TempDir {
    let dir = TempDir::new().unwrap();
    put(&dir, "train-images-idx3-ubyte", &idx_images([3, 2, 2], &noise(12, 1)));
    put(&dir, "train-labels-idx1-ubyte", &idx_labels(3, &[2, 0, 1]));
    put(&dir, "t10k-images-idx3-ubyte", &idx_images([2, 2, 2], &noise(8, 2)));
    put(&dir, "t10k-labels-idx1-ubyte", &idx_labels(2, &[2, 1]));
    dir
}

/// Replaces the file `name` by `name`.gz with these bytes.
fn replace_by_gz(dir: &TempDir, name: &str, bytes: &[u8]) {
    fs::remove_file(dir.path().join(name)).unwrap();
    put(dir, &format!("{name}.gz"), bytes);
}

/// The error's message, with `DIR` in place of the directory.
fn refused(dir: &Path) -> String {
    let message = mnist::load(dir, "").unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message:?}");
    message.replace(&dir.display().to_string(), "DIR")
}

/// Where labels do not matter, each of the other files may be missing.
#[test]
fn the_file_of_test_images_is_enough_where_labels_do_not_matter() {
    let dir = small();
    let data = mnist::load(dir.path(), "").unwrap();
    let whole = mnist::load_images(dir.path(), "").unwrap();
    assert_eq!((whole.source, whole.test.labels()), (data.source, data.test.labels()));
    for name in ["train-labels-idx1-ubyte", "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::remove_file(dir.path().join(name)).unwrap();
        let alone = mnist::load_images(dir.path(), "").unwrap();
        assert_eq!((alone.train.len(), alone.test.len(), alone.test.labels()), (0, 2, &[0, 0][..]));
        assert_eq!((alone.test.pixels(0), alone.test.pixels(1)), (data.test.pixels(0), data.test.pixels(1)));
    }
    fs::remove_file(dir.path().join("t10k-images-idx3-ubyte")).unwrap();
    let message = mnist::load_images(dir.path(), "").unwrap_err().to_string();
    assert!(message.contains("t10k-images-idx3-ubyte or t10k-images-idx3-ubyte.gz in it"), "{message}");
}

#[test]
fn raw_and_gz_under_either_name() {
    let dir = small();
    let from = dir.path();
    let first = mnist::load(from, "").unwrap();
    assert_eq!((first.train.labels(), first.test.labels()), (&[2, 0, 1][..], &[2, 1][..]));
    let name = from.file_stem().unwrap().display();
    let source = format!("3 training and 2 test images of {name}, 1 x 2 x 2 in 3 classes, from {:?}", from.as_os_str());
    assert_eq!(first.source, source);

    let images = fs::read(from.join("train-images-idx3-ubyte")).unwrap();
    replace_by_gz(&dir, "train-images-idx3-ubyte", &gz(&images));
    fs::rename(from.join("t10k-images-idx3-ubyte"), from.join("t10k-images.idx3-ubyte")).unwrap();
    let labels = fs::read(from.join("t10k-labels-idx1-ubyte")).unwrap();
    fs::remove_file(from.join("t10k-labels-idx1-ubyte")).unwrap();
    put(&dir, "t10k-labels.idx1-ubyte.gz", &gz(&labels));
    let second = mnist::load(from, "").unwrap();
    assert_eq!(first.train.batch::<f64>(&[0, 1, 2]), second.train.batch::<f64>(&[0, 1, 2]));
    assert_eq!(first.test.batch::<f64>(&[0, 1]), second.test.batch::<f64>(&[0, 1]));
}

#[test]
fn a_raw_file_goes_before_its_gz() {
    let dir = small();
    put(&dir, "train-labels-idx1-ubyte.gz", b"not looked at");
    assert_eq!(mnist::load(dir.path(), "").unwrap().train.labels(), [2, 0, 1]);
}

#[test]
fn a_gz_may_have_several_members() {
    let dir = small();
    let labels = idx_labels(3, &[1, 0, 2]);
    let members = [gz(&labels[..5]), gz(&labels[5..])].concat();
    replace_by_gz(&dir, "train-labels-idx1-ubyte", &members);
    assert_eq!(mnist::load(dir.path(), "").unwrap().train.labels(), [1, 0, 2]);
}

#[test]
fn a_file_that_is_missing_or_a_directory() {
    for name in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        let dir = small();
        let path = dir.path().join(format!("{name}-ubyte"));
        fs::remove_file(&path).unwrap();
        let message = format!("DIR: expected {name}-ubyte or {name}-ubyte.gz in it (saw: neither)");
        assert_eq!(refused(dir.path()), message);
        fs::create_dir(&path).unwrap();
        let message = format!("DIR/{name}-ubyte: expected a file (saw: a directory)");
        assert_eq!(refused(dir.path()), message);
    }
}

#[test]
fn a_flaw_names_its_file() {
    let dir = small();
    put(&dir, "t10k-labels-idx1-ubyte", &[0, 0, 0x0B, 1, 0, 0, 0, 2, 0, 5, 0xFF, 0xFE]);
    let message = "DIR/t10k-labels-idx1-ubyte: expected labels from 0 to 65535 (saw: -2 at index 1)";
    assert_eq!(refused(dir.path()), message);
    put(&dir, "train-images-idx3-ubyte", &idx_images([3, 2, 2], &[0; 11]));
    let message = "DIR/train-images-idx3-ubyte: expected 28 bytes, 3 x 2 x 2 after a header of 16 (saw: 27 bytes)";
    assert_eq!(refused(dir.path()), message);
    put(&dir, "train-labels-idx1-ubyte", &idx_labels(4, &[0; 4]));
    let message =
        "DIR/train-images-idx3-ubyte: expected 4 images, one for each label in DIR/train-labels-idx1-ubyte (saw: 3)";
    assert_eq!(refused(dir.path()), message);
}

/// A wrong label would create classes without training images, which is an error.
#[test]
fn every_class_has_training_images() {
    for (name, labels, most, empty) in
        [("train-labels-idx1-ubyte", &[2, 0, 200][..], 200, 1), ("t10k-labels-idx1-ubyte", &[5, 1], 5, 3)]
    {
        let dir = small();
        put(&dir, name, &idx_labels(labels.len() as u32, labels));
        let expected =
            format!("tensor labels: expected training images of every label from 0 to {most} (saw: none of {empty})");
        let message = format!("DIR/train-labels-idx1-ubyte: expected labels of classes (saw: {expected})");
        assert_eq!(refused(dir.path()), message);
    }
}

#[test]
fn test_images_are_as_large_as_training_images() {
    let dir = small();
    put(&dir, "t10k-images-idx3-ubyte", &idx_images([2, 1, 4], &[0; 8]));
    let message =
        "DIR/t10k-images-idx3-ubyte: expected images of 1 x 2 x 2, as in DIR/train-images-idx3-ubyte (saw: 1 x 1 x 4)";
    assert_eq!(refused(dir.path()), message);
}

#[test]
fn a_gz_that_is_cut_damaged_followed_or_none() {
    let packed = gz(&idx_images([3, 2, 2], &noise(12, 1)));
    let whole = "28 bytes, 3 x 2 x 2 after a header of 16";
    let seen = |bytes: &[u8]| {
        let dir = small();
        replace_by_gz(&dir, "train-images-idx3-ubyte", bytes);
        let message = refused(dir.path());
        message.strip_prefix("DIR/train-images-idx3-ubyte.gz: expected ").unwrap().to_owned()
    };
    // The last eight bytes are the checksum and the length.
    let cut = seen(&packed[..packed.len() - 6]);
    assert_eq!(cut, format!("{whole} (saw: 28 bytes, then: unexpected end of file)"));
    let cut = seen(&packed[..12]);
    let (start, end) = ("a header of 16 bytes (saw: ", " bytes, then: incomplete deflate stream)");
    assert!(cut.starts_with(start) && cut.ends_with(end), "{cut}");

    let mut damaged = packed.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let message = "corrupt gzip stream does not have a matching checksum";
    assert_eq!(seen(&damaged), format!("{whole} (saw: 28 bytes, then: {message})"));

    let followed = [&packed[..], b"something else"].concat();
    let odd = "bytes 73 6f 6d 65 after a gzip stream, no zeros and no stream";
    assert_eq!(seen(&followed), format!("{whole} (saw: 28 bytes, then: {odd})"));

    let none = seen(b"plain bytes, no gzip stream");
    assert_eq!(none, "a gzip file, or a name that does not end in .gz (saw: a file that begins with 70 6c 61 69)");
}

#[test]
fn a_gzip_bomb_costs_nothing() {
    // 1 GiB of zeros in about 1 MiB, after a header that gives 12 bytes.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&idx_images([3, 2, 2], &[])).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&zeros).unwrap();
    }
    let member = encoder.finish().unwrap();
    let tail = gz(&zeros);
    let bomb = [&member[..], &tail.repeat(960)].concat();
    let dir = small();
    replace_by_gz(&dir, "train-images-idx3-ubyte", &bomb);
    // The message says "over" since reading stopped before the end of the file.
    let message =
        "DIR/train-images-idx3-ubyte.gz: expected 28 bytes, 3 x 2 x 2 after a header of 16 (saw: over 28 bytes)";
    assert_eq!(refused(dir.path()), message);
}

#[test]
fn mutations_of_a_gz_never_panic() {
    let dir = small();
    let packed = gz(&idx_images([3, 2, 2], &noise(12, 1)));
    replace_by_gz(&dir, "train-images-idx3-ubyte", &packed);
    let expected = mnist::load(dir.path(), "").unwrap().train.batch::<f32>(&[0, 1, 2]);
    let mut rng = Random::new(3);
    for _ in 0..3000 {
        put(&dir, "train-images-idx3-ubyte.gz", &rng.mutate(&packed));
        if let Ok(split) = mnist::load(dir.path(), "") {
            // If the checksum is right, the pixels are the same.
            assert_eq!(split.train.batch::<f32>(&[0, 1, 2]), expected);
        }
    }
}

#[test]
fn embedded_images_are_stratified_and_interleaved() {
    let split = mnist::embedded().unwrap();
    assert_eq!(
        split.source,
        "6000 training and 1000 test images of MNIST, 1 x 28 x 28 in 10 classes, from the program itself"
    );
    for (data, per_class) in [(&split.train, 600), (&split.test, 100)] {
        assert_eq!((data.shape(), data.classes(), data.len()), ([1, 28, 28], 10, 10 * per_class));
        for class in 0..10 {
            let of_class = |labels: &[u16]| labels.iter().filter(|&&label| label == class).count();
            assert_eq!(of_class(data.labels()), per_class);
            // Any tenth of the images has about a tenth of each class.
            for tenth in data.labels().chunks(per_class) {
                assert!(of_class(tenth).abs_diff(per_class / 10) <= per_class / 20, "class {class}");
            }
        }
    }
    // MNIST's mean pixel is 0.1307 (training) and 0.1325 (test): published with the usual normalization.
    for (data, mean) in [(&split.train, 0.1307), (&split.test, 0.1325)] {
        let all: Vec<_> = (0..data.len()).collect();
        let seen = data.batch::<f64>(&all).0.mean().unwrap();
        assert!((seen - mean).abs() < 0.002, "mean pixel {seen}, expected about {mean}");
    }
}

/// The crate `mnist` reads only 60,000 and 10,000 images of 28 x 28, so the files have that many.
#[test]
fn reads_the_same_bytes_as_the_crate_mnist() {
    let dir = TempDir::new().unwrap();
    let digits = |n, seed| noise(n, seed).iter().map(|byte| byte % 10).collect::<Vec<_>>();
    put(&dir, "train-images-idx3-ubyte", &idx_images([60_000, 28, 28], &noise(60_000 * 784, 1)));
    put(&dir, "train-labels-idx1-ubyte", &idx_labels(60_000, &digits(60_000, 2)));
    put(&dir, "t10k-images-idx3-ubyte", &idx_images([10_000, 28, 28], &noise(10_000 * 784, 3)));
    put(&dir, "t10k-labels-idx1-ubyte", &idx_labels(10_000, &digits(10_000, 4)));
    let theirs = ::mnist::MnistBuilder::new().base_path(dir.path().to_str().unwrap()).label_format_digit().finalize();
    let ours = mnist::load(dir.path(), "").unwrap();
    for (ours, images, labels) in
        [(&ours.train, &theirs.trn_img, &theirs.trn_lbl), (&ours.test, &theirs.tst_img, &theirs.tst_lbl)]
    {
        assert_eq!((ours.len(), ours.shape()), (labels.len(), [1, 28, 28]));
        assert!(ours.labels().iter().map(|&label| label as u8).eq(labels.iter().copied()));
        for start in (0..ours.len()).step_by(1000) {
            let (x, _) = ours.batch::<f32>(&(start..start + 1000).collect::<Vec<_>>());
            let images = &images[start * 784..][..1000 * 784];
            assert!(x.iter().zip(images).all(|(&x, &byte)| (x * 255.0).round() == f32::from(byte)));
            assert_eq!(x.len(), images.len());
        }
    }
}

/// EMNIST's letters have labels from 1 to 26; the files here are named like EMNIST's.
#[test]
fn sets_are_told_apart_by_their_prefix_and_classes_by_their_labels() {
    let dir = TempDir::new().unwrap();
    for (set, train, test) in [("letters", [1, 3, 2], [2, 1]), ("mnist", [0, 1, 2], [2, 1])] {
        let put = |name: &str, bytes: &[u8]| put(&dir, &format!("emnist-{set}-{name}.gz"), &gz(bytes));
        put("train-images-idx3-ubyte", &idx_images([3, 2, 2], &noise(12, 1)));
        put("train-labels-idx1-ubyte", &idx_labels(3, &train));
        put("test-images-idx3-ubyte", &idx_images([2, 2, 2], &noise(8, 2)));
        put("test-labels-idx1-ubyte", &idx_labels(2, &test));
    }
    let letters = mnist::load(dir.path(), "emnist-letters-").unwrap();
    assert_eq!((letters.train.labels(), letters.test.labels()), (&[0, 2, 1][..], &[1, 0][..]));
    assert_eq!((letters.train.classes(), letters.test.classes()), (3, 3));
    assert_eq!((&letters.train.class_names()[0][..], &letters.test.class_names()[2][..]), ("1", "3"));
    assert_eq!(letters.identity.unwrap().name, "emnist-letters");
    let digits = mnist::load(dir.path(), "emnist-mnist-").unwrap();
    assert_eq!((digits.train.classes(), digits.train.labels()), (3, &[0, 1, 2][..]));
}

#[test]
fn one_class_is_too_few() {
    let dir = small();
    put(&dir, "train-labels-idx1-ubyte", &idx_labels(3, &[0; 3]));
    put(&dir, "t10k-labels-idx1-ubyte", &idx_labels(2, &[0; 2]));
    let message = "DIR/train-labels-idx1-ubyte: expected labels of classes \
                   (saw: tensor labels: expected at least two classes (saw: 1))";
    assert_eq!(refused(dir.path()), message);
}
