//! D(t): the KL from a Gaussian to one spike, p(w) ∝ 1/|w − ℓ|, as a function of t = (θ − ℓ)²/σ².
//!
//! ```text
//! D(t)  = E_q ln|w − ℓ| − ln σ + ½(γ + ln 2)                 [nats]
//!       = (t/2) ₂F₂(1, 1; 3/2, 2; −t/2)
//!       = 2 ∫₀^√(t/2) daw(s) ds
//! D′(t) = daw(√(t/2)) / √(2t),   D′(0) = ½
//! ```
//!
//! up to the infinite constant of the improper prior (Kingma et al. 2015; Molchanov et al. 2017; Hron et al. 2018).
//!
//! **Exact.** (w − ℓ)²/σ² is noncentral χ² with one degree of freedom and noncentrality t, a Poisson mixture of central
//! χ²₁₊₂ⱼ with J ~ Poisson(t/2); and E ln χ²_ν = ψ(ν/2) + ln 2. Hence
//!
//! ```text
//! D(t)  = ½ E[ψ(½ + J) − ψ(½)]  = E[H_J],   H_j = Σ_{i<j} 1/(2i + 1)
//! D′(t) = ½ E[H_{J+1} − H_J]    = ½ E[1/(2J + 1)]
//! ```
//!
//! These are sums of positive terms, so nothing cancels. From t = 80 on, the asymptotic series is used, whose neglected
//! part is of order e^{−t/2} < 5e-18:
//!
//! ```text
//! D(t)  ~ ½ ln t + ½(γ + ln 2) − Σ_{n≥1} (2n − 1)!! / (2n tⁿ)
//! D′(t) ~ 1/(2t) Σ_{n≥0} (2n − 1)!! / tⁿ
//! ```
//!
//! Relative error at most 1e-14 in f64 for t = 0 and 1e-300 ≤ t ≤ 1e300. These sums are the definition. For the weights
//! of a vector, [`spike_pieces`] computes D and D′ by polynomials, to rounding.
//!
//! **Fit.** Molchanov et al. 2017, equation 14, written in t and with S the logistic sigmoid:
//!
//! ```text
//! D_fit(t) = ½ ln(1 + t) + k₁ S(k₃ ln t − k₂)
//! k₁ = 0.63576    k₂ = 1.87320    k₃ = 1.48695
//! −0.0044 ≤ D_fit − D ≤ 0.0094 nats, the largest near ln t = 3.51
//! ```
//!
//! Written in t, D and D_fit are finite at θ = ℓ, and so are their derivatives; written in ln α = −ln t they are not.
//!
//! Derived in [chapter 2 of the course](crate::course::one_spike).

use super::{HALF_GAMMA_PLUS_LN_2, Real, RealVector, spike_pieces};
use crate::simd::{Lane, Vector};

/// k₁, k₂, k₃ of the published fit.
const K1: f64 = 0.63576;
const K2: f64 = 1.87320;
const K3: f64 = 1.48695;

/// The t from which on the asymptotic series is used.
pub(super) const ASYMPTOTIC_T: f64 = 80.0;

/// The D to use: the exact function, or the published fit to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Spike {
    /// The exact function; with it, `nearest` and `mixture` bound the KL from above.
    Exact,
    /// The fit of Molchanov et al. 2017.
    Fit,
}

impl Spike {
    /// Each D and its name.
    pub const NAMES: [(&'static str, Self); 2] = [("exact", Self::Exact), ("fit", Self::Fit)];

    /// The limit of D(t) − ½ ln t as t grows, in nats.
    pub(crate) fn far_constant(self) -> f64 {
        match self {
            Self::Exact => HALF_GAMMA_PLUS_LN_2,
            Self::Fit => K1,
        }
    }

    /// (D(t), D′(t)) in nats, for t ≥ 0.
    pub fn value_and_derivative<F: Real>(self, t: F) -> (F, F) {
        let (value, derivative) = self.of_each(F::One::splat(t));
        (value.first(), derivative.first())
    }

    /// [`Spike::value_and_derivative`] in each lane. The exact D is computed by the sums for one lane, by
    /// [`spike_pieces`] for several.
    #[inline(always)]
    pub fn of_each<V: RealVector>(self, t: V) -> (V, V) {
        match self {
            // One lane is how a definition calls, several are how kernels call.
            Self::Exact if V::LANES == 1 => {
                let rounded = |f: fn(f64) -> f64| t.map(|t| V::Element::of(f(t.as_f64())));
                (rounded(exact), rounded(exact_derivative))
            }
            Self::Exact => spike_pieces::value_and_derivative(t),
            Self::Fit => fit_value_and_derivative(t),
        }
    }
}

/// D(t) in nats, for t ≥ 0.
pub fn exact(t: f64) -> f64 {
    if t < ASYMPTOTIC_T {
        let mut harmonic = 0.0;
        poisson_sum(0.5 * t, |j| {
            let at_j = harmonic;
            harmonic += 1.0 / (2 * j + 1) as f64;
            at_j
        })
    } else {
        0.5 * t.ln() + (HALF_GAMMA_PLUS_LN_2 - inverse_power_series(t, |n| 0.5 / n as f64))
    }
}

/// D′(t), for t ≥ 0.
pub fn exact_derivative(t: f64) -> f64 {
    if t < ASYMPTOTIC_T {
        0.5 * poisson_sum(0.5 * t, |j| 1.0 / (2 * j + 1) as f64)
    } else {
        0.5 / t * (1.0 + inverse_power_series(t, |_| 1.0))
    }
}

/// D_fit(t) in nats, for t ≥ 0.
pub fn fit<F: Real>(t: F) -> F {
    Spike::Fit.value_and_derivative(t).0
}

/// D_fit′(t) = 1/(2(1 + t)) + k₁ k₃ S(1 − S)/t, for t ≥ 0.
pub fn fit_derivative<F: Real>(t: F) -> F {
    Spike::Fit.value_and_derivative(t).1
}

/// D_fit(t) and D_fit′(t), for t ≥ 0.
#[inline(always)]
fn fit_value_and_derivative<V: RealVector>(t: V) -> (V, V) {
    let (half, one) = (V::of(0.5), V::of(1.0));
    // e^{k₂} t^{−k₃}, so that S = 1/(1 + u). From the smallest normal t down, u is infinite, and S and S(1 − S)/t are
    // 0.
    let normal = V::of(min_positive::<V::Element>()).max(t);
    let u = (V::of(K2) - V::of(K3) * V::Element::ln_normal_of(normal)).exp();
    let sigmoid = one / (one + u);
    let value = half * t.ln_1p() + V::of(K1) * sigmoid;
    // S(1 − S)/t vanishes like t^{k₃−1}, slowly: at t = 1e-20 it is still significant beside ½. Where u is infinite it
    // is 0.
    let slope = V::select(u.equals(V::of(f64::INFINITY)), V::zero(), sigmoid * (u * sigmoid) / t);
    (value, half / (one + t) + V::of(K1 * K3) * slope)
}

/// The smallest positive normal number.
#[inline(always)]
fn min_positive<F: Real>() -> f64 {
    F::min_positive_value().as_f64()
}

/// E[f(J)] = e^{−z} Σ_j z^j/j! f(j) for J ~ Poisson(z), 0 ≤ z ≤ 40 and an f ≥ 0 that grows at most like ln j.
pub(super) fn poisson_sum(z: f64, mut f: impl FnMut(u32) -> f64) -> f64 {
    let mut weight = 1.0;
    let mut sum = 0.0;
    // At z = 40 the terms are below 1e-18 of the sum from j = 110 on; no term is that small while the terms increase.
    for j in 0..120 {
        let term = weight * f(j);
        sum += term;
        if term < 1e-18 * sum {
            break;
        }
        weight *= z / f64::from(j + 1);
    }
    (-z).exp() * sum
}

/// Σ_{n≥1} (2n − 1)!! f(n) / tⁿ, summed at most up to its smallest term, for t ≥ 80.
pub(super) fn inverse_power_series(t: f64, f: impl Fn(u32) -> f64) -> f64 {
    let mut power = 1.0;
    let mut sum = 0.0;
    for n in 1..40 {
        power *= f64::from(2 * n - 1) / t;
        let term = power * f(n);
        sum += term;
        if term <= 1e-18 * sum {
            break;
        }
    }
    sum
}
