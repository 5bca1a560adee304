//! The numbers in a safetensors file as f32.

use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};

/// The numbers of a tensor of F64, F32, F16 or BF16; those of F64 are rounded. None for a tensor of another type.
pub fn to_f32(tensor: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        Dtype::F64 => each(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F16 => each(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => each(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        _ => return None,
    })
}

fn each<const BYTES: usize>(bytes: &[u8], of: impl Fn([u8; BYTES]) -> f32) -> Vec<f32> {
    bytes.chunks_exact(BYTES).map(|number| of(number.try_into().unwrap_or([0; BYTES]))).collect()
}
