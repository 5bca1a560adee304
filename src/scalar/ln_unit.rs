//! ln u for u in (0, 1), without a branch, so that a loop over it is vectorized: see [`circle`](super::circle).
//!
//! ```text
//! u = 2ᵉ m,  ½√2 ≤ m < √2        s = (m − 1)/(m + 1),  |s| ≤ 0.1716
//! ln u = e ln 2 + 2 artanh s,    2 artanh s = 2 s + s R,    R = s² A(s²)
//! ```
//!
//! A is the polynomial of least largest error, 1.3e-18 of the result. With f = m − 1 (exact), 2 artanh s = f − s (f − R), so
//! that f carries no rounding error; ln 2 is split into a part whose products with e are exact and a rest. Relative
//! error at most 3e-16 (1.3 units in the last place), near 1 as well.

use super::fused_horner;

/// High part of ln 2: its last 21 bits are 0, so that e times it is exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
/// ln 2 − high part.
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// A, from the constant term up.
const A: [f64; 7] = [
    0.666_666_666_666_673_4,
    0.399_999_999_994_144_9,
    0.285_714_287_424_220_34,
    0.222_221_985_701_994_45,
    0.181_835_644_607_280_6,
    0.153_140_475_079_671_13,
    0.147_959_770_033_635_7,
];

/// ln u, for a positive normal u below 2.
#[inline(always)]
pub fn ln_unit(u: f64) -> f64 {
    // The bits of ½√2: what is added carries into the exponent exactly where the fraction reaches √2.
    const HALF_ROOT_2: u64 = 0x3FE6_A09E_667F_3BCD;
    const ONE: u64 = 0x3FF0_0000_0000_0000;
    // e + 1023 sits in the exponent bits of `shifted`; as the low bits of 2⁵², it is read as a number.
    const TWO_52: u64 = 0x4330_0000_0000_0000;
    let shifted = u.to_bits().wrapping_add(ONE - HALF_ROOT_2);
    let e = f64::from_bits(shifted >> 52 | TWO_52) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((shifted & 0x000F_FFFF_FFFF_FFFF) + HALF_ROOT_2);
    let f = m - 1.0;
    let s = f / (m + 1.0);
    let s2 = s * s;
    let sum = s2 * fused_horner(A, s2);
    let half_square = 0.5 * f * f;
    e.mul_add(LN_2_HIGH, f - (half_square - s.mul_add(half_square + sum, e * LN_2_LOW)))
}
