//! The working precision: f32 or f64.

use super::spike_pieces::{self, Polynomials};
use super::{elementary, ln_unit};
use crate::simd::{Lane, Vector};
use ndarray_rand::rand_distr::uniform::SampleUniform;
use std::iter::Sum;

/// A [`Lane`] with elementary functions: the type of number, f32 or f64, in which layers, priors and training compute.
pub trait Real: Lane + SampleUniform + Sum {
    /// The polynomials of [`spike_pieces`].
    const SPIKE_PIECES: Polynomials<Self>;
    /// The function of the crate matrixmultiply that computes c := α a b + β c.
    const GEMM: Gemm<Self>;
    /// eˣ in each lane: in f32 by [`elementary`], in f64, which checks gradients, by the standard library.
    fn exp_of<V: Vector<Element = Self>>(x: V) -> V;
    /// ln x in each lane, by the same method.
    fn ln_of<V: Vector<Element = Self>>(x: V) -> V;
    /// ln(1 + x) for x ≥ 0 in each lane, by the same method.
    fn ln_1p_of<V: Vector<Element = Self>>(x: V) -> V;
    /// ln x by the method of [`Real::ln_of`], for positive normal x; unspecified for other x.
    fn ln_normal_of<V: Vector<Element = Self>>(x: V) -> V;
    /// ln x for positive normal x, by arithmetic alone: in f64 [`Real::ln_of`] calls the standard library for each lane,
    /// this does not. Unspecified for other x.
    fn ln_without_call_of<V: Vector<Element = Self>>(x: V) -> V;
    /// eˣ by the method of [`Real::exp_of`], so that a loop over it is vectorized in f32.
    fn exp_in_loop(self) -> Self;
}

/// A vector of numbers of the working precision, and its elementary functions.
pub trait RealVector: Vector<Element: Real> {
    /// e^self: see [`Real::exp_of`].
    #[inline(always)]
    fn exp(self) -> Self {
        Self::Element::exp_of(self)
    }

    /// ln self: see [`Real::ln_of`].
    #[inline(always)]
    fn ln(self) -> Self {
        Self::Element::ln_of(self)
    }

    /// ln(1 + self), for numbers of at least 0: see [`Real::ln_1p_of`].
    #[inline(always)]
    fn ln_1p(self) -> Self {
        Self::Element::ln_1p_of(self)
    }
}

impl<V: Vector<Element: Real>> RealVector for V {}

/// The arguments are m, k, n, α, a (m, k) with its strides, b (k, n) with its strides, β, and c (m, n) with its
/// strides. The strides are those of a row and of a column, in elements.
pub type Gemm<F> =
    unsafe fn(usize, usize, usize, F, *const F, isize, isize, *const F, isize, isize, F, *mut F, isize, isize);

/// `x` clamped to [`lowest`, `highest`]. A NaN stays a NaN, unlike with `min` and `max`, so that a later check finds it.
#[inline(always)]
pub(crate) fn clamp<F: Real>(x: F, lowest: F, highest: F) -> F {
    let raised = if x < lowest { lowest } else { x };
    if raised > highest { highest } else { raised }
}

/// A refused number for an error message, with its value in the precision `F` in which it would be used, if that
/// differs.
pub(crate) fn seen_in<F: Real>(number: f64) -> String {
    let rounded = F::of(number);
    if number.is_nan() || rounded.as_f64() == number {
        return number.to_string();
    }
    // `{:?}` prints 1e-46, where `{}` would print 46 decimal places.
    format!("{number:?}, in F{} {rounded:?}", 8 * std::mem::size_of::<F>())
}

impl Real for f32 {
    const SPIKE_PIECES: Polynomials<Self> = spike_pieces::F32;
    const GEMM: Gemm<Self> = matrixmultiply::sgemm;
    #[inline(always)]
    fn exp_of<V: Vector<Element = Self>>(x: V) -> V {
        elementary::exp(x)
    }
    #[inline(always)]
    fn ln_of<V: Vector<Element = Self>>(x: V) -> V {
        elementary::ln(x)
    }
    #[inline(always)]
    fn ln_1p_of<V: Vector<Element = Self>>(x: V) -> V {
        elementary::ln_1p(x)
    }
    #[inline(always)]
    fn ln_normal_of<V: Vector<Element = Self>>(x: V) -> V {
        elementary::ln_normal(x)
    }
    #[inline(always)]
    fn ln_without_call_of<V: Vector<Element = Self>>(x: V) -> V {
        elementary::ln_normal(x)
    }
    #[inline(always)]
    fn exp_in_loop(self) -> Self {
        elementary::exp(self)
    }
}

impl Real for f64 {
    const SPIKE_PIECES: Polynomials<Self> = spike_pieces::F64;
    const GEMM: Gemm<Self> = matrixmultiply::dgemm;
    #[inline(always)]
    fn exp_of<V: Vector<Element = Self>>(x: V) -> V {
        x.map(Self::exp)
    }
    #[inline(always)]
    fn ln_of<V: Vector<Element = Self>>(x: V) -> V {
        x.map(Self::ln)
    }
    #[inline(always)]
    fn ln_1p_of<V: Vector<Element = Self>>(x: V) -> V {
        x.map(Self::ln_1p)
    }
    #[inline(always)]
    fn ln_normal_of<V: Vector<Element = Self>>(x: V) -> V {
        x.map(Self::ln)
    }
    #[inline(always)]
    fn ln_without_call_of<V: Vector<Element = Self>>(x: V) -> V {
        ln_unit::ln_unit(x)
    }
    #[inline(always)]
    fn exp_in_loop(self) -> Self {
        self.exp()
    }
}

/// Whether a candidate replaces the maximum so far: it is larger, or the first NaN.
#[inline(always)]
pub(crate) fn exceeds<F: Real>(candidate: F, maximum: F) -> bool {
    (candidate > maximum) | (candidate.is_nan() & !maximum.is_nan())
}
