use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::fixture::for_each_case;
use crate::common::gradient::assert_gradient;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::scalar::dawson::{dawson, dawson_derivative};

#[test]
fn golden() {
    for_each_case::<f64>("scalar/dawson", 4, |case| {
        let x = case.vec("x");
        let values: Vec<f64> = x.iter().map(|x| dawson(*x)).collect();
        let derivatives: Vec<f64> = x.iter().map(|x| dawson_derivative(*x)).collect();
        case.expect("daw", &values);
        let expected = &case.stored("ddaw").values;
        let near_its_zero = |i: &usize| (0.85..1.0).contains(&x[*i].abs());
        let in_range = (0..x.len()).filter(|i| expected[*i].is_normal());
        let (near, away): (Vec<usize>, Vec<usize>) = in_range.partition(near_its_zero);
        for (row, places) in [("dawson derivative", away), ("dawson derivative near its zero", near)] {
            let [seen, expected] =
                [&derivatives, expected].map(|all| places.iter().map(|i| all[*i]).collect::<Vec<_>>());
            if !places.is_empty() {
                assert_close(&format!("{}: {row}", case.name), &seen, &expected, tolerance(row, F64, Check::Golden));
            }
        }
    });
}

#[test]
fn the_derivative_is_that_of_the_value() {
    for x in [-7.0, -1.3, -0.1, 0.0, 0.2, 0.9241388730045919, 1.5, 4.0, 6.3, 6.4, 9.0] {
        assert_gradient("dawson", &format!("x = {x}"), 2e-3, &[x], &dawson_derivative(x), |x| dawson(x[0]));
    }
}

#[test]
fn odd_with_an_even_derivative() {
    for x in [0.0, 1e-300, 1e-9, 0.3, 2.0, 6.32, 6.33, 50.0, 1e10, 1e200] {
        assert_eq!(dawson(-x), -dawson(x), "x = {x}");
        assert_eq!(dawson_derivative(-x), dawson_derivative(x), "x = {x}");
    }
}

#[test]
fn finite_at_the_ends_of_the_range_and_nan_only_for_nan() {
    for (x, value, derivative) in [
        (0.0, 0.0, 1.0),
        (f64::MIN_POSITIVE, f64::MIN_POSITIVE, 1.0),
        (f64::MAX, 0.5 / f64::MAX, 0.0),
        (f64::INFINITY, 0.0, 0.0),
    ] {
        assert_eq!(dawson(x), value, "daw({x})");
        assert_eq!(dawson_derivative(x), derivative, "daw′({x})");
    }
    assert!(dawson(f64::NAN).is_nan() && dawson_derivative(f64::NAN).is_nan());
}
