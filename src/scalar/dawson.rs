//! Dawson's integral, daw(x) = e^{−x²} ∫₀ˣ e^{u²} du.
//!
//! For x² < 40 the power series with all terms of one sign,
//!
//! ```text
//! daw(x)  = x e^{−x²} Σ_{j≥0} x^{2j} / (j! (2j + 1)),
//! ```
//!
//! beyond that the asymptotic one, whose neglected part is of order e^{−x²}:
//!
//! ```text
//! daw(x)  ~ 1/(2x) Σ_{n≥0} (2n − 1)!! / (2x²)ⁿ.
//! ```
//!
//! The derivative is daw′(x) = 1 − 2x daw(x), for large x written without its cancellation, −Σ_{n≥1} (2n − 1)!!/(2x²)ⁿ.
//!
//! Relative error at most 1e-14 for every finite x, in f64. The derivative vanishes at |x| = 0.9241…; its error is at
//! most 1e-14 of max(|daw′(x)|, 0.02).

use super::spike_kl::{ASYMPTOTIC_T, inverse_power_series, poisson_sum};

/// daw(x).
pub fn dawson(x: f64) -> f64 {
    let t = 2.0 * x * x;
    if t < ASYMPTOTIC_T {
        // e^{−x²} with the rounding error of x² put back: at x² = 40 it would cost 40 units in the last place.
        let square = x * x;
        let square_error = x.mul_add(x, -square);
        x * poisson_sum(square, |j| 1.0 / (2 * j + 1) as f64) * (1.0 - square_error)
    } else {
        0.5 / x * (1.0 + inverse_power_series(t, |_| 1.0))
    }
}

/// daw′(x) = 1 − 2x daw(x).
pub fn dawson_derivative(x: f64) -> f64 {
    let t = 2.0 * x * x;
    if t < ASYMPTOTIC_T { (-2.0 * x).mul_add(dawson(x), 1.0) } else { -inverse_power_series(t, |_| 1.0) }
}
