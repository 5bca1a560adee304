//! Compares each vector operation with the same operation on the elements, with the vectors of this processor and with
//! portable vectors. The inputs are small integers and powers of two, so that every result is exact.

mod lane;

use crate::common::{Several, Wide};
use spikeslab::simd::{Kernel, Lane, MAX_LANES, Mask, Portable, SEVERAL_LANES, Vector};
use std::process::Command;

struct Operations;

/// Comparisons of lanes, and selections by them; comparisons with NaN are false.
#[inline(always)]
fn masks<V: Vector>(x: V, y: V, a: &[V::Element], b: &[V::Element]) {
    let (yes, no, nan) = (V::splat(V::Element::of(1.0)), V::zero(), V::splat(V::Element::of(f64::NAN)));
    let expect = |seen: V::Mask, holds: &dyn Fn(usize) -> bool| {
        let lanes = V::select(seen, yes, no).lanes();
        for (lane, seen) in lanes.iter().enumerate().take(V::LANES) {
            assert_eq!(seen.as_f64(), f64::from(u8::from(holds(lane))), "lane {lane}");
        }
        assert_eq!(seen.all(), (0..V::LANES).all(holds));
        assert_eq!(seen.any(), (0..V::LANES).any(holds));
    };
    let (below, at_most) = (|lane: usize| a[lane] < b[lane], |lane: usize| a[lane] <= b[lane]);
    expect(x.below(y), &below);
    expect(x.at_most(y), &at_most);
    expect(x.at_most(x), &|_| true);
    expect(x.below(x), &|_| false);
    expect(x.equals(y), &|lane| a[lane] == b[lane]);
    expect(x.equals(x), &|_| true);
    expect(x.below(y) & y.below(x), &|_| false);
    expect(x.below(y) & x.at_most(y), &below);
    expect(x.below(y) | x.equals(y), &at_most);
    for odd in [x.below(nan), x.at_most(nan), nan.below(x), nan.at_most(x), nan.equals(nan)] {
        expect(odd, &|_| false);
    }
}

/// Exponents and fractions, powers of 2, and table entries selected by the lowest bits.
#[inline(always)]
fn parts_of_numbers<V: Vector>() {
    let root = std::f64::consts::SQRT_2;
    let is_f32 = std::mem::size_of::<V::Element>() == 4;
    for x in [1e-37, 0.3, 0.707, 0.7072, 1.0, 1.414, 1.4143, 3.0, 1e37] {
        let x = V::Element::of(x);
        let (m, e) = V::splat(x).split();
        let (m, e) = (m.first().as_f64(), e.first().as_f64());
        assert!((0.5 * root - 1e-7..root).contains(&m) && e.fract() == 0.0, "{x}: {m}, {e}");
        assert_eq!(m * e.exp2(), x.as_f64(), "{x}: {m}, {e}");
        let again = V::splat(V::Element::of(m)).scale_by_power_of_2(V::splat(V::Element::of(e))).first();
        assert_eq!(again, x);
    }
    for n in if is_f32 { [-126, -1, 0, 7, 127] } else { [-1022, -1, 0, 7, 1023] } {
        assert_eq!(V::splat(V::Element::of(f64::from(n))).power_of_2().first().as_f64(), f64::from(n).exp2());
    }
    // A subnormal product is rounded once; a product that overflows is infinite.
    let (low, high) = if is_f32 { (-149, 128) } else { (-1074, 1024) };
    let unit = f64::from(low).exp2();
    for (x, n, expected) in [
        (1.25, low + 1, 2.0 * unit),
        (1.25, low + 2, 5.0 * unit),
        (0.75, low, unit),
        (0.5, high, f64::from(high - 1).exp2()),
        (1.25, high, f64::INFINITY),
    ] {
        let seen = V::splat(V::Element::of(x)).scale_by_power_of_2(V::splat(V::Element::of(f64::from(n)))).first();
        assert_eq!(seen.as_f64(), expected, "{x} · 2^{n}");
    }
    let whole = 1.5 * if is_f32 { 23_f64 } else { 52.0 }.exp2();
    let table: [V::Element; 8] = std::array::from_fn(|n| V::Element::of(n as f64 + 0.5));
    let n = |lane: usize| (5 * lane + 3) % 16;
    let lanes: [V::Element; SEVERAL_LANES] = std::array::from_fn(|lane| V::Element::of(whole + n(lane) as f64));
    let seen = V::load(&lanes).pick(&table).lanes();
    for (lane, seen) in seen.iter().enumerate().take(V::LANES) {
        assert_eq!(seen.as_f64(), (n(lane) % 8) as f64 + 0.5, "lane {lane}");
    }
}

impl<F: Lane> Kernel<F> for Operations {
    type Output = usize;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> usize {
        let a: Vec<F> = (0..SEVERAL_LANES).map(|i| F::of((i * i) as f64)).collect();
        let b: Vec<F> = (0..SEVERAL_LANES).map(|i| F::of(2_f64.powi((i % MAX_LANES) as i32 - 3))).collect();
        let (x, y) = (V::load(&a), V::load(&b));
        let expect = |seen: V, f: fn(F, F) -> F| {
            let mut lanes = vec![F::nan(); SEVERAL_LANES + 1];
            seen.store(&mut lanes);
            for i in 0..V::LANES {
                assert_eq!(lanes[i], f(a[i], b[i]), "lane {i}");
            }
            assert!(lanes[V::LANES..].iter().all(|lane| lane.is_nan()), "nothing beyond the lanes is written");
        };
        expect(x + y, |a, b| a + b);
        expect(x - y, |a, b| a - b);
        expect(x * y, |a, b| a * b);
        expect(x / y, |a, b| a / b);
        expect(-x, |a, _| -a);
        expect(V::default(), |_, _| F::zero());
        expect(x.sqrt(), |a, _| a.sqrt());
        expect(x.mul_add(y, x), |a, b| a * b + a);
        expect(x.max(y), |a, b| if a > b { a } else { b });
        expect(y.max(x), |a, b| if a > b { a } else { b });
        expect(V::splat(F::nan()).max(x), |a, _| a);
        expect(x.min(y), |a, b| if a < b { a } else { b });
        expect(y.min(x), |a, b| if a < b { a } else { b });
        expect(V::splat(F::nan()).min(x), |a, _| a);
        assert!(x.max(V::splat(F::nan())).first().is_nan() && x.min(V::splat(F::nan())).first().is_nan());
        expect((x - y).abs(), |a, b| (a - b).abs());
        expect(x.map(|a| a + F::one()), |a, _| a + F::one());
        assert_eq!(y.first(), b[0]);
        expect(V::splat(F::of(3.0)), |_, _| F::of(3.0));
        expect(V::zero(), |_, _| F::zero());
        expect(y.where_positive(x, V::zero()), |a, b| if a > F::zero() { b } else { F::zero() });
        expect(y.where_positive(x.sub(y), x), |a, b| if a > b { b } else { a });
        expect(y.where_positive(V::splat(F::nan()), x), |a, _| a);
        masks(x, y, &a, &b);
        parts_of_numbers::<V>();
        for part in 0..=V::LANES {
            let mut lanes = vec![F::nan(); V::LANES];
            V::load_some(&a[..part]).store(&mut lanes);
            assert_eq!(lanes[..part], a[..part]);
            assert!(lanes[part..].iter().all(|lane| lane.is_zero()), "what is missing is 0");
            let mut stored = vec![F::nan(); part];
            x.store_some(&mut stored);
            assert_eq!(stored, a[..part]);
        }
        // The operations below are only for the kernels of the layers.
        if V::LANES > MAX_LANES {
            return V::LANES;
        }

        // The segments of a vector read from separate places, and a transposed square of vectors.
        let places: Vec<u32> = (0..V::SEGMENTS as u32).rev().map(|segment| 3 * segment).collect();
        let long: Vec<F> = (0..4 * MAX_LANES).map(|i| F::of(i as f64)).collect();
        let mut lanes = vec![F::nan(); V::LANES];
        V::load_segments(&long, 2, &places).store(&mut lanes);
        let expected = places.iter().flat_map(|place| &long[*place as usize + 2..][..V::SEGMENT]);
        assert!(lanes.iter().eq(expected), "{lanes:?}");
        let number = |row: usize, lane: usize| F::of((100 * row + lane) as f64);
        let row = |row: usize| -> Vec<F> { (0..MAX_LANES).map(|lane| number(row, lane)).collect() };
        let mut square: [V; MAX_LANES] = std::array::from_fn(|i| V::load(&row(i)));
        V::transpose(&mut square);
        for (i, vector) in square.into_iter().enumerate().take(V::LANES) {
            vector.store(&mut lanes);
            assert!((0..V::LANES).all(|lane| lanes[lane] == number(lane, i)), "vector {i}: {lanes:?}");
        }

        let (evens, odds) = V::load(&long).unzip(V::load(&long[V::LANES..]));
        for (first, vector) in [evens, odds].into_iter().enumerate() {
            vector.store(&mut lanes);
            assert!((0..V::LANES).all(|lane| lanes[lane] == long[2 * lane + first]), "from {first} on: {lanes:?}");
        }

        // All values of the four bits of each lane, with other values in the neighbouring lanes.
        let table: [F; MAX_LANES] = std::array::from_fn(|value| F::of(value as f64));
        for first in 0..16 {
            let value = |lane: usize| (first + 7 * lane) % 16;
            let fours = std::array::from_fn(|byte| (value(2 * byte) | value(2 * byte + 1) << 4) as u8);
            V::look_up(&table, &fours).in_order().store(&mut lanes);
            assert!((0..V::LANES).all(|lane| lanes[lane] == table[value(lane)]), "{fours:x?}: {lanes:?}");
        }

        for part in 0..V::LANES {
            let mut lanes = vec![F::nan(); V::LANES];
            V::load_part(&a[..part]).store(&mut lanes);
            assert_eq!(lanes[..part], a[..part]);
            assert!(lanes[part..].iter().all(|lane| lane.is_zero()), "what is missing is 0");
            let mut stored = vec![F::nan(); part];
            x.store_part(&mut stored);
            assert_eq!(stored, a[..part]);
        }
        V::LANES
    }
}

/// The widest vectors of the processor are used, or those that the environment variable names.
#[test]
fn vectors_of_this_processor() {
    struct Name;
    impl<F: Lane> Kernel<F> for Name {
        type Output = &'static str;
        #[inline(always)]
        fn run<V: Vector<Element = F>>(self) -> &'static str {
            std::any::type_name::<V>()
        }
    }
    let lanes = [f32::vectorize(Operations), f32::vectorize(Wide(Operations))];
    f32::vectorize(Several(Operations));
    f64::vectorize(Several(Operations));
    for lanes in lanes.into_iter().chain([f64::vectorize(Operations), f64::vectorize(Wide(Operations))]) {
        assert!((1..=MAX_LANES).contains(&lanes) && MAX_LANES.is_multiple_of(lanes));
    }
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let expected = match std::env::var("SPIKESLAB_VECTORS").as_deref() {
            Ok("portable") => "portable",
            Ok("avx2") if avx2 => "avx2",
            _ if avx2 && avx512 => "avx512",
            _ if avx2 => "avx2",
            _ => "portable",
        };
        for name in [f32::vectorize(Name), f64::vectorize(Name)] {
            assert!(name.contains(&format!("simd::{expected}::")), "{name}, expected {expected}");
        }
    }
}

/// The other tests use the widest vectors of this processor; this one runs them in separate processes with narrower
/// vectors.
#[test]
fn kernels_with_narrower_vectors() {
    const KERNELS: [&str; 15] = [
        "vectors_of_this_processor",
        "layers::batch_norm",
        "layers::bayes_conv2d",
        "layers::bayes_dense",
        "layers::dense_block",
        "layers::pooled_activation",
        "kernels::",
        "packed::model::",
        "prior::spike",
        "prior::weight_form",
        "scalar::elementary",
        "scalar::spike_pieces",
        "tensor::noise",
        "tensor::sum",
        "tensor::tiles",
    ];
    for vectors in ["portable", "avx2"] {
        let tests = std::env::current_exe().unwrap();
        let output = Command::new(tests).args(KERNELS).env("SPIKESLAB_VECTORS", vectors).output().unwrap();
        let seen = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{vectors}: {seen}");
        for name in KERNELS {
            let is_passed = |line: &str| line.starts_with("test ") && line.contains(name) && line.ends_with("... ok");
            assert!(seen.lines().any(is_passed), "{vectors}: no test of {name} in {seen}");
        }
    }
}

#[test]
fn portable_vectors() {
    assert_eq!(Kernel::<f32>::run::<Portable<f32>>(Operations), 8);
    assert_eq!(Kernel::<f64>::run::<Portable<f64>>(Operations), 8);
}

#[test]
fn one_number_is_a_vector_of_one_lane() {
    assert_eq!(Kernel::<f32>::run::<f32>(Operations), 1);
    assert_eq!(Kernel::<f64>::run::<f64>(Operations), 1);
}

#[test]
#[should_panic(expected = "out of range")]
fn a_slice_too_short_to_load_is_refused() {
    struct Short;
    impl Kernel<f32> for Short {
        type Output = ();
        #[inline(always)]
        fn run<V: Vector<Element = f32>>(self) {
            V::load(&vec![1.0; V::LANES - 1]).store(&mut [0.0; MAX_LANES]);
        }
    }
    f32::vectorize(Short);
}
