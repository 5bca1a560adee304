//! ln u in f64, without a branch. Two modules use it: the noise, for u in (0, 1), together with
//! [`circle`](super::circle); and [`spike_pieces`](super::spike_pieces), for u = 1 + t/16.
//!
//! ```text
//! u = 2ᵉ m,  ½√2 ≤ m < √2       s = (m − 1)/(m + 1),  |s| ≤ 0.1716
//! ln u = e ln 2 + 2 artanh s
//! 2 artanh s = 2 s + s R,       R = s² A(s²)
//! ```
//!
//! A is a minimax polynomial, with an error of 1.9e-18 of the result. With f = m − 1 (exact), 2 artanh s = f − (f²/2 −
//! s (f²/2 + R)), so that f has no rounding error; ln 2 is split into a part whose products with e are exact, and the
//! remainder.
//! Where a product and a sum are rounded once, the relative error is at most 3e-16 (1.3 units in the last place), near
//! 1 as well.

use crate::simd::Vector;

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

/// ln u, for a positive normal u.
#[inline(always)]
pub fn ln_unit<V: Vector<Element = f64>>(u: V) -> V {
    let (m, e) = u.split();
    let f = m - V::splat(1.0);
    let s = f / (m + V::splat(1.0));
    let s2 = s * s;
    let mut sum = V::zero();
    for a in A.into_iter().rev() {
        sum = sum.mul_add(s2, V::splat(a));
    }
    let sum = s2 * sum;
    let half_square = V::splat(0.5) * f * f;
    e.mul_add(V::splat(LN_2_HIGH), f - (half_square - s.mul_add(half_square + sum, e * V::splat(LN_2_LOW))))
}
