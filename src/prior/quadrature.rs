//! `quadrature`: F_true itself, by numerical integration; slow, for tests, tables and figures.
//!
//! ```text
//! F_true = Σ_k [D(t_k) + ln σ − ½(γ + ln 2)] − E_q ln P(w) − ln σ + ½(γ + ln 2),   P(w) = Σ_k a_k Π_{j≠k} |w − ℓ_j|
//! ```
//!
//! The first sum is exact; the integrand ln P is bounded below, with kinks at the levels, where the integral is split.
//! With n the level nearest to w and R = Σ_k a_k |w − ℓ_n|/|w − ℓ_k| ≥ a_n,
//!
//! ```text
//! ln P        = Σ_{j≠n} ln|w − ℓ_j| + ln R
//! d ln P/dw   = Σ_{j≠n} 1/(w − ℓ_j) + 1/R Σ_{k≠n} a_k (s_n − s_k |w − ℓ_n|/|w − ℓ_k|)/|w − ℓ_k|,   s_k = sgn(w − ℓ_k)
//! ∂ ln P/∂ℓ_j = [a_j |w − ℓ_n|/|w − ℓ_j| / R − 1]/(w − ℓ_j)   (j ≠ n)
//! ∂ ln P/∂ℓ_n = −s_n/R Σ_{k≠n} a_k/|w − ℓ_k|
//! ```
//!
//! have no cancelling singularities. The derivatives in θ and ln σ² follow from w = θ + σε: dw/dθ = 1, dw/d ln σ² = ½σε.
//!
//! Each piece is integrated by the tanh-sinh rule (Takahasi & Mori 1974). Absolute error about 1e-13 for equal masses.

use super::spike::spike_kl;
use crate::scalar::spike_kl::Spike;
use crate::scalar::{HALF_GAMMA_PLUS_LN_2, WeightKl};

/// Beyond ±this many σ the posterior's mass, 1e-19, is left out.
const REACH: f64 = 9.0;
/// A piece is at most this many σ long.
const PIECE: f64 = 3.0;
/// The step of the tanh-sinh rule, and the number of steps to either side: the weights beyond are below 1e-20.
const STEP: f64 = 1.0 / 16.0;
const STEPS: i32 = 54;

/// F_true of one weight; adds its derivative in the levels to `dlevels` (M).
pub fn quadrature(
    theta: f64,
    log_sigma2: f64,
    levels: &[f64],
    level_weights: &[f64],
    dlevels: &mut [f64],
) -> WeightKl<f64> {
    let (sigma, log_sigma) = ((0.5 * log_sigma2).exp(), 0.5 * log_sigma2);
    let others = (levels.len() - 1) as f64;
    let mut kl =
        WeightKl { value: others * (log_sigma - HALF_GAMMA_PLUS_LN_2), dtheta: 0.0, dlog_sigma2: 0.5 * others };
    for (level, dlevel) in levels.iter().zip(dlevels.iter_mut()) {
        let one = spike_kl(Spike::Exact, theta, (-log_sigma2).exp(), *level);
        kl.add_scaled(1.0, &one);
        *dlevel -= one.dtheta;
    }

    let mut ends = vec![-REACH, REACH];
    ends.extend(levels.iter().map(|level| (level - theta) / sigma).filter(|end| end.abs() < REACH));
    ends.sort_by(f64::total_cmp);
    for pair in ends.windows(2) {
        let pieces = ((pair[1] - pair[0]) / PIECE).ceil();
        let half = 0.5 * (pair[1] - pair[0]) / pieces;
        for piece in 0..pieces as usize {
            let start = pair[0] + 2.0 * half * piece as f64;
            for step in -STEPS..=STEPS {
                let (from_start, weight) = tanh_sinh(f64::from(step) * STEP);
                let z = start + half * from_start;
                let mass = half * weight * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
                let w = theta + sigma * z;
                let slope = add_log_p(w, levels, level_weights, mass, &mut kl.value, dlevels);
                kl.dtheta -= mass * slope;
                kl.dlog_sigma2 -= mass * slope * 0.5 * sigma * z;
            }
        }
    }
    kl
}

/// Node, as its distance from the start of [−1, 1], and weight of the tanh-sinh rule at u = step · STEP.
fn tanh_sinh(u: f64) -> (f64, f64) {
    let s = std::f64::consts::FRAC_PI_2 * u.sinh();
    let from_start = 2.0 / (1.0 + (-2.0 * s).exp());
    (from_start, STEP * std::f64::consts::FRAC_PI_2 * u.cosh() / s.cosh().powi(2))
}

/// Subtracts mass · ln P(w) from `value` and mass · ∂ln P/∂ℓ from `dlevels`; returns d ln P/dw.
fn add_log_p(w: f64, levels: &[f64], level_weights: &[f64], mass: f64, value: &mut f64, dlevels: &mut [f64]) -> f64 {
    let distance = |k: usize| w - levels[k];
    let n = (1..levels.len()).fold(0, |n, k| if distance(k).abs() < distance(n).abs() { k } else { n });
    let (gap, sign) = (distance(n).abs(), distance(n).signum());
    let (mut ratio, mut pull, mut log, mut slope, mut slope_ratio) = (level_weights[n], 0.0, 0.0, 0.0, 0.0);
    for k in (0..levels.len()).filter(|k| *k != n) {
        let (to, a) = (distance(k), level_weights[k]);
        ratio += a * gap / to.abs();
        pull += a / to.abs();
        log += to.abs().ln();
        slope += 1.0 / to;
        slope_ratio += a * (sign - to.signum() * gap / to.abs()) / to.abs();
    }
    *value -= mass * (log + ratio.ln());
    for k in 0..levels.len() {
        dlevels[k] -= mass
            * if k == n {
                -sign * pull / ratio
            } else {
                (level_weights[k] * gap / distance(k).abs() / ratio - 1.0) / distance(k)
            };
    }
    slope + slope_ratio / ratio
}
