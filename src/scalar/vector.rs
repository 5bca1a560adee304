//! Several real numbers at once: the vectors of the processor at hand, and portable ones where it has none we know.
//!
//! A [`Kernel`] is written once, for any [`Vector`]; [`Real::vectorize`] detects the processor and runs it with the widest
//! vectors compiled in. On AVX2 a product and a sum are fused, elsewhere they are rounded twice: results agree to
//! rounding between processors, and to the bit between runs and thread counts on one.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

use super::Real;
pub use portable::Portable;

/// A multiple of every [`Vector::LANES`]: rows padded to it can be read by whole vectors.
pub const MAX_LANES: usize = 8;

/// A fixed number of real numbers, operated on element by element.
pub trait Vector: Copy {
    /// One of the numbers.
    type Element: Real;
    /// How many there are.
    const LANES: usize;

    /// `x` in every lane.
    fn splat(x: Self::Element) -> Self;
    /// The first `LANES` elements of a slice.
    fn load(from: &[Self::Element]) -> Self;
    /// Overwrites the first `LANES` elements of a slice.
    fn store(self, to: &mut [Self::Element]);
    /// self + other.
    fn add(self, other: Self) -> Self;
    /// self · other.
    fn mul(self, other: Self) -> Self;
    /// self / other.
    fn div(self, other: Self) -> Self;
    /// √self.
    fn sqrt(self) -> Self;
    /// self · factor + addend, rounded once or twice.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The larger of self and other; other where either is NaN.
    fn max(self, other: Self) -> Self;
    /// The sum over the lanes.
    fn sum(self) -> Self::Element;

    /// 0 in every lane.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(Self::Element::of(0.0))
    }

    /// The elements of a slice shorter than a vector, followed by zeros.
    #[inline(always)]
    fn load_part(from: &[Self::Element]) -> Self {
        let mut whole = [Self::Element::of(0.0); MAX_LANES];
        whole[..from.len()].copy_from_slice(from);
        Self::load(&whole)
    }

    /// Overwrites a slice shorter than a vector with the first lanes.
    #[inline(always)]
    fn store_part(self, to: &mut [Self::Element]) {
        let mut whole = [Self::Element::of(0.0); MAX_LANES];
        self.store(&mut whole);
        to.copy_from_slice(&whole[..to.len()]);
    }

    /// Overwrites a slice of at most a vector.
    #[inline(always)]
    fn store_some(self, to: &mut [Self::Element]) {
        if to.len() == Self::LANES { self.store(to) } else { self.store_part(to) }
    }
}

/// A computation for any vector type. `run` and all it calls must be `#[inline(always)]`, and must not cross into another
/// thread: only code inlined into [`Real::vectorize`] is compiled for the processor detected there.
pub trait Kernel<F: Real> {
    /// Its result.
    type Output;
    /// Computes it.
    fn run<V: Vector<Element = F>>(self) -> Self::Output;
}

/// Runs a kernel in f32.
pub(super) fn vectorize_f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        // SAFETY: AVX2 and FMA were detected.
        return unsafe { avx2::run_f32(kernel) };
    }
    kernel.run::<Portable<f32>>()
}

/// Runs a kernel in f64.
pub(super) fn vectorize_f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        // SAFETY: AVX2 and FMA were detected.
        return unsafe { avx2::run_f64(kernel) };
    }
    kernel.run::<Portable<f64>>()
}
