use safetensors::tensor::{Dtype, TensorView};
use spikeslab::files::numbers::to_f32;

/// Values from IEEE 754-2019 (table 3.5), and of bfloat16, the upper half of an f32.
#[test]
fn numbers_of_every_type() {
    let read = |dtype, bytes: &[u8]| {
        let count = bytes.len() * 8 / dtype_bits(dtype);
        to_f32(&TensorView::new(dtype, vec![count], bytes).unwrap())
    };
    let halves = [0x0001_u16, 0x0400, 0x3C01, 0xC000, 0x7BFF].map(u16::to_le_bytes).concat();
    let expected = [2_f32.powi(-24), 2_f32.powi(-14), 1.0 + 2_f32.powi(-10), -2.0, 65_504.0];
    assert_eq!(read(Dtype::F16, &halves).unwrap(), expected);
    assert_eq!(read(Dtype::BF16, &[0x80, 0x3F, 0x49, 0xC0]).unwrap(), [1.0, -3.140_625]);
    assert_eq!(read(Dtype::F32, &0.1_f32.to_le_bytes()).unwrap(), [0.1]);
    assert_eq!(read(Dtype::F64, &0.1_f64.to_le_bytes()).unwrap(), [0.1]);
    assert_eq!(read(Dtype::I32, &[0; 4]), None);
}

fn dtype_bits(dtype: Dtype) -> usize {
    match dtype {
        Dtype::F16 | Dtype::BF16 => 16,
        Dtype::F64 => 64,
        _ => 32,
    }
}
