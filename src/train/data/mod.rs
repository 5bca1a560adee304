//! Labelled images, held as the bytes their files hold and handed out in batches of floats.
//!
//! One file a source: `idx` is MNIST's file format, `mnist` the files themselves and the images embedded in the crate,
//! `download` gets the files.

use std::fmt;

use ndarray::{Array4, NdFloat};

use crate::error::{Error, Result};

#[cfg(feature = "download")]
pub mod download;
pub mod idx;
#[cfg(feature = "files")]
pub mod mnist;

/// N labelled images of one shape (C, H, W).
pub struct Dataset {
    images: Vec<u8>, // (N, C, H, W), row major
    labels: Vec<u8>, // (N)
    shape: [usize; 3],
    classes: usize,
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
        Ok(Self { images, labels, shape, classes })
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

    /// CRC-32 of images and labels: tells one data set from another, not a forgery from its original.
    #[cfg(feature = "files")]
    pub fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.images);
        hasher.update(&self.labels);
        hasher.finalize()
    }

    /// The images at `indices` (B): pixels (B, C, H, W) in [0, 1], black 0, and the labels (B).
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn batch<F: NdFloat>(&self, indices: &[usize]) -> (Array4<F>, Vec<usize>) {
        let [c, h, w] = self.shape;
        let size = c * h * w;
        let value = pixel_values::<F>();
        let pixels = indices.iter().flat_map(|&i| &self.images[i * size..][..size]);
        let mut x = Array4::zeros((indices.len(), c, h, w));
        for (x, &pixel) in x.iter_mut().zip(pixels) {
            *x = value[usize::from(pixel)];
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
fn pixel_values<F: NdFloat>() -> [F; 256] {
    // Counting by one is exact in f32 and f64, and needs no conversion that could fail.
    let mut p = [F::zero(); 256];
    for i in 1..256 {
        p[i] = p[i - 1] + F::one();
    }
    p.map(|value| value / p[255])
}
