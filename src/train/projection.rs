//! Projections of parameters into their domains after each step, in this order:
//!
//! | parameter | [phase](super::phase) | domain |
//! |---|---|---|
//! | ln σ² | both | [−10, 1] |
//! | levels | second | a zero level is 0, and neighbours are at least the recipe's `level_gap` apart; levels that were fitted by k-means at least min(`level_gap`, a 200th of their mean distance) |
//! | θ, if the layers compute with Q(θ) | second | [ℓ_1 − g, ℓ_M + g], g the smallest gap between levels |
//! | θ, if they compute with θ, under a multi-spike prior | second | [ℓ_1 − 0.3679 σ, ℓ_M + 0.3679 σ] |
//!
//! The bound on ln σ² and that on θ in the last row keep the posterior out of the region where it would collapse under
//! the improper prior: see [`prior`](crate::prior).
//!
//! Derived in [chapter 6 of the course](crate::course::objective).

use crate::error::{Error, Result};
use crate::prior::multi_spike::zero_level;
use crate::scalar::Real;
use crate::scalar::real::clamp;
use crate::simd::{Kernel, Vector};

/// The domain of ln σ².
pub const LOG_SIGMA2: [f64; 2] = [-10.0, 1.0];
/// The smallest distance allowed between neighbouring levels, divided by the smallest distance in the initial codebook
/// or, for levels fitted by k-means, by their mean distance.
pub const LEVEL_GAP_SHARE: f64 = 1.0 / 200.0;
/// How far θ may lie beyond the outermost levels, in units of σ: e⁻¹, a convention.
pub const MARGIN: f64 = 0.3679;

/// Clamps ln σ² to [−10, 1].
pub fn project_log_sigma2<F: Real>(log_sigma2: &mut [F]) {
    let [lowest, highest] = LOG_SIGMA2.map(F::of);
    log_sigma2.iter_mut().for_each(|value| *value = clamp(*value, lowest, highest));
}

/// The smallest distance that training allows between neighbouring levels that begin as `levels`. It is proportional to
/// their spacing, so that a codebook of any scale starts unchanged.
pub fn level_gap<F: Real>(levels: &[F]) -> f64 {
    LEVEL_GAP_SHARE * smallest_gap(levels)
}

/// The smallest distance that training allows between neighbouring levels that were fitted to weights of any scale: the
/// recipe's `level_gap`, but at most a 200th of the mean distance between neighbours.
pub(crate) fn scaled_level_gap<F: Real>(levels: &[F], level_gap: f64) -> f64 {
    let range = levels[levels.len() - 1].as_f64() - levels[0].as_f64();
    level_gap.min(LEVEL_GAP_SHARE * range / (levels.len() - 1) as f64)
}

/// The smallest distance between neighbouring levels.
pub fn smallest_gap<F: Real>(levels: &[F]) -> f64 {
    levels.windows(2).map(|pair| pair[1].as_f64() - pair[0].as_f64()).fold(f64::INFINITY, f64::min)
}

/// Sets the zero level, if the codebook has one at position `zero`, to 0. Then moves levels that are less than `gap`
/// apart, outwards from the zero level or, without one, upwards from the lowest level. Where adding `gap` to a level
/// would not change it, the level above becomes the next floating-point number, so that levels are strictly ascending.
pub fn project_levels<F: Real>(levels: &mut [F], zero: Option<usize>, gap: F) {
    if let Some(zero) = zero {
        levels[zero] = F::zero();
    }
    // A level moves at least so far that it becomes another floating-point number: a little over half of the distance
    // to the next floating-point number is rounded up to it.
    let spacing = |level: F| gap.max(level.abs() * next_number_factor()).max(F::min_positive_value());
    let fixed = zero.unwrap_or(0);
    for k in fixed + 1..levels.len() {
        let least = levels[k - 1] + spacing(levels[k - 1]);
        if levels[k] < least {
            levels[k] = least;
        }
    }
    for k in (0..fixed).rev() {
        let most = levels[k + 1] - spacing(levels[k + 1]);
        if levels[k] > most {
            levels[k] = most;
        }
    }
}

/// Checks that [`project_levels`] would not change `levels`, which errors call `name`.
///
/// # Errors
/// [`Error::Tensor`], with the two levels that are less than `gap` apart.
pub(crate) fn check_level_gap<F: Real>(name: &str, levels: &[F], gap: f64) -> Result<()> {
    let mut projected = levels.to_vec();
    project_levels(&mut projected, zero_level(levels), F::of(gap));
    match projected.iter().zip(levels).position(|(projected, level)| projected != level) {
        Some(k) => {
            let seen = if k + 1 < levels.len() && projected[k] < levels[k] { [k, k + 1] } else { [k - 1, k] };
            let seen = format!("{} and {}", levels[seen[0]], levels[seen[1]]);
            Err(Error::tensor(name, format!("levels at least {gap} apart, the recipe's level-gap"), seen))
        }
        None => Ok(()),
    }
}

/// The factor f for which x + f |x| is rounded to the next floating-point number above x.
pub(crate) fn next_number_factor<F: Real>() -> F {
    F::of(0.501) * F::epsilon()
}

/// Clamps θ to [ℓ_1 − g, ℓ_M + g], g the smallest gap. If the forward pass computes with Q(θ), the output does not
/// change when θ is farther outside, and θ would only take more steps to return.
///
/// # Panics
/// If there are no levels.
pub fn project_theta_within_gap<F: Real>(theta: &mut [F], levels: &[F]) {
    let gap = F::of(smallest_gap(levels));
    let (lowest, highest) = (levels[0] - gap, levels[levels.len() - 1] + gap);
    theta.iter_mut().for_each(|theta| *theta = clamp(*theta, lowest, highest));
}

/// Clamps θ to [ℓ_1 − 0.3679 σ, ℓ_M + 0.3679 σ].
///
/// # Panics
/// If `theta` and `log_sigma2` differ in length, or there are no levels.
pub fn project_theta<F: Real>(theta: &mut [F], log_sigma2: &[F], levels: &[F]) {
    assert_eq!(theta.len(), log_sigma2.len(), "theta and log_sigma2 are of one length");
    F::vectorize(ThetaProjection { theta, log_sigma2, outermost: [levels[0], levels[levels.len() - 1]] });
}

struct ThetaProjection<'a, F> {
    theta: &'a mut [F],
    log_sigma2: &'a [F],
    outermost: [F; 2],
}

impl<F: Real> Kernel<F> for ThetaProjection<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        /// Weights per chunk. For a chunk with no weight beyond the outermost levels, no margin is computed.
        const TOGETHER: usize = 64;
        let [lowest, highest] = self.outermost;
        for (theta, log_sigma2) in self.theta.chunks_mut(TOGETHER).zip(self.log_sigma2.chunks(TOGETHER)) {
            if !theta.iter().fold(false, |any, theta| any | (*theta < lowest) | (*theta > highest)) {
                continue;
            }
            for (theta, log_sigma2) in theta.iter_mut().zip(log_sigma2) {
                let margin = F::of(MARGIN) * (F::of(0.5) * *log_sigma2).exp_in_loop();
                *theta = clamp(*theta, lowest - margin, highest + margin);
            }
        }
    }
}
