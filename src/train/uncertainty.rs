//! The uncertainty in a network's predictions, and figures of merit of how far the predictions can be trusted.
//!
//! With draws s = 1 … S of the weights, p_s = softmax(logits_s) of an image with K classes, y its label:
//!
//! ```text
//! p̄     = 1/S Σ_s p_s            the predictive distribution
//! H[p]  = −Σ_k p_k ln p_k        entropy, nats; 0 · ln 0 = 0;
//!                                at most ln K
//! H[p̄]  = E H[p_s] + I           predictive entropy = expected
//!                                entropy + mutual information
//! NLL   = −ln p̄_y
//! Brier = Σ_k (p̄_k − [k = y])²
//! ```
//!
//! The expected entropy is the uncertainty that remains when the weights are known; it is high for images that look
//! like several classes. The mutual information I of label and weights (Houlsby et al. 2011; Depeweg et al. 2018) is
//! the disagreement between the draws, which more training data could reduce. By Jensen's inequality I ≥ 0; values that
//! rounding makes negative are set to 0. With one draw I = 0.
//!
//! | figure | file | source |
//! |---|---|---|
//! | accuracy, NLL, Brier score (0 to 2), entropies | this one | Brier 1950; Houlsby et al. 2011 |
//! | ECE by equal width and equal mass, maximum calibration error | [`calibration`] | Naeini et al. 2015; Guo et al. 2017; Nguyen & O'Connor 2015 |
//! | risk against coverage and the area under it, accuracy at a coverage | [`selective`] | El-Yaniv & Wiener 2010; Geifman & El-Yaniv 2017 |
//! | AUROC, AUPR both ways, FPR at 95 % TPR against other data | [`detection`] | Hendrycks & Gimpel 2017; Liang et al. 2018 |
//!
//! The predicted class is the first k with the largest p̄_k, and the confidence is this p̄_k. Everything is computed in
//! f64, from logits in f32 or f64. Images with equal confidences are a *tie*; no figure depends on the order of images.
//!
//! Two draws for two images of two classes, with the labels 0 and 1:
//!
//! ```
//! use ndarray::array;
//! use spikeslab::train::uncertainty::{Predictions, Uncertainty};
//!
//! let logits = array![
//!     [[4.0, 0.0], [0.5, 0.0]],
//!     [[3.0, 0.0], [0.0, 1.0]],
//! ];
//! let predictions = Predictions::of_logits(logits.view())?;
//! let figures = Uncertainty::of(&predictions, &[0, 1])?;
//! assert!((figures.nll - 0.3116514).abs() < 1e-6);
//! assert!((figures.mutual_information - 0.0341299).abs() < 1e-6);
//! # Ok::<(), spikeslab::Error>(())
//! ```
//!
//! To get the logits of one draw, evaluate the network that [`draw`](super::draw::draw) returns with mean weights;
//! [`evaluate::predictions`](super::evaluate::predictions) adds up the draws over a data set.
//!
//! Derived in [chapter 8 of the course](crate::course::uncertainty).

pub mod calibration;
pub mod detection;
pub mod selective;

use crate::error::{Error, Result};
use crate::layers::check_shape;
use crate::layers::softmax_nll::log_softmax;
use crate::scalar::Real;
use detection::Detection;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The predictions for N images of K classes, averaged over the draws of the weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// ln p̄ (N, K), none above 0.
    log_probabilities: Array2<f64>,
    /// `E H[p_s]` (N), nats.
    expected_entropy: Array1<f64>,
}

/// The sums of the draws' predictions: (N, K) and (N) numbers, whatever the number of draws.
#[derive(Clone, Debug)]
pub struct Accumulator {
    /// ln Σ_s p_s (N, K); the logarithm, since a probability may underflow.
    log_sum: Array2<f64>,
    /// Σ_s `H[p_s]` (N).
    entropy_sum: Array1<f64>,
}

impl Accumulator {
    /// The sums over no draws, for `images` images of `classes` classes.
    pub fn new(images: usize, classes: usize) -> Self {
        let log_sum = Array2::from_elem((images, classes), f64::NEG_INFINITY);
        Self { log_sum, entropy_sum: Array1::zeros(images) }
    }

    /// Adds a draw's predictions for the B images from image `first` on, given as logits (B, K).
    ///
    /// # Errors
    /// [`Error::Tensor`] if `logits` has not K columns, has more rows than there are images from `first` on, or ln
    /// softmax of it is not finite because a logit is NaN or infinite.
    pub fn add<F: Real>(&mut self, first: usize, logits: ArrayView2<'_, F>) -> Result<()> {
        let (images, classes) = self.log_sum.dim();
        let count = logits.nrows().min(images.saturating_sub(first));
        check_shape("logits", &[count, classes], logits.shape())?;
        let log_probabilities = log_softmax(logits.mapv(F::as_f64));
        if let Some(odd) = log_probabilities.iter().find(|log| !log.is_finite()) {
            return Err(Error::tensor("ln softmax(logits)", "finite numbers", odd));
        }
        for (i, row) in (first..).zip(log_probabilities.rows()) {
            self.entropy_sum[i] += entropy(row);
            self.log_sum.row_mut(i).zip_mut_with(&row, |sum, log| *sum = log_add_exp(*sum, *log));
        }
        Ok(())
    }

    /// The mean over `draws` draws, each of which was added for every image.
    ///
    /// # Panics
    /// If `draws` is 0.
    pub fn mean(self, draws: u32) -> Predictions {
        assert!(draws > 0, "at least one draw");
        let log_draws = f64::from(draws).ln();
        Predictions {
            log_probabilities: self.log_sum.mapv(|log| (log - log_draws).min(0.0)),
            expected_entropy: self.entropy_sum / f64::from(draws),
        }
    }
}

impl Predictions {
    /// The predictions from the logits (S, N, K) of S draws.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there is no draw, no image or no class, and as [`Accumulator::add`].
    pub fn of_logits<F: Real>(logits: ndarray::ArrayView3<'_, F>) -> Result<Self> {
        if logits.is_empty() {
            return Err(Error::tensor("logits", "at least one draw, image and class", format!("{:?}", logits.shape())));
        }
        let (draws, images, classes) = logits.dim();
        let mut sum = Accumulator::new(images, classes);
        logits.axis_iter(Axis(0)).try_for_each(|draw| sum.add(0, draw))?;
        Ok(sum.mean(draws as u32))
    }

    /// The number of images, N.
    pub fn len(&self) -> usize {
        self.log_probabilities.nrows()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// ln p̄ (N, K).
    pub fn log_probabilities(&self) -> ArrayView2<'_, f64> {
        self.log_probabilities.view()
    }

    /// The predicted class of each image: the first of the most probable classes.
    pub fn classes(&self) -> Vec<usize> {
        self.log_probabilities.rows().into_iter().map(first_maximum).collect()
    }

    /// The probability of the predicted class, for each image.
    pub fn confidence(&self) -> Vec<f64> {
        self.log_probabilities.rows().into_iter().map(|row| row[first_maximum(row)].exp()).collect()
    }

    /// Whether the predicted class is the label, for each image.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the number of labels is not that of the images.
    pub fn right(&self, labels: &[usize]) -> Result<Vec<bool>> {
        check_shape("labels", &[self.len()], &[labels.len()])?;
        Ok(self.classes().iter().zip(labels).map(|(class, label)| class == label).collect())
    }

    /// `H[p̄]` of each image, nats.
    pub fn entropy(&self) -> Vec<f64> {
        self.log_probabilities.rows().into_iter().map(entropy).collect()
    }

    /// `E H[p_s]` of each image, nats.
    pub fn expected_entropy(&self) -> Vec<f64> {
        self.expected_entropy.to_vec()
    }

    /// I = `H[p̄]` − `E H[p_s]` of each image, nats, at least 0.
    pub fn mutual_information(&self) -> Vec<f64> {
        self.entropy().iter().zip(&self.expected_entropy).map(|(whole, expected)| (whole - expected).max(0.0)).collect()
    }

    /// −ln p̄_y of each image, nats.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the number of labels is not that of the images, or a label is not a class.
    pub fn nll(&self, labels: &[usize]) -> Result<Vec<f64>> {
        self.check(labels)?;
        Ok(self.log_probabilities.rows().into_iter().zip(labels).map(|(row, label)| -row[*label]).collect())
    }

    /// Σ_k (p̄_k − [k = y])² of each image, from 0 to 2.
    ///
    /// # Errors
    /// The errors of [`Predictions::nll`].
    pub fn brier(&self, labels: &[usize]) -> Result<Vec<f64>> {
        self.check(labels)?;
        let of_image = |(row, label): (ArrayView1<'_, f64>, &usize)| {
            let square = |(k, log): (usize, &f64)| {
                // expm1 of ln p is p − 1 without the digits that subtracting 1 from a rounded p near 1 would lose.
                let off = if k == *label { log.exp_m1() } else { log.exp() };
                off * off
            };
            row.iter().enumerate().map(square).sum()
        };
        Ok(self.log_probabilities.rows().into_iter().zip(labels).map(of_image).collect())
    }

    fn check(&self, labels: &[usize]) -> Result<()> {
        check_shape("labels", &[self.len()], &[labels.len()])?;
        let classes = self.log_probabilities.ncols();
        match labels.iter().find(|label| **label >= classes) {
            Some(odd) => Err(Error::tensor("labels", format!("labels below {classes}"), odd)),
            None => Ok(()),
        }
    }
}

/// The coverages, in percent, at which the accuracy is reported.
pub const COVERAGES: [u32; 3] = [80, 90, 95];

/// The figures of merit that need no other images: means over the images, as fractions or in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uncertainty {
    /// The share of the images whose predicted class is the label.
    pub accuracy: f64,
    /// Mean negative log-likelihood, nats.
    pub nll: f64,
    /// Mean Brier score, from 0 to 2.
    pub brier: f64,
    /// Expected calibration error in [`calibration::BINS`] bins of equal width.
    pub ece: f64,
    /// Expected calibration error in [`calibration::BINS`] bins with equal numbers of images.
    pub ece_equal_mass: f64,
    /// The largest calibration error of a bin of equal width.
    pub mce: f64,
    /// Mean `H[p̄]`, nats.
    pub entropy: f64,
    /// Mean `E H[p_s]`, nats.
    pub expected_entropy: f64,
    /// Mean I, nats.
    pub mutual_information: f64,
    /// Area under the risk-coverage curve.
    pub aurc: f64,
    /// Accuracy among the most confident images, at each of [`COVERAGES`].
    pub accuracy_at: [f64; COVERAGES.len()],
}

impl Uncertainty {
    /// The figures of merit of predictions, given the labels of their images.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there is no image, the number of labels is not that of the images, or a label is not a
    /// class.
    pub fn of(predictions: &Predictions, labels: &[usize]) -> Result<Self> {
        let nll = mean(&predictions.nll(labels)?)?;
        let (confidence, right) = (predictions.confidence(), predictions.right(labels)?);
        let bins = calibration::equal_width(&confidence, &right)?;
        let ranking = selective::Ranking::new(&confidence, &right)?;
        Ok(Self {
            accuracy: right.iter().filter(|right| **right).count() as f64 / right.len() as f64,
            nll,
            brier: mean(&predictions.brier(labels)?)?,
            ece: calibration::expected(&bins),
            ece_equal_mass: calibration::expected(&calibration::equal_mass(&confidence, &right)?),
            mce: calibration::maximum(&bins),
            entropy: mean(&predictions.entropy())?,
            expected_entropy: mean(&predictions.expected_entropy())?,
            mutual_information: mean(&predictions.mutual_information())?,
            aurc: ranking.area(),
            accuracy_at: COVERAGES.map(|percent| ranking.accuracy_at(percent)),
        })
    }
}

/// How well each score separates own images (in-distribution) from others (out-of-distribution).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detections {
    /// The separation by the score 1 − confidence.
    pub maximum_probability: Detection,
    /// The separation by the score `H[p̄]`.
    pub entropy: Detection,
    /// The separation by the score I, which is 0 for every image if there is one draw.
    pub mutual_information: Detection,
}

impl Detections {
    /// The detections from the predictions for own and for other images.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there are no own images or no other images.
    pub fn of(own: &Predictions, other: &Predictions) -> Result<Self> {
        let by = |score: fn(&Predictions) -> Vec<f64>| Detection::of(&score(own), &score(other));
        Ok(Self {
            maximum_probability: by(|of| of.confidence().into_iter().map(|confidence| 1.0 - confidence).collect())?,
            entropy: by(Predictions::entropy)?,
            mutual_information: by(Predictions::mutual_information)?,
        })
    }
}

/// `H[p]` of a row of ln p, nats.
pub fn entropy(log_probabilities: ArrayView1<'_, f64>) -> f64 {
    let terms = log_probabilities.iter().filter(|log| **log > f64::NEG_INFINITY);
    // Subtracting from 0 avoids −0 where one class has probability 1.
    0.0 - terms.map(|log| log.exp() * log).sum::<f64>()
}

/// The mean of at least one number.
pub(super) fn mean(values: &[f64]) -> Result<f64> {
    if values.is_empty() {
        return Err(no_images());
    }
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}

pub(super) fn no_images() -> Error {
    Error::tensor("images", "at least one to evaluate on", "none")
}

/// ln(eᵃ + eᵇ), for finite b.
fn log_add_exp(a: f64, b: f64) -> f64 {
    a.max(b) + (-(a - b).abs()).exp().ln_1p()
}

/// The index of the largest number, the first of several.
pub(super) fn first_maximum<F: PartialOrd>(row: ArrayView1<'_, F>) -> usize {
    (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best })
}

/// Checks that there is at least one image, `right` has one entry per image, and every confidence is in [0, 1].
fn check_confidence(confidence: &[f64], right: &[bool]) -> Result<()> {
    check_shape("right", &[confidence.len()], &[right.len()])?;
    if confidence.is_empty() {
        return Err(Error::tensor("confidence", "at least one image", "none"));
    }
    match confidence.iter().find(|confidence| !(0.0..=1.0).contains(*confidence)) {
        Some(odd) => Err(Error::tensor("confidence", "numbers from 0 to 1", odd)),
        None => Ok(()),
    }
}
