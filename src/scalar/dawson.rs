//! Dawson's integral, daw(x) = e^{−x²} ∫₀ˣ e^{u²} du.
//!
//! For x² < 40, the power series, whose terms all have one sign:
//!
//! ```text
//! daw(x)  = x e^{−x²} Σ_{j≥0} x^{2j} / (j! (2j + 1)),
//! ```
//!
//! for larger x² the asymptotic series, whose neglected part is of order e^{−x²}:
//!
//! ```text
//! daw(x)  ~ 1/(2x) Σ_{n≥0} (2n − 1)!! / (2x²)ⁿ.
//! ```
//!
//! The derivative is daw′(x) = 1 − 2x daw(x), written without its cancellation at large x:
//!
//! ```text
//! daw′(x) = e^{−x²} [1 − Σ_{j≥1} x^{2j} / (j! (2j − 1))]
//!         ~ −Σ_{n≥1} (2n − 1)!! / (2x²)ⁿ.
//! ```
//!
//! In the first line x^{2j} has the coefficient 1/j! − 2j/(j! (2j − 1)), from e^{x²} and from 2x times the power
//! series.
//!
//! The rounding error of x² is the same in the exponential and in the series, where it almost cancels: the relative
//! change of daw(x)/x as a function of x² is at most 1.19 times that of x² (at |x| = 2.09).
//!
//! Relative error at most 5e-15 for every finite x, in f64. For the derivative, where it is a normal number, at most
//! 1e-14. Between |x| = 0.85 and 1 the derivative vanishes, at 0.9241…; there its error is at most 1e-14 · max(|daw′(x)|,
//! 0.05).
//!
//! Derived in [chapter 2 of the course](crate::course::one_spike).

use super::spike_kl::{ASYMPTOTIC_T, inverse_power_series, poisson_sum};

/// daw(x).
pub fn dawson(x: f64) -> f64 {
    let t = 2.0 * x * x;
    if t < ASYMPTOTIC_T {
        x * poisson_sum(x * x, |j| 1.0 / (2 * j + 1) as f64)
    } else {
        0.5 / x * (1.0 + inverse_power_series(t, |_| 1.0))
    }
}

/// daw′(x) = 1 − 2x daw(x).
pub fn dawson_derivative(x: f64) -> f64 {
    let t = 2.0 * x * x;
    if t < ASYMPTOTIC_T {
        let sum = poisson_sum(x * x, |j| if j == 0 { 0.0 } else { 1.0 / (2 * j - 1) as f64 });
        (-x * x).exp() - sum
    } else {
        -inverse_power_series(t, |_| 1.0)
    }
}
