//! Computes, by operations on bits, the exponent e and the fraction m, ½√2 ≤ m < √2, of a positive normal number, and
//! the powers 2ⁿ.

/// The bits of ½√2.
pub(super) const F32_HALF_ROOT_2: i32 = 0x3F35_04F3;
/// The bits of ½√2.
pub(super) const F64_HALF_ROOT_2: i64 = 0x3FE6_A09E_667F_3BCD;
/// The bits of 1 minus the bits of ½√2: added to the bits of a number, they carry into the exponent exactly if the
/// fraction is at least √2.
pub(super) const F32_SHIFT: i32 = 0x3F80_0000 - F32_HALF_ROOT_2;
/// As [`F32_SHIFT`].
pub(super) const F64_SHIFT: i64 = 0x3FF0_0000_0000_0000 - F64_HALF_ROOT_2;
/// The bits of the fraction.
pub(super) const F32_FRACTION: i32 = 0x007F_FFFF;
/// The bits of the fraction.
pub(super) const F64_FRACTION: i64 = 0x000F_FFFF_FFFF_FFFF;
/// 1.5 · 2²³: the low bits of its sum with an integer are that integer.
pub(super) const F32_WHOLE: f32 = 12_582_912.0;
/// 1.5 · 2⁵², likewise.
pub(super) const F64_WHOLE: f64 = 6_755_399_441_055_744.0;
/// The bits of 2⁵²; with e + 1023 as its low bits, the number is 2⁵² + 1023 + e.
pub(super) const F64_TWO_52: i64 = 0x4330_0000_0000_0000;
/// 2⁵² + 1023.
pub(super) const F64_BIAS: f64 = 4_503_599_627_370_496.0 + 1023.0;

/// (m, e) of one number.
#[inline(always)]
pub(super) fn f32(x: f32) -> (f32, f32) {
    let shifted = x.to_bits().wrapping_add(F32_SHIFT as u32);
    let m = (shifted & F32_FRACTION as u32) + F32_HALF_ROOT_2 as u32;
    (f32::from_bits(m), ((shifted >> 23) as i32 - 127) as f32)
}

/// (m, e) of one number.
#[inline(always)]
pub(super) fn f64(x: f64) -> (f64, f64) {
    let shifted = x.to_bits().wrapping_add(F64_SHIFT as u64);
    let m = (shifted & F64_FRACTION as u64) + F64_HALF_ROOT_2 as u64;
    (f64::from_bits(m), f64::from_bits(shifted >> 52 | F64_TWO_52 as u64) - F64_BIAS)
}

/// 2ⁿ.
pub(super) mod power_of_2 {
    /// For −126 ≤ n ≤ 127.
    #[inline(always)]
    pub(in super::super) fn f32(n: f32) -> f32 {
        f32::from_bits((n + (super::F32_WHOLE + 127.0)).to_bits() << 23)
    }

    /// For −1022 ≤ n ≤ 1023.
    #[inline(always)]
    pub(in super::super) fn f64(n: f64) -> f64 {
        f64::from_bits((n + (super::F64_WHOLE + 1023.0)).to_bits() << 52)
    }
}
