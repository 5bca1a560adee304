//! The only comparison function of the tests: it compares shapes first, then every element, with rules for NaN and
//! infinities.

use super::tolerance::Tolerance;
use approx::RelativeEq;
use ndarray::{Array, ArrayView, Dimension};
use spikeslab::scalar::Real;

/// An array of any rank and type, in standard layout; f32 and f64 are stored exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// What can be compared.
pub trait ToTensor {
    fn to_tensor(&self) -> Tensor;
}

impl ToTensor for Tensor {
    fn to_tensor(&self) -> Tensor {
        self.clone()
    }
}

impl<F: Real, D: Dimension> ToTensor for ArrayView<'_, F, D> {
    fn to_tensor(&self) -> Tensor {
        Tensor { shape: self.shape().to_vec(), values: self.iter().map(|value| value.as_f64()).collect() }
    }
}

impl<F: Real, D: Dimension> ToTensor for Array<F, D> {
    fn to_tensor(&self) -> Tensor {
        self.view().to_tensor()
    }
}

impl<F: Real> ToTensor for [F] {
    fn to_tensor(&self) -> Tensor {
        Tensor { shape: vec![self.len()], values: self.iter().map(|value| value.as_f64()).collect() }
    }
}

impl<F: Real, const N: usize> ToTensor for [F; N] {
    fn to_tensor(&self) -> Tensor {
        self.as_slice().to_tensor()
    }
}

impl<F: Real> ToTensor for Vec<F> {
    fn to_tensor(&self) -> Tensor {
        self.as_slice().to_tensor()
    }
}

impl ToTensor for f32 {
    fn to_tensor(&self) -> Tensor {
        vec![*self].to_tensor()
    }
}

impl ToTensor for f64 {
    fn to_tensor(&self) -> Tensor {
        vec![*self].to_tensor()
    }
}

/// Asserts that `actual` agrees with `expected`.
#[track_caller]
pub fn assert_close<A: ToTensor + ?Sized, E: ToTensor + ?Sized>(
    what: &str,
    actual: &A,
    expected: &E,
    tolerance: Tolerance,
) {
    if let Err(difference) = compare(&actual.to_tensor(), &expected.to_tensor(), tolerance) {
        panic!("{what}{difference}");
    }
}

/// An error that says where and how `actual` differs most from `expected`, if an element differs by more than the
/// tolerance.
///
/// NaN agrees with nothing, not even NaN. An infinity agrees only with the same infinity. Empty tensors are an error.
pub fn compare(actual: &Tensor, expected: &Tensor, tolerance: Tolerance) -> Result<(), String> {
    for (side, tensor) in [("actual", actual), ("expected", expected)] {
        let (product, count) = (tensor.shape.iter().product::<usize>(), tensor.values.len());
        if product != count {
            return Err(format!(": {side} has {count} values for shape {:?}", tensor.shape));
        }
    }
    if actual.shape != expected.shape {
        return Err(format!(": expected shape {:?}, actual shape {:?}", expected.shape, actual.shape));
    }
    if expected.values.is_empty() {
        return Err(": nothing to compare".to_string());
    }
    let largest = expected.values.iter().map(|value| value.abs()).fold(0.0, f64::max);
    let pair = |i: usize| (actual.values[i], expected.values[i]);
    let agrees = |i: &usize| {
        let (seen, wanted) = pair(*i);
        let allowed = tolerance.allowed(wanted, largest);
        // With an infinite allowed error approx would accept any two finite numbers.
        seen.relative_eq(&wanted, if allowed.is_finite() { allowed } else { 0.0 }, 0.0)
    };
    // The error of an element in units of the allowed error; infinite for NaN.
    let excess = |i: usize| {
        let (seen, wanted) = pair(i);
        let excess = (seen - wanted).abs() / tolerance.allowed(wanted, largest);
        if excess.is_nan() { f64::INFINITY } else { excess }
    };
    let differ: Vec<usize> = (0..expected.values.len()).filter(|i| !agrees(i)).collect();
    let Some(worst) = differ.iter().copied().reduce(|worst, i| if excess(i) > excess(worst) { i } else { worst })
    else {
        return Ok(());
    };
    let (seen, wanted) = pair(worst);
    Err(format!(
        "{:?}: expected {wanted:e} ({:016x}), actual {seen:e} ({:016x}); error {:e}, allowed {:e}; {} of {} elements differ",
        index(worst, &expected.shape),
        wanted.to_bits(),
        seen.to_bits(),
        (seen - wanted).abs(),
        tolerance.allowed(wanted, largest),
        differ.len(),
        expected.values.len(),
    ))
}

/// The index along each dimension of element `i` in standard layout.
fn index(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|size| {
            let at = i % size;
            i /= size;
            at
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    use super::super::tolerance::Floor;
    use super::*;
    use ndarray::array;

    const NAN: f64 = f64::NAN;
    const INFINITY: f64 = f64::INFINITY;

    fn relative(relative: f64) -> Tolerance {
        Tolerance { relative, floor: Floor::None }
    }

    /// expected, actual, relative tolerance
    type Case = (&'static [f64], &'static [f64], f64);

    #[test]
    fn accepts_what_agrees() {
        let cases: [Case; 6] = [
            (&[1.0, -2.0, 0.0], &[1.0, -2.0, 0.0], 0.0),
            (&[1.0, -2.0], &[1.0 + 0.9e-3, -2.0 - 1.8e-3], 1e-3),
            (&[1.0, -2.0], &[1.0 - 0.9e-3, -2.0 + 1.8e-3], 1e-3),
            (&[INFINITY, -INFINITY], &[INFINITY, -INFINITY], 1e-3),
            (&[0.0], &[-0.0], 0.0),
            (&[1e300], &[1e300], 1e-3),
        ];
        for (expected, actual, tolerance) in cases {
            let outcome = compare(&actual.to_tensor(), &expected.to_tensor(), relative(tolerance));
            assert_eq!(outcome, Ok(()), "expected {expected:?}, actual {actual:?}");
        }
    }

    #[test]
    fn rejects_what_differs() {
        let cases: [Case; 17] = [
            (&[1.0], &[NAN], 1e-3),
            (&[NAN], &[1.0], 1e-3),
            (&[NAN, NAN], &[NAN, NAN], 1e-3),
            (&[1.0, 2.0, 3.0], &[1.0, NAN, 3.0], INFINITY),
            (&[1.0, 2.0], &[1.0], 1e-3),
            (&[1.0], &[1.0, 2.0], 1e-3),
            (&[], &[], 1e-3),
            (&[1.0], &[1.0 + 1.1e-3], 1e-3),
            (&[1.0], &[1.0 - 1.1e-3], 1e-3),
            (&[-1.0], &[-1.0 - 1.1e-3], 1e-3),
            (&[1.0], &[-1.0], 1e-3),
            (&[0.0], &[1e-300], 1e-3),
            (&[1e-300], &[0.0], 1e-3),
            (&[INFINITY], &[-INFINITY], 1e-3),
            (&[INFINITY], &[f64::MAX], 1e-3),
            (&[f64::MAX], &[INFINITY], INFINITY),
            (&[1.0, f64::MAX], &[1.0, -f64::MAX], INFINITY),
        ];
        for (expected, actual, tolerance) in cases {
            let outcome = compare(&actual.to_tensor(), &expected.to_tensor(), relative(tolerance));
            assert!(outcome.is_err(), "expected {expected:?}, actual {actual:?} passed");
        }
    }

    #[test]
    fn equal_counts_of_another_shape_differ() {
        let (wide, high) = (array![[1.0, 1.0, 1.0]], array![[1.0], [1.0], [1.0]]);
        assert!(compare(&wide.to_tensor(), &high.to_tensor(), relative(1e-3)).is_err());
        let misdeclared = Tensor { shape: vec![2, 2], values: vec![1.0; 3] };
        assert!(compare(&misdeclared, &misdeclared, relative(1e-3)).is_err());
    }

    #[test]
    fn the_tolerance_does_not_grow_with_the_number_of_elements() {
        let expected = vec![1.0; 10_000];
        let mut actual = expected.clone();
        actual[9_999] = 1.0 + 2e-3;
        assert!(compare(&actual.to_tensor(), &expected.to_tensor(), relative(1e-3)).is_err());
    }

    #[test]
    fn a_transposed_view_is_read_in_its_own_order() {
        let matrix = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let transposed = array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]];
        assert_eq!(compare(&matrix.t().to_tensor(), &transposed.to_tensor(), relative(0.0)), Ok(()));
    }

    #[test]
    fn the_message_tells_the_worst_element_and_which_value_is_which() {
        let expected = array![[1.0, 2.0], [3.0, 4.0]];
        let actual = array![[1.01, 2.0], [3.0, 4.5]];
        let message = compare(&actual.to_tensor(), &expected.to_tensor(), relative(1e-3)).unwrap_err();
        for part in ["[1, 1]", "expected 4e0", "actual 4.5e0", "error 5e-1", "allowed 4e-3", "2 of 4"] {
            assert!(message.contains(part), "no {part:?} in {message:?}");
        }
        let nan = array![[1.01, 2.0], [NAN, 4.5]];
        let message = compare(&nan.to_tensor(), &expected.to_tensor(), relative(1e-3)).unwrap_err();
        assert!(message.contains("[1, 0]") && message.contains("actual NaN"), "{message:?}");
    }

    #[test]
    #[should_panic(expected = "logits[1]: expected 2e0")]
    fn the_assertion_panics() {
        assert_close("logits", &array![1.0, 2.5], &array![1.0, 2.0], relative(1e-3));
    }
}
