//! The Gaussian prior N(μ₀, σ₀²) on every weight: the baseline of the published comparison (Chien & Chang 2020).
//!
//! ```text
//! F = ½ [(σ² + (θ − μ₀)²)/σ₀² − 1 + ln σ₀² − ln σ²]       [nats a weight]
//! ```
//!
//! computed by [`gaussian_kl`](crate::scalar::gaussian_kl).
//!
//! Derived in [chapter 1 of the course](crate::course::posterior).

use crate::scalar::gaussian_kl::{gaussian_kl_from_root, inverse_root_sigma};
use crate::scalar::{Real, WeightKl};

/// N(μ₀, σ₀²); by default N(0, e⁻⁴).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    /// μ₀.
    pub mean: f64,
    /// ln σ₀².
    pub log_sigma2: f64,
}

impl Default for Gaussian {
    fn default() -> Self {
        Self { mean: 0.0, log_sigma2: -4.0 }
    }
}

impl Gaussian {
    /// The KL of one weight, N(θ, σ²), to the prior, in nats, and its derivatives, as a function of θ and ln σ². There
    /// is no gradient in the levels.
    pub fn weight_kl<F: Real>(&self) -> impl Fn(F, F) -> WeightKl<F> + Sync + use<F> {
        let (mean, prior_log_sigma2) = (F::of(self.mean), F::of(self.log_sigma2));
        let root = inverse_root_sigma(prior_log_sigma2);
        move |theta, log_sigma2| gaussian_kl_from_root(theta, log_sigma2, mean, prior_log_sigma2, root)
    }
}
