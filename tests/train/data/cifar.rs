use crate::common::random::Random;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use spikeslab::train::data::Dataset;
use spikeslab::train::data::cifar::{CIFAR10, CIFAR100, MAX_RECORDS, Variant, load};
use tempfile::TempDir;

use super::mnist::{gz, put};
use crate::common::cifar::{PIXELS, records10, records100, write10, write100};

fn small10() -> TempDir {
    let dir = TempDir::new().unwrap();
    write10(dir.path(), 3, 4);
    dir
}

fn small100() -> TempDir {
    let dir = TempDir::new().unwrap();
    write100(dir.path(), 7, 4);
    dir
}

/// The error's message, with `DIR` in place of the directory.
fn refused(dir: &Path, variant: &Variant, coarse: bool) -> String {
    let message = load(dir, variant, coarse).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message:?}");
    message.replace(&dir.display().to_string(), "DIR")
}

/// The bytes of the images in order, read back from the floats.
fn bytes(data: &Dataset) -> Vec<u8> {
    let (x, _) = data.batch::<f64>(&(0..data.len()).collect::<Vec<_>>());
    x.iter().map(|x| (x * 255.0).round() as u8).collect()
}

#[test]
fn records_are_a_label_and_three_planes() {
    let dir = TempDir::new().unwrap();
    write10(dir.path(), 1, 1);
    // Red increases along the pixels, green decreases, blue is the row.
    let mut record = vec![7];
    record.extend((0..1024).map(|i| (i % 251) as u8));
    record.extend((0..1024).map(|i| (255 - i % 250) as u8));
    record.extend((0..1024).map(|i| (i / 32) as u8));
    put(&dir, "test_batch.bin", &record);
    let test = load(dir.path(), &CIFAR10, false).unwrap().test;
    let (x, labels) = test.batch::<f64>(&[0]);
    assert_eq!((x.dim(), &labels[..]), ((1, 3, 32, 32), &[7][..]));
    for (i, j) in [(0, 0), (0, 31), (1, 0), (17, 5), (31, 31)] {
        let at = 32 * i + j;
        let expected = [(at % 251) as f64, (255 - at % 250) as f64, i as f64];
        for (plane, expected) in expected.into_iter().enumerate() {
            assert_eq!(x[[0, plane, i, j]], expected / 255.0, "plane {plane} at {i}, {j}");
        }
    }
}

#[test]
fn training_images_are_those_of_the_five_files_in_order() {
    let dir = small10();
    let split = load(dir.path(), &CIFAR10, false).unwrap();
    assert_eq!(split.train.labels(), [0, 1, 2].repeat(5));
    assert_eq!((split.test.labels(), split.train.classes()), (&[0, 1, 2, 3][..], 10));
    let expected: Vec<u8> = (1..=5)
        .flat_map(|n| records10(3, n).chunks(PIXELS + 1).flat_map(|r| r[1..].to_vec()).collect::<Vec<_>>())
        .collect();
    assert!(bytes(&split.train) == expected);
    let from = dir.path().as_os_str();
    assert_eq!(
        split.source,
        format!("15 training and 4 test images of CIFAR-10, 3 x 32 x 32 in 10 classes, from {from:?}")
    );
}

#[test]
fn labels_are_fine_unless_coarse_ones_are_asked_for() {
    let dir = TempDir::new().unwrap();
    write100(dir.path(), 100, 23);
    let fine = load(dir.path(), &CIFAR100, false).unwrap();
    let coarse = load(dir.path(), &CIFAR100, true).unwrap();
    assert_eq!((fine.train.classes(), coarse.train.classes()), (100, 20));
    assert_eq!(fine.train.labels(), (0..100).collect::<Vec<u16>>());
    assert_eq!(coarse.train.labels(), (0..100).map(|class| class / 5).collect::<Vec<u16>>());
    assert_eq!(coarse.test.labels()[20..], [4, 4, 4]);
    let expected: Vec<u8> = records100(100, 1).chunks(PIXELS + 2).flat_map(|r| r[2..].to_vec()).collect();
    assert!(bytes(&fine.train) == expected && bytes(&coarse.train) == expected);
    assert!(coarse.source.contains("CIFAR-100, 3 x 32 x 32 in 20 classes"), "{}", coarse.source);
}

#[test]
fn a_file_may_be_gz_and_goes_after_a_raw_one() {
    let dir = small10();
    let expected = bytes(&load(dir.path(), &CIFAR10, false).unwrap().train);
    let whole = fs::read(dir.path().join("data_batch_2.bin")).unwrap();
    put(&dir, "data_batch_2.bin.gz", b"not looked at");
    assert!(bytes(&load(dir.path(), &CIFAR10, false).unwrap().train) == expected);
    fs::remove_file(dir.path().join("data_batch_2.bin")).unwrap();
    // A file of two gzip members, with a record divided between them.
    put(&dir, "data_batch_2.bin.gz", &[gz(&whole[..5000]), gz(&whole[5000..])].concat());
    assert!(bytes(&load(dir.path(), &CIFAR10, false).unwrap().train) == expected);
}

#[test]
fn every_file_must_be_there() {
    for name in CIFAR10.files() {
        let dir = small10();
        fs::remove_file(dir.path().join(name)).unwrap();
        let message = format!("DIR: expected {name} or {name}.gz in it (saw: neither)");
        assert_eq!(refused(dir.path(), &CIFAR10, false), message);
        fs::create_dir(dir.path().join(name)).unwrap();
        let message = format!("DIR/{name}: expected a file (saw: a directory)");
        assert_eq!(refused(dir.path(), &CIFAR10, false), message);
    }
}

#[test]
fn a_part_of_a_record_or_none_is_refused_raw_and_gz() {
    for length in [0, 1, PIXELS, PIXELS + 2, 2 * PIXELS, 3 * (PIXELS + 1) - 1] {
        let bytes = &records10(3, 1)[..length];
        let message =
            |name| format!("DIR/{name}: expected whole records of 3073 bytes, as in CIFAR-10 (saw: {length} bytes");
        let dir = small10();
        put(&dir, "data_batch_3.bin", bytes);
        let raw = refused(dir.path(), &CIFAR10, false);
        assert!(raw.starts_with(&message("data_batch_3.bin")), "{raw}");
        fs::remove_file(dir.path().join("data_batch_3.bin")).unwrap();
        put(&dir, "data_batch_3.bin.gz", &gz(bytes));
        let packed = refused(dir.path(), &CIFAR10, false);
        assert!(packed.starts_with(&message("data_batch_3.bin.gz")), "{packed}");
    }
}

#[test]
fn a_file_of_the_other_data_set_is_recognized_by_its_length() {
    let dir = small10();
    put(&dir, "data_batch_1.bin", &records100(5, 1));
    let seen = "(saw: 15370 bytes, whole records of CIFAR-100)";
    let message = format!("DIR/data_batch_1.bin: expected whole records of 3073 bytes, as in CIFAR-10 {seen}");
    assert_eq!(refused(dir.path(), &CIFAR10, false), message);
    // In a packed file the first wrong label comes before the end, but the error names the length, which says more.
    fs::remove_file(dir.path().join("data_batch_1.bin")).unwrap();
    put(&dir, "data_batch_1.bin.gz", &gz(&records100(5, 1)));
    let message = message.replace(".bin:", ".bin.gz:");
    assert_eq!(refused(dir.path(), &CIFAR10, false), message);

    let dir = small100();
    put(&dir, "test.bin", &records10(5, 1));
    let seen = "(saw: 15365 bytes, whole records of CIFAR-10)";
    let message = format!("DIR/test.bin: expected whole records of 3074 bytes, as in CIFAR-100 {seen}");
    assert_eq!(refused(dir.path(), &CIFAR100, true), message);
}

#[test]
fn a_file_of_the_other_data_set_of_a_length_that_fits_is_recognized_by_its_labels() {
    let dir = small10();
    // 3073 records of 3074 bytes.
    put(&dir, "test_batch.bin", &records100(7, 1).repeat(439));
    let message = refused(dir.path(), &CIFAR10, false);
    // Record 1 begins with the last pixel of record 0, from the blue plane of the background.
    assert!(message.starts_with("DIR/test_batch.bin: expected labels from 0 to 9 (saw: "), "{message}");
    assert!(message.ends_with(" in record 1)"), "{message}");
}

#[test]
fn a_label_over_the_classes_is_refused() {
    let odd = |variant: &Variant, name: &str, at: usize, label: u8, coarse| {
        let dir = if variant.labels.len() == 1 { small10() } else { small100() };
        let mut bytes = fs::read(dir.path().join(name)).unwrap();
        bytes[at] = label;
        put(&dir, name, &bytes);
        refused(dir.path(), variant, coarse)
    };
    let message = odd(&CIFAR10, "data_batch_5.bin", 2 * 3073, 10, false);
    assert_eq!(message, "DIR/data_batch_5.bin: expected labels from 0 to 9 (saw: 10 in record 2)");
    // Both labels are checked, whichever of them is used.
    for coarse in [false, true] {
        let message = odd(&CIFAR100, "train.bin", 0, 20, coarse);
        assert_eq!(message, "DIR/train.bin: expected coarse labels from 0 to 19 (saw: 20 in record 0)");
        let message = odd(&CIFAR100, "test.bin", 3 * 3074 + 1, 255, coarse);
        assert_eq!(message, "DIR/test.bin: expected fine labels from 0 to 99 (saw: 255 in record 3)");
    }
}

#[test]
fn a_gz_that_is_cut_damaged_or_none() {
    let packed = gz(&records10(3, 1));
    let seen = |bytes: &[u8]| {
        let dir = small10();
        fs::remove_file(dir.path().join("test_batch.bin")).unwrap();
        put(&dir, "test_batch.bin.gz", bytes);
        let message = refused(dir.path(), &CIFAR10, false);
        let start = "DIR/test_batch.bin.gz: expected ";
        let message = message.strip_prefix(start).unwrap_or_else(|| panic!("{message}"));
        message.trim_start_matches("whole records of 3073 bytes, as in CIFAR-10 (saw: ").to_owned()
    };
    assert_eq!(seen(&packed[..packed.len() - 6]), "9219 bytes, then: unexpected end of file)");
    let none = "a gzip file, or a name that does not end in .gz (saw: a file that begins with 6e 6f 20 67)";
    assert_eq!(seen(b"no gzip stream"), none);
    let mut damaged = packed.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert_eq!(seen(&damaged), "9219 bytes, then: corrupt gzip stream does not have a matching checksum)");
}

#[test]
fn a_gzip_bomb_is_left_where_it_is() {
    // 4 GiB of black images of class 0 in about 4 MiB.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap().repeat(64);
    let dir = small10();
    fs::remove_file(dir.path().join("test_batch.bin")).unwrap();
    put(&dir, "test_batch.bin.gz", &bomb);
    let most = MAX_RECORDS * 3073;
    let message =
        format!("DIR/test_batch.bin.gz: expected at most 50000 records of 3073 bytes (saw: over {most} bytes)");
    assert_eq!(refused(dir.path(), &CIFAR10, false), message);
}

#[cfg(unix)]
#[test]
fn a_raw_file_that_is_too_long_is_not_read() {
    let dir = small100();
    // A sparse file, without a byte on disk.
    let file = fs::File::create(dir.path().join("train.bin")).unwrap();
    file.set_len(3074 << 30).unwrap();
    let message = refused(dir.path(), &CIFAR100, false);
    let expected = "DIR/train.bin: expected at most 50000 records of 3074 bytes (saw: over 153700000 bytes)";
    assert_eq!(message, expected);
}

#[test]
fn mutations_never_panic() {
    let (good, packed) = (records100(2, 1), gz(&records100(2, 1)));
    let dir = small100();
    let mut rng = Random::new(4);
    let (mut read, mut refused) = (0, 0);
    for i in 0..2000 {
        let (name, bytes) = if i % 2 == 0 { ("train.bin", &good) } else { ("train.bin.gz", &packed) };
        let _ = fs::remove_file(dir.path().join("train.bin"));
        put(&dir, name, &rng.mutate(bytes));
        match load(dir.path(), &CIFAR100, i % 4 < 2) {
            Ok(split) => {
                assert!((1..=2).contains(&split.train.len()) && split.train.shape() == [3, 32, 32]);
                read += 1;
            }
            Err(error) => {
                assert_eq!((error.exit_code(), error.to_string().lines().count()), (1, 1), "{error}");
                refused += 1;
            }
        }
    }
    assert!(read > 100 && refused > 500, "{read} read, {refused} refused");
}
