//! Tests with arrays that numpy wrote: see fixtures/generate/data.py.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use spikeslab::train::data::{Split, npz};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use tempfile::TempDir;

fn corpus(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parsers/npz").join(name)).unwrap()
}

fn read(bytes: &[u8]) -> Result<Split, String> {
    npz::read(Cursor::new(bytes), Path::new("digits.npz")).map_err(|error| error.to_string())
}

#[test]
fn images_of_every_type_and_layout_are_the_same_bytes() {
    for (name, classes) in
        [("bytes", ["0", "1", "2"]), ("floats", ["0", "1", "2"]), ("channels_first", ["1", "2", "3"])]
    {
        let split = read(&corpus(&format!("{name}.npz"))).unwrap();
        assert_eq!((split.train.len(), split.test.len(), split.train.shape()), (6, 2, [3, 4, 5]), "{name}");
        assert_eq!((split.train.labels(), split.test.labels()), (&[0, 1, 2, 0, 1, 2][..], &[2, 0][..]), "{name}");
        assert_eq!(split.train.class_names(), classes, "{name}");
        assert_eq!(split.source, "6 training and 2 test images of digits, 3 x 4 x 5 in 3 classes, from \"digits.npz\"");
        // Number i of the array (N, H, W, C) is 7 i modulo 256.
        let (mut at, mut seen) = (0, 0);
        for image in 0..6 {
            for pixel in 0..20 {
                for channel in 0..3 {
                    assert_eq!(usize::from(split.train.pixels(image)[channel * 20 + pixel]), 7 * at % 256, "{name}");
                    (at, seen) = (at + 1, seen + 1);
                }
            }
        }
        assert_eq!(seen, 360);
    }
}

#[test]
fn vectors_without_test_images() {
    let split = read(&corpus("vectors.npz")).unwrap();
    assert_eq!((split.train.shape(), split.train.len(), split.test.len()), ([1, 1, 5], 10, 2));
    assert_eq!(split.test.labels().iter().sum::<u16>(), 1, "one of each class");
}

/// Images to evaluate a model on need no training images, and may be of some of the classes.
#[test]
fn test_images_alone() {
    let (x, y) = (
        bytes("(3, 1, 2)", &[0, 200, 3, 4, 5, 6]),
        npy("'<f4'", "(3,)", "False", &[2.0, 0.0, 2.0_f32].map(f32::to_le_bytes).concat()),
    );
    let split = read(&archive(&[("x_test", &x), ("y_test", &y)])).unwrap();
    assert_eq!((split.train.len(), split.test.len(), split.test.shape()), (0, 3, [1, 1, 2]));
    assert_eq!(
        (split.test.labels(), split.test.class_names()),
        (&[2, 0, 2][..], &["0", "1", "2"].map(String::from)[..])
    );
    let names = ["3", "2", "1", "0"].map(String::from);
    let there = split.test.in_classes(&names).unwrap();
    assert_eq!(
        (there.labels(), there.class_names(), there.pixels(1)),
        (&[1, 3, 1][..], &names[..], split.test.pixels(1))
    );
    assert!(split.test.in_classes(&names[..3]).is_none());
    let ones = read(&archive(&[("x_test", &x), ("y_test", &bytes("(3,)", &[1; 3]))])).unwrap().test;
    assert_eq!(ones.in_classes(&names).unwrap().labels(), [2; 3], "the class 1 of these names");
    let one = archive(&[("x_test", &x), ("y_test", &y), ("y_train", &y)]);
    assert!(read(&one).unwrap_err().contains("expected an array x_train"));

    // Where labels do not matter, images are enough.
    let place = TempDir::new().unwrap();
    let path = place.path().join("x.npz");
    fs::write(&path, archive(&[("x_test", &x)])).unwrap();
    let images = npz::load_images(&path).unwrap().test;
    assert_eq!((images.labels(), images.pixels(1)), (&[0; 3][..], split.test.pixels(1)));
    assert!(npz::load(&path).unwrap_err().to_string().contains("expected y_test beside x_test"));
    fs::write(&path, archive(&[("x", &x)])).unwrap();
    assert!(npz::load_images(&path).unwrap_err().to_string().contains("expected an array x_test"));
    let of = |entries: &[(&str, &[u8])]| {
        fs::write(&path, archive(entries)).unwrap();
        npz::load_images(&path).unwrap().test
    };
    let negative = npy("'|i1'", "(3,)", "False", &[255; 3]);
    assert_eq!(of(&[("x_test", &x), ("y_test", &negative)]).labels(), [0; 3]);
    assert_eq!(of(&[("x_train", &x), ("y_train", &y)]).len(), 3, "without test images all are used");
    // Both arrays of images have one scale.
    let dark = npy("'<f4'", "(1, 1, 2)", "False", &[0.0, 99.0_f32].map(f32::to_le_bytes).concat());
    assert!(npz::load_images(&path).is_ok());
    assert_eq!(of(&[("x_train", &x), ("x_test", &dark)]).pixels(0), [0, 99]);
    fs::write(&path, archive(&[("x_test", &dark)])).unwrap();
    assert!(npz::load_images(&path).unwrap_err().to_string().contains("with one above 128, in x_test"));
    fs::write(&path, archive(&[("x_train", &x), ("x_test", &bytes("(1, 1, 2)", &[0, 1]))])).unwrap();
    assert!(npz::load_images(&path).unwrap_err().to_string().contains("x_test from 0 to 255, as x_train"));
}

/// An array as numpy stores it.
fn npy(descr: &str, shape: &str, order: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), bytes].concat()
}

fn bytes(shape: &str, bytes: &[u8]) -> Vec<u8> {
    npy("'|u1'", shape, "False", bytes)
}

/// A zip archive with deflated entries.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, contents) in entries {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(contents).unwrap();
        let packed = encoder.finish().unwrap();
        let name = format!("{name}.npy");
        let mut fields = [20_u16, 0, 8, 0, 33].map(u16::to_le_bytes).concat();
        fields.extend(crc32fast::hash(contents).to_le_bytes());
        fields.extend([packed.len() as u32, contents.len() as u32].map(u32::to_le_bytes).concat());
        fields.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        let start = file.len() as u32;
        file.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), &packed].concat());
        directory.extend([b"PK\x01\x02\x14\0", &fields[..], &[0; 10], &start.to_le_bytes(), name.as_bytes()].concat());
    }
    let (count, start, length) = (entries.len() as u16, file.len() as u32, directory.len() as u32);
    file.extend(directory);
    file.extend([b"PK\x05\x06\0\0\0\0", &[count, count].map(u16::to_le_bytes).concat()[..]].concat());
    file.extend([length.to_le_bytes(), start.to_le_bytes()].concat());
    file.extend([0, 0]);
    file
}

/// Reads ten images of 1 x 2 and their labels, with the array `name` replaced by `array`.
fn with(name: &str, array: &[u8]) -> Result<Split, String> {
    let (x, y) = (bytes("(10, 1, 2)", &[9; 20]), bytes("(10,)", &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]));
    let entries =
        [("x_train", &x[..]), ("y_train", &y[..])].map(|(of, own)| (of, if of == name { array } else { own }));
    read(&archive(&entries))
}

fn refused(name: &str, array: &[u8]) -> String {
    let message = with(name, array).unwrap_err();
    assert!(!message.contains('\n'), "{message:?}");
    message
}

#[test]
fn whole_numbers_and_floats_from_0_to_255() {
    assert_eq!(with("", &[]).unwrap().train.pixels(0), [9, 9]);
    let floats = |value: f32| value.to_le_bytes().repeat(20);
    let pixel = |value| {
        with("x_train", &npy("'<f4'", "(10, 1, 2)", "False", &floats(value))).map(|split| split.train.pixels(0)[0])
    };
    assert_eq!((pixel(0.5), pixel(1.0), pixel(128.6), pixel(254.6)), (Ok(128), Ok(255), Ok(129), Ok(255)));
    assert_eq!(pixel(-1.0).unwrap_err(), "digits.npz: expected x_train from 0 to 1 (saw: -1 at index 0)");
    assert_eq!(pixel(300.0).unwrap_err(), "digits.npz: expected x_train from 0 to 255 (saw: 300 at index 0)");
    let message = pixel(16.0).unwrap_err();
    for part in [
        "floats from 0 to 1, or from 0 to 255 with one above 128, in x_train",
        "before any normalization",
        "(saw: numbers up to 16)",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(pixel(f32::NAN).unwrap_err(), "digits.npz: expected finite numbers in x_train (saw: NaN at index 0)");
    let half = npy("'<f2'", "(10, 1, 2)", "False", &0x3800_u16.to_le_bytes().repeat(20));
    assert_eq!(with("x_train", &half).unwrap().train.pixels(0), [128, 128], "0x3800 is 1/2 as F16");
    let big = npy("'>u2'", "(10, 1, 2)", "False", &[0, 7].repeat(20));
    assert_eq!(with("x_train", &big).unwrap().train.pixels(0), [7, 7]);
    let large = npy("'<u8'", "(10, 1, 2)", "False", &u64::MAX.to_le_bytes().repeat(20));
    assert!(refused("x_train", &large).contains("expected x_train from 0 to 255"));
}

/// Images of two colours are stored as 0 and 1, or as booleans.
#[test]
fn zeros_and_ones_are_black_and_white() {
    let two: Vec<u8> = [0, 1].repeat(10);
    let wide: Vec<u8> = two.iter().flat_map(|value| i64::from(*value).to_le_bytes()).collect();
    for (descr, values) in [("'|u1'", &two), ("'|b1'", &two), ("'<i8'", &wide)] {
        let split = with("x_train", &npy(descr, "(10, 1, 2)", "False", values)).unwrap();
        assert_eq!(split.train.pixels(0), [0, 255], "{descr}");
    }
    assert_eq!(with("x_train", &bytes("(10, 1, 2)", &[0; 20])).unwrap().train.pixels(0), [0, 0]);
}

/// Floats from 0 to 1 beside bytes would all be 0 or 1 of 255.
#[test]
fn test_images_have_the_scale_of_the_training_images() {
    let (x, y) = (bytes("(10, 1, 2)", &[9; 20]), bytes("(10,)", &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]));
    let of = |value: f32| npy("'<f4'", "(10, 1, 2)", "False", &value.to_le_bytes().repeat(20));
    let read_with = |train: &[u8], test: &[u8]| {
        read(&archive(&[("x_train", train), ("y_train", &y), ("x_test", test), ("y_test", &y)]))
    };
    for train in [&x, &of(200.0)] {
        let message = read_with(train, &of(0.5)).unwrap_err();
        assert_eq!(message, "digits.npz: expected x_test from 0 to 255, as x_train (saw: numbers from 0 to 1)");
        assert_eq!(read_with(train, &of(130.0)).unwrap().test.pixels(0), [130, 130]);
    }
    assert_eq!(read_with(&of(0.5), &of(1.0)).unwrap().test.pixels(0), [255, 255]);
}

#[test]
fn arrays_that_are_missing_or_misshapen() {
    assert!(
        read(b"not a zip archive").unwrap_err().starts_with("digits.npz: expected an .npz file, a zip archive (saw: ")
    );
    let only = archive(&[("y_train", &bytes("(1,)", &[0]))]);
    assert_eq!(read(&only).unwrap_err(), "digits.npz: expected an array x_train (saw: arrays y_train)");
    let (x, y) = (bytes("(1, 1, 2)", &[0; 2]), bytes("(1,)", &[1]));
    let half = archive(&[("x_train", &x), ("y_train", &y), ("x_test", &x)]);
    assert_eq!(read(&half).unwrap_err(), "digits.npz: expected y_test beside x_test (saw: none)");
    assert!(refused("x_train", &bytes("(10, 2, 4, 5)", &[0; 400])).contains("expected x_train of images (N, H, W)"));
    // A number out of range is refused before it is rounded, as `predict` refuses it in an .npy file.
    for (low, seen) in [(-0.0015_f32, "-0.001500000013038516"), (1.001, "1.0010000467300415")] {
        let floats = npy("'<f4'", "(10, 4, 5, 3)", "False", &[low, 0.5].map(f32::to_le_bytes).concat().repeat(300));
        if low < 0.0 {
            let message = format!("digits.npz: expected x_train from 0 to 1 (saw: {seen} at index 0)");
            assert_eq!(refused("x_train", &floats), message);
        } else {
            assert!(refused("x_train", &floats).contains("floats from 0 to 1, or from 0 to 255"));
        }
    }
    let message = "digits.npz: expected y_train of 10 labels, one for each image in x_train (saw: shape [9])";
    assert_eq!(refused("y_train", &bytes("(9,)", &[0; 9])), message);
    for (float, seen) in [(1.5_f64, "1.5"), (65536.0, "65536"), (-1.0, "-1")] {
        let floats = npy("'<f8'", "(10,)", "False", &float.to_le_bytes().repeat(10));
        let message = format!("digits.npz: expected y_train of whole numbers from 0 to 65535 (saw: {seen} at index 0)");
        assert_eq!(refused("y_train", &floats), message);
    }
    let message = "digits.npz: expected y_train of whole numbers from 0 to 65535 (saw: -1 at index 0)";
    assert_eq!(refused("y_train", &npy("'|i1'", "(10,)", "False", &[255; 10])), message);
    let message = "digits.npz: expected labels of classes (saw: tensor labels: expected at least two classes (saw: 1))";
    assert_eq!(refused("y_train", &bytes("(10,)", &[0; 10])), message);
    let (x, y) = (bytes("(10, 1, 2)", &[0; 20]), bytes("(10,)", &[0, 1].repeat(5)));
    let test = [("x_train", &x[..]), ("y_train", &y), ("x_test", &bytes("(10, 2, 1)", &[0; 20])), ("y_test", &y)];
    assert_eq!(
        read(&archive(&test)).unwrap_err(),
        "digits.npz: expected x_test of 1 x 1 x 2, as x_train (saw: 1 x 2 x 1)"
    );
}

#[test]
fn headers_that_lie_cost_nothing() {
    let start = "digits.npz: expected an array x_train of numbers (saw: ";
    assert!(refused("x_train", &npy("'|O'", "(10, 1, 2)", "False", b"pickle")).contains("pickled objects"));
    assert!(refused("x_train", &npy("[('a', '<f4')]", "(10,)", "False", &[0; 40])).contains("another header"));
    let complex = refused("x_train", &npy("'<c8'", "(10,)", "False", &[0; 80]));
    assert!(complex.contains("an array x_train of u8, i64, f16") && complex.contains("type <c8"), "{complex}");
    let seen = refused("x_train", &npy("'é1'", "(10, 1, 2)", "False", &[0; 20]));
    assert!(seen.contains("elements of type é1"), "{seen}");
    assert!(refused("x_train", &npy("'|u1'", "(10, 2)", "True", &[0; 20])).contains("numpy.ascontiguousarray"));
    let sizes = "(10, 4294967295, 4294967295)";
    assert!(
        refused("x_train", &bytes(sizes, &[])).contains("x_train of at most"),
        "{}",
        refused("x_train", &bytes(sizes, &[]))
    );
    let gigabytes = refused("x_train", &bytes("(10, 20000, 20000)", &[]));
    assert!(gigabytes.contains("x_train of at most 1073741824 numbers of |u1"), "{gigabytes}");
    // Arrays of eight-byte numbers: one with six times the pixels of CIFAR-10's training images, one with those of all
    // its images.
    let wide = refused("x_train", &npy("'<f8'", "(300000, 3, 32, 32)", "False", &[]));
    assert!(wide.contains("x_train of at most 536870912 numbers of <f8 (saw: shape [300000, 3, 32, 32])"), "{wide}");
    let fits = refused("x_train", &npy("'<f8'", "(60000, 3, 32, 32)", "False", &[]));
    assert!(fits.contains("expected x_train of 1474560000 bytes after its header"), "{fits}");
    assert!(
        refused("x_train", &bytes("(10, 0, 2)", &[]))
            .contains("x_train of at least one number (saw: shape [10, 0, 2])")
    );
    let short = refused("x_train", &bytes("(10, 1000, 1000)", &[7; 30]));
    assert!(short.contains("expected x_train of 10000000 bytes after its header"), "{short}");
    assert!(refused("x_train", &bytes("(10, 1, 2)", &[7; 21])).ends_with("after its header (saw: more)"));
    let deep = format!("{}{}", "(".repeat(900), ")".repeat(900));
    assert!(refused("x_train", &bytes(&deep, &[])).starts_with(start));
    let deep = format!("{}{}", "(".repeat(400), ")".repeat(400));
    assert!(refused("x_train", &bytes(&deep, &[])).starts_with(start));
}

/// 64 MiB of zeros in about 300 KB, after a header that gives twenty bytes.
#[test]
fn a_zip_bomb_is_left_after_what_its_header_tells() {
    let bomb = [bytes("(10, 1, 2)", &[]), vec![0; 1 << 26]].concat();
    let message = refused("x_train", &bomb);
    assert_eq!(message, "digits.npz: expected x_train of 20 bytes after its header (saw: more)");
}
