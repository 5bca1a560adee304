//! The 512-bit vectors of x86-64 processors with AVX-512F, BW, DQ and VL: sixteen f32 or eight f64.
//!
//! Invariant: the two vector types are named only by [`run_f32`] and [`run_f64`], which may be called only where
//! [`is_available`].

use super::{Kernel, MAX_LANES, Mask, Vector, segment, split};
use std::arch::x86_64::*;

/// Whether the processor has AVX-512F, BW, DQ and VL, and AVX2 and FMA.
pub(super) fn is_available() -> bool {
    super::avx2::is_available()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

/// Runs a kernel compiled for AVX-512.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn run_f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    kernel.run::<F32x16>()
}

/// Runs a kernel compiled for AVX-512.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn run_f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    kernel.run::<F64x8>()
}

impl Mask for u16 {
    #[inline(always)]
    fn all(self) -> bool {
        self == Self::MAX
    }
    #[inline(always)]
    fn any(self) -> bool {
        self != 0
    }
}

impl Mask for u8 {
    #[inline(always)]
    fn all(self) -> bool {
        self == Self::MAX
    }
    #[inline(always)]
    fn any(self) -> bool {
        self != 0
    }
}

x86_vector!(
    /// Sixteen f32.
    F32x16, Self, __m512, f32, 16, 32, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps,
    _mm512_div_ps, _mm512_sqrt_ps, _mm512_max_ps, _mm512_min_ps, _mm512_fmadd_ps, _mm512_xor_ps, _mm512_andnot_ps;

    type Mask = u16;

    #[inline(always)]
    fn below(self, other: Self) -> u16 {
        // SAFETY: the module's invariant.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> u16 {
        // SAFETY: the module's invariant.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn equals(self, other: Self) -> u16 {
        // SAFETY: the module's invariant.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn select(mask: u16, yes: Self, no: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm512_mask_mov_ps(no.0, mask, yes.0) })
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: the module's invariant.
        unsafe {
            let shifted = _mm512_add_epi32(_mm512_castps_si512(self.0), _mm512_set1_epi32(split::F32_SHIFT));
            let e = _mm512_sub_epi32(_mm512_srli_epi32::<23>(shifted), _mm512_set1_epi32(127));
            let m = _mm512_and_si512(shifted, _mm512_set1_epi32(split::F32_FRACTION));
            let m = _mm512_add_epi32(m, _mm512_set1_epi32(split::F32_HALF_ROOT_2));
            (Self(_mm512_castsi512_ps(m)), Self(_mm512_cvtepi32_ps(e)))
        }
    }

    #[inline(always)]
    fn power_of_2(self) -> Self {
        let shifted = self + Self::splat(split::F32_WHOLE + 127.0);
        // SAFETY: the module's invariant.
        Self(unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(shifted.0))) })
    }

    #[inline(always)]
    fn scale_by_power_of_2(self, n: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm512_scalef_ps(self.0, n.0) })
    }

    #[inline(always)]
    fn pick(self, table: &[f32; 8]) -> Self {
        // SAFETY: the module's invariant; the table has all elements that are read. The index has four bits; the fourth
        // does not matter, since both halves of the vector hold the table.
        Self(unsafe {
            let table = _mm512_broadcast_f32x8(_mm256_loadu_ps(table.as_ptr()));
            _mm512_permutexvar_ps(_mm512_castps_si512(self.0), table)
        })
    }

    #[inline(always)]
    fn load_segments(from: &[f32], offset: u32, starts: &[u32]) -> Self {
        let (low, high) = (segment(from, offset, starts[0], 8), segment(from, offset, starts[1], 8));
        // SAFETY: the module's invariant; the slices have all elements that are read; no alignment is needed.
        Self(unsafe {
            let low = _mm512_castps256_ps512(_mm256_loadu_ps(low.as_ptr()));
            _mm512_insertf32x8::<1>(low, _mm256_loadu_ps(high.as_ptr()))
        })
    }

    #[inline(always)]
    fn look_up(table: &[f32; MAX_LANES], fours: &[u8; MAX_LANES / 2]) -> Self {
        // The numbers in the first half of `fours` go to the even lanes, those in the second half to the odd lanes.
        let shifts: [i32; 16] = std::array::from_fn(|lane| 4 * (lane as i32 / 2));
        // SAFETY: the module's invariant; the arrays have all elements that are read.
        Self(unsafe {
            let halves = _mm512_set1_epi64(i64::from_le_bytes(*fours));
            let values = _mm512_srlv_epi32(halves, _mm512_loadu_si512(shifts.as_ptr().cast()));
            // The lowest four bits of each lane are the index.
            _mm512_permutexvar_ps(values, _mm512_loadu_ps(table.as_ptr()))
        })
    }

    #[inline(always)]
    fn in_order(self) -> Self {
        let from: [i32; 16] = std::array::from_fn(|lane| lane as i32 % 8 * 2 + lane as i32 / 8);
        // SAFETY: the module's invariant; the array has all elements that are read.
        Self(unsafe { _mm512_permutexvar_ps(_mm512_loadu_si512(from.as_ptr().cast()), self.0) })
    }

    #[inline(always)]
    fn unzip(self, next: Self) -> (Self, Self) {
        let every_other = |first: usize| {
            let from: [i32; 16] = std::array::from_fn(|lane| (2 * lane + first) as i32);
            // SAFETY: the module's invariant; the array has all elements that are read.
            Self(unsafe { _mm512_permutex2var_ps(self.0, _mm512_loadu_si512(from.as_ptr().cast()), next.0) })
        };
        (every_other(0), every_other(1))
    }

    #[inline(always)]
    fn transpose(square: &mut [Self; MAX_LANES]) {
        *square = f32_stage::<8>(f32_stage::<4>(f32_stage::<2>(f32_stage::<1>(*square))));
    }
);
x86_vector!(
    /// Eight f64.
    F64x8, Self, __m512d, f64, 8, 32, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd,
    _mm512_div_pd, _mm512_sqrt_pd, _mm512_max_pd, _mm512_min_pd, _mm512_fmadd_pd, _mm512_xor_pd, _mm512_andnot_pd;

    type Mask = u8;

    #[inline(always)]
    fn below(self, other: Self) -> u8 {
        // SAFETY: the module's invariant.
        unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> u8 {
        // SAFETY: the module's invariant.
        unsafe { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn equals(self, other: Self) -> u8 {
        // SAFETY: the module's invariant.
        unsafe { _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn select(mask: u8, yes: Self, no: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm512_mask_mov_pd(no.0, mask, yes.0) })
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: the module's invariant.
        unsafe {
            let shifted = _mm512_add_epi64(_mm512_castpd_si512(self.0), _mm512_set1_epi64(split::F64_SHIFT));
            let e = _mm512_or_si512(_mm512_srli_epi64::<52>(shifted), _mm512_set1_epi64(split::F64_TWO_52));
            let m = _mm512_and_si512(shifted, _mm512_set1_epi64(split::F64_FRACTION));
            let m = _mm512_add_epi64(m, _mm512_set1_epi64(split::F64_HALF_ROOT_2));
            (Self(_mm512_castsi512_pd(m)), Self(_mm512_castsi512_pd(e)) - Self::splat(split::F64_BIAS))
        }
    }

    #[inline(always)]
    fn power_of_2(self) -> Self {
        let shifted = self + Self::splat(split::F64_WHOLE + 1023.0);
        // SAFETY: the module's invariant.
        Self(unsafe { _mm512_castsi512_pd(_mm512_slli_epi64::<52>(_mm512_castpd_si512(shifted.0))) })
    }

    #[inline(always)]
    fn scale_by_power_of_2(self, n: Self) -> Self {
        // SAFETY: the module's invariant.
        Self(unsafe { _mm512_scalef_pd(self.0, n.0) })
    }

    #[inline(always)]
    fn pick(self, table: &[f64; 8]) -> Self {
        // SAFETY: the module's invariant; the table has all elements that are read.
        Self(unsafe { _mm512_permutexvar_pd(_mm512_castpd_si512(self.0), _mm512_loadu_pd(table.as_ptr())) })
    }
);

/// A stage of the transposition: in every square of 2·`S` rows and lanes, the two squares of `S` off the diagonal are
/// exchanged.
#[inline(always)]
fn f32_stage<const S: usize>(rows: [F32x16; 16]) -> [F32x16; 16] {
    let lanes = const { [exchanged::<S>(false), exchanged::<S>(true)] };
    let mut exchanged = rows;
    for i in 0..16 {
        let (first, second, lanes) = (rows[i & !S].0, rows[i | S].0, &lanes[(i & S != 0) as usize]);
        // SAFETY: the invariant of this module, whose vectors are the argument; the array has all elements that are
        // read.
        exchanged[i].0 = unsafe { _mm512_permutex2var_ps(first, _mm512_loadu_si512(lanes.as_ptr().cast()), second) };
    }
    exchanged
}

/// For each lane of one row of a pair (the first row or, if `second`, the second): the index of the lane that it is
/// copied from. Indices 0 to 15 are lanes of the first row, 16 to 31 lanes of the second row.
const fn exchanged<const S: usize>(second: bool) -> [i32; 16] {
    let mut lanes = [0; 16];
    let mut j = 0;
    while j < 16 {
        lanes[j] = match (second, j & S != 0) {
            (false, false) => j,
            (false, true) => 16 + j - S,
            (true, false) => j + S,
            (true, true) => 16 + j,
        } as i32;
        j += 1;
    }
    lanes
}
