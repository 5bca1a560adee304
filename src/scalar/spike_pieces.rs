//! D(t) and D′(t) of [`spike_kl`](super::spike_kl) for the lanes of a vector, at the cost of the fit or less. Training
//! computes the exact D with these polynomials. The sums of `spike_kl` are the definition; tests compare the
//! polynomials with them.
//!
//! ```text
//! q = t/16      u = 1 + q      w = q/u, in [0, 1)
//! k = ⌊8w⌋      s = w − k/8
//!
//! k = 0:   D = t P₀(s)              D′ = E₀(s)
//! k ≥ 1:   D = ½ ln u + P_k(s)      D′ = E_k(s)/u
//! ```
//!
//! P_k and E_k are minimax polynomials for the relative error, eight of each: D − ½ ln u and u D′ are smooth in w up to
//! w = 1, where t is infinite. The coefficients are in `table.rs`, which `fixtures/generate/spike_pieces.py` writes
//! from D and D′ at 50 digits. Each lane selects the coefficients of its piece by permuting a register, where the
//! processor can. Near t = 0 nothing cancels: D = t P₀ with P₀(0) = ½, and D′(0) = ½ exactly; and all terms of D are
//! positive.
//!
//! Largest relative error of D and of D′: in f32 2e-7 and 3e-7 over every t ≥ 0, except where they are subnormal: there
//! it is 0.5 and 1.3 of the spacing; in f64 5e-16 each. Where a product and a sum are rounded once, it is 1.71e-7 and
//! 2.69e-7 in f32. D(∞) = ∞ and D′(∞) = 0; for a NaN both are NaN.
//!
//! The two functions are derived in [chapter 2 of the course](crate::course::one_spike).

mod table;

use super::{Real, RealVector};
use crate::simd::{Vector, epsilon};

/// The coefficients of P, [`value`](Self::value), and E, [`derivative`](Self::derivative): for each power of s, from 0
/// up, the coefficients of the eight pieces.
#[derive(Clone, Copy, Debug)]
pub struct Polynomials<F: 'static> {
    /// P_k.
    pub value: &'static [[F; 8]],
    /// E_k.
    pub derivative: &'static [[F; 8]],
}

/// Polynomials of degrees 5 and 6.
pub const F32: Polynomials<f32> = Polynomials { value: &table::F32_VALUE, derivative: &table::F32_DERIVATIVE };
/// Polynomials of degrees 12 and 14.
pub const F64: Polynomials<f64> = Polynomials { value: &table::F64_VALUE, derivative: &table::F64_DERIVATIVE };

/// (D(t), D′(t)) in nats, for t ≥ 0.
#[inline(always)]
pub fn value_and_derivative<V: RealVector>(t: V) -> (V, V) {
    let (one, epsilon) = (V::of(1.0), epsilon::<V::Element>());
    let q = V::of(1.0 / 16.0) * t;
    let u = one + q;
    let r = one / u;
    // For the largest t, w would be rounded to 1, which is in no piece; for t = ∞ it would be NaN.
    let w = (q * r).min(V::of(1.0 - epsilon / 2.0));
    // A number as large as `eighths` is rounded to a multiple of 1/8; its three lowest bits are then k.
    let eighths = V::of(0.1875 / epsilon);
    let piece = (w - V::of(1.0 / 16.0)) + eighths;
    let s = w - (piece - eighths);
    let is_first = piece.equals(eighths);
    let value = polynomial(V::Element::SPIKE_PIECES.value, s, piece);
    let derivative = polynomial(V::Element::SPIKE_PIECES.derivative, s, piece);
    let value = V::select(is_first, t * value, V::of(0.5) * V::Element::ln_without_call_of(u) + value);
    let derivative = V::select(is_first, derivative, derivative * r);
    // D(∞) = ∞; NaN stays NaN.
    (V::select(u.below(V::of(f64::INFINITY)), value, u), derivative)
}

/// A polynomial in s, with the coefficients of each lane's `piece`.
#[inline(always)]
fn polynomial<V: Vector>(rows: &[[V::Element; 8]], s: V, piece: V) -> V {
    let mut sum = V::zero();
    for row in rows.iter().rev() {
        sum = sum.mul_add(s, piece.pick(row));
    }
    sum
}
