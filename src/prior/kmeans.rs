//! Exact k-means on the line: the codebook of M levels that is best for weights trained without a codebook. Rounding
//! trained weights to these levels is what a training with a multi-spike prior is compared with.
//!
//! ```text
//! E_1(j) = cost(0, j)
//! E_k(j) = min_{i<j} [E_{k−1}(i) + cost(i, j)]
//! cost(i, j) = Σ_{i≤n<j} (x_n − mean)²,   x the weights, sorted
//! ```
//!
//! E_k(j) is the least cost of dividing the first j sorted weights into k clusters.
//!
//! On the line, the clusters of an optimum are runs of the sorted weights, and the best i never falls as j rises. A row E_k
//! thus takes n log n steps by divide and conquer: compute the best cut i for the middle end j; for smaller j search
//! only up to this i, for larger j only from it (Wu 1991; Wang & Song 2011; Grønlund et al. 2017). To find the cuts
//! with O(n) memory, the rows k > ⌊M/2⌋ keep, for each j, the position at which the first ⌊M/2⌋ clusters of the optimum
//! end. Both halves are then divided in the same way (Hirschberg 1975), which doubles the time. In total, O(M n log n).
//!
//! Costs are exact: each x is rounded to a multiple of 2^−b of the weights' range, b = 63 − ⌈log₂ n⌉ (44 for half a
//! million weights), so that the sums of these integers and of their squares do not overflow. The loss Σ (x − Q(x))² is
//! therefore the least possible, except for the rounding of the weights to that grid, of the sum over clusters, and of
//! the means to the working precision.
//!
//! Derived in [chapter 7 of the course](crate::course::levels).

use crate::error::{Error, Result};
use crate::scalar::Real;
use rayon::prelude::*;

/// The M levels with the least quantized loss of the weights, ascending; if the weights have fewer distinct values,
/// these values. If several divisions have the same cost, the one whose upper clusters start at smaller weights is
/// chosen.
///
/// # Errors
/// If a weight is not finite.
///
/// # Panics
/// If `levels` is 0.
pub fn kmeans<F: Real>(theta: &[F], levels: usize) -> Result<Vec<F>> {
    assert!(levels > 0, "at least one level");
    if let Some(odd) = theta.iter().find(|theta| !theta.is_finite()) {
        return Err(Error::option("kmeans", "finite weights", odd));
    }
    let points = Points::new(theta);
    if points.values.len() <= levels {
        return Ok(points.values);
    }
    let mut ends = Vec::with_capacity(levels);
    points.divide(0, points.values.len(), levels, &mut ends);
    let starts = std::iter::once(0).chain(ends.iter().copied());
    Ok(starts.zip(&ends).map(|(start, end)| points.mean(start, *end)).collect())
}

/// The distinct weights, ascending, and running totals over all weights, repeated ones included: element i of a total
/// covers the weights below `values[i]`, the last element all weights.
struct Points<F> {
    values: Vec<F>,
    /// The number of weights.
    counts: Vec<u64>,
    /// The sum of the weights' places on the grid.
    sums: Vec<u64>,
    /// The sum of the squares of these places.
    squares: Vec<u128>,
}

impl<F: Real> Points<F> {
    fn new(theta: &[F]) -> Self {
        // Adding 0 turns −0 into 0.
        let mut values: Vec<F> = theta.iter().map(|theta| *theta + F::zero()).collect();
        values.par_sort_unstable_by(|a, b| a.as_f64().total_cmp(&b.as_f64()));
        let bits = 63 - theta.len().next_power_of_two().trailing_zeros() as i32;
        let (first, last) = match values[..] {
            [] => (0.0, 0.0),
            [first, .., last] | [first @ last] => (first.as_f64(), last.as_f64()),
        };
        // The range of weights in f64 may be twice the largest f64.
        let scale = if (last - first).is_finite() { 1.0 } else { 0.5 };
        let range = last * scale - first * scale;
        let place = |x: F| ((x.as_f64() * scale - first * scale) / range * f64::exp2(bits.into())).round() as u64;

        let (mut counts, mut sums, mut squares) = (vec![0], vec![0], vec![0]);
        let (mut count, mut sum, mut square) = (0, 0, 0);
        for same in values.chunk_by(|a, b| a == b) {
            let (copies, at) = (same.len() as u64, place(same[0]));
            count += copies;
            sum += copies * at;
            square += u128::from(copies) * u128::from(at).pow(2);
            counts.push(count);
            sums.push(sum);
            squares.push(square);
        }
        values.dedup();
        Self { values, counts, sums, squares }
    }

    /// Σ (x − mean)² over the weights whose values are `start..end`, in squares of the grid's step.
    #[inline]
    fn cost(&self, start: usize, end: usize) -> f64 {
        let count = self.counts[end] - self.counts[start];
        let sum = u128::from(self.sums[end] - self.sums[start]);
        let square = self.squares[end] - self.squares[start];
        let spread = square * u128::from(count) - sum * sum;
        // Converted as two words: the conversion of all 128 bits is a call.
        let [low, high] = [spread as u64, (spread >> 64) as u64];
        const TWO_64: f64 = 18_446_744_073_709_551_616.0;
        (high as f64 * TWO_64 + low as f64) / count as f64
    }

    /// Divides the values `start..end` into `clusters` clusters of least total cost; appends the end of each.
    fn divide(&self, start: usize, end: usize, clusters: usize, ends: &mut Vec<usize>) {
        if clusters == 1 {
            return ends.push(end);
        }
        let half = clusters / 2;
        // For each of the ends j = start + 1 ..= end: E(j) of the row, and where the first `half` clusters of its
        // optimum end.
        let size = end - start;
        let mut least: Vec<f64> = (1..=size).map(|j| self.cost(start, start + j)).collect();
        let mut halfway = vec![0; size];
        let (mut next, mut best) = (vec![0.0; size], vec![0; size]);
        for row in 2..=clusters {
            // Every cluster has at least one value; in the last row, only the last end is needed.
            let last = size - (clusters - row);
            let first = if row == clusters { last } else { row };
            let task = Row { points: self, start, least: &least, first: row - 1 };
            task.fill(first, &mut next[first - 1..last], &mut best[first - 1..last], row - 1, last - 1);
            std::mem::swap(&mut least, &mut next);
            if row == half + 1 {
                halfway.copy_from_slice(&best);
            } else if row > half + 1 {
                halfway = best.iter().map(|i| if *i == 0 { 0 } else { halfway[*i - 1] }).collect();
            }
        }
        let middle = start + halfway[size - 1];
        self.divide(start, middle, half, ends);
        self.divide(middle, end, clusters - half, ends);
    }

    /// The mean of the weights whose values are `start..end`; rounding does not move it beyond them.
    fn mean(&self, start: usize, end: usize) -> F {
        let values = &self.values[start..end];
        let [first, last] = [values[0].as_f64(), values[values.len() - 1].as_f64()];
        let scale = if (last - first).is_finite() { 1.0 } else { 0.5 };
        let share =
            |i: usize| (self.counts[i + 1] - self.counts[i]) as f64 / (self.counts[end] - self.counts[start]) as f64;
        let above: f64 = (start..end).map(|i| share(i) * (self.values[i].as_f64() * scale - first * scale)).sum();
        F::of(((first * scale + above) / scale).clamp(first, last))
    }
}

/// A row E_k, for the values from `start` on.
struct Row<'a, F> {
    points: &'a Points<F>,
    start: usize,
    /// E_{k−1}(j), j = 1, 2, … values after `start`.
    least: &'a [f64],
    /// The smallest i.
    first: usize,
}

impl<F: Real> Row<'_, F> {
    /// A row whose halves have at least this many ends is divided between two threads.
    const ENDS: usize = 1 << 12;

    /// Computes E_k(j) and its best i for the ends from `end` on; this i is between `lowest` and `highest`.
    fn fill(&self, end: usize, next: &mut [f64], best: &mut [usize], lowest: usize, highest: usize) {
        if next.is_empty() {
            return;
        }
        let middle = next.len() / 2;
        let j = end + middle;
        let (mut least, mut at) = (f64::INFINITY, 0);
        for i in (lowest.max(self.first)..=highest.min(j - 1)).rev() {
            let cost = self.points.cost(self.start + i, self.start + j);
            // The cost only grows for smaller i.
            if cost > least {
                break;
            }
            let total = self.least[i - 1] + cost;
            if total <= least {
                (least, at) = (total, i);
            }
        }
        (next[middle], best[middle]) = (least, at);
        let (next_below, next_above) = next.split_at_mut(middle);
        let (best_below, best_above) = best.split_at_mut(middle);
        let mut below = || self.fill(end, next_below, best_below, lowest, at);
        let mut above = || self.fill(j + 1, &mut next_above[1..], &mut best_above[1..], at, highest);
        if middle >= Self::ENDS {
            rayon::join(below, above);
        } else {
            below();
            above();
        }
    }
}
