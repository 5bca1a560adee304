//! What is put back into its domain after each step, in this order: ln σ² into [−10, 1]; a zero level back to 0; levels
//! ascending, at least 1e-3 apart; and, under a multi-spike prior only, θ into [ℓ_1 − 0.3679 σ, ℓ_M + 0.3679 σ].
//!
//! The bounds on ln σ² and θ keep the posterior away from where the improper prior would let it collapse: see
//! [`prior`](crate::prior).

use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};

/// The domain of ln σ².
pub const LOG_SIGMA2: [f64; 2] = [-10.0, 1.0];
/// The smallest distance between neighbouring levels.
pub const LEVEL_GAP: f64 = 1e-3;
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

/// The zero level, if the codebook has one at position `zero`, back to 0; then the levels at least 1e-3 apart, moved
/// outwards from the zero level, or upwards from the lowest.
pub fn project_levels<F: Real>(levels: &mut [F], zero: Option<usize>) {
    let gap = F::of(LEVEL_GAP);
    if let Some(zero) = zero {
        levels[zero] = F::zero();
    }
    let fixed = zero.unwrap_or(0);
    for k in fixed + 1..levels.len() {
        if levels[k] < levels[k - 1] + gap {
            levels[k] = levels[k - 1] + gap;
        }
    }
    for k in (0..fixed).rev() {
        if levels[k] > levels[k + 1] - gap {
            levels[k] = levels[k + 1] - gap;
        }
    }
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
