//! The 256-bit vectors of x86-64 processors with AVX2 and FMA: eight f32 or four f64.
//!
//! Invariant: the two vector types are named only by [`run_f32`] and [`run_f64`], which may be called only where
//! [`is_available`].

use super::pair::Pair;
use super::{Kernel, MAX_LANES, Vector};
use std::arch::x86_64::*;

/// Whether the processor has AVX2 and FMA.
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

x86_vector!(
    /// Eight f32.
    F32x8, Pair<Self>, __m256, f32, 8, 16, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps,
    _mm256_div_ps, _mm256_sqrt_ps, _mm256_max_ps, _mm256_fmadd_ps;

    #[inline(always)]
    fn where_positive(self, condition: Self, otherwise: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe {
            let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(condition.0, _mm256_setzero_ps());
            _mm256_blendv_ps(otherwise.0, self.0, positive)
        })
    }

    #[inline(always)]
    fn look_up(table: &[f32; MAX_LANES], fours: &[u8; MAX_LANES / 2]) -> Self {
        let low = i32::from_le_bytes(std::array::from_fn(|i| fours[i]));
        let shifts: [i32; 8] = std::array::from_fn(|lane| (lane * 4) as i32);
        // SAFETY: the module's invariant; the arrays have as many elements as are read.
        Self(unsafe {
            let words = _mm256_set1_epi32(low);
            let values = _mm256_srlv_epi32(words, _mm256_loadu_si256(shifts.as_ptr().cast()));
            // The lowest three bits of each; the fourth chooses the half of the table.
            let low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr()), values);
            let high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table[8..].as_ptr()), values);
            _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32::<28>(values)))
        })
    }

    #[inline(always)]
    fn unzip(self, next: Self) -> (Self, Self) {
        // SAFETY: the module's invariant.
        unsafe {
            // Of the first halves of both, then of the second halves.
            let evens = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(self.0, next.0));
            let odds = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(self.0, next.0));
            let evens = _mm256_permute4x64_pd::<0b11_01_10_00>(evens);
            let odds = _mm256_permute4x64_pd::<0b11_01_10_00>(odds);
            (Self(_mm256_castpd_ps(evens)), Self(_mm256_castpd_ps(odds)))
        }
    }
);
x86_vector!(
    /// Four f64.
    F64x4, Pair<Self>, __m256d, f64, 4, 16, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd,
    _mm256_div_pd, _mm256_sqrt_pd, _mm256_max_pd, _mm256_fmadd_pd;

    #[inline(always)]
    fn where_positive(self, condition: Self, otherwise: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe {
            let positive = _mm256_cmp_pd::<_CMP_GT_OQ>(condition.0, _mm256_setzero_pd());
            _mm256_blendv_pd(otherwise.0, self.0, positive)
        })
    }
);
