//! Out-of-distribution detection: does a score separate own images, of the kind that the network was trained on, from
//! others?
//!
//! Each image has a score that is to be higher for other images: 1 − confidence, entropy, or mutual information. With
//! the scores a of N own images and b of M other images:
//!
//! ```text
//! AUROC = P(b > a) + ½ P(b = a)
//!         over all pairs: ties count half (Mann & Whitney 1947)
//! AUPR  = Σ_t (recall_t − recall_{t−1}) precision_t
//!         over the distinct scores t, each a threshold
//! FPR at 95 % TPR = share of b ≤ t,
//!         t the least score with at least 95 % of a ≤ t
//! ```
//!
//! - **AUPR** is the average precision, without interpolation, as scikit-learn's `average_precision_score`: images with
//!   equal scores pass a threshold together. The positives of `aupr_other` are the other images, with thresholds from
//!   the highest score down; the positives of `aupr_own` are the own images, with thresholds from the lowest score up
//!   (Hendrycks & Gimpel 2017: "out" and "in"). The AUPR of a score without information is the share of the positives,
//!   M/(N + M) or N/(N + M).
//! - **FPR at 95 % TPR** takes the own images as positives (Liang et al. 2018): the share of the other images that is
//!   accepted where at least 95 % of the own images are. It is the first such point of scikit-learn's `roc_curve`,
//!   without interpolation; a tie is accepted as a whole. A score without information has 0.95 or, if all its values
//!   are one tie, 1.
//!
//! Derived in [chapter 8 of the course](crate::course::uncertainty).

use crate::error::{Error, Result};

/// How well a score separates own images from others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// The area under the receiver operating characteristic: ½ for a score without information.
    pub auroc: f64,
    /// Average precision with the other images as positives.
    pub aupr_other: f64,
    /// Average precision with the own images as positives.
    pub aupr_own: f64,
    /// The share of the other images with a score of at most t, the smallest threshold that at least 95 % of the own
    /// images do not exceed.
    pub fpr_at_95_tpr: f64,
}

/// The numbers of own and of other images with the same score.
#[derive(Clone, Copy, Default)]
struct Tie {
    own: usize,
    other: usize,
}

impl Detection {
    /// The figures from the scores of own and of other images, which are to be higher for other images.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there are no own or no other images, or a score is NaN.
    pub fn of(own: &[f64], other: &[f64]) -> Result<Self> {
        for (name, scores) in [("scores", own), ("other scores", other)] {
            if scores.is_empty() {
                return Err(Error::tensor(name, "at least one image", "none"));
            }
            if scores.iter().any(|score| score.is_nan()) {
                return Err(Error::tensor(name, "numbers", f64::NAN));
            }
        }
        let ties = ties(own, other);
        let reversed = ties.iter().rev().map(|tie| Tie { own: tie.other, other: tie.own });
        Ok(Self {
            auroc: area(&ties, own.len(), other.len()),
            aupr_other: average_precision(reversed, other.len()),
            aupr_own: average_precision(ties.iter().copied(), own.len()),
            fpr_at_95_tpr: false_positives(&ties, own.len()) as f64 / other.len() as f64,
        })
    }
}

/// The numbers of images at each distinct score, in ascending order of the scores.
fn ties(own: &[f64], other: &[f64]) -> Vec<Tie> {
    let mut scores: Vec<(f64, Tie)> = own.iter().map(|score| (*score, Tie { own: 1, other: 0 })).collect();
    scores.extend(other.iter().map(|score| (*score, Tie { own: 0, other: 1 })));
    scores.sort_by(|one, other| one.0.total_cmp(&other.0));
    let ties = scores.chunk_by(|one, other| one.0 == other.0);
    ties.map(|tie| {
        tie.iter().fold(Tie::default(), |sum, (_, one)| Tie { own: sum.own + one.own, other: sum.other + one.other })
    })
    .collect()
}

fn area(ties: &[Tie], own: usize, other: usize) -> f64 {
    let mut below = 0;
    // Twice the number of pairs, so that a pair of equal scores, which counts half, adds a whole number: up to 2⁵²
    // pairs all counts are exact.
    let mut twice = 0.0;
    for tie in ties {
        twice += tie.other as f64 * (2 * below + tie.own) as f64;
        below += tie.own;
    }
    twice / 2.0 / (own as f64 * other as f64)
}

/// The average precision of `ties` in the order of the thresholds, where `own` counts the positives, `positives` in
/// total.
fn average_precision(ties: impl Iterator<Item = Tie>, positives: usize) -> f64 {
    let (mut passed, mut sum) = (Tie::default(), 0.0);
    for tie in ties {
        passed = Tie { own: passed.own + tie.own, other: passed.other + tie.other };
        sum += tie.own as f64 * (passed.own as f64 / (passed.own + passed.other) as f64);
    }
    sum / positives as f64
}

/// The number of other images up to the first score at which at least 95 % of the own images are accepted.
fn false_positives(ties: &[Tie], own: usize) -> usize {
    let mut passed = Tie::default();
    for tie in ties {
        passed = Tie { own: passed.own + tie.own, other: passed.other + tie.other };
        if passed.own as f64 * 100.0 >= own as f64 * 95.0 {
            break;
        }
    }
    passed.other
}
