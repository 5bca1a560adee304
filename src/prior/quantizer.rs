//! The quantizer: every weight is replaced by its nearest level.
//!
//! ```text
//! Q(θ) = ℓ_k for p_{k−1} < θ ≤ p_k,      k = 1 … M
//! p_k = (ℓ_k + ℓ_{k+1})/2,   p_0 = −∞,   p_M = ∞
//! ```
//!
//! In the code indices are counted from 0.
//!
//! The partitions p_k are computed in the working precision, see [`partition`]; θ on a partition goes to the lower
//! level, θ on a level to that level. Of all levels, the chosen one has the highest density under q(w) = N(θ, σ²),
//! since it is nearest to θ (Chien & Chang 2020).
//!
//! Derived in [chapter 7 of the course](crate::course::levels).

use crate::scalar::Real;

/// The partitions of a codebook.
#[derive(Clone, Debug)]
pub struct Quantizer<F> {
    levels: Vec<F>,
    partitions: Vec<F>,
}

impl<F: Real> Quantizer<F> {
    /// The quantizer of `levels`: at least one, ascending. With other levels its indices have no meaning.
    pub fn new(levels: &[F]) -> Self {
        Self {
            levels: levels.to_vec(),
            partitions: levels.windows(2).map(|pair| partition(pair[0], pair[1])).collect(),
        }
    }

    /// The index of the level that `theta` goes to; a NaN goes to the lowest level.
    pub fn index(&self, theta: F) -> usize {
        // Most codebooks are small: counting has no branch that could be mispredicted.
        if self.partitions.len() < 16 {
            self.partitions.iter().map(|partition| usize::from(*partition < theta)).sum()
        } else {
            self.partitions.partition_point(|partition| *partition < theta)
        }
    }

    /// Q(θ).
    pub fn value(&self, theta: F) -> F {
        self.levels[self.index(theta)]
    }

    /// The quantized loss, Σ (θ − Q(θ))², in f64.
    pub fn loss(&self, theta: &[F]) -> f64 {
        theta.iter().map(|theta| (theta.as_f64() - self.value(*theta).as_f64()).powi(2)).sum()
    }

    /// The number of weights that go to each level.
    pub fn occupancy(&self, theta: &[F]) -> Vec<usize> {
        let mut occupancy = vec![0; self.levels.len()];
        theta.iter().for_each(|theta| occupancy[self.index(*theta)] += 1);
        occupancy
    }
}

/// The partition (ℓ + ℓ′)/2 of two neighbouring levels, rounded to nearest, but at least `lower` and below `upper`: if
/// there is no number between the two levels, it is the lower level. The sum of the levels may overflow.
pub fn partition<F: Real>(lower: F, upper: F) -> F {
    let two = F::of(2.0);
    let sum = lower + upper;
    let middle = if sum.is_finite() { sum / two } else { lower / two + upper / two };
    if middle < upper { middle } else { lower }
}
