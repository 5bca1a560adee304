//! Softmax and the negative log-likelihood of the labels: cross-entropy, in nats, as a mean over the batch.
//!
//! ```text
//! nll_bk = ln Σ_j e^{z_bj} − z_bk
//!        = (z_ba − z_bk) + ln(1 + Σ_{j≠a} e^{z_bj − z_ba}),
//!          z_ba the largest of the row
//! q_bk = w_k ((1 − s) [k = label_b] + s/K)
//! nll = Σ_b Σ_k q_bk nll_bk / W      W = Σ_b w_{label_b}
//! dz_bk = (softmax(z_b)_k Σ_j q_bj − q_bk) / W for k ≠ label_b,
//!         and at the label minus the sum of these
//! ```
//!
//! dz_bj is the sum over k of q_bk/W · ∂nll_bk/∂z_bj, with ∂nll_bk/∂z_bj = softmax(z_b)_j − [j = k]. The sum of dz over
//! the classes is 0, since the softmax sums to 1: this gives the gradient at the label.
//!
//! b runs over the images whose label is not ignored; the gradient of other images is 0. Without a [`Weighting`] no
//! label is ignored, the label smoothing s is 0 and the class weights w are 1: nll is the mean of −ln
//! softmax(z_b)_{label_b}. With a [`Weighting`] it is PyTorch's `cross_entropy` with `label_smoothing`, `ignore_index`
//! and `weight`, whose mean is weighted with w_{label_b} as well.
//!
//! For an image classified with near certainty, nll and dz at the label are computed from the small probabilities of
//! the other classes, not as 1 minus a rounded number: their relative errors are as small as those of these
//! probabilities.
//!
//! Shapes: logits z (B, K), labels (B), w (K).
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::check_shape;
use crate::error::{Error, Result};
use crate::scalar::Real;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1};

/// Which labels count, and with which weight.
#[derive(Clone, Copy, Debug)]
pub struct Weighting<'a, F> {
    /// s, from 0 to 1: the share of a label that is spread evenly over all classes.
    pub smoothing: f64,
    /// The label of the images that are ignored; it need not be a class.
    pub ignored: Option<usize>,
    /// w (K), each at least 0.
    pub class_weights: Option<ArrayView1<'a, F>>,
}

/// w ln p; 0 for a class of weight 0, also where the logarithm is −∞. A NaN stays a NaN.
fn weighted<F: Real>(w: F, log: F) -> f64 {
    if w.is_zero() && !log.is_nan() { 0.0 } else { w.as_f64() * log.as_f64() }
}

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    softmax: Array2<F>,
    /// The label of each image; none if it is ignored.
    labels: Vec<Option<usize>>,
    /// w (K).
    class_weights: Vec<F>,
    /// s.
    smoothing: f64,
    /// W.
    total: f64,
}

impl<F> Default for Weighting<'_, F> {
    fn default() -> Self {
        Self { smoothing: 0.0, ignored: None, class_weights: None }
    }
}

impl<F: Real> Weighting<'_, F> {
    /// The mean negative log-likelihood in nats.
    ///
    /// # Errors
    /// If there is no image, the counts of logits and labels differ, a label is not a class, or no image counts; if the
    /// smoothing or a class weight is out of range.
    pub fn forward(&self, logits: ArrayView2<'_, F>, labels: &[usize]) -> Result<(F, Cache<F>)> {
        let (labels, total) = self.check(logits.dim(), labels)?;
        let class_weights = self.class_weights_of(logits.ncols());
        let log_softmax = log_softmax(logits.to_owned());
        let mut sum = 0.0;
        for (log_softmax, label) in log_softmax.rows().into_iter().zip(&labels) {
            let Some(label) = label else { continue };
            sum -= (1.0 - self.smoothing) * weighted(class_weights[*label], log_softmax[*label]);
            if self.smoothing > 0.0 {
                let of_all: f64 = class_weights.iter().zip(log_softmax).map(|(w, log)| weighted(*w, *log)).sum();
                sum -= self.smoothing / class_weights.len() as f64 * of_all;
            }
        }
        let softmax = log_softmax.mapv(F::exp);
        Ok((F::of(sum / total), Cache { softmax, labels, class_weights, smoothing: self.smoothing, total }))
    }

    /// Each image's label, none if it is ignored, and W.
    ///
    /// # Errors
    /// As [`Weighting::forward`].
    pub(crate) fn check(
        &self,
        (batch, classes): (usize, usize),
        labels: &[usize],
    ) -> Result<(Vec<Option<usize>>, f64)> {
        check_shape("labels", &[batch], &[labels.len()])?;
        if batch == 0 {
            return Err(Error::tensor("logits", "at least one row", "none"));
        }
        if !(0.0..=1.0).contains(&self.smoothing) {
            return Err(Error::option("label-smoothing", "a number from 0 to 1", self.smoothing));
        }
        if let Some(weights) = self.class_weights {
            check_shape("class_weights", &[classes], weights.shape())?;
            if let Some(odd) = weights.iter().find(|weight| !(**weight >= F::zero() && weight.is_finite())) {
                return Err(Error::tensor("class_weights", "numbers of at least 0", odd));
            }
        }
        let counts = |label: &usize| Some(*label) != self.ignored;
        if let Some(label) = labels.iter().find(|label| counts(label) && **label >= classes) {
            return Err(Error::tensor("labels", format!("labels below {classes}"), label));
        }
        let labels: Vec<Option<usize>> = labels.iter().map(|label| counts(label).then_some(*label)).collect();
        let weight = |label: usize| self.class_weights.map_or(1.0, |weights| weights[label].as_f64());
        let total = labels.iter().flatten().map(|label| weight(*label)).sum();
        if total > 0.0 {
            Ok((labels, total))
        } else {
            Err(Error::tensor("labels", "at least one that counts", "all ignored or of weight 0"))
        }
    }

    /// w (K).
    pub(crate) fn class_weights_of(&self, classes: usize) -> Vec<F> {
        self.class_weights.map_or_else(|| vec![F::one(); classes], |weights| weights.to_vec())
    }
}

/// The mean negative log-likelihood in nats of `logits` (B, K) and `labels` (B), with equal weights of all images.
///
/// # Errors
/// If there is no image, the counts of logits and labels differ or a label is not a class.
pub fn forward<F: Real>(logits: ArrayView2<'_, F>, labels: &[usize]) -> Result<(F, Cache<F>)> {
    Weighting::default().forward(logits, labels)
}

/// ln softmax(z) (B, K), from the differences to the row's maximum z_ba. At the maximum it is −ln(1 + Σ_{j≠a} e^{z_bj −
/// z_ba}), so that a probability next to 1 keeps its distance from 1.
pub fn log_softmax<F: Real>(mut logits: Array2<F>) -> Array2<F> {
    logits.rows_mut().into_iter().for_each(log_softmax_of);
    logits
}

fn log_softmax_of<F: Real>(mut row: ArrayViewMut1<'_, F>) {
    let highest = row.iter().copied().fold(F::neg_infinity(), F::max);
    let first = row.iter().position(|logit| *logit == highest).unwrap_or(0);
    row.mapv_inplace(|logit| logit - highest);
    let others = row.iter().enumerate().filter(|(k, _)| *k != first);
    let log_total = F::of(others.map(|(_, logit)| logit.exp().as_f64()).sum()).ln_1p();
    row.mapv_inplace(|logit| logit - log_total);
}

/// dlogits (B, K).
pub fn backward<F: Real>(cache: &Cache<F>) -> Array2<F> {
    let Cache { softmax, labels, class_weights, smoothing, total } = cache;
    let mut dlogits = softmax.clone();
    let spread: Vec<f64> = class_weights.iter().map(|w| smoothing / class_weights.len() as f64 * w.as_f64()).collect();
    let spread_sum: f64 = spread.iter().sum();
    let total = F::of(*total);
    // nll = Σ_b Σ_k q_bk nll_bk / W
    for (mut row, label) in dlogits.rows_mut().into_iter().zip(labels) {
        let Some(label) = *label else {
            row.fill(F::zero());
            continue;
        };
        let q_sum = F::of((1.0 - smoothing) * class_weights[label].as_f64() + spread_sum);
        let mut others = 0.0;
        for (_, (d, spread)) in row.iter_mut().zip(&spread).enumerate().filter(|(k, _)| *k != label) {
            *d = *d * q_sum - F::of(*spread);
            others += d.as_f64();
        }
        row[label] = F::zero() - F::of(others);
        row.mapv_inplace(|d| d / total);
    }
    dlogits
}
