//! k-means on the line (Lloyd 1957): the codebook of M levels fitted to weights that were trained without one.
//!
//! It is what a multi-spike prior has to beat: rounding afterwards, with the best levels rounding can have.

use super::quantizer::Quantizer;
use crate::error::{Error, Result};
use crate::scalar::Real;

/// Alternates assignment and averaging from the (k + ½)/M quantiles until no weight moves, 300 rounds at most, and returns
/// the M means, ascending.
///
/// # Errors
/// If the weights hold fewer than M distinct values.
pub fn kmeans<F: Real>(theta: &[F], levels: usize) -> Result<Vec<F>> {
    let mut sorted = theta.to_vec();
    sorted.sort_by(|a, b| a.as_f64().total_cmp(&b.as_f64()));
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() < levels {
        return Err(Error::option("kmeans", format!("at most {} levels", distinct.len()), levels));
    }
    let quantiles =
        |values: &[F]| -> Vec<F> { (0..levels).map(|k| values[(2 * k + 1) * values.len() / (2 * levels)]).collect() };
    let mut means = quantiles(&sorted);
    if means.windows(2).any(|pair| pair[0] == pair[1]) {
        means = quantiles(&distinct);
    }
    let mut ends = Vec::new();
    for _ in 0..300 {
        let quantizer = Quantizer::new(&means);
        let new_ends: Vec<usize> =
            (0..levels).map(|k| sorted.partition_point(|theta| quantizer.index(*theta) <= k)).collect();
        if new_ends == ends {
            break;
        }
        let mut start = 0;
        for (mean, end) in means.iter_mut().zip(&new_ends) {
            let cluster = &sorted[start..*end];
            // An empty cluster keeps its mean, between its neighbours'.
            if !cluster.is_empty() {
                *mean = F::of(cluster.iter().map(|theta| theta.as_f64()).sum::<f64>() / cluster.len() as f64);
            }
            start = *end;
        }
        ends = new_ends;
    }
    Ok(means)
}
