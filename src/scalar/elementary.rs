//! eˣ, ln x and ln(1 + x) in f32, without a branch or a call, so that a loop over them is vectorized.
//!
//! ```text
//! x = n ln 2 + r,  |r| ≤ ½ ln 2          eˣ = 2ⁿ (1 + r + r² P(r))
//! x = 2ᵉ (1 + f),  ½√2 ≤ 1 + f < √2      ln x = e ln 2 + f − f²/2 + f³ Q(f)
//! u = 1 + x as rounded                   ln(1 + x) = ln u + (x − (u − 1))/u
//! ```
//!
//! P and Q are the polynomials of least largest relative error of eˣ and ln x; these errors are 3.1e-9 and 5.9e-9, a tenth of
//! the spacing of f32 at most. ln 2 is split into a part whose products with n and e are exact and a rest. Largest relative error
//! over every x of the domain, in ε = 2⁻²³: eˣ 0.68 (where the result is subnormal, 0.75 of the spacing there), ln x 0.69,
//! ln(1 + x) 1.09.

/// The first ten bits of ln 2.
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
pub fn exp(x: f32) -> f32 {
    // Beyond these ends the result is 0 or infinite; comparisons leave NaN where it is.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    // Added to 1.5 · 2²³, a number is rounded to a whole one, which sits in the low bits.
    const WHOLE: f32 = 12_582_912.0;
    let shifted = x * std::f32::consts::LOG2_E + WHOLE;
    let n = shifted.to_bits().wrapping_sub(WHOLE.to_bits()) as i32;
    let whole = shifted - WHOLE;
    let r = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let power = 1.0 + (r + r * r * horner(P, r));
    // In two steps: 2ⁿ may be no normal number where the result still is one.
    let half = n >> 1;
    power * power_of_2(half) * power_of_2(n.wrapping_sub(half))
}

/// ln x; NaN for x < 0.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // The bits of ½√2: what is added carries into the exponent exactly where the fraction reaches √2.
    const HALF_ROOT_2: u32 = 0x3F35_04F3;
    const ONE: u32 = 0x3F80_0000;
    const TWO_23: f32 = 8_388_608.0;
    let is_subnormal = x < f32::MIN_POSITIVE;
    let normal = if is_subnormal { x * TWO_23 } else { x };
    let shifted = normal.to_bits().wrapping_add(ONE - HALF_ROOT_2);
    let e = (shifted >> 23) as i32 - if is_subnormal { 127 + 23 } else { 127 };
    let f = f32::from_bits((shifted & 0x007F_FFFF) + HALF_ROOT_2) - 1.0;
    let e = e as f32;
    let rest = f * f * f * horner(Q, f) + e * LN_2_LOW;
    let ln = (f + (rest - 0.5 * f * f)) + e * LN_2_HIGH;
    let ln = if x == f32::INFINITY { x } else { ln };
    let ln = if x == 0.0 { f32::NEG_INFINITY } else { ln };
    if x >= 0.0 { ln } else { f32::NAN }
}

/// ln(1 + x) for x ≥ 0.
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let ln = ln(u);
    if u < f32::INFINITY { ln + (x - (u - 1.0)) / u } else { ln }
}

#[inline(always)]
fn horner<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    coefficients.into_iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// 2ⁿ for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}
