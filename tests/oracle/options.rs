use super::{Stored, run};
use crate::common::assert_error;
use crate::common::compare::Tensor;
use spikeslab::oracle::evaluate;
use std::path::Path;

#[test]
fn every_value_out_of_range_is_named() {
    let cases: [(&str, &str, &[&str]); 9] = [
        ("count", "many", &["count", "whole number", "many"]),
        ("count", "-1", &["count", "-1"]),
        ("seed", "18446744073709551616", &["seed", "below 2^64", "18446744073709551616"]),
        ("step", "4294967296", &["step", "below 2^32", "4294967296"]),
        ("tensor", "1.5", &["tensor", "1.5"]),
        ("dtype", "F16", &["dtype", "F64 or F32", "F16"]),
        ("dtype", "", &["dtype", "F64 or F32"]),
        ("size", "3", &["option", "seed, step, tensor, count, dtype", "size"]),
        ("Seed", "3", &["option", "Seed"]),
    ];
    for (name, value, parts) in cases {
        assert_error(run("noise", None, &[(name, value.to_string())]), parts);
    }
    let twice = [("seed", "1".to_string()), ("seed", "2".to_string())];
    assert_error(run("noise", None, &twice), &["seed", "one value", "two"]);
}

#[test]
fn operations_and_files_are_named() {
    let (nowhere, out) = (Path::new("nowhere.safetensors"), Path::new("nowhere/out.safetensors"));
    assert_error(evaluate("dens", Some(nowhere), out, &[]), &["operation", "dense, conv2d", "dens"]);
    assert_error(evaluate("dense", Some(nowhere), out, &[]), &["nowhere.safetensors", "No such file"]);
    assert_error(evaluate("dense", None, out, &[]), &["IN.safetensors", "none"]);
    assert_error(evaluate("noise", Some(nowhere), out, &[]), &["IN.safetensors", "no input", "nowhere"]);
    assert_error(evaluate("noise", None, out, &[]), &["nowhere/out.safetensors", "No such file"]);
}

/// A number that is in range as written, but not in the precision in which it is used.
#[test]
fn numbers_are_checked_as_they_are_used() {
    let tensor = |name: &str, values: &[f64]| {
        [Stored::floats::<f32>, Stored::floats::<f64>]
            .map(|stored| stored(name, &Tensor { shape: vec![values.len()], values: values.to_vec() }))
    };
    let refused = |operation: &str, inputs: &[(&str, &[f64])], option: &str, value: &str, parts: &[&str]| {
        let (single, double): (Vec<Stored>, Vec<Stored>) =
            inputs.iter().map(|(name, values)| tensor(name, values)).map(|[single, double]| (single, double)).unzip();
        let options = [(option, value.to_string())];
        assert_error(run(operation, Some(&single), &options), &[&[option][..], parts].concat());
        run(operation, Some(&double), &options).unwrap_or_else(|error| panic!("{operation} {option} in F64: {error}"));
    };
    let adam: [(&str, &[f64]); 4] = [("parameter", &[1.0]), ("gradient", &[0.0]), ("m", &[0.0]), ("v", &[0.0])];
    refused("adam", &adam, "epsilon", "1e-46", &["a positive number", "in F32 0"]);
    refused("adam", &adam, "learning-rate", "1e39", &["a number", "in F32 inf"]);
    refused("adam", &adam, "learning-rate", "1e38", &["stays finite", "beta1^1"]);
    refused("adam", &adam, "beta1", "0.999999999", &["below 1", "in F32 1"]);
    refused("adam", &adam, "weight-decay", "1e39", &["at least 0", "in F32 inf"]);
    let gaussian: [(&str, &[f64]); 2] = [("theta", &[0.1]), ("log_sigma2", &[-4.0])];
    refused("gaussian-kl", &gaussian, "prior-log-sigma2", "1e39", &["a number", "in F32 inf"]);
    refused("gaussian-kl", &gaussian, "prior-mean", "1e39", &["a number", "in F32 inf"]);
    let kl: [(&str, &[f64]); 3] = [("theta", &[0.1]), ("log_sigma2", &[-4.0]), ("levels", &[-0.2, 0.2])];
    let (single, double): (Vec<Stored>, Vec<Stored>) =
        kl.iter().map(|(name, values)| tensor(name, values)).map(|[single, double]| (single, double)).unzip();
    let options = [("prior", "windows".to_string()), ("window-ratio", "1e-46".to_string())];
    assert_error(run("kl", Some(&single), &options), &["window-ratio", "a positive number", "in F32 0"]);
    run("kl", Some(&double), &options).expect("a positive number in F64");
    for (option, value) in [("epsilon", "0"), ("epsilon", "nan"), ("beta2", "1"), ("step", "0"), ("weight-decay", "-1")]
    {
        let inputs: Vec<Stored> =
            adam.iter().map(|(name, values)| tensor(name, values)).map(|[_, double]| double).collect();
        assert_error(run("adam", Some(&inputs), &[(option, value.to_string())]), &[option]);
    }
}

#[test]
fn an_option_without_a_value_is_refused() {
    let logits = Stored::floats::<f64>("logits", &Tensor { shape: vec![1, 2], values: vec![0.5, 0.0] });
    let inputs = [logits, Stored::integers("labels", &Tensor { shape: vec![1], values: vec![1.0] })];
    let outcome = run("softmax-nll", Some(&inputs), &[("ignore-index", String::new())]);
    assert_error(outcome, &["ignore-index: expected a whole number", "(saw: no value)"]);
}

/// PyTorch's users often set the ignored label to -100.
#[test]
fn a_label_below_zero_is_taken_if_it_is_the_ignored_one() {
    let logits = Stored::floats::<f64>("logits", &Tensor { shape: vec![2, 2], values: vec![0.5, 0.0, 1.0, 2.0] });
    let labels = Stored::integers("labels", &Tensor { shape: vec![2], values: vec![-100.0, 1.0] });
    let inputs = [logits, labels];
    let ignoring = |index: &str| run("softmax-nll", Some(&inputs), &[("ignore-index", index.to_string())]);
    assert_eq!(ignoring("-100").unwrap()["dlogits"].values[..2], [0.0, 0.0]);
    assert_error(ignoring("-99"), &["labels", "at least 0", "-100"]);
    assert_error(ignoring("1.5"), &["ignore-index", "1.5"]);
    assert_error(run("softmax-nll", Some(&inputs), &[]), &["labels", "at least 0", "-100"]);
}
