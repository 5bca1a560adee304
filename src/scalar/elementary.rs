//! eˣ, ln x and ln(1 + x) in f32, for one number or for the lanes of a vector, without a branch or a call.
//!
//! ```text
//! x = n ln 2 + r,  |r| ≤ ½ ln 2
//!     eˣ = 2ⁿ (1 + r + r² P(r))
//! x = 2ᵉ (1 + f),  ½√2 ≤ 1 + f < √2
//!     ln x = e ln 2 + f − f²/2 + f³ Q(f)
//! u = 1 + x as rounded
//!     ln(1 + x) = ln u + (x − (u − 1))/u
//! ```
//!
//! P and Q are minimax polynomials; with their coefficients rounded to f32, the relative errors of eˣ and ln x are 3.8e-9
//! and 6.3e-9, about a tenth of half the spacing of f32. ln 2 is split into a part whose products with n and e are exact, and the remainder.
//! Products and sums are rounded separately, so that every vector type returns the same bits. Largest relative error
//! over every x of the domain, in ε = 2⁻²³: eˣ 0.68 (where the result is subnormal, 0.75 of the spacing there), ln x
//! 0.69, ln(1 + x) 1.09.

use crate::simd::Vector;

/// ln 2, rounded to ten bits.
const LN_2_HIGH: f32 = 355.0 / 512.0;
/// ln 2 − high part.
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// P, from the constant term up.
const P: [f32; 5] = [0.499_999_94, 0.166_665_21, 0.041_668_39, 0.008_368_71, 0.001_381_464_3];
/// Q, from the constant term up.
const Q: [f32; 8] =
    [0.333_333_3, -0.250_008_2, 0.200_012_27, -0.166_233_61, 0.142_017_81, -0.131_601_69, 0.127_614_14, -0.076_343_3];

/// eˣ.
#[inline(always)]
pub fn exp<V: Vector<Element = f32>>(x: V) -> V {
    // Beyond these bounds the result is 0 or infinite; NaN stays NaN.
    let x = V::splat(-104.0).max(V::splat(89.0).min(x));
    // Adding 1.5 · 2²³ rounds a number to an integer.
    const WHOLE: f32 = 12_582_912.0;
    let n = (x * V::splat(std::f32::consts::LOG2_E) + V::splat(WHOLE)) - V::splat(WHOLE);
    let r = (x - n * V::splat(LN_2_HIGH)) - n * V::splat(LN_2_LOW);
    let power = V::splat(1.0) + (r + r * r * horner(P, r));
    power.scale_by_power_of_2(n)
}

/// ln x; NaN for x < 0.
#[inline(always)]
pub fn ln<V: Vector<Element = f32>>(x: V) -> V {
    const TWO_23: f32 = 8_388_608.0;
    let is_subnormal = x.below(V::splat(f32::MIN_POSITIVE));
    let (m, e) = V::select(is_subnormal, x * V::splat(TWO_23), x).split();
    let e = V::select(is_subnormal, e - V::splat(23.0), e);
    let ln = ln_of_parts(m, e);
    let ln = V::select(x.equals(V::splat(f32::INFINITY)), x, ln);
    let ln = V::select(x.equals(V::splat(0.0)), V::splat(f32::NEG_INFINITY), ln);
    V::select(V::splat(0.0).at_most(x), ln, V::splat(f32::NAN))
}

/// ln x for positive normal x; unspecified for other x.
#[inline(always)]
pub fn ln_normal<V: Vector<Element = f32>>(x: V) -> V {
    let (m, e) = x.split();
    ln_of_parts(m, e)
}

/// ln(2ᵉ m), ½√2 ≤ m < √2.
#[inline(always)]
fn ln_of_parts<V: Vector<Element = f32>>(m: V, e: V) -> V {
    let f = m - V::splat(1.0);
    let rest = f * f * f * horner(Q, f) + e * V::splat(LN_2_LOW);
    (f + (rest - V::splat(0.5) * f * f)) + e * V::splat(LN_2_HIGH)
}

/// ln(1 + x) for x ≥ 0.
#[inline(always)]
pub fn ln_1p<V: Vector<Element = f32>>(x: V) -> V {
    let one = V::splat(1.0);
    let u = one + x;
    V::select(u.below(V::splat(f32::INFINITY)), ln_normal(u) + (x - (u - one)) / u, u)
}

#[inline(always)]
fn horner<V: Vector, const N: usize>(coefficients: [V::Element; N], x: V) -> V {
    let mut sum = V::zero();
    for coefficient in coefficients.into_iter().rev() {
        sum = sum * x + V::splat(coefficient);
    }
    sum
}
