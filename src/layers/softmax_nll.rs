//! Softmax and the negative log-likelihood of the labels: cross-entropy, in nats.
//!
//! ```text
//! nll = mean_b [ln Σ_k e^{z_bk} − z_{b, label_b}]
//! dz_bk = (softmax(z_b)_k − [k = label_b]) / B
//! ```
//!
//! Shapes: logits z (B, K), labels (B).

use super::check_shape;
use crate::error::{Error, Result};
use crate::scalar::Real;
use ndarray::{Array2, ArrayView2};

/// What the backward needs of the forward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    softmax: Array2<F>,
    labels: Vec<usize>,
}

/// The mean negative log-likelihood in nats.
///
/// # Errors
/// If there is no image, the counts of logits and labels differ or a label is not a class.
pub fn forward<F: Real>(logits: ArrayView2<'_, F>, labels: &[usize]) -> Result<(F, Cache<F>)> {
    let (batch, classes) = logits.dim();
    check_shape("labels", &[batch], &[labels.len()])?;
    if batch == 0 {
        return Err(Error::tensor("logits", "at least one row", "none"));
    }
    if let Some(label) = labels.iter().find(|label| **label >= classes) {
        return Err(Error::tensor("labels", format!("labels below {classes}"), label));
    }
    let log_softmax = log_softmax(logits.to_owned());
    let sum = labels.iter().enumerate().fold(F::zero(), |sum, (b, label)| sum - log_softmax[[b, *label]]);
    Ok((sum / F::of(batch as f64), Cache { softmax: log_softmax.mapv(F::exp), labels: labels.to_vec() }))
}

/// ln softmax(z) (B, K), with the row's maximum taken out first: a confidence of 1 gives −0, not NaN.
pub fn log_softmax<F: Real>(mut logits: Array2<F>) -> Array2<F> {
    for mut row in logits.rows_mut() {
        let highest = row.iter().copied().fold(F::neg_infinity(), F::max);
        row.mapv_inplace(|logit| logit - highest);
        let log_total = row.iter().map(|logit| logit.exp()).sum::<F>().ln();
        row.mapv_inplace(|logit| logit - log_total);
    }
    logits
}

/// dlogits (B, K).
pub fn backward<F: Real>(cache: &Cache<F>) -> Array2<F> {
    let mut dlogits = cache.softmax.clone();
    for (mut row, label) in dlogits.rows_mut().into_iter().zip(&cache.labels) {
        row[*label] -= F::one();
    }
    dlogits / F::of(cache.labels.len() as f64)
}
