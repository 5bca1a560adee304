use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::fixture::for_each_case;
use crate::common::gradient::assert_gradient;
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error};
use ndarray::{Array1, Array2, Ix1, Ix2, array};
use spikeslab::layers::softmax_nll::{Weighting, backward, forward};

fn golden<F: Precision>() {
    for_each_case::<F>("layers/softmax_nll", 26, |case| {
        // Labels as stored: an ignored label may be below 0.
        let signed = |name: &str| case.stored(name).values.iter().map(|label| *label as i64 as usize).collect();
        let labels: Vec<usize> = signed("labels");
        let class_weights = case.has("class_weights").then(|| case.array::<Ix1>("class_weights"));
        let weighting = Weighting {
            smoothing: if case.has("label_smoothing") { case.stored_scalar("label_smoothing") } else { 0.0 },
            ignored: case.has("ignore_index").then(|| signed("ignore_index")[0]),
            class_weights: class_weights.as_ref().map(|weights| weights.view()),
        };
        let (nll, cache) = weighting.forward(case.array::<Ix2>("logits").view(), &labels).expect("it fits");
        let row = if case.name.contains(": certain-") { "softmax_nll certain" } else { "softmax_nll" };
        let tolerance = tolerance(row, F::DTYPE, Check::Golden);
        case.expect_within("nll", &[nll], tolerance);
        case.expect_within("dlogits", &backward(&cache), tolerance);
    });
}

both_precisions!(golden);

#[test]
fn gradients() {
    let mut random = Random::new(1);
    let weights: Array1<f64> = random.uniforms(0.5, 2.0, 4);
    let weighted = Weighting { class_weights: Some(weights.view()), ..Weighting::default() };
    let four = vec![0, 3, 2, 3, 1];
    for (weighting, labels, classes) in [
        (Weighting::default(), four.clone(), 4),
        (Weighting::default(), vec![9], 10),
        (Weighting::default(), vec![0, 1, 0], 2),
        (weighted, four.clone(), 4),
        (Weighting { smoothing: 0.3, ..Weighting::default() }, four.clone(), 4),
        (Weighting { smoothing: 1.0, ..weighted }, four.clone(), 4),
        (Weighting { ignored: Some(3), ..Weighting::default() }, four, 4),
        (Weighting { smoothing: 0.1, ignored: Some(usize::MAX), ..weighted }, vec![2, usize::MAX, 0], 4),
    ] {
        let shape = (labels.len(), classes);
        let logits: Array2<f64> = random.bells::<f64, _>(shape) * 2.0;
        let dlogits = backward(&weighting.forward(logits.view(), &labels).expect("it fits").1);
        let at = logits.as_slice().expect("standard layout");
        let what = format!("labels {labels:?}, {weighting:?}");
        assert_gradient("softmax_nll", &what, 1e-3, at, &dlogits, |logits| {
            let logits = Array2::from_shape_vec(shape, logits.to_vec()).expect("the size");
            weighting.forward(logits.view(), &labels).expect("it fits").0
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
    // e^{−1000} is 0: the confidence is exactly 1 and the loss exactly 0.
    let logits = array![[1000.0, 0.0, 0.0], [0.0, 0.0, 1000.0]].mapv(F::of);
    let (nll, cache) = forward(logits.view(), &[0, 2]).expect("it fits");
    assert_eq!(nll, F::zero());
    let dlogits = backward(&cache);
    assert_eq!((dlogits[[0, 0]], dlogits[[1, 2]]), (F::zero(), F::zero()));
    // With confidence 1 in a wrong label the loss is large, but not infinite.
    let (nll, cache) = forward(logits.view(), &[1, 2]).expect("it fits");
    assert_eq!(nll, F::of(500.0));
    assert_eq!(backward(&cache)[[0, 1]], F::of(-0.5));
}

/// With this number of images, a sequential sum in f32 would have an error in the fourth digit.
#[test]
fn the_mean_of_many_images() {
    for batch in [60_000, 1_000_000] {
        let logits = Array2::<f32>::zeros((batch, 2));
        let (nll, cache) = forward(logits.view(), &vec![1; batch]).expect("it fits");
        assert_eq!(nll, std::f32::consts::LN_2);
        assert_eq!(backward(&cache).row(batch - 1).to_vec(), [0.5 / batch as f32, -0.5 / batch as f32]);
    }
    let classes = 1_000_000;
    let (nll, _) = forward(Array2::<f32>::zeros((1, classes)).view(), &[7]).expect("it fits");
    assert_eq!(nll, (classes as f64).ln() as f32);
}

#[test]
fn a_confidence_of_exactly_one_costs_nothing_and_its_opposite_stays_finite() {
    certain::<f64>();
    certain::<f32>();
}

fn huge<F: Precision>() {
    let (one, huge) = (F::one(), F::max_value());
    // The difference of the logits overflows to infinity, which gives the right result.
    let logits = array![[huge, -huge, one], [-huge, huge, one]];
    let (nll, cache) = forward(logits.view(), &[0, 1]).expect("it fits");
    assert_eq!(nll, F::zero());
    assert!(backward(&cache).iter().all(|d| d.is_zero()));
    let (nll, cache) = forward(logits.view(), &[1, 1]).expect("it fits");
    assert_eq!(nll, F::infinity());
    assert_eq!(backward(&cache).row(0).to_vec(), [0.5, -0.5, 0.0].map(F::of));
    let (nll, _) = forward(logits.slice(ndarray::s![..1, ..]), &[2]).expect("it fits");
    assert_eq!(nll, huge);
    // A class of weight 0 does not count, also where its logarithm is −∞: as a label, and under smoothing.
    let weights = array![one, F::zero(), one];
    let weighting = Weighting { class_weights: Some(weights.view()), ..Weighting::default() };
    let two = array![[huge, -huge, one], [one, one, one]];
    let (nll, cache) = weighting.forward(two.view(), &[1, 0]).expect("one image counts");
    assert!((nll.as_f64() - 3.0_f64.ln()).abs() < 1e-6, "{nll}");
    assert!(backward(&cache).iter().all(|d| d.is_finite()));
    let equal = array![[one, -huge, one]];
    let (nll, _) = Weighting { smoothing: 0.1, ..weighting }.forward(equal.view(), &[0]).expect("it fits");
    let expected = (0.9 + 0.2 / 3.0) * 2.0_f64.ln();
    assert!((nll.as_f64() - expected).abs() < 1e-6, "{nll} {expected}");
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
    let weights = array![1.0, 0.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let refused = |weighting: Weighting<'_, f64>, labels: &[usize], parts: &[&str]| {
        assert_error(weighting.forward(logits.view(), labels), parts);
    };
    let plain = Weighting::default();
    refused(Weighting { smoothing: 1.5, ..plain }, &[0, 1], &["label-smoothing", "0 to 1", "1.5"]);
    refused(Weighting { smoothing: f64::NAN, ..plain }, &[0, 1], &["label-smoothing", "NaN"]);
    refused(Weighting { ignored: Some(10), ..plain }, &[10, 11], &["labels", "below 10", "(saw: 11)"]);
    refused(Weighting { ignored: Some(10), ..plain }, &[10, 10], &["labels", "at least one that counts"]);
    let weighted = |weights| Weighting { class_weights: Some(weights), ..plain };
    refused(weighted(weights.view()), &[1, 1], &["labels", "at least one that counts", "of weight 0"]);
    refused(weighted(weights.slice(ndarray::s![..9])), &[0, 2], &["class_weights", "[10]", "[9]"]);
    let negative = -&weights;
    refused(weighted(negative.view()), &[0, 2], &["class_weights", "at least 0", "-1"]);
}
