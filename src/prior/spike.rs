//! The KL from one weight's posterior to one spike, D((θ − ℓ)²/σ²), and the chain rule that every form shares.
//!
//! ```text
//! u = (θ − ℓ)/σ             t = u²
//! ∂D/∂θ = D′(t) 2u/σ        ∂D/∂ln σ² = −t D′(t)
//! ∂D/∂ℓ = −∂D/∂θ
//! ```
//!
//! 1/σ is finite where 1/σ² no longer is: for ln σ² above −177 in f32, above −1419 in f64. Where |u| exceeds [`FAR`],
//! or 1/σ overflows, D is computed from ln|u| = ln|θ − ℓ| − ½ ln σ², so the KL is finite and
//! correct to rounding for all finite θ − ℓ and ln σ². Only where 1/σ itself is subnormal, for ln σ² above 174 in f32 and
//! 1416 in f64, the derivatives have an absolute error of up to 1e-11.
//!
//! Derived in [chapter 2 of the course](crate::course::one_spike).

use crate::scalar::spike_kl::Spike;
use crate::scalar::{Real, RealVector, WeightKl};
use crate::simd::Mask;

/// For |u| of at least this, D(u²) is ln|u| plus a constant, up to rounding, in f64 too: the next term of the expansion
/// is 1/(2u²) = 5e-19.
pub const FAR: f64 = 1e9;

/// The σ of one weight's posterior, or of several weights' posteriors, one in each lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigma<V> {
    /// ln σ².
    pub log_sigma2: V,
    /// 1/σ; infinite if 1/σ overflows.
    pub inverse: V,
}

impl<V: RealVector> Sigma<V> {
    /// The σ for this ln σ².
    #[inline(always)]
    pub fn new(log_sigma2: V) -> Self {
        Self { log_sigma2, inverse: (V::of(-0.5) * log_sigma2).exp() }
    }
}

/// D(t) in nats and its derivatives; ∂D/∂ℓ = −∂D/∂θ. If θ = ℓ all are 0, for any σ.
#[inline(always)]
pub fn spike_kl<V: RealVector>(spike: Spike, theta: V, sigma: Sigma<V>, level: V) -> WeightKl<V> {
    let u = (theta - level) * sigma.inverse;
    let t = u * u;
    let (value, slope) = spike.of_each(t);
    let kl = WeightKl { value, dtheta: slope * (V::of(2.0) * u) * sigma.inverse, dlog_sigma2: -t * slope };
    let is_near = u.abs().at_most(V::of(FAR));
    if is_near.all() { kl } else { with_far_lanes(kl, spike, u, theta - level, sigma.log_sigma2) }
}

/// Returns the lanes of `kl` where u is near. The lanes where u is far, or not a number, are computed from the
/// logarithm of u.
#[cold]
#[inline(never)]
fn with_far_lanes<V: RealVector>(kl: WeightKl<V>, spike: Spike, u: V, delta: V, log_sigma2: V) -> WeightKl<V> {
    let [u, delta, log_sigma2] = [u, delta, log_sigma2].map(V::lanes);
    let [mut value, mut dtheta, mut dlog_sigma2] = [kl.value, kl.dtheta, kl.dlog_sigma2].map(V::lanes);
    for lane in (0..V::LANES).filter(|lane| is_far(u[*lane])) {
        let far = far_spike_kl(spike, delta[lane], log_sigma2[lane]);
        (value[lane], dtheta[lane], dlog_sigma2[lane]) = (far.value, far.dtheta, far.dlog_sigma2);
    }
    WeightKl { value: V::load(&value), dtheta: V::load(&dtheta), dlog_sigma2: V::load(&dlog_sigma2) }
}

fn is_far<F: Real>(u: F) -> bool {
    u.is_nan() || u.abs() > F::of(FAR)
}

/// [`spike_kl`] of one weight from `delta` = θ − ℓ and the logarithm of u.
fn far_spike_kl<F: Real>(spike: Spike, delta: F, log_sigma2: F) -> WeightKl<F> {
    let half = F::of(0.5);
    let log_u = delta.abs().ln() - half * log_sigma2;
    if log_u.is_nan() {
        return WeightKl { value: log_u, dtheta: log_u, dlog_sigma2: log_u };
    }
    if delta.is_zero() {
        return WeightKl::zero();
    }
    if log_u >= F::of(FAR.ln()) {
        return WeightKl { value: log_u + F::of(spike.far_constant()), dtheta: delta.recip(), dlog_sigma2: -half };
    }
    // 1/σ overflows, but θ is near the level.
    let t = (F::of(2.0) * log_u).exp();
    let (value, slope) = spike.value_and_derivative(t);
    WeightKl { value, dtheta: F::of(2.0) * (t * slope) / delta, dlog_sigma2: -t * slope }
}
