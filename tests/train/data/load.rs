use std::fs;
use std::path::Path;

use spikeslab::train::data::{Split, load, load_images, load_to_evaluate};
use tempfile::TempDir;

use super::mnist::small;
use crate::common::cifar::{write10, write100};

/// The error's message, with a placeholder for the directory, and the exit code.
fn refused(dir: &Path, coarse: bool) -> (String, u8) {
    let error = load(Some(dir), coarse).unwrap_err();
    (error.to_string().replace(&dir.display().to_string(), "DIR"), error.exit_code())
}

#[test]
fn a_data_set_is_recognized_by_its_files() {
    let shape_and_classes = |dir: Option<&Path>, coarse| {
        let split = load(dir, coarse).unwrap();
        assert_eq!((split.train.shape(), split.train.classes()), (split.test.shape(), split.test.classes()));
        (split.train.shape(), split.train.classes(), split.train.len(), split.test.len())
    };
    assert_eq!(shape_and_classes(None, false), ([1, 28, 28], 10, 6000, 1000));
    let dir = small();
    assert_eq!(shape_and_classes(Some(dir.path()), false), ([1, 2, 2], 3, 3, 2));
    let dir = TempDir::new().unwrap();
    write10(dir.path(), 2, 3);
    assert_eq!(shape_and_classes(Some(dir.path()), false), ([3, 32, 32], 10, 10, 3));
    let dir = TempDir::new().unwrap();
    write100(dir.path(), 4, 3);
    assert_eq!(shape_and_classes(Some(dir.path()), false), ([3, 32, 32], 100, 4, 3));
    assert_eq!(shape_and_classes(Some(dir.path()), true), ([3, 32, 32], 20, 4, 3));
}

#[test]
fn a_missing_directory_a_file_and_a_directory_without_data_are_refused() {
    let expected = "DIR: expected a data set: a directory with the files of MNIST, Fashion-MNIST, EMNIST, CIFAR-10 or CIFAR-100 or a folder \
                    of images for each class, or an .npz file";
    let dir = small();
    let missing = dir.path().join("no such");
    assert_eq!(refused(&missing, false), (format!("{expected} (saw: nothing of that name)"), 1));
    let file = dir.path().join("notes.txt");
    fs::write(&file, "").unwrap();
    assert_eq!(refused(&file, false), (format!("{expected} (saw: another file)"), 1));
    let other = TempDir::new().unwrap();
    fs::write(other.path().join("data_batch_6.bin"), "").unwrap();
    assert_eq!(refused(other.path(), false), (format!("{expected} (saw: none of these files and no folder in it)"), 1));
}

#[test]
fn one_file_tells_the_data_set_and_the_others_are_asked_for() {
    for (there, missing) in [
        ("t10k-labels.idx1-ubyte.gz", "train-images-idx3-ubyte"),
        ("data_batch_5.bin.gz", "data_batch_1.bin"),
        ("data_batch_1.bin", "data_batch_2.bin"),
        ("test_batch.bin", "data_batch_1.bin"),
        ("train.bin", "test.bin"),
        ("test.bin.gz", "train.bin"),
    ] {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(there), "").unwrap();
        let message = format!("DIR: expected {missing} or {missing}.gz in it (saw: neither)");
        assert_eq!(refused(dir.path(), false), (message, 1));
    }
}

/// To evaluate a model, the files of test images are enough; but a file of training images asks for the others.
#[test]
fn the_files_of_test_images_are_enough_to_evaluate() {
    let sizes = |split: &Split| (split.train.len(), split.train.shape(), split.train.classes(), split.test.len());
    let dir = small();
    let whole = load_to_evaluate(Some(dir.path()), false).unwrap();
    assert_eq!(sizes(&whole), (3, [1, 2, 2], 3, 2));
    fs::remove_file(dir.path().join("train-images-idx3-ubyte")).unwrap();
    let error = load_to_evaluate(Some(dir.path()), false).unwrap_err().to_string();
    assert!(error.contains("expected train-images-idx3-ubyte or train-images-idx3-ubyte.gz in it"), "{error}");
    fs::remove_file(dir.path().join("train-labels-idx1-ubyte")).unwrap();
    let tests = load_to_evaluate(Some(dir.path()), false).unwrap();
    assert_eq!(sizes(&tests), (0, [1, 2, 2], 2, 2));
    // The labels 2 and 1: without a 0, the classes are the numbers from 1.
    assert_eq!((tests.test.labels(), tests.test.class_names()), (&[1, 0][..], &["1", "2"].map(String::from)[..]));
    assert_eq!(tests.test.pixels(1), whole.test.pixels(1));

    let dir = TempDir::new().unwrap();
    write100(dir.path(), 4, 3);
    fs::remove_file(dir.path().join("train.bin")).unwrap();
    for (coarse, classes) in [(false, 100), (true, 20)] {
        let tests = load_to_evaluate(Some(dir.path()), coarse).unwrap();
        assert_eq!(sizes(&tests), (0, [3, 32, 32], classes, 3));
    }
    let dir = TempDir::new().unwrap();
    write10(dir.path(), 2, 3);
    for batch in 1..5 {
        fs::remove_file(dir.path().join(format!("data_batch_{batch}.bin"))).unwrap();
    }
    let error = load_to_evaluate(Some(dir.path()), false).unwrap_err().to_string();
    assert!(error.contains("expected data_batch_1.bin or data_batch_1.bin.gz in it"), "{error}");
}

/// Images whose labels do not matter may be those of any data set.
#[test]
fn images_without_labels_may_be_the_test_images_of_a_data_set() {
    let dir = small();
    let [images, data] = [load_images(dir.path()), load(Some(dir.path()), false)].map(Result::unwrap);
    assert_eq!((images.test.checksum(), images.source), (data.test.checksum(), data.source));
    let empty = TempDir::new().unwrap();
    let error = load_images(empty.path()).unwrap_err().to_string();
    assert!(error.contains("expected a directory of PNG and JPEG images, or a data set"), "{error}");
    let cifar = TempDir::new().unwrap();
    write10(cifar.path(), 2, 3);
    fs::remove_file(cifar.path().join("data_batch_2.bin")).unwrap();
    assert_eq!(load_images(cifar.path()).unwrap().test.len(), 3);
    // An image beside the files of two data sets does not stand for them.
    write10(dir.path(), 1, 1);
    fs::write(dir.path().join("cover.png"), "").unwrap();
    let error = load_images(dir.path()).unwrap_err().to_string();
    assert!(error.contains("those of MNIST and CIFAR-10"), "{error}");
}

/// If the files of a data set are in a folder of the directory that is given, the error names this folder.
#[test]
fn files_one_folder_further_down_are_named() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("cifar-10-batches-bin");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("test_batch.bin"), [0]).unwrap();
    let (message, _) = refused(place.path(), false);
    assert!(message.contains("but in cifar-10-batches-bin: the files of CIFAR-10"), "{message}");
    fs::remove_file(folder.join("test_batch.bin")).unwrap();
    fs::write(folder.join("t10k-labels-idx1-ubyte"), [0]).unwrap();
    let (message, _) = refused(place.path(), false);
    assert!(message.contains("but in cifar-10-batches-bin: the files of MNIST"), "{message}");
    fs::write(place.path().join("data_batch_1"), [0]).unwrap();
    let (message, _) = refused(place.path(), false);
    assert!(message.contains("the binary version of CIFAR-10") && message.contains("Python"), "{message}");
}

#[test]
fn the_files_of_several_data_sets_are_too_many() {
    let dir = small();
    write10(dir.path(), 1, 1);
    let expected =
        "DIR: expected the files of one data set; of several, name one of the files in place of the directory";
    assert_eq!(refused(dir.path(), false), (format!("{expected} (saw: those of MNIST and CIFAR-10)"), 1));
    for (name, images) in [("t10k-labels-idx1-ubyte", 3), ("test_batch.bin", 5), ("data_batch_3.bin", 5)] {
        assert_eq!(load(Some(&dir.path().join(name)), false).unwrap().train.len(), images, "{name}");
    }
    // A single file of another data set is an error.
    fs::write(dir.path().join("test.bin.gz"), "").unwrap();
    let message = format!("{expected} (saw: those of MNIST and CIFAR-10 and CIFAR-100)");
    assert_eq!(refused(dir.path(), false), (message, 1));
}

#[test]
fn only_cifar_100_has_coarse_labels() {
    let message = |seen| format!("coarse: expected a data set with coarse labels, CIFAR-100 (saw: {seen})");
    let error = load(None, true).unwrap_err();
    assert_eq!((error.to_string(), error.exit_code()), (message("MNIST"), 2));
    assert_eq!(refused(small().path(), true), (message("MNIST's files"), 2));
    let dir = TempDir::new().unwrap();
    write10(dir.path(), 1, 1);
    assert_eq!(refused(dir.path(), true), (message("CIFAR-10"), 2));
}

#[test]
fn one_file_of_a_set_stands_for_the_set() {
    let dir = small();
    for name in ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        assert_eq!(load(Some(&dir.path().join(name)), false).unwrap().train.labels(), [2, 0, 1]);
    }
}

/// Python's zlib computed the CRC-32 of the published data sets from their files; the images in the crate are 6,000 of
/// MNIST's.
#[test]
fn the_images_in_the_crate_know_their_name() {
    let split = load(None, false).unwrap();
    let identity = split.identity.unwrap();
    assert_eq!((&identity.name[..], identity.checksum), ("MNIST", split.train.checksum()));
    assert_eq!(identity.classes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let dir = TempDir::new().unwrap();
    write10(dir.path(), 1, 1);
    let identity = load(Some(dir.path()), false).unwrap().identity.unwrap();
    assert_eq!((&identity.name[..], &identity.classes[3][..], identity.classes.len()), ("CIFAR-10", "cat", 10));
    let dir = TempDir::new().unwrap();
    write100(dir.path(), 1, 1);
    for (coarse, last, count) in [(false, "worm", 100), (true, "vehicles_2", 20)] {
        let classes = load(Some(dir.path()), coarse).unwrap().identity.unwrap().classes;
        assert_eq!((&classes[count - 1][..], classes.len()), (last, count));
    }
}
