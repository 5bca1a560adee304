//! Calibration: of the images that a network predicts with a confidence of 0.8, are 80 % predicted right?
//!
//! ```text
//! error_b = |accuracy_b − confidence_b|
//!           means over the n_b images of bin b
//! ECE = Σ_b n_b/N · error_b           MCE = max_b error_b
//! ```
//!
//! - **Equal width** (Naeini et al. 2015; Guo et al. 2017): bin b holds confidences in (b/B, (b + 1)/B], B = 15; a
//!   confidence of 1 is in the last bin, a confidence of 0 in the first. The edges b/B are rounded to f64. Other
//!   programs close bins at the lower edge, and some have a separate bin for a confidence of 1; their results differ
//!   only for confidences on an edge.
//! - **Equal mass** (Nguyen & O'Connor 2015): the images, sorted by confidence, are cut into B bins at positions ⌊b
//!   N/B⌋. Each image of a tie counts with the accuracy of the tie, so that the order of its images does not matter.
//!
//! The error of a bin without images is 0; with N < B images some bins of equal mass have no images. The error of a bin
//! with few images is mostly chance, and so is an MCE from it: read it together with the number of images.
//!
//! Derived in [chapter 8 of the course](crate::course::uncertainty).

use super::check_confidence;
use super::selective::Ranking;
use crate::error::Result;

/// The number of bins, B.
pub const BINS: usize = 15;

/// The images of a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// The number of images, n_b.
    pub images: usize,
    /// Mean confidence; 0 without images.
    pub confidence: f64,
    /// The share of the images that are predicted right; 0 without images.
    pub accuracy: f64,
}

/// The [`BINS`] bins of equal width, from each image's confidence, in [0, 1], and whether it is predicted right.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor) if there is no image, the counts differ, or a confidence is not in [0, 1].
pub fn equal_width(confidence: &[f64], right: &[bool]) -> Result<Vec<Bin>> {
    check_confidence(confidence, right)?;
    let mut bins = vec![Bin::default(); BINS];
    for (confidence, right) in confidence.iter().zip(right) {
        // The first bin whose upper edge is not below the confidence.
        let bin = (1..BINS).take_while(|edge| *confidence > *edge as f64 / BINS as f64).count();
        bins[bin].images += 1;
        bins[bin].confidence += confidence;
        bins[bin].accuracy += f64::from(u8::from(*right));
    }
    Ok(bins.into_iter().map(Bin::mean).collect())
}

/// The [`BINS`] bins of equal mass, from the least to the most confident images.
///
/// # Errors
/// The errors of [`equal_width`].
pub fn equal_mass(confidence: &[f64], right: &[bool]) -> Result<Vec<Bin>> {
    let ranking = Ranking::new(confidence, right)?;
    let least_first: Vec<_> = ranking.images().iter().rev().collect();
    let bin = |b: usize| {
        let images = &least_first[b * least_first.len() / BINS..(b + 1) * least_first.len() / BINS];
        Bin {
            images: images.len(),
            confidence: images.iter().map(|image| image.confidence).sum(),
            accuracy: images.iter().map(|image| image.accuracy).sum(),
        }
        .mean()
    };
    Ok((0..BINS).map(bin).collect())
}

/// The expected calibration error over the bins.
pub fn expected(bins: &[Bin]) -> f64 {
    let images: usize = bins.iter().map(|bin| bin.images).sum();
    bins.iter().map(|bin| bin.images as f64 * bin.error()).sum::<f64>() / images.max(1) as f64
}

/// The largest calibration error of a bin.
pub fn maximum(bins: &[Bin]) -> f64 {
    bins.iter().map(|bin| bin.error()).fold(0.0, f64::max)
}

impl Bin {
    /// The bin with means in place of the sums in `self`.
    fn mean(self) -> Self {
        let count = self.images.max(1) as f64;
        Self { confidence: self.confidence / count, accuracy: self.accuracy / count, ..self }
    }

    /// |accuracy − confidence|; 0 without images.
    pub fn error(&self) -> f64 {
        (self.accuracy - self.confidence).abs()
    }
}
