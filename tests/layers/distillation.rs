use crate::common::Dtype::F64;
use crate::common::compare::assert_close;
use crate::common::fixture::for_each_case;
use crate::common::gradient::assert_gradient;
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error};
use ndarray::{Array2, Ix2, array};
use spikeslab::layers::distillation::{backward, forward};
use spikeslab::layers::softmax_nll;

fn golden<F: Precision>() {
    for_each_case::<F>("layers/distillation", 10, |case| {
        let [logits, teacher_logits] = ["logits", "teacher_logits"].map(|name| case.array::<Ix2>(name));
        let (labels, share) = (case.integers("labels"), case.stored_scalar("share"));
        let (value, cache) = forward(logits.view(), teacher_logits.view(), &labels, share).expect("it fits");
        let tolerance = tolerance("distillation", F::DTYPE, Check::Golden);
        case.expect_within("loss", &[value.loss], tolerance);
        case.expect_within("nll", &[value.nll], tolerance);
        case.expect_within("dlogits", &backward(&cache), tolerance);
    });
}

both_precisions!(golden);

#[test]
fn gradients() {
    let mut random = Random::new(1);
    for (labels, classes, share) in [
        (vec![0, 3, 2, 3, 1], 4, 1.0),
        (vec![0, 3, 2, 3, 1], 4, 0.5),
        (vec![0, 3, 2, 3, 1], 4, 0.0),
        (vec![9], 10, 0.9),
        (vec![0, 1, 0], 2, 0.25),
    ] {
        let shape = (labels.len(), classes);
        let [logits, teacher_logits] = [(); 2].map(|()| random.bells::<f64, _>(shape) * 2.0);
        let loss =
            |logits: &Array2<f64>| forward(logits.view(), teacher_logits.view(), &labels, share).expect("it fits");
        let dlogits = backward(&loss(&logits).1);
        let at = logits.as_slice().expect("standard layout");
        assert_gradient("distillation", &format!("labels {labels:?}, share {share}"), 1e-3, at, &dlogits, |logits| {
            loss(&Array2::from_shape_vec(shape, logits.to_vec()).expect("the size")).0.loss
        });
    }
}

#[test]
fn without_a_share_the_loss_is_that_of_the_labels() {
    let mut random = Random::new(2);
    let [logits, teacher_logits] = [(); 2].map(|()| random.bells::<f64, _>((5, 7)) * 3.0);
    let labels = [6, 0, 3, 3, 1];
    let (value, cache) = forward(logits.view(), teacher_logits.view(), &labels, 0.0).expect("it fits");
    let (nll, of_labels) = softmax_nll::forward(logits.view(), &labels).expect("it fits");
    assert_eq!((value.loss, value.nll), (nll, nll));
    assert_eq!(backward(&cache), softmax_nll::backward(&of_labels));
}

/// KL(p ‖ softmax(z)) is smallest, and its gradient 0, where softmax(z) is p; the loss is then the entropy of p.
#[test]
fn a_student_that_equals_its_teacher_has_no_gradient() {
    let mut random = Random::new(3);
    let teacher_logits: Array2<f64> = random.bells::<f64, _>((4, 10)) * 2.0;
    let entropy: f64 = teacher_logits
        .rows()
        .into_iter()
        .map(|row| {
            let total: f64 = row.iter().map(|u| u.exp()).sum();
            row.iter().map(|u| -u.exp() / total * (u - total.ln())).sum::<f64>()
        })
        .sum();
    let labels = [0, 9, 4, 4];
    let tolerance = tolerance("distillation", F64, Check::Property);
    let loss = |logits: &Array2<f64>| forward(logits.view(), teacher_logits.view(), &labels, 1.0).expect("it fits");
    // A constant added to the logits of an image changes no probability.
    let (value, cache) = loss(&(&teacher_logits + 0.75));
    assert_close("loss", &value.loss, &(entropy / 4.0), tolerance);
    assert_close("dlogits", &backward(&cache), &Array2::<f64>::zeros((4, 10)), tolerance);
    for _ in 0..20 {
        let other = &teacher_logits + &(random.bells::<f64, _>((4, 10)) * 0.1);
        assert!(loss(&other).0.loss > value.loss);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (logits, labels) = (array![[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]], [0, 2]);
    let loss = |teacher_logits: &Array2<f64>, labels: &[usize], share| {
        forward(logits.view(), teacher_logits.view(), labels, share)
    };
    for share in [-0.1, 1.5, f64::NAN] {
        assert_error(loss(&logits, &labels, share), &["teacher-share", "a number from 0 to 1"]);
    }
    assert_error(loss(&array![[0.0, 1.0]], &labels, 0.5), &["teacher_logits", "[2, 3]", "[1, 2]"]);
    assert_error(loss(&logits, &[0], 0.5), &["labels", "[2]", "[1]"]);
    assert_error(loss(&logits, &[0, 3], 0.5), &["labels", "labels below 3", "3"]);
    let none = Array2::<f64>::zeros((0, 3));
    assert_error(forward(none.view(), none.view(), &[], 0.5), &["logits", "at least one row"]);
}
