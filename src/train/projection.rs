//! What is put back into its domain after each step, in this order: ln σ² into [−10, 1]; a zero level back to 0; levels
//! ascending, at least a bound apart that is a 200th of the smallest spacing the codebook begins with; and, under a multi-spike prior only, θ into [ℓ_1 − 0.3679 σ, ℓ_M + 0.3679 σ].
//!
//! The bounds on ln σ² and θ keep the posterior away from where the improper prior would let it collapse: see
//! [`prior`](crate::prior).

use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};

/// The domain of ln σ².
pub const LOG_SIGMA2: [f64; 2] = [-10.0, 1.0];
/// The smallest distance between neighbouring levels, over that between those of the codebook at the start.
pub const LEVEL_GAP: f64 = 1.0 / 200.0;
/// How many σ a mean may lie outside the codebook: e⁻¹.
pub const MARGIN: f64 = 0.3679;

/// ln σ² into [−10, 1].
pub fn project_log_sigma2<F: Real>(log_sigma2: &mut [F]) {
    let [lowest, highest] = LOG_SIGMA2.map(F::of);
    // Unlike min and max, comparisons leave NaN where it is, to be found.
    for value in log_sigma2 {
        if *value < lowest {
            *value = lowest;
        } else if *value > highest {
            *value = highest;
        }
    }
}

/// The smallest distance that training leaves between neighbouring levels, where they begin as these: a codebook is kept as it
/// is given, whatever its scale.
pub fn level_gap<F: Real>(levels: &[F]) -> f64 {
    LEVEL_GAP * smallest_gap(levels)
}

/// The smallest distance between neighbouring levels.
pub fn smallest_gap<F: Real>(levels: &[F]) -> f64 {
    levels.windows(2).map(|pair| pair[1].as_f64() - pair[0].as_f64()).fold(f64::INFINITY, f64::min)
}

/// The zero level, if the codebook has one at position `zero`, back to 0; then the levels at least `gap` apart, and strictly
/// ascending where `gap` is too small to be added to them, moved outwards from the zero level, or upwards from the lowest.
pub fn project_levels<F: Real>(levels: &mut [F], zero: Option<usize>, gap: F) {
    if let Some(zero) = zero {
        levels[zero] = F::zero();
    }
    // At least what leads to the next number: a little over half of their spacing is rounded up to it.
    let spacing = |level: F| gap.max(level.abs() * next_number()).max(F::min_positive_value());
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

/// Times |x| and added to x, the next number above it.
pub(crate) fn next_number<F: Real>() -> F {
    F::of(0.501) * F::epsilon()
}

/// θ into [ℓ_1 − 0.3679 σ, ℓ_M + 0.3679 σ].
pub fn project_theta<F: Real>(theta: &mut [F], log_sigma2: &[F], levels: &[F]) {
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
        /// Weights that are looked at together: where none is beyond the levels, no margin is needed.
        const TOGETHER: usize = 64;
        let [lowest, highest] = self.outermost;
        for (theta, log_sigma2) in self.theta.chunks_mut(TOGETHER).zip(self.log_sigma2.chunks(TOGETHER)) {
            if !theta.iter().fold(false, |any, theta| any | (*theta < lowest) | (*theta > highest)) {
                continue;
            }
            for (theta, log_sigma2) in theta.iter_mut().zip(log_sigma2) {
                let margin = F::of(MARGIN) * (F::of(0.5) * *log_sigma2).exp_in_loop();
                let (lowest, highest) = (lowest - margin, highest + margin);
                // Unlike min and max, comparisons leave NaN where it is, to be found.
                let raised = if *theta < lowest { lowest } else { *theta };
                *theta = if raised > highest { highest } else { raised };
            }
        }
    }
}
