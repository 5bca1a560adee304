//! Compares with the standard library's logarithm, whose error is up to one ulp: 1e-16 of the tolerance is for it.

use spikeslab::scalar::ln_unit::ln_unit;

fn assert_close(u: f64) {
    let (seen, expected) = (ln_unit(u), u.ln());
    let error = ((seen - expected) / expected).abs();
    assert!(error <= 4.2e-16, "ln {u:e}: {seen:e}, expected {expected:e}");
}

#[test]
fn ends_of_the_uniform_grid() {
    for x in 0..100_000_u32 {
        assert_close((f64::from(x) + 0.5) / 4_294_967_296.0);
        assert_close((f64::from(u32::MAX - x) + 0.5) / 4_294_967_296.0);
    }
}

#[test]
fn throughout_the_unit_interval() {
    for i in 1..1_000_000_u32 {
        assert_close(f64::from(i) * 1e-6);
    }
}

#[test]
fn around_the_cut_of_the_mantissa() {
    for exponent in 1..33 {
        let cut = std::f64::consts::FRAC_1_SQRT_2 * 0.5_f64.powi(exponent);
        for ulps in -50_i64..50 {
            assert_close(f64::from_bits((cut.to_bits() as i64 + ulps) as u64));
        }
    }
}

#[test]
fn above_one() {
    for i in 0..200_000 {
        assert_close((f64::from(i) * 3.5e-3).exp2() * 1.000_001);
    }
}
