use super::{Stored, assert_case, run};
use crate::common::compare::Tensor;
use crate::common::fixture::for_each_case;
use crate::common::{Precision, assert_error};
use crate::train::uncertainty::CASES;

const OUTPUTS: [&str; 17] = [
    "probabilities",
    "entropy",
    "expected_entropy",
    "mutual_information",
    "accuracy",
    "nll",
    "brier",
    "ece",
    "ece_equal_mass",
    "mce",
    "aurc",
    "accuracy_at_coverage",
    "other_entropy",
    "auroc",
    "aupr_other",
    "aupr_own",
    "fpr_at_95_tpr",
];

fn uncertainty<F: Precision>() {
    for_each_case::<F>("train/uncertainty", CASES, |case| {
        let outputs = OUTPUTS.map(|name| (name, name));
        assert_case(case, "uncertainty", &["logits", "labels", "other_logits"], &[], &outputs);
    });
}

#[test]
fn uncertainty_in_both_precisions() {
    uncertainty::<f64>();
    uncertainty::<f32>();
}

#[test]
fn without_other_logits_there_is_nothing_to_detect() {
    let tensor = |shape: &[usize], values: &[f64]| Tensor { shape: shape.to_vec(), values: values.to_vec() };
    let logits = Stored::floats::<f64>("logits", &tensor(&[1, 2, 2], &[1.0, 0.0, 0.0, 2.0]));
    let labels = |values| Stored::integers("labels", &tensor(&[2], values));
    let seen = run("uncertainty", Some(&[logits, labels(&[0.0, 1.0])]), &[]).unwrap();
    assert_eq!(seen.keys().map(String::as_str).collect::<Vec<_>>(), {
        let mut names = OUTPUTS[..12].to_vec();
        names.sort_unstable();
        names
    });
}

#[test]
fn shapes_and_labels_that_do_not_fit_are_refused() {
    let zeros = |name: &str, shape: &[usize]| {
        let values = vec![0.0; shape.iter().product()];
        Stored::floats::<f64>(name, &Tensor { shape: shape.to_vec(), values })
    };
    let labels =
        |values: &[f64]| Stored::integers("labels", &Tensor { shape: vec![values.len()], values: values.to_vec() });
    let refused = |tensors: &[Stored], parts: &[&str]| assert_error(run("uncertainty", Some(tensors), &[]), parts);
    refused(&[zeros("logits", &[2, 3]), labels(&[0.0; 2])], &["tensor logits", "(S, B, K)"]);
    refused(&[zeros("logits", &[1, 3, 2]), labels(&[0.0; 2])], &["tensor logits", "here (1, 2, K)"]);
    refused(&[zeros("logits", &[1, 2, 2]), labels(&[0.0, 2.0])], &["tensor labels", "below 2", "2"]);
    refused(&[zeros("logits", &[1, 2, 2]), labels(&[0.0, -1.0])], &["tensor labels", "at least 0", "-1"]);
    let other = zeros("other_logits", &[2, 2, 2]);
    refused(&[zeros("logits", &[1, 2, 2]), other, labels(&[0.0; 2])], &["tensor other_logits", "here (1, N, 2)"]);
    let huge = Tensor { shape: vec![1, 1, 2], values: vec![1.7e308, -1.7e308] };
    let huge = Stored::floats::<f64>("logits", &huge);
    refused(&[huge, labels(&[0.0])], &["tensor ln softmax(logits)", "finite numbers", "inf"]);
}
