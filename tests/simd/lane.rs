use spikeslab::simd::Lane;

#[test]
fn of_rounds_once_to_the_nearest_and_ties_to_even() {
    let half_step = f64::from(f32::EPSILON) / 2.0;
    for (x, expected) in [
        (0.1, 0.1_f32),
        (1.0 + half_step, 1.0),
        (1.0 + half_step * (1.0 + 1e-7), 1.0 + f32::EPSILON),
        (1.0 + 3.0 * half_step, 1.0 + 2.0 * f32::EPSILON),
        (1e39, f32::INFINITY),
        (1e-46, 0.0),
    ] {
        assert_eq!(<f32 as Lane>::of(x).to_bits(), expected.to_bits(), "{x}");
    }
    assert_eq!(<f64 as Lane>::of(0.1).to_bits(), 0.1_f64.to_bits());
}

#[test]
fn as_f64_is_exact() {
    for x in [0.1_f32, f32::MAX, f32::MIN_POSITIVE, 1e-45, -3.5, f32::INFINITY] {
        assert_eq!(<f32 as Lane>::of(x.as_f64()).to_bits(), x.to_bits(), "{x}");
        assert_eq!(x.as_f64(), f64::from(x), "{x}");
    }
    assert_eq!(0.1_f64.as_f64(), 0.1);
    assert!(f32::NAN.as_f64().is_nan());
}
