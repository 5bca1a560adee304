mod calibration;
mod detection;
mod selective;

use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::fixture::{Case, for_each_case};
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error};
use ndarray::{Array2, Array3, Ix3, array, s};
use spikeslab::train::uncertainty::detection::Detection;
use spikeslab::train::uncertainty::{Accumulator, Detections, Predictions, Uncertainty, entropy};

/// The number of cases of the fixture.
pub(crate) const CASES: usize = 18;

fn predictions<F: Precision>(case: &Case<F>, tensor: &str) -> Predictions {
    Predictions::of_logits(case.array::<Ix3>(tensor).view()).expect("finite logits")
}

fn golden<F: Precision>() {
    for_each_case::<F>("train/uncertainty", CASES, |case| {
        let (own, labels) = (predictions(case, "logits"), case.integers("labels"));
        case.expect("probabilities", &own.log_probabilities().mapv(f64::exp));
        case.expect("entropy", &own.entropy());
        case.expect("expected_entropy", &own.expected_entropy());
        case.expect("mutual_information", &own.mutual_information());
        let figures = Uncertainty::of(&own, &labels).expect("labels that fit");
        for (name, value) in [
            ("accuracy", figures.accuracy),
            ("nll", figures.nll),
            ("brier", figures.brier),
            ("ece", figures.ece),
            ("ece_equal_mass", figures.ece_equal_mass),
            ("mce", figures.mce),
            ("aurc", figures.aurc),
        ] {
            case.expect(name, &value);
        }
        case.expect("accuracy_at_coverage", &figures.accuracy_at);
        let within = tolerance("uncertainty", F64, Check::Property);
        let parts = figures.expected_entropy + figures.mutual_information;
        assert_close("entropy = expected entropy + mutual information", &parts, &figures.entropy, within);
        if !case.has("other_logits") {
            return;
        }
        let other = predictions(case, "other_logits");
        case.expect("other_entropy", &other.entropy());
        let of = Detections::of(&own, &other).expect("images of both");
        let by_score = [of.maximum_probability, of.entropy, of.mutual_information];
        let figure = |figure: fn(&Detection) -> f64| by_score.each_ref().map(figure);
        case.expect("auroc", &figure(|of| of.auroc));
        case.expect("aupr_other", &figure(|of| of.aupr_other));
        case.expect("aupr_own", &figure(|of| of.aupr_own));
        case.expect("fpr_at_95_tpr", &figure(|of| of.fpr_at_95_tpr));
    });
}

#[test]
fn golden_f64() {
    golden::<f64>();
}

/// The inputs are the same numbers in f32, and everything is computed from them in f64.
#[test]
fn golden_f32() {
    golden::<f32>();
}

#[test]
fn no_figure_depends_on_the_order_of_images() {
    let mut random = Random::new(3);
    // Few distinct images, so that there are many ties.
    let few: Array3<f64> = random.bells((3, 6, 5));
    let places: Vec<usize> = (0..60).map(|_| (random.word() % 6) as usize).collect();
    let labels: Vec<usize> = (0..60).map(|_| (random.word() % 5) as usize).collect();
    let figures = |order: &[usize]| {
        let logits = few.select(ndarray::Axis(1), &order.iter().map(|i| places[*i]).collect::<Vec<_>>());
        let predictions = Predictions::of_logits(logits.view()).unwrap();
        let of = Uncertainty::of(&predictions, &order.iter().map(|i| labels[*i]).collect::<Vec<_>>()).unwrap();
        let detection = Detections::of(&predictions, &predictions).unwrap().entropy;
        assert_eq!(detection.auroc, 0.5, "the same images");
        [of.nll, of.brier, of.ece, of.ece_equal_mass, of.mce, of.aurc, of.accuracy_at[0], of.accuracy_at[2]]
    };
    let forwards: Vec<usize> = (0..60).collect();
    let backwards: Vec<usize> = (0..60).rev().collect();
    let mixed: Vec<usize> = (0..60).map(|i| i * 7 % 60).collect();
    let within = tolerance("uncertainty", F64, Check::Property);
    for order in [backwards, mixed] {
        assert_close(&format!("{order:?}"), &figures(&order), &figures(&forwards), within);
    }
}

#[test]
fn draws_are_added_up_batch_by_batch() {
    let logits: Array3<f32> = Random::new(4).bells((5, 7, 3));
    let whole = Predictions::of_logits(logits.view()).unwrap();
    let mut sum = Accumulator::new(7, 3);
    for draw in 0..5 {
        for (first, last) in [(0, 3), (3, 6), (6, 7)] {
            sum.add(first, logits.slice(s![draw, first..last, ..])).unwrap();
        }
    }
    assert_eq!(sum.mean(5), whole, "to the bit");
}

#[test]
fn one_draw_has_no_mutual_information_and_many_equal_ones_hardly_any() {
    let one: Array3<f64> = Random::new(5).bells((1, 40, 10)) * 5.0;
    assert!(Predictions::of_logits(one.view()).unwrap().mutual_information().iter().all(|value| *value == 0.0));
    let many = one.broadcast((2000, 40, 10)).unwrap();
    let information = Predictions::of_logits(many).unwrap().mutual_information();
    // The logarithm of the sum of 2,000 numbers was rounded 2,000 times.
    assert!(information.iter().all(|value| (0.0..1e-12).contains(value)), "{information:?}");
}

#[test]
fn a_confident_mistake_has_a_finite_nll_and_a_brier_score_of_two() {
    let predictions = Predictions::of_logits(array![[[5000.0_f32, 0.0]]].view()).unwrap();
    let figures = Uncertainty::of(&predictions, &[1]).unwrap();
    assert_eq!((figures.nll, figures.brier, figures.ece, figures.mce), (5000.0, 2.0, 1.0, 1.0));
    assert_eq!((figures.entropy, figures.aurc, figures.accuracy), (0.0, 1.0, 0.0));
}

#[test]
fn a_probability_near_one_keeps_its_distance_from_one() {
    // p = 1 − e⁻⁴⁰ to first order; computed from a rounded p, 1 − p would be 0.
    let predictions = Predictions::of_logits(array![[[40.0_f64, 0.0]]].view()).unwrap();
    let tiny = (-40.0_f64).exp();
    let within = tolerance("uncertainty of the certain", F64, Check::Property);
    assert_close("NLL", &predictions.nll(&[0]).unwrap(), &[tiny], within);
    assert_close("Brier score", &predictions.brier(&[0]).unwrap(), &[2.0 * tiny * tiny], within);
    assert_close("entropy", &predictions.entropy(), &[41.0 * tiny], within);
}

#[test]
fn the_entropy_of_certainty_is_zero() {
    for row in [array![0.0, f64::NEG_INFINITY, f64::NEG_INFINITY], array![0.0, -1e308, -800.0]] {
        assert_eq!(entropy(row.view()).to_bits(), 0.0_f64.to_bits());
    }
    let within = tolerance("uncertainty", F64, Check::Property);
    assert_close(
        "of eight classes",
        &entropy(ndarray::Array1::from_elem(8, -8.0_f64.ln()).view()),
        &8.0_f64.ln(),
        within,
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let logits = |draws, images, classes| Predictions::of_logits(Array3::<f64>::zeros((draws, images, classes)).view());
    for shape in [(0, 2, 3), (2, 0, 3), (2, 3, 0)] {
        assert_error(logits(shape.0, shape.1, shape.2), &["tensor logits", "at least one draw, image and class", "0"]);
    }
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let seen = Predictions::of_logits(array![[[0.0, odd]]].view());
        assert_error(seen, &["tensor ln softmax(logits)", "finite numbers"]);
    }
    let predictions = logits(1, 2, 3).unwrap();
    for labels in [&[0][..], &[0, 1, 2]] {
        assert_error(Uncertainty::of(&predictions, labels), &["tensor labels", "shape [2]"]);
        assert_error(predictions.right(labels), &["tensor labels", "shape [2]"]);
    }
    assert_error(Uncertainty::of(&predictions, &[0, 3]), &["tensor labels", "below 3", "(saw: 3)"]);
    let mut sum = Accumulator::new(3, 2);
    assert_error(sum.add(1, Array2::<f64>::zeros((3, 2)).view()), &["logits", "[2, 2]", "[3, 2]"]);
    assert_error(sum.add(7, Array2::<f64>::zeros((1, 2)).view()), &["logits", "[0, 2]", "[1, 2]"]);
    assert_error(sum.add(0, Array2::<f64>::zeros((1, 3)).view()), &["logits", "[1, 2]", "[1, 3]"]);
    let none = Accumulator::new(0, 2).mean(1);
    assert_error(Uncertainty::of(&none, &[]), &["tensor images", "none"]);
    assert_error(Detections::of(&none, &none), &["tensor scores", "none"]);
}
