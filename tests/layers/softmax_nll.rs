use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::fixture::for_each_case;
use crate::common::gradient::assert_gradient;
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error};
use ndarray::{Array2, Ix2, array};
use spikeslab::layers::softmax_nll::{backward, forward};

fn golden<F: Precision>() {
    for_each_case::<F>("layers/softmax_nll", 11, |case| {
        let (nll, cache) = forward(case.array::<Ix2>("logits").view(), &case.integers("labels")).expect("it fits");
        case.expect("nll", &[nll]);
        case.expect("dlogits", &backward(&cache));
    });
}

#[test]
fn golden_f64() {
    golden::<f64>();
}

#[test]
fn golden_f32() {
    golden::<f32>();
}

#[test]
fn gradients() {
    let mut random = Random::new(1);
    for (labels, classes) in [(vec![0, 3, 2, 3, 1], 4), (vec![9], 10), (vec![0, 1, 0], 2)] {
        let shape = (labels.len(), classes);
        let logits: Array2<f64> = random.bells::<f64, _>(shape) * 2.0;
        let dlogits = backward(&forward(logits.view(), &labels).expect("it fits").1);
        let at = logits.as_slice().expect("standard layout");
        assert_gradient("softmax_nll", &format!("labels {labels:?}"), 1e-3, at, &dlogits, |logits| {
            forward(Array2::from_shape_vec(shape, logits.to_vec()).expect("the size").view(), &labels)
                .expect("it fits")
                .0
        });
    }
}

#[test]
fn raising_all_logits_of_an_image_changes_nothing() {
    let tolerance = tolerance("softmax_nll", F64, Check::Property);
    let (logits, labels) = (array![[0.3, -1.2, 2.0], [1.0, 0.0, -1.0]], [1, 0]);
    let (nll, cache) = forward(logits.view(), &labels).expect("it fits");
    for shift in [-1000.0, -3.0, 0.5, 1000.0] {
        let (shifted, shifted_cache) = forward((&logits + shift).view(), &labels).expect("it fits");
        assert_close(&format!("nll, {shift}"), &shifted, &nll, tolerance);
        assert_close(&format!("dlogits, {shift}"), &backward(&shifted_cache), &backward(&cache), tolerance);
    }
}

#[test]
fn the_gradient_of_each_image_sums_to_zero() {
    let logits = Random::new(2).bells::<f64, _>((7, 10)) * 3.0;
    let dlogits = backward(&forward(logits.view(), &[0, 9, 5, 5, 1, 2, 8]).expect("it fits").1);
    let tolerance = tolerance("softmax_nll", F64, Check::Property);
    for row in dlogits.rows() {
        assert!(row.iter().any(|d| *d < 0.0));
        assert_close("dlogits", &row.sum(), &0.0, tolerance);
    }
}

fn certain<F: Precision>() {
    // e^{−200} is lost beside 1: the confidence is exactly 1 and the loss exactly 0.
    let logits = array![[200.0, 0.0, 0.0], [0.0, 0.0, 200.0]].mapv(F::of);
    let (nll, cache) = forward(logits.view(), &[0, 2]).expect("it fits");
    assert_eq!(nll, F::zero());
    let dlogits = backward(&cache);
    assert_eq!((dlogits[[0, 0]], dlogits[[1, 2]]), (F::zero(), F::zero()));
    // Certain of a wrong label: large, not infinite.
    let (nll, cache) = forward(logits.view(), &[1, 2]).expect("it fits");
    assert_eq!(nll, F::of(100.0));
    assert_eq!(backward(&cache)[[0, 1]], F::of(-0.5));
}

#[test]
fn a_confidence_of_exactly_one_costs_nothing_and_its_opposite_stays_finite() {
    certain::<f64>();
    certain::<f32>();
}

fn huge<F: Precision>() {
    let (one, huge) = (F::one(), F::max_value());
    // Their difference overflows, and is taken for what it is.
    let logits = array![[huge, -huge, one], [-huge, huge, one]];
    let (nll, cache) = forward(logits.view(), &[0, 1]).expect("it fits");
    assert_eq!(nll, F::zero());
    assert!(backward(&cache).iter().all(|d| d.is_zero()));
    let (nll, cache) = forward(logits.view(), &[1, 1]).expect("it fits");
    assert_eq!(nll, F::infinity());
    assert_eq!(backward(&cache).row(0).to_vec(), [0.5, -0.5, 0.0].map(F::of));
    let (nll, _) = forward(logits.slice(ndarray::s![..1, ..]), &[2]).expect("it fits");
    assert_eq!(nll, huge);
}

#[test]
fn logits_as_large_as_numbers_go() {
    huge::<f64>();
    huge::<f32>();
}

#[test]
fn one_nan_makes_the_loss_nan() {
    for at in 0..3 {
        let mut logits = array![[0.1, 0.2, 0.3], [0.0, 0.0, 0.0]];
        logits[[0, at]] = f64::NAN;
        let (nll, cache) = forward(logits.view(), &[1, 0]).expect("it fits");
        assert!(nll.is_nan(), "NaN in class {at}");
        assert!(backward(&cache).row(0).iter().all(|d| d.is_nan()), "NaN in class {at}");
    }
}

#[test]
fn labels_and_logits_that_do_not_fit_are_refused() {
    let logits = Array2::<f64>::zeros((2, 10));
    assert_error(forward(logits.view(), &[0]), &["labels", "[2]", "[1]"]);
    assert_error(forward(logits.view(), &[0, 1, 2]), &["labels", "[2]", "[3]"]);
    assert_error(forward(logits.view(), &[0, 10]), &["labels", "below 10", "(saw: 10)"]);
    assert_error(forward(Array2::<f64>::zeros((0, 10)).view(), &[]), &["logits", "at least one row"]);
    assert!(forward(logits.view(), &[0, 9]).is_ok());
}
