//! Knowledge distillation (Hinton, Vinyals & Dean 2015, at temperature 1): a trained network, the teacher, gives every
//! image probabilities of all classes. The loss is the cross-entropy of a mixture of these and the image's label, in
//! nats, as a mean over the batch.
//!
//! ```text
//! p_b = softmax(u_b)                     the teacher's probabilities
//! q_bk = (1 − λ) [k = label_b] + λ p_bk
//! loss = −(1/B) Σ_b Σ_k q_bk ln softmax(z_b)_k
//! dz_bk = (softmax(z_b)_k − q_bk) / B for k ≠ label_b,
//!         and at the label minus the sum of these
//! ```
//!
//! For λ = 1 the loss of image b is −Σ_k p_bk ln softmax(z_b)_k = KL(p_b ‖ softmax(z_b)) + H(p_b): the Kullback-Leibler
//! divergence from the teacher's probabilities plus their entropy, which does not depend on z. ∂loss/∂z_bk follows from
//! ∂(−ln softmax(z_b)_j)/∂z_bk = softmax(z_b)_k − [j = k] and Σ_k q_bk = 1. At λ = 0 the loss is that of
//! [`softmax_nll`](super::softmax_nll).
//!
//! Shapes: logits z and the teacher's logits u (B, K), labels (B). λ, the teacher's share, from 0 to 1.
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::check_shape;
use super::softmax_nll::{Weighting, log_softmax};
use crate::error::{Error, Result};
use crate::scalar::Real;
use ndarray::{Array2, ArrayView2};

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    softmax: Array2<F>,
    /// q (B, K).
    targets: Array2<F>,
    labels: Vec<usize>,
}

/// The loss and, apart from it, the mean negative log-likelihood of the labels, both in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// The cross-entropy of q.
    pub loss: f64,
    /// The mean of −ln softmax(z_b)_{label_b}.
    pub nll: f64,
}

/// The loss of logits z and teacher's logits u (B, K) with the teacher's share λ.
///
/// # Errors
/// If there is no image, the shapes or the counts of labels differ, a label is not a class or λ is not from 0 to 1.
pub fn forward<F: Real>(
    logits: ArrayView2<'_, F>,
    teacher_logits: ArrayView2<'_, F>,
    labels: &[usize],
    share: f64,
) -> Result<(Value, Cache<F>)> {
    check_share(share)?;
    check_shape("teacher_logits", logits.shape(), teacher_logits.shape())?;
    Weighting::<F>::default().check(logits.dim(), labels)?;
    let mut targets = log_softmax(teacher_logits.to_owned()).mapv(|log| F::of(share) * log.exp());
    for (mut row, label) in targets.rows_mut().into_iter().zip(labels) {
        row[*label] += F::of(1.0 - share);
    }
    let log_softmax = log_softmax(logits.to_owned());
    let (mut loss, mut nll) = (0.0, 0.0);
    for ((log_softmax, q), label) in log_softmax.rows().into_iter().zip(targets.rows()).zip(labels) {
        nll -= log_softmax[*label].as_f64();
        // A class of probability 0 does not count, even where the logarithm is −∞.
        let counted = q.iter().zip(log_softmax).filter(|(q, _)| **q > F::zero());
        loss -= counted.map(|(q, log)| q.as_f64() * log.as_f64()).sum::<f64>();
    }
    let images = labels.len() as f64;
    let cache = Cache { softmax: log_softmax.mapv(F::exp), targets, labels: labels.to_vec() };
    Ok((Value { loss: loss / images, nll: nll / images }, cache))
}

/// dlogits (B, K).
pub fn backward<F: Real>(cache: &Cache<F>) -> Array2<F> {
    let Cache { softmax, targets, labels } = cache;
    let mut dlogits = softmax - targets;
    let images = F::of(labels.len() as f64);
    // loss = −(1/B) Σ_b Σ_k q_bk ln softmax(z_b)_k
    for (mut row, label) in dlogits.rows_mut().into_iter().zip(labels) {
        let others = row.iter().enumerate().filter(|(k, _)| k != label);
        row[*label] = F::zero() - F::of(others.map(|(_, d)| d.as_f64()).sum());
        row.mapv_inplace(|d| d / images);
    }
    dlogits
}

/// Checks that λ is from 0 to 1.
///
/// # Errors
/// If it is not.
pub fn check_share(share: f64) -> Result<()> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(Error::option("teacher-share", "a number from 0 to 1", share))
}
