//! Labelled images, held as the bytes their files hold and handed out in batches of floats.
//!
//! One file a source: `mnist` is MNIST's files, `idx` their format, and the images embedded in the crate; `cifar` is
//! CIFAR-10 and CIFAR-100; `directory` tells which of them is in a directory; `gz` unpacks; `download` gets the
//! files. What training does
//! to images is in `standardization` and `augment`.

use std::fmt;

use ndarray::Array4;

use crate::error::{Error, Result};
use crate::scalar::Real;

pub mod augment;
#[cfg(feature = "files")]
pub mod cifar;
#[cfg(feature = "files")]
pub mod directory;
#[cfg(feature = "download")]
pub mod download;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "files")]
pub mod gz;
pub mod idx;
#[cfg(feature = "files")]
pub mod mnist;
pub mod standardization;
pub mod trained_on;

pub use standardization::Standardization;
pub use trained_on::TrainedOn;

/// N labelled images of one shape (C, H, W).
pub struct Dataset {
    images: Vec<u8>, // (N, C, H, W), row major
    labels: Vec<u8>, // (N)
    shape: [usize; 3],
    classes: usize,
    standardization: Option<Standardization>,
}

/// A data set's two parts.
#[derive(Debug)]
pub struct Split {
    /// What is trained on.
    pub train: Dataset,
    /// What is only ever evaluated on; its images have the shape of those in `train`.
    pub test: Dataset,
    /// What this is and where it comes from, in one line.
    pub source: String,
}

impl Split {
    /// Keeps the first `images` of those to train on.
    ///
    /// # Errors
    /// [`Error::Option`] if that is none, or more than there are.
    pub fn limit(&mut self, images: usize) -> Result<()> {
        let there = self.train.len();
        if !(1..=there).contains(&images) {
            return Err(Error::option("limit", format!("1 to {there}, the training images"), images));
        }
        self.train.keep_first(images);
        self.source = format!("the first {images} of {}", self.source);
        Ok(())
    }

    /// Has both parts standardized by `standardization`, if any.
    ///
    /// # Errors
    /// As [`Dataset::standardize`].
    pub fn standardize(&mut self, standardization: Option<&Standardization>) -> Result<()> {
        self.train.standardize(standardization)?;
        self.test.standardize(standardization)
    }
}

impl Dataset {
    /// Images (N, C, H, W) as row-major bytes, their N labels, `shape` = (C, H, W).
    ///
    /// # Errors
    /// [`Error::Tensor`] if a size in `shape` is zero, `images` is not as long as `shape` and the number of labels make
    /// it, or a label is not below `classes`.
    pub fn new(images: Vec<u8>, labels: Vec<u8>, shape: [usize; 3], classes: usize) -> Result<Self> {
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
        Ok(Self { images, labels, shape, classes, standardization: None })
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

    /// How many classes there are; every label is below it.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The labels (N), in the order of the images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The bytes (C, H, W) of image `i`, row-major, never standardized.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn pixels(&self, i: usize) -> &[u8] {
        let size = self.shape.iter().product::<usize>();
        &self.images[i * size..][..size]
    }

    /// The first `images`, or all there are if they are fewer.
    pub(crate) fn keep_first(&mut self, images: usize) {
        let [c, h, w] = self.shape;
        self.labels.truncate(images);
        self.images.truncate(images.saturating_mul(c * h * w));
        // What is left over may be most of it.
        self.images.shrink_to_fit();
    }

    /// Has [`batch`](Self::batch) standardize from now on, or not.
    ///
    /// # Errors
    /// Those of [`Standardization::check`].
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

    /// CRC-32 of images and labels: tells one data set from another, not a forgery from its original.
    #[cfg(feature = "files")]
    pub fn checksum(&self) -> u32 {
        self.checksum_of_first(self.len())
    }

    /// The [`checksum`](Self::checksum) of the first `images`, or of all there are if they are fewer.
    #[cfg(feature = "files")]
    pub fn checksum_of_first(&self, images: usize) -> u32 {
        let images = images.min(self.len());
        let [c, h, w] = self.shape;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.images[..images * c * h * w]);
        hasher.update(&self.labels[..images]);
        hasher.finalize()
    }

    /// The images at `indices` (B): pixels (B, C, H, W) in [0, 1], black 0, or standardized; and the labels (B).
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
    /// Sizes only: the bytes would fill the screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("len", &self.len())
            .field("shape", &self.shape)
            .field("classes", &self.classes)
            .finish_non_exhaustive()
    }
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
