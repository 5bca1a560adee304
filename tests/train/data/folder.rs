use spikeslab::files::image::picture;
use spikeslab::train::data::{Split, folder, load, load_images, load_to_evaluate};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A folder with copies of the fixtures' pictures under other names, `FOLDER/NAME`.
fn place(pictures: &[(&str, &str)]) -> TempDir {
    let place = TempDir::new().unwrap();
    for (name, picture) in pictures {
        let (from, to) = (
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/files/image/picture").join(picture),
            place.path().join(name),
        );
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
    place
}

/// A directory with three pictures in each of these folders.
fn three_in_each(folders: &[&str]) -> TempDir {
    let names = folders.iter().flat_map(|folder| ["1", "2", "3"].map(|name| format!("{folder}/{name}.png")));
    let names: Vec<String> = names.collect();
    place(&names.iter().map(|name| (&name[..], "grey.png")).collect::<Vec<_>>())
}

fn refused(place: &TempDir) -> String {
    let message = folder::load(place.path()).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message:?}");
    message.replace(&place.path().display().to_string(), "DIR")
}

fn images(split: &Split) -> usize {
    split.train.len() + split.test.len()
}

#[test]
fn a_folder_for_each_class_in_training_and_test() {
    let place = place(&[
        ("train/rose/1.png", "grey.png"),
        ("train/rose/2.PNG", "sixteen.png"),
        ("train/.hidden/2.png", "colour.png"),
        ("train/__MACOSX/2.png", "colour.png"),
        ("train/rose/notes.txt", "grey.bin"),
        ("train/rose/.DS_Store", "grey.bin"),
        ("train/aster/a.jpg", "slope_grey.jpg"),
        ("test/rose/a.jpeg", "slope_grey.jpg"),
    ]);
    let split = folder::load(place.path()).unwrap();
    assert_eq!((split.train.len(), split.test.len(), split.train.shape()), (3, 1, [1, 4, 5]));
    assert_eq!(split.train.class_names(), ["aster", "rose"]);
    assert_eq!(split.test.labels(), [1]);
    assert_eq!(split.test.file(0), Some(&*place.path().join("test/rose/a.jpeg")));
    let slope = picture::samples(&place.path().join("test/rose/a.jpeg"), 1).unwrap();
    assert_eq!(split.test.pixels(0), slope);
    for i in 0..3 {
        let is_slope = split.train.labels()[i] == 0;
        assert_eq!(split.train.pixels(i) == slope, is_slope, "image {i}");
        assert_eq!(split.train.file(i).unwrap().ends_with("train/aster/a.jpg"), is_slope, "image {i}");
    }
}

#[test]
fn one_image_with_colours_gives_all_three_channels() {
    let place =
        place(&[("train/a/1.png", "grey.png"), ("train/b/1.png", "colour.png"), ("test/a/1.png", "palette.png")]);
    let split = folder::load(place.path()).unwrap();
    assert_eq!((split.train.shape(), split.test.shape()), ([3, 4, 5], [3, 4, 5]));
}

#[test]
fn without_test_images_a_fifth_of_each_class_is_held_out() {
    let names: Vec<String> = (0..20).map(|i| format!("{}/{i:02}.png", ["9", "10"][i % 2])).collect();
    let pictures: Vec<(&str, &str)> = names.iter().map(|name| (&name[..], "grey.png")).collect();
    let place = place(&pictures);
    let split = folder::load(place.path()).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (16, 4));
    for part in [&split.train, &split.test] {
        for i in 0..part.len() {
            let class = &part.class_names()[usize::from(part.labels()[i])];
            assert_eq!(part.file(i).unwrap().parent(), Some(&*place.path().join(class)), "image {i}");
        }
    }
    let mut first = folder::load(place.path()).unwrap();
    first.limit(3).unwrap();
    assert_eq!((first.train.file(2), first.train.file(3)), (split.train.file(2), None));
    // Names that are numbers are in numeric order.
    assert_eq!(split.train.class_names(), ["9", "10"]);
    for label in [0, 1] {
        assert_eq!(split.test.labels().iter().filter(|&&of| of == label).count(), 2);
    }
    // The first images include all classes.
    assert!(split.train.labels()[..8].contains(&0) && split.train.labels()[..8].contains(&1));
    assert_eq!(folder::load(place.path()).unwrap().train.checksum(), split.train.checksum());
    assert_eq!(images(&split), 20);
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let one = [("a/1.png", "grey.png"), ("b/1.png", "grey.png"), ("b/2.png", "grey.png"), ("b/3.png", "grey.png")];
    let with = |more: &[(&'static str, &'static str)]| place(&[&one[..], more].concat());
    let empty = with(&[]);
    fs::create_dir(empty.path().join("c")).unwrap();
    assert_eq!(refused(&empty), "DIR/c: expected at least one PNG or JPEG image (saw: none)");
    let folder = with(&[("a/deeper/1.png", "grey.png")]);
    assert_eq!(refused(&folder), "DIR/a/deeper: expected an image file (saw: a folder)");
    let other = with(&[("a/2.webp", "grey.png")]);
    assert_eq!(refused(&other), "DIR/a/2.webp: expected a PNG or JPEG image (saw: a .webp file)");
    let broken = with(&[("a/2.png", "grey.bin")]);
    assert!(refused(&broken).starts_with("DIR/a/2.png: expected a PNG or JPEG image (saw: "), "{}", refused(&broken));
    let transparent = with(&[("a/2.png", "transparent.png")]);
    assert_eq!(refused(&transparent), "DIR/a/2.png: expected an image without transparent pixels (saw: one with some)");
    assert_eq!(
        refused(&place(&[("a/1.png", "grey.png")])),
        "DIR: expected 2 to 65536 folders, one for each class (saw: 1)"
    );
    let few = place(&[("a/1.png", "grey.png"), ("b/1.png", "grey.png")]);
    let message = "DIR: expected a folder test, or classes of at least three images (saw: 2 images)";
    assert_eq!(refused(&few), message);
    let test = place(&[("train/a/1.png", "grey.png"), ("train/b/1.png", "grey.png"), ("test/c/1.png", "grey.png")]);
    assert_eq!(refused(&test), "DIR/test: expected no other folders than the 2 in train (saw: c)");
    let untested = place(&[("train/a/1.png", "grey.png"), ("train/b/1.png", "grey.png"), ("test/1.png", "grey.png")]);
    assert_eq!(refused(&untested), "DIR/test: expected images only in the folders of their classes (saw: 1.png)");
    let empty = place(&[("train/a/1.png", "grey.png"), ("train/b/1.png", "grey.png"), ("test/a/1.txt", "grey.png")]);
    assert_eq!(refused(&empty), "DIR/test: expected images in folders of the classes (saw: none)");
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let latin = with(&[]);
        fs::create_dir(latin.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"))).unwrap();
        assert_eq!(refused(&latin), "DIR: expected names in UTF-8 (saw: caf\u{fffd})");
    }
    // `train` and `test` are not taken for classes if their images are in no folders of classes.
    for parts in [&["train", "test"][..], &["train"]] {
        let message = "DIR/train: expected images only in the folders of their classes (saw: 1.png)";
        assert_eq!(refused(&three_in_each(parts)), message);
    }
    for parts in [&["train", "val"][..], &["Train", "Test"], &["training", "testing"], &["train", "tests"]] {
        let seen = refused(&three_in_each(parts));
        assert!(seen.contains("folders of classes, or folders named train and test in lower case (saw: "), "{seen}");
    }
    let cover = [("train/a/1.png", "grey.png"), ("train/b/1.png", "grey.png"), ("cover.png", "grey.png")];
    let message = "DIR: expected images only in the folders of their classes (saw: cover.png)";
    assert_eq!(refused(&place(&cover)), message);
    let unlabelled = ["cats/1.png", "dogs/1.png", "test/1.png"].map(|name| (name, "grey.png"));
    assert!(refused(&place(&unlabelled)).ends_with("named train and test in lower case (saw: cats, dogs, test)"));
    let unlabelled = ["train/cats/1.png", "train/dogs/1.png", "train/test/1.png"].map(|name| (name, "grey.png"));
    assert!(refused(&place(&unlabelled)).starts_with("DIR/train: expected folders of classes"));
    let val = [("train/a/1.png", "grey.png"), ("train/b/1.png", "grey.png"), ("val/a/1.png", "grey.png")];
    let plain = ["train/1.png", "val/1.png", "test/1.png"].map(|name| (name, "grey.png"));
    for pictures in [val, plain] {
        assert_eq!(
            refused(&place(&pictures)),
            "DIR: expected no folders beside train and test; train --validation SHARE holds out training images (saw: val)"
        );
    }
}

/// A folder `test` alone is a data set to evaluate on; its classes need one image each.
#[test]
fn test_images_alone() {
    let place = place(&[("test/rose/1.png", "grey.png"), ("test/aster/1.png", "sixteen.png")]);
    let split = folder::load(place.path()).unwrap();
    assert_eq!((split.train.len(), split.test.len(), split.test.class_names().len()), (0, 2, 2));
    assert!(!split.test_is_held_out);
    let message = load(Some(place.path()), false).unwrap_err().to_string();
    assert!(message.contains("expected training images") && message.contains("2 test images alone"), "{message}");
    assert_eq!(load_to_evaluate(Some(place.path()), false).unwrap().test.len(), 2);
    fs::remove_dir_all(place.path().join("test/rose")).unwrap();
    assert_eq!(folder::load(place.path()).unwrap().test.class_names(), ["aster"]);
}

#[test]
fn images_have_one_size() {
    let place = place(&[("a/1.png", "grey.png"), ("b/1.png", "grey.png")]);
    let mut png = Vec::new();
    let encoder = png::Encoder::new(&mut png, 3, 2);
    encoder.write_header().unwrap().write_image_data(&[0; 6]).unwrap();
    fs::write(place.path().join("b/2.png"), png).unwrap();
    let message = refused(&place);
    let forms = ["2 rows of 3 pixels", "4 rows of 5 pixels"];
    assert!(message.starts_with("DIR/") && forms.iter().any(|form| message.contains(form)), "{message}");
}

/// Class names come from a file system and are printed on terminals, so they are escaped.
#[test]
#[cfg(unix)]
fn a_name_that_a_terminal_obeys_is_shown_escaped() {
    let names = ["a\u{1b}[31m/1.png", "a\u{1b}[31m/2.png", "a\u{1b}[31m/3.png", "b\n/1.png", "b\n/2.png", "b\n/3.png"];
    let place = place(&names.map(|name| (name, "grey.png")));
    let split = folder::load(place.path()).unwrap();
    assert_eq!(split.train.class_names(), ["a\\u{1b}[31m", "b\\n"]);
}

/// Where labels do not matter, the images may be in one folder.
#[test]
fn images_in_one_folder_need_no_class() {
    let alone = place(&[("1.png", "grey.png"), ("2.jpg", "slope_grey.jpg"), ("notes.txt", "grey.bin")]);
    let split = load_images(alone.path()).unwrap();
    assert_eq!((split.train.len(), split.test.len(), split.test.labels()), (0, 2, &[0, 0][..]));
    assert_eq!(split.test.pixels(0), picture::samples(&alone.path().join("1.png"), 1).unwrap());
    assert_eq!(refused(&alone), "DIR: expected images only in the folders of their classes (saw: 1.png)");
    // Of a data set they are the test images or, without these, all.
    let count = |pictures: &[(&str, &str)]| load_images(place(pictures).path()).unwrap().test.len();
    let classes: Vec<String> = (0..12).map(|n| format!("{}/{n}.png", ["a", "b"][n % 2])).collect();
    let classes: Vec<(&str, &str)> = classes.iter().map(|name| (&name[..], "grey.png")).collect();
    assert_eq!(count(&classes), 12);
    assert_eq!(count(&[&classes[..], &[("1.png", "grey.png"), ("c/1.png", "grey.png")]].concat()), 14);
    assert_eq!(count(&[("a/1.png", "grey.png"), ("a/2.png", "grey.png")]), 2);
    let train = [("train/a/1.png", "grey.png"), ("train/2.png", "grey.png")];
    assert_eq!(count(&train), 2);
    let three = ["train/a/1.png", "val/a/1.png", "test/a/1.png", "test/b/1.png"].map(|name| (name, "grey.png"));
    assert_eq!(count(&three), 2);
    let plain = ["train/1.png", "val/1.png", "test/1.png"].map(|name| (name, "grey.png"));
    assert_eq!(count(&plain), 1);
    let vehicles = ["train/1.png", "train/2.png", "bus/1.png"].map(|name| (name, "grey.png"));
    assert_eq!(count(&vehicles), 3, "train is a class of vehicles");
    let error = load_images(place(&[&train[..1], &[("b/1.png", "grey.png")]].concat()).path()).unwrap_err().to_string();
    assert!(error.contains("no folders beside train and test"), "{error}");
    let tests = [&train[..], &[("test/1.png", "grey.png"), ("test/a/1.png", "grey.png"), ("test/b/1.png", "grey.png")]];
    assert_eq!(count(&tests.concat()), 3);
    let beside = [&tests.concat()[..], &[("1.png", "grey.png")]].concat();
    let error = load_images(place(&beside).path()).unwrap_err().to_string();
    assert!(error.contains("expected images only in train and test (saw: 1.png)"), "{error}");
    for names in [["cats/1.png", "test/1.png"], ["Train/1.png", "Test/1.png"], ["train/1.png", "val/1.png"]] {
        let error = load_images(place(&names.map(|name| (name, "grey.png"))).path()).unwrap_err().to_string();
        assert!(error.contains("named train and test in lower case"), "{error}");
    }
    let deep = place(&[("a/b/1.png", "grey.png")]);
    let error = load_images(deep.path()).unwrap_err().to_string();
    assert!(error.contains("a/b: expected an image file (saw: a folder)"), "{error}");
    let other = place(&[("2.webp", "grey.png")]);
    let error = load_images(other.path()).unwrap_err().to_string();
    assert!(error.contains("expected a PNG or JPEG image (saw: a .webp file)"), "{error}");
}
