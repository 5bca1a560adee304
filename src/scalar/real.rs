//! The working precision: f32 or f64.

use super::spike_pieces::{self, Polynomials};
use super::vector::{Kernel, Vector, vectorize_f32, vectorize_f64};
use super::{elementary, ln_unit};
use ndarray::NdFloat;
use ndarray_rand::rand_distr::uniform::SampleUniform;
use std::iter::Sum;

/// A floating-point number of the working precision.
pub trait Real: NdFloat + SampleUniform + Sum + Default {
    /// The type itself, as a vector of one lane.
    type One: Vector<Element = Self>;
    /// The polynomials of [`spike_pieces`].
    const SPIKE_PIECES: Polynomials<Self>;
    /// The function of the crate matrixmultiply that computes c := α a b + β c.
    const GEMM: Gemm<Self>;
    /// `x` rounded once to the working precision.
    fn of(x: f64) -> Self;
    /// The value in double precision, exactly.
    fn as_f64(self) -> f64;
    /// eˣ in each lane: in f32 by [`elementary`], in f64, which checks gradients, by the standard library.
    fn exp_of<V: Vector<Element = Self>>(x: V) -> V;
    /// ln x in each lane, by the same method.
    fn ln_of<V: Vector<Element = Self>>(x: V) -> V;
    /// ln(1 + x) for x ≥ 0 in each lane, by the same method.
    fn ln_1p_of<V: Vector<Element = Self>>(x: V) -> V;
    /// ln x by the method of [`Real::ln_of`], for positive normal x; unspecified for other x.
    fn ln_normal_of<V: Vector<Element = Self>>(x: V) -> V;
    /// ln x for positive normal x, without a call in f64 too; unspecified for other x.
    fn ln_without_call_of<V: Vector<Element = Self>>(x: V) -> V;
    /// eˣ by the method of [`Real::exp_of`], so that a loop over it is vectorized in f32.
    fn exp_in_loop(self) -> Self;
    /// Runs a kernel with the widest vectors of the processor.
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output;
}

/// The arguments are m, k, n, α, a (m, k) with its strides, b (k, n) with its strides, β, and c (m, n) with its
/// strides. The strides are those of a row and of a column, in elements.
pub type Gemm<F> =
    unsafe fn(usize, usize, usize, F, *const F, isize, isize, *const F, isize, isize, F, *mut F, isize, isize);

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
    type One = Self;
    const SPIKE_PIECES: Polynomials<Self> = spike_pieces::F32;
    const GEMM: Gemm<Self> = matrixmultiply::sgemm;
    fn of(x: f64) -> Self {
        x as f32
    }
    fn as_f64(self) -> f64 {
        self.into()
    }
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
    #[inline]
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output {
        vectorize_f32(kernel)
    }
}

impl Real for f64 {
    type One = Self;
    const SPIKE_PIECES: Polynomials<Self> = spike_pieces::F64;
    const GEMM: Gemm<Self> = matrixmultiply::dgemm;
    fn of(x: f64) -> Self {
        x
    }
    fn as_f64(self) -> f64 {
        self
    }
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
    #[inline]
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output {
        vectorize_f64(kernel)
    }
}

/// Whether a candidate replaces the maximum so far: it is larger, or the first NaN.
#[inline(always)]
pub(crate) fn exceeds<F: Real>(candidate: F, maximum: F) -> bool {
    (candidate > maximum) | (candidate.is_nan() & !maximum.is_nan())
}
