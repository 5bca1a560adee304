//! The 256-bit vectors of x86-64 processors with AVX2 and FMA: eight f32 or four f64.
//!
//! Invariant: the two vector types are named only by [`run_f32`] and [`run_f64`], which may be called only where
//! [`is_available`].

use super::pair::Pair;
use super::{Kernel, MAX_LANES, Mask, Vector, split};
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
    _mm256_div_ps, _mm256_sqrt_ps, _mm256_max_ps, _mm256_min_ps, _mm256_fmadd_ps, _mm256_xor_ps, _mm256_andnot_ps;

    type Mask = Self;

    #[inline(always)]
    fn below(self, other: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn equals(self, other: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_blendv_ps(no.0, yes.0, mask.0) })
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: the module's invariant.
        unsafe {
            let shifted = _mm256_add_epi32(_mm256_castps_si256(self.0), _mm256_set1_epi32(split::F32_SHIFT));
            let e = _mm256_sub_epi32(_mm256_srli_epi32::<23>(shifted), _mm256_set1_epi32(127));
            let m = _mm256_and_si256(shifted, _mm256_set1_epi32(split::F32_FRACTION));
            let m = _mm256_add_epi32(m, _mm256_set1_epi32(split::F32_HALF_ROOT_2));
            (Self(_mm256_castsi256_ps(m)), Self(_mm256_cvtepi32_ps(e)))
        }
    }

    #[inline(always)]
    fn power_of_2(self) -> Self {
        let shifted = self + Self::splat(split::F32_WHOLE + 127.0);
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(shifted.0))) })
    }

    #[inline(always)]
    fn pick(self, table: &[f32; 8]) -> Self {
        // SAFETY: the module's invariant; the table has all elements that are read. The lowest three bits are the
        // index.
        Self(unsafe { _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr()), _mm256_castps_si256(self.0)) })
    }

    #[inline(always)]
    fn look_up(table: &[f32; MAX_LANES], fours: &[u8; MAX_LANES / 2]) -> Self {
        let low = i32::from_le_bytes(std::array::from_fn(|i| fours[i]));
        let shifts: [i32; 8] = std::array::from_fn(|lane| (lane * 4) as i32);
        // SAFETY: the module's invariant; the arrays have all elements that are read.
        Self(unsafe {
            let words = _mm256_set1_epi32(low);
            let values = _mm256_srlv_epi32(words, _mm256_loadu_si256(shifts.as_ptr().cast()));
            // The lowest three bits of each value are the index; the fourth selects the half of the table.
            let low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr()), values);
            let high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table[8..].as_ptr()), values);
            _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32::<28>(values)))
        })
    }

    #[inline(always)]
    fn unzip(self, next: Self) -> (Self, Self) {
        // SAFETY: the module's invariant.
        unsafe {
            // The lanes from the first halves of both vectors, then those from the second halves.
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
    _mm256_div_pd, _mm256_sqrt_pd, _mm256_max_pd, _mm256_min_pd, _mm256_fmadd_pd, _mm256_xor_pd, _mm256_andnot_pd;

    type Mask = Self;

    #[inline(always)]
    fn below(self, other: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_cmp_pd::<_CMP_LT_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_cmp_pd::<_CMP_LE_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn equals(self, other: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_cmp_pd::<_CMP_EQ_OQ>(self.0, other.0) })
    }

    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_blendv_pd(no.0, yes.0, mask.0) })
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: the module's invariant.
        unsafe {
            let shifted = _mm256_add_epi64(_mm256_castpd_si256(self.0), _mm256_set1_epi64x(split::F64_SHIFT));
            let e = _mm256_or_si256(_mm256_srli_epi64::<52>(shifted), _mm256_set1_epi64x(split::F64_TWO_52));
            let m = _mm256_and_si256(shifted, _mm256_set1_epi64x(split::F64_FRACTION));
            let m = _mm256_add_epi64(m, _mm256_set1_epi64x(split::F64_HALF_ROOT_2));
            (Self(_mm256_castsi256_pd(m)), Self(_mm256_castsi256_pd(e)) - Self::splat(split::F64_BIAS))
        }
    }

    #[inline(always)]
    fn power_of_2(self) -> Self {
        let shifted = self + Self::splat(split::F64_WHOLE + 1023.0);
        // SAFETY: the module's invariant.
        Self(unsafe { _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(shifted.0))) })
    }

    #[inline(always)]
    fn pick(self, table: &[f64; 8]) -> Self {
        // SAFETY: the module's invariant; the table has all elements that are read. A number of 64 bits is picked as
        // two of 32, from the half of the table that the third bit selects.
        Self(unsafe {
            let n = _mm256_castpd_si256(self.0);
            let twice = _mm256_slli_epi64::<1>(n);
            let both = _mm256_or_si256(twice, _mm256_slli_epi64::<32>(twice));
            let both = _mm256_or_si256(both, _mm256_set1_epi64x(1 << 32));
            let low = _mm256_permutevar8x32_ps(_mm256_castpd_ps(_mm256_loadu_pd(table.as_ptr())), both);
            let high = _mm256_permutevar8x32_ps(_mm256_castpd_ps(_mm256_loadu_pd(table[4..].as_ptr())), both);
            let upper = _mm256_castsi256_pd(_mm256_slli_epi64::<61>(n));
            _mm256_blendv_pd(_mm256_castps_pd(low), _mm256_castps_pd(high), upper)
        })
    }
);

/// Both vector types are their own masks: all bits of a lane are set, or none.
macro_rules! own_mask {
    ($name:ident, $and:ident, $or:ident, $signs:ident, $all:literal) => {
        impl std::ops::BitAnd for $name {
            type Output = Self;
            #[inline(always)]
            fn bitand(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $and(self.0, other.0) })
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            #[inline(always)]
            fn bitor(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $or(self.0, other.0) })
            }
        }

        impl Mask for $name {
            #[inline(always)]
            fn all(self) -> bool {
                // SAFETY: the module's invariant.
                unsafe { $signs(self.0) == $all }
            }
            #[inline(always)]
            fn any(self) -> bool {
                // SAFETY: the module's invariant.
                unsafe { $signs(self.0) != 0 }
            }
        }
    };
}
own_mask!(F32x8, _mm256_and_ps, _mm256_or_ps, _mm256_movemask_ps, 255);
own_mask!(F64x4, _mm256_and_pd, _mm256_or_pd, _mm256_movemask_pd, 15);
