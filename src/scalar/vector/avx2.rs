//! The 256-bit vectors of x86-64 processors with AVX2 and FMA: eight f32 or four f64.
//!
//! Invariant: the two vector types are named only by [`run_f32`] and [`run_f64`], which may be called only where
//! [`is_available`]; so wherever one of their methods runs, the instructions it stands for exist.

use super::{Kernel, Vector};
use std::arch::x86_64::*;

/// Whether the processor has AVX2 and FMA.
#[inline]
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Runs a kernel compiled for AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) fn run_f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    kernel.run::<F32x8>()
}

/// Runs a kernel compiled for AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) fn run_f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    kernel.run::<F64x4>()
}

/// A vector type whose methods are one intrinsic each.
macro_rules! vector {
    ($(#[$doc:meta])* $name:ident, $register:ty, $element:ty, $lanes:literal,
     $splat:ident, $load:ident, $store:ident, $add:ident, $mul:ident, $div:ident, $sqrt:ident, $max:ident, $fma:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $name($register);

        impl Vector for $name {
            type Element = $element;
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(x: $element) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $splat(x) })
            }
            #[inline(always)]
            fn load(from: &[$element]) -> Self {
                let from = &from[..$lanes];
                // SAFETY: the module's invariant; the slice has as many elements as are read, and any alignment will do.
                Self(unsafe { $load(from.as_ptr()) })
            }
            #[inline(always)]
            fn store(self, to: &mut [$element]) {
                let to = &mut to[..$lanes];
                // SAFETY: the module's invariant; the slice has as many elements as are written, and any alignment will do.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $mul(self.0, other.0) })
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $div(self.0, other.0) })
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $fma(self.0, factor.0, addend.0) })
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $max(self.0, other.0) })
            }
            #[inline(always)]
            fn sum(self) -> $element {
                let mut lanes = [0.0; $lanes];
                self.store(&mut lanes);
                // In pairs: lane i and lane i + half, until one is left.
                let mut half = $lanes / 2;
                while half > 0 {
                    for i in 0..half {
                        lanes[i] += lanes[i + half];
                    }
                    half /= 2;
                }
                lanes[0]
            }
        }
    };
}

vector!(
    /// Eight f32.
    F32x8, __m256, f32, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_mul_ps,
    _mm256_div_ps, _mm256_sqrt_ps, _mm256_max_ps, _mm256_fmadd_ps
);
vector!(
    /// Four f64.
    F64x4, __m256d, f64, 4, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_mul_pd,
    _mm256_div_pd, _mm256_sqrt_pd, _mm256_max_pd, _mm256_fmadd_pd
);
