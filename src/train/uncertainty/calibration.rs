//! Calibration: of the images that a network gives a confidence of 0.8, are 0.8 right?
//!
//! ```text
//! error_b = |accuracy_b − confidence_b|            means over the n_b images of bin b
//! ECE = Σ_b n_b/N · error_b                        MCE = max_b error_b
//! ```
//!
//! - **Equal width** (Naeini et al. 2015; Guo et al. 2017): bin b holds confidences in (b/B, (b + 1)/B], B = 15; a confidence of 1 is
//!   in the last, one of 0 in the first. The edges are the quotients rounded to f64. Other programs close bins at the other end,
//!   some give a confidence of 1 a bin of its own: they differ for confidences on an edge alone.
//! - **Equal mass** (Nguyen & O'Connor 2015): the images in order of their confidence, cut into B bins at positions ⌊b N/B⌋. Within a
//!   tie each image counts as right by the tie's accuracy, so that their order does not matter.
//!
//! A bin without images has no error; with N < B images some bins of equal mass have none. The MCE of a bin with few
//! images is mostly chance: read it beside their number.

use super::check_confidence;
use super::selective::Ranking;
use crate::error::Result;

/// B.
pub const BINS: usize = 15;

/// The images of a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// n_b.
    pub images: usize,
    /// Mean confidence; 0 without images.
    pub confidence: f64,
    /// Share of them that is right; 0 without images.
    pub accuracy: f64,
}

/// The [`BINS`] bins of equal width, of confidences from 0 to 1 and whether each image is right.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor) if there is no image, the counts differ, or a confidence is not in [0, 1].
pub fn equal_width(confidence: &[f64], right: &[bool]) -> Result<Vec<Bin>> {
    check_confidence(confidence, right)?;
    let mut bins = vec![Bin::default(); BINS];
    for (confidence, right) in confidence.iter().zip(right) {
        // The first bin whose upper edge is not below it.
        let bin = (1..BINS).take_while(|edge| *confidence > *edge as f64 / BINS as f64).count();
        bins[bin].images += 1;
        bins[bin].confidence += confidence;
        bins[bin].accuracy += f64::from(u8::from(*right));
    }
    Ok(bins.into_iter().map(Bin::mean).collect())
}

/// The [`BINS`] bins of equal mass, from the least to the most confident.
///
/// # Errors
/// As [`equal_width`].
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

/// The expected calibration error of some bins.
pub fn expected(bins: &[Bin]) -> f64 {
    let images: usize = bins.iter().map(|bin| bin.images).sum();
    bins.iter().map(|bin| bin.images as f64 * bin.error()).sum::<f64>() / images.max(1) as f64
}

/// The largest calibration error of a bin.
pub fn maximum(bins: &[Bin]) -> f64 {
    bins.iter().map(|bin| bin.error()).fold(0.0, f64::max)
}

impl Bin {
    /// From sums to means.
    fn mean(self) -> Self {
        let count = self.images.max(1) as f64;
        Self { confidence: self.confidence / count, accuracy: self.accuracy / count, ..self }
    }

    /// |accuracy − confidence|; 0 without images.
    pub fn error(&self) -> f64 {
        (self.accuracy - self.confidence).abs()
    }
}
