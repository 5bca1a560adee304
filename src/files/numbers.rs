//! The numbers in a safetensors file as f32.

use safetensors::tensor::{Dtype, TensorView};

/// The numbers of a tensor of F64, F32, F16 or BF16, those of F64 rounded; none of another type.
pub fn to_f32(tensor: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        Dtype::F64 => each(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F16 => each(bytes, |bytes| half(u16::from_le_bytes(bytes))),
        // The upper half of an f32.
        Dtype::BF16 => each(bytes, |[low, high]| f32::from_le_bytes([0, 0, low, high])),
        _ => return None,
    })
}

fn each<const BYTES: usize>(bytes: &[u8], of: impl Fn([u8; BYTES]) -> f32) -> Vec<f32> {
    bytes.chunks_exact(BYTES).map(|number| of(number.try_into().unwrap_or([0; BYTES]))).collect()
}

/// The value of an IEEE 754 half: a sign, five bits of exponent with a bias of 15, ten bits of fraction.
pub fn half(bits: u16) -> f32 {
    let (sign, exponent) = (if bits >> 15 == 0 { 1.0 } else { -1.0 }, bits >> 10 & 0x1F);
    let fraction = f32::from(bits & 0x3FF);
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        0x1F if fraction == 0.0 => f32::INFINITY,
        0x1F => f32::NAN,
        exponent => (1024.0 + fraction) * 2_f32.powi(i32::from(exponent) - 25),
    }
}
