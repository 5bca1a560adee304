//! A number that is not finite is found wherever it stands.

use spikeslab::scalar::Real;
use spikeslab::tensor::finite::{are_finite, first_not_finite};

fn found_at_every_place<F: Real>() {
    for len in [1, 7, 16, 33, 10_000] {
        let finite: Vec<F> = (0..len).map(|i| F::of(f64::from(i) - 3.0)).collect();
        assert!(are_finite(&finite) && first_not_finite(&finite).is_none(), "{len} finite numbers");
        for odd in [F::nan(), F::infinity(), F::neg_infinity()] {
            for place in [0, len as usize / 2, len as usize - 1] {
                let mut numbers = finite.clone();
                numbers[place] = odd;
                assert!(!are_finite(&numbers), "{odd} at {place} of {len}");
                let found = first_not_finite(&numbers).map(|found| std::ptr::from_ref(found));
                assert_eq!(found, Some(std::ptr::from_ref(&numbers[place])), "{odd} at {place} of {len}");
            }
        }
    }
}

#[test]
fn nan_and_both_infinities_are_found() {
    found_at_every_place::<f32>();
    found_at_every_place::<f64>();
}

#[test]
fn of_several_the_first_is_found() {
    let mut numbers = vec![0.0; 20_000];
    (numbers[9_000], numbers[19_000]) = (f64::INFINITY, f64::NAN);
    assert_eq!(first_not_finite(&numbers), Some(&f64::INFINITY));
    assert_eq!(first_not_finite::<f64>(&[]), None);
    assert!(are_finite::<f64>(&[]));
}
