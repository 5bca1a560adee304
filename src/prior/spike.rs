//! The KL from one weight's posterior to one spike, D((θ − ℓ)²/σ²), and the chain rule that every form shares.
//!
//! ```text
//! t = (θ − ℓ)²/σ²     ∂t/∂θ = 2(θ − ℓ)/σ²     ∂t/∂ln σ² = −t     ∂t/∂ℓ = −2(θ − ℓ)/σ²
//! ```

use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, WeightKl};

/// t = (θ − ℓ)²/σ² from 1/σ²; where it overflows, the largest finite number, so that a window that has closed on the
/// spike (0 · D) still gives 0.
#[inline(always)]
pub fn squared_distance<F: Real>(theta: F, inverse_sigma2: F, level: F) -> F {
    let delta = theta - level;
    let t = delta * delta * inverse_sigma2;
    if t == F::infinity() { F::max_value() } else { t }
}

/// D(t) and its derivatives; ∂D/∂ℓ = −∂D/∂θ.
pub fn spike_kl<F: Real>(spike: Spike, theta: F, inverse_sigma2: F, level: F) -> WeightKl<F> {
    let t = squared_distance(theta, inverse_sigma2, level);
    let (value, slope) = spike.value_and_derivative(t);
    WeightKl { value, dtheta: slope * (F::of(2.0) * (theta - level)) * inverse_sigma2, dlog_sigma2: -t * slope }
}
