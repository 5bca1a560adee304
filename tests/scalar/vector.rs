//! Each vector operation against the same operation on the elements, with the vectors of this processor and the portable
//! ones. Small integers and powers of two make every result exact, however it is rounded.

use crate::common::Wide;
use spikeslab::scalar::Real;
use spikeslab::scalar::vector::{Kernel, MAX_LANES, Portable, Vector};
use std::process::Command;

struct Operations;

impl<F: Real> Kernel<F> for Operations {
    type Output = usize;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> usize {
        let a: Vec<F> = (0..MAX_LANES).map(|i| F::of((i * i) as f64)).collect();
        let b: Vec<F> = (0..MAX_LANES).map(|i| F::of(2_f64.powi(i as i32 - 3))).collect();
        let (x, y) = (V::load(&a), V::load(&b));
        let expect = |seen: V, f: fn(F, F) -> F| {
            let mut lanes = vec![F::nan(); MAX_LANES + 1];
            seen.store(&mut lanes);
            for i in 0..V::LANES {
                assert_eq!(lanes[i], f(a[i], b[i]), "lane {i}");
            }
            assert!(lanes[V::LANES..].iter().all(|lane| lane.is_nan()), "nothing beyond the lanes is written");
        };
        expect(x.add(y), |a, b| a + b);
        expect(x.sub(y), |a, b| a - b);
        expect(x.mul(y), |a, b| a * b);
        expect(x.div(y), |a, b| a / b);
        expect(x.sqrt(), |a, _| a.sqrt());
        expect(x.mul_add(y, x), |a, b| a * b + a);
        expect(x.max(y), |a, b| if a > b { a } else { b });
        expect(y.max(x), |a, b| if a > b { a } else { b });
        expect(V::splat(F::nan()).max(x), |a, _| a);
        expect(V::splat(F::of(3.0)), |_, _| F::of(3.0));
        expect(V::zero(), |_, _| F::zero());
        expect(y.where_positive(x, V::zero()), |a, b| if a > F::zero() { b } else { F::zero() });
        expect(y.where_positive(x.sub(y), x), |a, b| if a > b { b } else { a });
        expect(y.where_positive(V::splat(F::nan()), x), |a, _| a);

        // The pieces of a vector from places of their own, and a square of them transposed.
        let places: Vec<u32> = (0..V::PIECES as u32).rev().map(|piece| 3 * piece).collect();
        let long: Vec<F> = (0..4 * MAX_LANES).map(|i| F::of(i as f64)).collect();
        let mut lanes = vec![F::nan(); V::LANES];
        V::load_pieces(&long, 2, &places).store(&mut lanes);
        let expected = places.iter().flat_map(|place| &long[*place as usize + 2..][..V::PIECE]);
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

        // All values of the four bits of each lane, whatever is beside them.
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
        for some in 1..=V::LANES {
            let mut stored = vec![F::nan(); some];
            x.store_some(&mut stored);
            assert_eq!(stored, a[..some]);
        }
        V::LANES
    }
}

/// The widest vectors that the processor has are used, or those that the environment asks for.
#[test]
fn vectors_of_this_processor() {
    struct Name;
    impl<F: Real> Kernel<F> for Name {
        type Output = &'static str;
        #[inline(always)]
        fn run<V: Vector<Element = F>>(self) -> &'static str {
            std::any::type_name::<V>()
        }
    }
    let lanes = [f32::vectorize(Operations), f32::vectorize(Wide(Operations))];
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
            assert!(name.contains(&format!("vector::{expected}::")), "{name}, expected {expected}");
        }
    }
}

/// The kernels were tested with the widest vectors of this processor; here, in processes of their own, with narrower ones.
#[test]
fn kernels_with_narrower_vectors() {
    const KERNELS: [&str; 11] = [
        "vectors_of_this_processor",
        "layers::avg_pool",
        "layers::batch_norm",
        "layers::bayes_conv2d",
        "layers::max_pool",
        "kernels::",
        "packed::model",
        "prior::together",
        "tensor::matmul",
        "tensor::sum",
        "tensor::tiles",
    ];
    for vectors in ["portable", "avx2"] {
        let tests = std::env::current_exe().unwrap();
        let output = Command::new(tests).args(KERNELS).env("SPIKESLAB_VECTORS", vectors).output().unwrap();
        let seen = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{vectors}: {seen}");
        assert!(seen.contains("vectors_of_this_processor ... ok"), "{vectors}: {seen}");
    }
}

#[test]
fn portable_vectors() {
    assert_eq!(Kernel::<f32>::run::<Portable<f32>>(Operations), 8);
    assert_eq!(Kernel::<f64>::run::<Portable<f64>>(Operations), 8);
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
