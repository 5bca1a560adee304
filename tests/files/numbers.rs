use spikeslab::files::numbers::half;

/// Values of IEEE 754-2019, table 3.5 and its neighbours.
#[test]
fn halves_are_exact() {
    for (bits, value) in [
        (0x0000, 0.0),
        (0x0001, 2_f32.powi(-24)),
        (0x03FF, 1023.0 * 2_f32.powi(-24)),
        (0x0400, 2_f32.powi(-14)),
        (0x3C00, 1.0),
        (0x3C01, 1.0 + 2_f32.powi(-10)),
        (0xC000, -2.0),
        (0x7BFF, 65_504.0),
        (0x7C00, f32::INFINITY),
        (0xFC00, f32::NEG_INFINITY),
    ] {
        assert_eq!(half(bits), value, "{bits:#06x}");
    }
    assert!(half(0x8000) == 0.0 && half(0x8000).is_sign_negative());
    assert!(half(0x7C01).is_nan() && half(0xFE00).is_nan());
}
