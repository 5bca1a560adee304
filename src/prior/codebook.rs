//! The codebook: the M levels ℓ_k that the weights of a layer are pulled to, and the prior mass a_k of each.

use crate::error::{Error, Result};
use crate::scalar::Real;

/// M from 2 to 256 levels, finite and strictly ascending, with positive masses that sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Codebook<F> {
    levels: Vec<F>,
    level_weights: Vec<F>,
}

/// The numbers of levels that a codebook may have: an index fits into a byte.
pub const LEVELS: std::ops::RangeInclusive<usize> = 2..=256;

impl<F: Real> Codebook<F> {
    /// A codebook whose levels have equal mass.
    ///
    /// # Errors
    /// Unless there are 2 to 256 levels, finite and strictly ascending.
    pub fn new(levels: Vec<F>) -> Result<Self> {
        check_levels("codebook", &levels)?;
        let equal = F::one() / F::of(levels.len() as f64);
        let level_weights = vec![equal; levels.len()];
        Ok(Self { levels, level_weights })
    }

    /// A codebook whose levels have the given masses.
    ///
    /// # Errors
    /// As [`Codebook::new`], and unless each level has one mass, every mass is positive, and their sum is 1 to within
    /// 1e-4. The masses are used as given: if their sum differs from 1 by δ, the KL of a weight is wrong
    /// by about δ nats.
    pub fn with_level_weights(levels: Vec<F>, level_weights: Vec<F>) -> Result<Self> {
        check_levels("codebook", &levels)?;
        if level_weights.len() != levels.len() {
            let expected = format!("{} masses, one for each level", levels.len());
            return Err(Error::option("level_weights", expected, level_weights.len()));
        }
        if let Some(mass) = level_weights.iter().find(|mass| !(mass.is_finite() && **mass > F::zero())) {
            return Err(Error::option("level_weights", "positive numbers", mass));
        }
        let sum = level_weights.iter().fold(0.0, |sum, mass| sum + mass.as_f64());
        if (sum - 1.0).abs() > 1e-4 {
            return Err(Error::option("level_weights", "a sum of 1", sum));
        }
        Ok(Self { levels, level_weights })
    }

    /// The default codebook of M levels, symmetric and evenly spaced, with a zero level if M is odd. The outermost
    /// levels are ±0.2 for M = 2 and 3, ±0.3 for 4 and 5, else ±0.35. For M = 2, 3, 4, 5 and 8 they were chosen by
    /// comparing trainings; for other M they were not.
    ///
    /// # Errors
    /// Unless M lies in 2..=256.
    pub fn symmetric(count: usize) -> Result<Self> {
        if !LEVELS.contains(&count) {
            return Err(Error::option("levels", "2 to 256", count));
        }
        let outermost = match count {
            2 | 3 => 0.2,
            4 | 5 => 0.3,
            _ => 0.35,
        };
        let last = (count - 1) as f64;
        Self::new((0..count).map(|k| F::of(outermost * (2.0 * k as f64 - last) / last)).collect())
    }

    /// The levels, ascending.
    pub fn levels(&self) -> &[F] {
        &self.levels
    }

    /// The prior mass of each level.
    pub fn level_weights(&self) -> &[F] {
        &self.level_weights
    }
}

/// Checks that `levels` are 2 to 256 finite, strictly ascending numbers; errors name them `name`.
///
/// # Errors
/// [`Error::Option`] if they are not.
pub fn check_levels<F: Real>(name: &str, levels: &[F]) -> Result<()> {
    if !LEVELS.contains(&levels.len()) {
        return Err(Error::option(name, "2 to 256 levels", levels.len()));
    }
    if let Some(level) = levels.iter().find(|level| !level.is_finite()) {
        return Err(Error::option(name, "finite levels", level));
    }
    match levels.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(Error::option(name, "strictly ascending levels", format!("{} before {}", pair[0], pair[1]))),
        None => Ok(()),
    }
}
