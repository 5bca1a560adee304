//! What is put back into its domain after each step, in this order: ln σ² into [−10, 1]; a zero level back to 0; levels
//! ascending, at least 1e-3 apart; and, under a multi-spike prior only, θ into [ℓ_1 − 0.3679 σ, ℓ_M + 0.3679 σ].
//!
//! The bounds on ln σ² and θ keep the posterior away from where the improper prior would let it collapse: see
//! [`prior`](crate::prior).

use crate::scalar::Real;

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
    /// Weights that are looked at together: seldom is one of them outside.
    const TOGETHER: usize = 64;
    let (lowest, highest) = (levels[0], levels[levels.len() - 1]);
    let is_outside = |theta: F| (theta < lowest) | (theta > highest);
    for (theta, log_sigma2) in theta.chunks_mut(TOGETHER).zip(log_sigma2.chunks(TOGETHER)) {
        if !theta.iter().fold(false, |any, theta| any | is_outside(*theta)) {
            continue;
        }
        for (theta, log_sigma2) in theta.iter_mut().zip(log_sigma2).filter(|(theta, _)| is_outside(**theta)) {
            let margin = F::of(MARGIN) * (F::of(0.5) * *log_sigma2).exp();
            if *theta < lowest - margin {
                *theta = lowest - margin;
            } else if *theta > highest + margin {
                *theta = highest + margin;
            }
        }
    }
}
