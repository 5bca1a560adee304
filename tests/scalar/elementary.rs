//! Compares with the standard library in f64, rounded to f32, over the whole range of numbers.

use spikeslab::scalar::Real;
use spikeslab::scalar::elementary::{exp, ln, ln_1p, ln_normal};
use spikeslab::simd::{Kernel, Lane, MAX_LANES, Vector};

/// Every 331st number from the smallest positive number to infinity.
fn positive() -> impl Iterator<Item = f32> {
    (1..=f32::INFINITY.to_bits()).step_by(331).chain([f32::INFINITY.to_bits()]).map(f32::from_bits)
}

/// Asserts that the error of `seen` is at most `epsilons` · 2⁻²³ · `expected` or, if `expected` is subnormal, 3/4 of
/// the spacing of numbers there.
#[track_caller]
fn assert_within(epsilons: f64, what: &str, x: f32, seen: f32, expected: f64) {
    let rounded = expected as f32;
    if rounded.is_infinite() || rounded == 0.0 {
        assert_eq!(seen, rounded, "{what}({x:e})");
        return;
    }
    let smallest = f64::from(f32::MIN_POSITIVE);
    let (allowed, unit) = if expected.abs() < smallest { (0.75, smallest) } else { (epsilons, expected.abs()) };
    let error = (f64::from(seen) - expected).abs() / (unit * f64::from(f32::EPSILON));
    assert!(error <= allowed, "{what}({x:e}): {seen:e}, expected {expected:e}, {error} epsilons off");
}

#[test]
fn exp_over_the_whole_range() {
    for x in positive().flat_map(|x| [x, -x]) {
        assert_within(0.68, "exp", x, exp(x), f64::from(x).exp());
    }
}

#[test]
fn exp_where_training_uses_it() {
    for i in -104_000..=89_000 {
        let x = i as f32 * 1e-3;
        assert_within(0.68, "exp", x, exp(x), f64::from(x).exp());
    }
}

#[test]
fn ln_over_the_whole_range() {
    for x in positive() {
        assert_within(0.69, "ln", x, ln(x), f64::from(x).ln());
    }
}

#[test]
fn ln_around_one_and_the_cuts_of_the_fraction() {
    for place in [1.0, 0.5_f32.sqrt(), 2_f32.sqrt(), 2.0, f32::MIN_POSITIVE] {
        for bits in place.to_bits() - 10_000..place.to_bits() + 10_000 {
            let x = f32::from_bits(bits);
            assert_within(0.69, "ln", x, ln(x), f64::from(x).ln());
        }
    }
}

#[test]
fn ln_1p_over_the_whole_range() {
    for x in positive() {
        assert_within(1.09, "ln_1p", x, ln_1p(x), f64::from(x).ln_1p());
    }
}

#[test]
fn at_the_ends_of_the_domain() {
    assert_eq!([exp(0.0_f32), exp(-0.0_f32)], [1.0, 1.0]);
    assert_eq!([exp(f32::INFINITY), exp(f32::NEG_INFINITY)], [f32::INFINITY, 0.0]);
    assert_eq!([exp(f32::MAX), exp(f32::MIN)], [f32::INFINITY, 0.0]);
    assert_eq!([ln(1.0), ln(0.0), ln(-0.0)], [0.0, f32::NEG_INFINITY, f32::NEG_INFINITY]);
    assert_eq!([ln_1p(0.0), ln_1p(f32::INFINITY)], [0.0, f32::INFINITY]);
    for odd in [exp(f32::NAN), ln(f32::NAN), ln_1p(f32::NAN), ln(-1.0), ln(f32::NEG_INFINITY)] {
        assert!(odd.is_nan(), "{odd}");
    }
}

#[test]
fn in_f64_they_are_the_standard_library_s() {
    for x in [1e-300, 0.3, 1.0, 7.5, 300.0] {
        assert_eq!(x.exp_in_loop(), f64::exp(x));
    }
    assert_eq!(0.3_f32.exp_in_loop(), exp(0.3));
}

/// |x|, or the nearest normal number.
#[inline(always)]
fn normal<V: Vector<Element = f32>>(x: V) -> V {
    V::splat(f32::MAX).min(x.abs().max(V::splat(f32::MIN_POSITIVE)))
}

/// Asserts that every lane has the bits of the function of a single number.
struct Lanes;

impl Kernel<f32> for Lanes {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(self) {
        let odd = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -1.0, 1e-45, f32::MAX, 88.7, -103.9];
        let x: Vec<f32> = positive().step_by(7).flat_map(|x| [x, -x]).chain(odd).collect();
        for x in x.chunks(V::LANES) {
            let mut lanes = [0.5; MAX_LANES];
            lanes[..x.len()].copy_from_slice(x);
            let v = V::load(&lanes);
            let same = |seen: V, one: fn(f32) -> f32| {
                let mut seen_lanes = [0.0; MAX_LANES];
                seen.store(&mut seen_lanes);
                for (x, seen) in lanes.iter().zip(seen_lanes).take(V::LANES) {
                    let expected = one(*x);
                    assert!(
                        seen.to_bits() == expected.to_bits() || (seen.is_nan() && expected.is_nan()),
                        "{x:e}: {seen:e}"
                    );
                }
            };
            same(exp(v), exp::<f32>);
            same(ln(v), ln::<f32>);
            same(ln_1p(v.abs()), |x| ln_1p(x.abs()));
            same(ln_normal(normal(v)), |x| ln(normal::<f32>(x)));
        }
    }
}

#[test]
fn every_lane_has_the_bits_of_one_number() {
    f32::vectorize(Lanes);
}
