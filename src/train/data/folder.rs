//! A folder of images for each class.
//!
//! ```text
//! flowers/rose/one.png              flowers/train/rose/one.png
//! flowers/rose/two.jpg       or     flowers/train/tulip/three.png
//! flowers/tulip/three.png           flowers/test/rose/two.jpg
//! ```
//!
//! Each image is a PNG or JPEG file, recognized by the ending of its name. All images have the same size, and if one
//! has colours all get three channels. The classes are the folders in ascending order of their names or, if all names
//! are whole numbers, of these numbers. Without a folder `test`, a fifth of each class's images become test images, the
//! same ones as long as the images stay the same. A folder with nothing but `test` in it is a data set to evaluate on.
//! An image beside the folders of the classes, or beside `train` and `test`, is refused. The order of the images is
//! shuffled, also the same in every run, so that the first images are of all classes. Files and folders whose names
//! begin with a dot are ignored.
//!
//! Where labels do not matter, the folders of the classes may be missing. Only the images of `test` are then read;
//! without `test`, those of `train`; without both, all.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::held_out::{Choice, TEST_SHARE, hold_out};
use super::known::{LONGEST_NAME, place};
use super::{Dataset, MOST_BYTES, MOST_CLASSES, Split, files};
use crate::error::{Error, Result};
use crate::escape::Escaped;
use crate::files::image::picture;

/// The folders of a data set's parts.
const PARTS: [&str; 2] = ["train", "test"];
/// Names that programs give to the folders of parts, in lower case. If all folders have such names, they are no classes.
const PART_NAMES: [&str; 9] = ["train", "training", "val", "valid", "validation", "dev", "test", "tests", "testing"];
/// The endings of the names of images that are read, in lower case.
const READ: [&str; 3] = ["png", "jpg", "jpeg"];
/// The endings of the names of images that are refused.
const NOT_READ: [&str; 8] = ["bmp", "gif", "heic", "ppm", "pgm", "tif", "tiff", "webp"];

/// Whether there is a folder in `dir`.
///
/// # Errors
/// [`Error::Io`] if `dir` cannot be listed.
pub fn has_folders(dir: &Path) -> Result<bool> {
    Ok(!folders(dir)?.is_empty())
}

/// Reads the images in the folders of `dir`.
///
/// # Errors
/// [`Error::File`] if there are fewer than two classes or more than [`MOST_CLASSES`], a class or `test` has no image,
/// an image is beside the folders of the classes, these are named like parts of a data set, another folder is beside
/// `train` and `test`, `test` has a class that `train` lacks, the name of a folder is not UTF-8, an image cannot be
/// decoded, is transparent, or has another size than the first, or the images have more than [`MOST_BYTES`] in all;
/// [`Error::Io`] if a folder cannot be listed or a file cannot be read.
pub fn load(dir: &Path) -> Result<Split> {
    let (train, test) = match parts(dir)? {
        [None, None] => (Some(dir.to_path_buf()), None),
        [train, test] => (train, test),
    };
    if train.as_deref() == Some(dir) {
        check_no_parts(dir)?;
    } else {
        check_no_others(dir)?;
        train.as_deref().map_or(Ok(()), check_no_parts)?;
    }
    for dir in [Some(dir), train.as_deref(), test.as_deref()].into_iter().flatten() {
        check_no_image(dir, "images only in the folders of their classes")?;
    }
    // A model that is evaluated on test images alone may have more classes than they.
    let fewest = if train.is_some() { 2 } else { 1 };
    let classes = classes(train.as_deref().or(test.as_deref()).unwrap_or(dir), fewest)?;
    let part =
        |dir: &Option<PathBuf>, is_complete| dir.as_ref().map(|dir| list(dir, &classes, is_complete)).transpose();
    let labelled = [part(&train, true)?, part(&test, false)?];
    if labelled[1].as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::file(&dir.join("test"), "images in folders of the classes", "none"));
    }
    let split = |train, test| Split::read_from(train, test, &place(dir), &format!("{dir:?}"));
    match read(dir, &labelled, &classes)? {
        [Some(train), Some(test)] => Ok(split(train, test)),
        [None, Some(test)] => Ok(Split::of_test_images(test, &place(dir), &format!("{dir:?}"))),
        [Some(images), None] => {
            let (train, test) = hold_out(&images, TEST_SHARE, Choice::Test).map_err(|_| {
                let expected = "a folder test, or classes of at least three images";
                Error::file(dir, expected, format!("{} images", images.len()))
            })?;
            Ok(Split { test_is_held_out: true, ..split(train, test) })
        }
        [None, None] => Err(Error::file(dir, "images", "none")),
    }
}

/// The folders `train` and `test` in `dir`, none for one that is missing. Both are none if they are not the parts of a
/// data set but classes: if there is only one of them, without folders of classes, beside other folders.
fn parts(dir: &Path) -> Result<[Option<PathBuf>; 2]> {
    let parts = PARTS.map(|part| Some(dir.join(part)).filter(|part| part.is_dir()));
    let has_classes = |part: &PathBuf| has_folders(part).unwrap_or(false);
    let are_parts = match &parts {
        [Some(_), Some(_)] => true,
        [one, other] => beside_parts(dir)?.is_none() || one.as_ref().or(other.as_ref()).is_some_and(has_classes),
    };
    Ok(if are_parts { parts } else { [None, None] })
}

/// Checks that not all folders of classes have names in [`PART_NAMES`], and that none is named `test`.
fn check_no_parts(dir: &Path) -> Result<()> {
    let folders = folders(dir)?;
    let are_parts = !folders.is_empty() && folders.iter().all(|name| is_part_name(name));
    if are_parts || folders.iter().any(|name| name == PARTS[1]) {
        let expected = "folders of classes, or folders named train and test in lower case";
        return Err(Error::file(dir, expected, folders.join(", ")));
    }
    Ok(())
}

/// Checks that `dir` has no other folders than `train` and `test`.
fn check_no_others(dir: &Path) -> Result<()> {
    let Some(other) = beside_parts(dir)? else { return Ok(()) };
    let hint = if is_part_name(&other) { "; train --validation SHARE holds out training images" } else { "" };
    Err(Error::file(dir, format!("no folders beside train and test{hint}"), other))
}

/// Whether the name of a folder is in [`PART_NAMES`], in lower or upper case.
fn is_part_name(name: &str) -> bool {
    PART_NAMES.contains(&name.to_lowercase().as_str())
}

/// The first folder in `dir` that is not one of [`PARTS`].
fn beside_parts(dir: &Path) -> Result<Option<String>> {
    Ok(folders(dir)?.into_iter().find(|name| !PARTS.contains(&name.as_str())))
}

/// Checks that there is no image in `dir` itself; `expected` is the error's.
fn check_no_image(dir: &Path, expected: &str) -> Result<()> {
    let is_image = |name: &String| is_read(Path::new(name)) && !dir.join(name).is_dir();
    match names(dir)?.into_iter().find(is_image) {
        Some(image) => Err(Error::file(dir, expected, image)),
        None => Ok(()),
    }
}

/// Whether there is an image in `dir` itself, also of a format that is not read.
///
/// # Errors
/// [`Error::File`] if the name of an entry is not UTF-8; [`Error::Io`] if `dir` cannot be listed.
pub fn has_images(dir: &Path) -> Result<bool> {
    Ok(names(dir)?.iter().any(|name| is_named_as_image(Path::new(name))))
}

/// The class of images without labels.
const UNLABELLED: &str = "unlabelled";

/// Reads the images of a directory and of the folders in it, as test images of one class. The directory is `test` in
/// `dir`; without it, `train`; and `dir` itself where these are missing, or are classes as for [`load`].
///
/// # Errors
/// The errors of [`load`] for the images of a class, and [`Error::File`] if there is an image beside `train` and `test`,
/// a folder beside `train` without `test`, or folders are named like parts of a data set in another way.
pub fn load_images(dir: &Path) -> Result<Split> {
    let [train, test] = parts(dir)?;
    if test.is_none() && train.is_some() {
        check_no_others(dir)?;
    }
    let from = match test.or(train) {
        Some(part) => {
            check_no_image(dir, "images only in train and test")?;
            part
        }
        None => {
            check_no_parts(dir)?;
            dir.to_path_buf()
        }
    };
    let mut images = Vec::new();
    for name in names(&from)? {
        let path = from.join(name);
        if path.is_dir() {
            append(&path, 0, &mut images)?;
        } else if is_image(&path)? {
            images.push((path, 0));
        }
    }
    let [_, test] = read(&from, &[None, Some(images)], &[UNLABELLED.to_string()])?;
    let test = test.ok_or_else(|| Error::file(&from, "images", "none"))?;
    Ok(Split::of_test_images(test, &place(dir), &format!("{dir:?}")))
}

/// The folder that macOS adds to an archive, with metadata of the files in it.
const MAC: &str = "__MACOSX";

/// The names of the folders in a directory, in ascending order, without hidden ones.
fn folders(dir: &Path) -> Result<Vec<String>> {
    let mut names = names(dir)?;
    names.retain(|name| dir.join(name).is_dir());
    Ok(names)
}

/// The names in a directory, in ascending order, without hidden ones and that of [`MAC`].
fn names(dir: &Path) -> Result<Vec<String>> {
    let mut names = files::names(dir)?;
    // A name that is not UTF-8 was changed as it was read.
    let is_changed = |name: &&String| name.contains(char::REPLACEMENT_CHARACTER) && !dir.join(name).exists();
    if let Some(name) = names.iter().find(is_changed) {
        return Err(Error::file(dir, "names in UTF-8", name));
    }
    names.retain(|name| !name.starts_with('.') && name != MAC);
    Ok(names)
}

/// The names of the class folders, at least `fewest`, in the order of the classes.
fn classes(dir: &Path, fewest: usize) -> Result<Vec<String>> {
    let mut classes = folders(dir)?;
    if !(fewest..=MOST_CLASSES).contains(&classes.len()) {
        let expected = format!("{fewest} to {MOST_CLASSES} folders, one for each class");
        return Err(Error::file(dir, expected, classes.len()));
    }
    if classes.iter().all(|name| name.parse::<u64>().is_ok()) {
        classes.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
    }
    Ok(classes)
}

/// The paths of a part's images with their labels, shuffled. With `is_complete` every class must have an image.
fn list(dir: &Path, classes: &[String], is_complete: bool) -> Result<Vec<(PathBuf, u16)>> {
    for name in folders(dir)? {
        if !classes.contains(&name) {
            let expected = format!("no other folders than the {} in train", classes.len());
            return Err(Error::file(dir, expected, name));
        }
    }
    let mut images = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let (folder, before) = (dir.join(class), images.len());
        if folder.is_dir() {
            append(&folder, label as u16, &mut images)?;
        }
        if is_complete && images.len() == before {
            return Err(Error::file(&folder, "at least one PNG or JPEG image", "none"));
        }
    }
    Choice::Order.shuffle(&mut images);
    Ok(images)
}

/// Appends the paths of the images in a folder, each with `label`.
fn append(folder: &Path, label: u16, images: &mut Vec<(PathBuf, u16)>) -> Result<()> {
    for name in names(folder)? {
        let path = folder.join(&name);
        if is_image(&path)? {
            images.push((path, label));
        }
    }
    Ok(())
}

/// Whether an entry of a folder of images is an image.
fn is_image(path: &Path) -> Result<bool> {
    let metadata = fs::metadata(path).map_err(|source| Error::io(path, source))?;
    // A pipe, for one, would be waited for.
    if !metadata.is_file() {
        let seen = if metadata.is_dir() { "a folder" } else { "something else" };
        return Err(Error::file(path, "an image file", seen));
    }
    let ending = ending(path);
    if NOT_READ.contains(&ending.as_str()) {
        return Err(Error::file(path, "a PNG or JPEG image", format!("a .{ending} file")));
    }
    Ok(is_read(path))
}

/// Whether the name of a file ends as those of images do, also of a format that is not read.
pub fn is_named_as_image(path: &Path) -> bool {
    is_read(path) || NOT_READ.contains(&ending(path).as_str())
}

/// Whether the name of a file ends as those of the images that are read.
fn is_read(path: &Path) -> bool {
    READ.contains(&ending(path).as_str())
}

/// The ending of a file's name, in lower case.
fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// Reads the images of all parts: of one size, with three channels where any image has colours.
fn read(dir: &Path, parts: &[Option<Vec<(PathBuf, u16)>>; 2], classes: &[String]) -> Result<[Option<Dataset>; 2]> {
    let all: Vec<&PathBuf> = parts.iter().flatten().flatten().map(|(path, _)| path).collect();
    let headers = each(&all, |path| picture::header(path))?;
    let Some((first, header)) = all.first().zip(headers.first()) else {
        return Err(Error::file(dir, "images", "none"));
    };
    let (height, width) = (header.height, header.width);
    if let Some((path, other)) =
        all.iter().zip(&headers).find(|(_, other)| (other.height, other.width) != (height, width))
    {
        let expected = format!("{height} rows of {width} pixels, as in {}", first.display());
        return Err(Error::file(path, expected, format!("{} rows of {}", other.height, other.width)));
    }
    let channels = if headers.iter().any(|header| header.is_colour) { 3 } else { 1 };
    let bytes = [all.len(), channels, height, width].iter().map(|&size| size as u64).product::<u64>();
    if bytes > MOST_BYTES {
        return Err(Error::file(dir, format!("images of at most {MOST_BYTES} bytes in all"), bytes));
    }
    let names: Vec<String> =
        classes.iter().map(|class| Escaped { text: class, most: LONGEST_NAME }.to_string()).collect();
    let dataset = |part: &Vec<(PathBuf, u16)>| {
        let pixels = each(part, |(path, _)| picture::samples(path, channels))?;
        let labels = part.iter().map(|(_, label)| *label).collect();
        let data = Dataset::new(pixels.concat(), labels, [channels, height, width], classes.len())?;
        Ok(data.with_class_names(&names).with_files(part.iter().map(|(path, _)| path.clone()).collect()))
    };
    let [train, test] = parts.each_ref().map(|part| part.as_ref().map(dataset).transpose());
    Ok([train?, test?])
}

/// The results of `of` for each item, computed on all threads; if several fail, the error of the first such item.
fn each<T: Sync, R: Send>(items: &[T], of: impl Fn(&T) -> Result<R> + Sync + Send) -> Result<Vec<R>> {
    items.par_iter().map(of).collect::<Vec<Result<R>>>().into_iter().collect()
}
