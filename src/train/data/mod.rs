//! Labelled images, stored as the bytes of their files and read in batches of floats.
//!
//! | file | what it holds |
//! |---|---|
//! | `load` | the data set at a path, recognized by what is there |
//! | `mnist`, `idx` | MNIST's four files and those named like them, their format, and the images embedded in the crate |
//! | `cifar` | CIFAR-10 and CIFAR-100 |
//! | `folder` | a folder of images for each class |
//! | `npz`, `layout` | numpy's arrays; which of an array's dimensions are channels, rows and columns |
//! | `gz`, `files` | files that may be packed |
//! | `known` | what the published data sets and their classes are called |
//! | `split`, `held_out` | training, validation and test images; how a share is held out |
//! | `standardization`, `augment` | what training does to images |
//! | `download` | the files of the published data sets |

use std::fmt;
use std::path::{Path, PathBuf};

use ndarray::Array4;

use crate::error::{Error, Result};
use crate::scalar::Real;

pub mod augment;
#[cfg(feature = "files")]
pub mod cifar;
#[cfg(feature = "download")]
pub mod download;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "files")]
pub mod folder;
#[cfg(feature = "files")]
pub mod gz;
mod held_out;
pub mod idx;
#[cfg(feature = "files")]
mod known;
pub mod layout;
#[cfg(feature = "files")]
pub mod load;
#[cfg(feature = "files")]
pub mod mnist;
#[cfg(feature = "files")]
pub mod npz;
pub mod split;
pub mod standardization;
pub mod trained_on;

#[cfg(feature = "files")]
pub use load::{load, load_images, load_to_evaluate};
pub use split::Split;
pub use standardization::Standardization;
pub use trained_on::TrainedOn;

/// The largest number of classes: a label takes two bytes.
pub const MOST_CLASSES: usize = 1 << 16;

/// The largest number of bytes of pixels in a part of a data set: 1.3 million images of 28 x 28, twenty times MNIST.
pub const MOST_BYTES: u64 = 1 << 30;

/// N labelled images of one shape (C, H, W). Pixels are bytes; [`Dataset::batch`] returns them divided by 255. On other
/// numbers train with [`Trainer::step`](super::Trainer::step), and evaluate with
/// [`Accumulator`](super::uncertainty::Accumulator).
#[derive(Clone)]
pub struct Dataset {
    images: Vec<u8>,  // (N, C, H, W), row major
    labels: Vec<u16>, // (N)
    shape: [usize; 3],
    class_names: Vec<String>,
    files: Vec<PathBuf>, // (N), or empty
    standardization: Option<Standardization>,
}

impl Dataset {
    /// A data set of images (N, C, H, W) as row-major bytes, their N labels, and `shape` = (C, H, W). The name of each
    /// class is its number.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a size in `shape` is zero, the length of `images` is not N · C · H · W, there are more than
    /// [`MOST_CLASSES`] classes, or a label is not below `classes`.
    pub fn new(images: Vec<u8>, labels: Vec<u16>, shape: [usize; 3], classes: usize) -> Result<Self> {
        if classes > MOST_CLASSES {
            return Err(Error::tensor("labels", format!("at most {MOST_CLASSES} classes"), classes));
        }
        let [c, h, w] = shape;
        let expected = [labels.len(), c, h, w].iter().try_fold(1, |n: usize, &d| n.checked_mul(d));
        if shape.contains(&0) || expected != Some(images.len()) {
            let expected = format!("{} x {c} x {h} x {w} bytes, no size zero", labels.len());
            return Err(Error::tensor("images", expected, images.len()));
        }
        if let Some(i) = labels.iter().position(|&label| usize::from(label) >= classes) {
            let seen = format!("{} at index {i}", labels[i]);
            return Err(Error::tensor("labels", format!("labels below {classes}"), seen));
        }
        let class_names = numbers(0, classes);
        Ok(Self { images, labels, shape, class_names, files: Vec::new(), standardization: None })
    }

    /// The same images with `names` as the names of the classes.
    ///
    /// # Panics
    /// If there is not one name for each class.
    #[must_use]
    pub fn with_class_names(self, names: &[impl AsRef<str>]) -> Self {
        assert_eq!(names.len(), self.classes(), "a name for each class");
        Self { class_names: names.iter().map(|name| name.as_ref().to_string()).collect(), ..self }
    }

    /// The same images with the labels that they have in the list of classes `names`. The list may have more classes than
    /// the data set, in any order. None if a class of the data set is not in it.
    pub fn in_classes(&self, names: &[String]) -> Option<Self> {
        let place = |name: &String| names.iter().position(|own| own == name);
        let places: Vec<usize> = self.class_names.iter().map(place).collect::<Option<_>>()?;
        let labels = self.labels.iter().map(|label| places[usize::from(*label)] as u16).collect();
        Some(Self { labels, class_names: names.to_vec(), ..self.clone() })
    }

    /// The same images in three channels; grey images have the same plane in each.
    pub fn in_three_channels(&self) -> Self {
        let [channels, height, width] = self.shape;
        if channels != 1 {
            return self.clone();
        }
        let images = self.images.chunks_exact(height * width).flat_map(|plane| plane.repeat(3)).collect();
        Self { images, shape: [3, height, width], ..self.clone() }
    }

    /// The same images in one channel; none if an image has a pixel whose channels differ.
    pub fn in_one_channel(&self) -> Option<Self> {
        let [channels, height, width] = self.shape;
        let plane = height * width;
        let mut images = Vec::with_capacity(self.len() * plane);
        for image in self.images.chunks_exact(channels * plane) {
            let (first, others) = image.split_at(plane);
            if others.chunks_exact(plane).any(|other| other != first) {
                return None;
            }
            images.extend_from_slice(first);
        }
        Some(Self { images, shape: [1, height, width], ..self.clone() })
    }

    /// The same images with the file of each.
    ///
    /// # Panics
    /// If there is not one file for each image.
    #[must_use]
    pub fn with_files(self, files: Vec<PathBuf>) -> Self {
        assert_eq!(files.len(), self.len(), "a file for each image");
        Self { files, ..self }
    }

    /// The same images with `first` subtracted from every label, in `classes` classes. The name of a class is its label
    /// before the subtraction. No label is below `first`.
    #[cfg(feature = "files")]
    fn with_labels_from(mut self, first: u16, classes: usize) -> Self {
        self.labels.iter_mut().for_each(|label| *label -= first);
        self.class_names = numbers(first.into(), classes);
        self
    }

    /// The number of images, N.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The shape (C, H, W) of one image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The number of classes; every label is below it.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// The name of each class.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The labels (N), in the order of the images.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The labels (N) as indices.
    pub fn label_indices(&self) -> Vec<usize> {
        self.labels.iter().map(|label| usize::from(*label)).collect()
    }

    /// The names of the classes without an image.
    pub fn missing_classes(&self) -> Vec<&str> {
        let mut is_there = vec![false; self.classes()];
        self.labels.iter().for_each(|&label| is_there[usize::from(label)] = true);
        let names = self.class_names.iter().zip(is_there);
        names.filter(|(_, is_there)| !is_there).map(|(name, _)| name.as_str()).collect()
    }

    /// The bytes (C, H, W) of image `i`, row-major, never standardized.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn pixels(&self, i: usize) -> &[u8] {
        let size = self.shape.iter().product::<usize>();
        &self.images[i * size..][..size]
    }

    /// The file that image `i` was read from; none if the data set stores many images in one file.
    pub fn file(&self, i: usize) -> Option<&Path> {
        self.files.get(i).map(PathBuf::as_path)
    }

    /// Splits the images into those that stay and those held out for validation, `share` of each class. The choice is
    /// the same in every call.
    ///
    /// # Errors
    /// [`Error::Option`] if the share is not between 0 and 1, or holds out no image.
    pub fn hold_out(&self, share: f64) -> Result<(Self, Self)> {
        held_out::hold_out(self, share, held_out::Choice::Validation)
    }

    /// The images at `indices`, in the order of `indices`.
    fn subset(&self, indices: &[usize]) -> Self {
        Self {
            images: indices.iter().flat_map(|&i| self.pixels(i)).copied().collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            shape: self.shape,
            class_names: self.class_names.clone(),
            files: indices.iter().filter_map(|&i| self.files.get(i)).cloned().collect(),
            standardization: self.standardization.clone(),
        }
    }

    /// Keeps the first `images` images, or all if there are fewer.
    pub(crate) fn keep_first(&mut self, images: usize) {
        let [c, h, w] = self.shape;
        self.labels.truncate(images);
        self.files.truncate(images);
        self.images.truncate(images.saturating_mul(c * h * w));
        // The memory that is no longer used may be most of the allocation.
        self.images.shrink_to_fit();
    }

    /// The indices of `images` images evenly spread over the data set, or of all images if there are fewer.
    pub(super) fn spread(&self, images: usize) -> Vec<usize> {
        let images = images.min(self.len());
        (0..images).map(|i| i * self.len() / images).collect()
    }

    /// Sets by what [`batch`](Self::batch) standardizes the images from now on; none for pixels in [0, 1].
    ///
    /// # Errors
    /// The errors of [`Standardization::check`].
    pub fn standardize(&mut self, standardization: Option<&Standardization>) -> Result<()> {
        standardization.map_or(Ok(()), |figures| figures.check(self.shape[0]))?;
        self.standardization = standardization.cloned();
        Ok(())
    }

    /// How often each byte occurs in each channel (C).
    fn histograms(&self) -> Vec<[u64; 256]> {
        let [c, h, w] = self.shape;
        let mut counts = vec![[0; 256]; c];
        for (plane, pixels) in self.images.chunks_exact(h * w).enumerate() {
            pixels.iter().for_each(|&pixel| counts[plane % c][usize::from(pixel)] += 1);
        }
        counts
    }

    /// CRC-32 of images and labels. It distinguishes data sets, but does not protect against forgery.
    #[cfg(feature = "files")]
    pub fn checksum(&self) -> u32 {
        self.checksum_of_first(self.len())
    }

    /// The [`checksum`](Self::checksum) of the first `images` images, or of all if there are fewer.
    #[cfg(feature = "files")]
    pub fn checksum_of_first(&self, images: usize) -> u32 {
        let images = images.min(self.len());
        let [c, h, w] = self.shape;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.images[..images * c * h * w]);
        // One byte per label where that is enough.
        let (wide, labels) = (self.classes() > 256, &self.labels[..images]);
        let bytes = labels.iter().flat_map(|label| label.to_le_bytes().into_iter().take(if wide { 2 } else { 1 }));
        hasher.update(&bytes.collect::<Vec<u8>>());
        hasher.finalize()
    }

    /// The images at `indices` (B): pixels (B, C, H, W), in [0, 1] with 0 for black, or standardized; and the labels
    /// (B).
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn batch<F: Real>(&self, indices: &[usize]) -> (Array4<F>, Vec<usize>) {
        let [c, h, w] = self.shape;
        let size = c * h * w;
        let value = pixel_values::<F>();
        let mut x = Vec::with_capacity(indices.len() * size);
        for i in indices {
            x.extend(self.images[i * size..][..size].iter().map(|pixel| value[usize::from(*pixel)]));
        }
        let mut x = Array4::from_shape_vec((indices.len(), c, h, w), x).expect("images of that shape");
        if let Some(standardization) = &self.standardization {
            standardization.apply(&mut x);
        }
        (x, indices.iter().map(|&i| self.labels[i].into()).collect())
    }
}

impl fmt::Debug for Dataset {
    /// Prints sizes only: the bytes would fill the screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("len", &self.len())
            .field("shape", &self.shape)
            .field("classes", &self.classes())
            .finish_non_exhaustive()
    }
}

/// A shape in words: 3 x 32 x 32.
#[cfg(feature = "files")]
fn by(shape: [usize; 3]) -> String {
    let [channels, height, width] = shape;
    format!("{channels} x {height} x {width}")
}

/// The `count` numbers from `first` on, as names.
fn numbers(first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(|number| number.to_string()).collect()
}

/// `[p / 255 for p in 0..=255]`, each quotient rounded once.
fn pixel_values<F: Real>() -> [F; 256] {
    // Counting by one is exact in f32 and f64, and needs no conversion that could fail.
    let mut p = [F::zero(); 256];
    for i in 1..256 {
        p[i] = p[i - 1] + F::one();
    }
    p.map(|value| value / p[255])
}
