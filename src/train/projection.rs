//! Projections of parameters into their domains after each step, in this order. ln σ²: into [−10, 1], in both phases.
//! The rest only in the second phase. Levels: a zero level is set back to 0, and neighbours are kept at least
//! `level_gap` apart (with k-means levels at least min(`level_gap`, a 200th of their mean spacing)). θ: into [ℓ_1 − g,
//! ℓ_M + g], g the smallest gap, if the layers compute with Q(θ) (see [`phase`](super::phase)); otherwise, under a
//! multi-spike prior, into [ℓ_1 − 0.3679 σ, ℓ_M + 0.3679 σ].
//!
//! The bounds on ln σ² and θ keep the posterior out of the region where it would collapse under the improper prior: see
//! [`prior`](crate::prior).
//!
//! Derived in [chapter 6 of the course](crate::course::objective).

use crate::error::{Error, Result};
use crate::prior::multi_spike::zero_level;
use crate::scalar::Real;
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
    // Comparisons keep a NaN, unlike min and max, so that it is found later.
    for value in log_sigma2 {
        if *value < lowest {
            *value = lowest;
        } else if *value > highest {
            *value = highest;
        }
    }
}

/// The smallest distance that training allows between neighbouring levels that begin as `levels`. It is proportional to
/// their spacing, so that a codebook of any scale starts unchanged.
pub fn level_gap<F: Real>(levels: &[F]) -> f64 {
    LEVEL_GAP_SHARE * smallest_gap(levels)
}

/// The smallest distance between neighbouring levels.
pub fn smallest_gap<F: Real>(levels: &[F]) -> f64 {
    levels.windows(2).map(|pair| pair[1].as_f64() - pair[0].as_f64()).fold(f64::INFINITY, f64::min)
}

/// Sets the zero level, if the codebook has one at position `zero`, to 0. Then moves levels that are less than `gap`
/// apart, outwards from the zero level or, without one, upwards from the lowest level. Where adding `gap` to a level
/// would not change it, the next level is moved to the next number, so that levels are strictly ascending.
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
                let (lowest, highest) = (lowest - margin, highest + margin);
                // Comparisons keep a NaN, unlike min and max, so that it is found later.
                let raised = if *theta < lowest { lowest } else { *theta };
                *theta = if raised > highest { highest } else { raised };
            }
        }
    }
}
