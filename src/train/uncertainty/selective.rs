//! Selective prediction: a network that may refuse to answer, and answers for the images with the highest confidence
//! (El-Yaniv & Wiener 2010).
//!
//! ```text
//! coverage_n = n/N, the n most confident of N images are answered
//! risk_n = 1 − accuracy on these n
//! AURC = 1/N Σ_{n=1}^N risk_n
//!        (Geifman & El-Yaniv 2017; Geifman, Uziel & El-Yaniv 2019)
//! ```
//!
//! Where only part of a tie is answered, risk_n is the expected risk when this part is chosen at random: every image of
//! a tie counts with the accuracy of the tie. The accuracy at a coverage of c percent is the accuracy on the n = max(1,
//! ⌈c N/100⌉) most confident images.
//!
//! Derived in [chapter 8 of the course](crate::course::uncertainty).

use super::check_confidence;
use crate::error::Result;

/// An image of a [`Ranking`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its confidence.
    pub confidence: f64,
    /// The share of the images with exactly this confidence that are predicted right.
    pub accuracy: f64,
}

/// Images sorted from the most to the least confident.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking(Vec<Ranked>);

impl Ranking {
    /// Sorts the images, given each image's confidence, in [0, 1], and whether it is predicted right.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) if there is no image, the counts differ, or a confidence is not in
    /// [0, 1].
    pub fn new(confidence: &[f64], right: &[bool]) -> Result<Self> {
        check_confidence(confidence, right)?;
        let mut images: Vec<(f64, bool)> = confidence.iter().copied().zip(right.iter().copied()).collect();
        images.sort_by(|one, other| other.0.total_cmp(&one.0));
        let ties = images.chunk_by(|one, other| one.0 == other.0);
        let ranked = ties.flat_map(|tie| {
            let accuracy = tie.iter().filter(|image| image.1).count() as f64 / tie.len() as f64;
            tie.iter().map(move |image| Ranked { confidence: image.0, accuracy })
        });
        Ok(Self(ranked.collect()))
    }

    /// The images, the most confident first.
    pub fn images(&self) -> &[Ranked] {
        &self.0
    }

    /// risk_n for n = 1 … N.
    pub fn risks(&self) -> Vec<f64> {
        let wrong = self.0.iter().scan(0.0, |wrong, image| {
            *wrong += 1.0 - image.accuracy;
            Some(*wrong)
        });
        wrong.zip(1_u32..).map(|(wrong, n)| wrong / f64::from(n)).collect()
    }

    /// The area under the risk-coverage curve.
    pub fn area(&self) -> f64 {
        let risks = self.risks();
        risks.iter().sum::<f64>() / risks.len() as f64
    }

    /// The accuracy at a coverage of `percent`; a value above 100 counts as 100.
    pub fn accuracy_at(&self, percent: u32) -> f64 {
        let answered = (self.0.len() * percent.min(100) as usize).div_ceil(100).max(1);
        self.0[..answered].iter().map(|image| image.accuracy).sum::<f64>() / answered as f64
    }
}
