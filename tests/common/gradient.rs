//! Compares a gradient with differences of its function, in f64.
//!
//! The difference quotient is the central one of fourth order,
//!
//! ```text
//! f′(x) = [8 (f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))] / 12h + O(h⁴ f⁽⁵⁾) + O(ε f / h)
//! ```
//!
//! Every check is made twice: with the given gradient, which must pass, and with the same gradient with a small error
//! in one entry, which must fail.

use super::Dtype;
use super::compare::{ToTensor, compare};
use super::random::Random;
use super::tolerance::{Check, Tolerance, tolerance};

/// The error put into one entry for the counter-check, in units of the largest error that the tolerance allows.
const SABOTAGE: f64 = 10.0;
/// The loosest tolerance of a gradient, relative to the size of its entries: a check that allowed more would show little.
const LOOSEST: f64 = 1e-6;

/// The number of directions of a projection: one direction alone could miss an error in some entries.
const DIRECTIONS: u64 = 3;

/// Checks every entry of `analytic`, the gradient of `f` at `x`, with steps of size `step`.
#[track_caller]
pub fn assert_gradient(
    operation: &str,
    what: &str,
    step: f64,
    x: &[f64],
    analytic: &(impl ToTensor + ?Sized),
    f: impl Fn(&[f64]) -> f64,
) {
    let analytic = analytic.to_tensor().values;
    let measured: Vec<f64> = (0..x.len()).map(|i| slope(&f, x, step, |j| f64::from(u8::from(i == j)))).collect();
    let scale = largest(&analytic).max(largest(&measured));
    decide(&format!("{operation}, {what}"), operation, &analytic, scale, |gradient, tolerance| {
        compare(&gradient.to_tensor(), &measured.to_tensor(), tolerance)
    });
}

/// Checks `analytic`, the gradient of `f` at `x`, along random directions whose every component is ±1.
#[track_caller]
pub fn assert_projected_gradient(
    operation: &str,
    what: &str,
    step: f64,
    x: &[f64],
    analytic: &(impl ToTensor + ?Sized),
    f: impl Fn(&[f64]) -> f64,
) {
    let analytic = analytic.to_tensor().values;
    let directions: Vec<Vec<f64>> = (0..DIRECTIONS)
        .map(|seed| {
            let mut random = Random::new(seed);
            x.iter().map(|_| random.sign()).collect()
        })
        .collect();
    let measured: Vec<f64> = directions.iter().map(|v| slope(&f, x, step, |j| v[j])).collect();
    // A projection is as accurate as its largest possible value allows.
    let scale = largest(&analytic).max(largest(&measured));
    decide(&format!("{operation}, {what}"), operation, &analytic, scale, |gradient, tolerance| {
        if gradient.len() != x.len() {
            return Err(format!(": {} entries for {} variables", gradient.len(), x.len()));
        }
        let projected: Vec<f64> =
            directions.iter().map(|v| v.iter().zip(gradient).map(|(v, entry)| v * entry).sum()).collect();
        let padded = |values: &[f64]| [values, &[scale]].concat().to_tensor();
        compare(&padded(&projected), &padded(&measured), tolerance)
    });
}

/// Checks the gradient `analytic`, then the same with an error in one entry; `scale` is the size of the largest value
/// that is compared.
#[track_caller]
fn decide(
    what: &str,
    operation: &str,
    analytic: &[f64],
    scale: f64,
    check: impl Fn(&[f64], Tolerance) -> Result<(), String>,
) {
    let tolerance = tolerance(operation, Dtype::F64, Check::Difference);
    assert!(tolerance.relative <= LOOSEST, "{what}: a tolerance of {:e}", tolerance.relative);
    if let Err(difference) = check(analytic, tolerance) {
        panic!("gradient of {what}{difference}");
    }
    // Where the gradient is zero, the tolerance allows no error.
    let sabotage = SABOTAGE
        * match tolerance.allowed(scale, scale) {
            0.0 => f64::MIN_POSITIVE,
            allowed => allowed,
        };
    for i in [0, analytic.len() / 2, analytic.len() - 1] {
        let mut wrong = analytic.to_vec();
        wrong[i] += sabotage;
        assert!(check(&wrong, tolerance).is_err(), "{what}: an error of {sabotage:e} in entry {i} goes unnoticed");
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).fold(0.0, f64::max)
}

/// The derivative of `f` at `x` along `direction`.
fn slope(f: &impl Fn(&[f64]) -> f64, x: &[f64], step: f64, direction: impl Fn(usize) -> f64) -> f64 {
    let at = |steps: f64| {
        let moved: Vec<f64> = (0..x.len()).map(|j| x[j] + steps * step * direction(j)).collect();
        f(&moved)
    };
    (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step)
}

/// Σ y · dy: the loss whose gradient with respect to y is `dy`.
pub fn weighted_sum<D: ndarray::Dimension>(y: &ndarray::Array<f64, D>, dy: &ndarray::Array<f64, D>) -> f64 {
    assert_eq!(y.shape(), dy.shape());
    (y * dy).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(x: &[f64]) -> f64 {
        x[0].sin() + x[1] * x[1] * x[2]
    }

    fn df(x: &[f64]) -> Vec<f64> {
        vec![x[0].cos(), 2.0 * x[1] * x[2], x[1] * x[1]]
    }

    const X: [f64; 3] = [0.3, -0.8, 1.7];

    type Assertion = fn(&str, &str, f64, &[f64], &Vec<f64>, fn(&[f64]) -> f64);
    const ASSERTIONS: [(&str, Assertion); 2] = [
        ("every entry", |operation, what, step, x, analytic, f| assert_gradient(operation, what, step, x, analytic, f)),
        ("projection", |operation, what, step, x, analytic, f| {
            assert_projected_gradient(operation, what, step, x, analytic, f);
        }),
    ];

    #[test]
    fn the_right_gradient_passes() {
        for (kind, assertion) in ASSERTIONS {
            assertion("checker", kind, 1e-3, &X, &df(&X), f);
        }
    }

    #[test]
    fn wrong_gradients_fail() {
        let right = df(&X);
        let wrong: [(&str, Vec<f64>); 8] = [
            ("sign", right.iter().map(|entry| -entry).collect()),
            ("factor", right.iter().map(|entry| 2.0 * entry).collect()),
            ("one entry", vec![right[0], right[1] * (1.0 + 1e-6), right[2]]),
            ("order", vec![right[1], right[0], right[2]]),
            ("nothing", vec![0.0; 3]),
            ("short", right[..2].to_vec()),
            ("NaN", vec![right[0], f64::NAN, right[2]]),
            ("all NaN", vec![f64::NAN; 3]),
        ];
        for (kind, assertion) in ASSERTIONS {
            for (flaw, gradient) in &wrong {
                let outcome = std::panic::catch_unwind(|| assertion("checker", flaw, 1e-3, &X, gradient, f));
                assert!(outcome.is_err(), "{kind}: a gradient wrong in {flaw} passes");
            }
        }
    }

    #[test]
    fn a_function_that_is_nan_fails() {
        for (kind, assertion) in ASSERTIONS {
            for gradient in [df(&X), vec![f64::NAN; 3]] {
                let outcome =
                    std::panic::catch_unwind(|| assertion("checker", kind, 1e-3, &X, &gradient, |_| f64::NAN));
                assert!(outcome.is_err(), "{kind}: NaN passes");
            }
        }
    }
}
