use super::{Stored, assert_case, number, pair, run};
use crate::common::compare::Tensor;
use crate::common::fixture::for_each_case;
use crate::common::{Precision, assert_error};

const BAYES: [&str; 6] = ["x", "theta", "log_sigma2", "bias", "eps", "dy"];
const BAYES_OUTPUTS: [&str; 7] = ["y", "mean", "variance", "dx", "dtheta", "dlog_sigma2", "dbias"];

fn dense<F: Precision>() {
    for_each_case::<F>("layers/bayes_dense", 13, |case| {
        assert_case(case, "dense", &BAYES, &[], &BAYES_OUTPUTS.map(|name| (name, name)));
    });
}

fn conv2d<F: Precision>() {
    for_each_case::<F>("layers/bayes_conv2d", 18, |case| {
        let mut options: Vec<(&str, String)> =
            ["stride", "padding", "dilation"].map(|name| (name, pair(case, name))).to_vec();
        options.push(("groups", number(case, "groups")));
        assert_case(case, "conv2d", &BAYES, &options, &BAYES_OUTPUTS.map(|name| (name, name)));
    });
}

#[test]
fn dense_in_both_precisions() {
    dense::<f64>();
    dense::<f32>();
}

#[test]
fn conv2d_in_both_precisions() {
    conv2d::<f64>();
    conv2d::<f32>();
}

#[test]
fn batch_norm() {
    for_each_case::<f64>("layers/batch_norm", 26, |case| {
        let mode = if case.name.contains(": batch-") { "batch" } else { "running" };
        let options =
            [("mode", mode.to_string()), ("momentum", number(case, "momentum")), ("epsilon", number(case, "epsilon"))];
        let inputs = ["x", "gamma", "beta", "running_mean", "running_var", "dy"];
        let outputs = [
            ("y", "y"),
            ("dx", "dx"),
            ("dgamma", "dgamma"),
            ("dbeta", "dbeta"),
            ("new_running_mean", "new_running_mean"),
            ("new_running_var", "new_running_var"),
        ];
        // Cases with a mean that is large relative to the deviation have another tolerance in the layer's tests.
        if case.name.contains("mean") {
            inputs.iter().chain(&["momentum", "epsilon"]).for_each(|name| case.skip(name));
            outputs.iter().for_each(|(_, name)| case.skip(name));
        } else {
            assert_case(case, "batch-norm", &inputs, &options, &outputs);
        }
    });
}

#[test]
fn relu_and_pools() {
    let outputs = [("y", "y"), ("dx", "dx")];
    for_each_case::<f64>("layers/relu", 4, |case| assert_case(case, "relu", &["x", "dy"], &[], &outputs));
    for (operation, path, count) in [("max-pool", "layers/max_pool", 23), ("avg-pool", "layers/avg_pool", 31)] {
        for_each_case::<f64>(path, count, |case| {
            let given =
                |names: &[&'static str]| names.iter().copied().filter(|name| case.has(name)).collect::<Vec<_>>();
            let pairs = given(&["kernel", "stride", "padding"]).into_iter().map(|name| (name, pair(case, name)));
            let mut options: Vec<(&str, String)> = pairs.collect();
            let flags = [("ceil_mode", "ceil-mode"), ("count_include_pad", "count-include-pad")];
            for (name, option) in flags.into_iter().filter(|(name, _)| case.has(name)) {
                options.push((option, if case.stored_scalar(name) == 1.0 { "yes" } else { "no" }.to_string()));
            }
            assert_case(case, operation, &["x", "dy"], &options, &outputs);
        });
    }
}

#[test]
fn softmax_nll() {
    for_each_case::<f64>("layers/softmax_nll", 26, |case| {
        let names = [("label_smoothing", "label-smoothing"), ("ignore_index", "ignore-index")];
        let given = names.into_iter().filter(|(name, _)| case.has(name));
        let options: Vec<(&str, String)> = given.map(|(name, option)| (option, number(case, name))).collect();
        let outputs = [("nll", "nll"), ("dlogits", "dlogits")];
        assert_case(case, "softmax-nll", &["logits", "labels", "class_weights"], &options, &outputs);
    });
}

#[test]
fn distillation() {
    for_each_case::<f64>("layers/distillation", 10, |case| {
        let outputs = ["loss", "nll", "dlogits"].map(|name| (name, name));
        let options = [("teacher-share", number(case, "share"))];
        assert_case(case, "distillation", &["logits", "teacher_logits", "labels"], &options, &outputs);
    });
}

#[test]
fn one_value_a_channel_has_no_statistics() {
    let tensor = |name: &str, shape: &[usize]| {
        Stored::floats::<f64>(name, &Tensor { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] })
    };
    let of = |shape: &[usize], mode: &str| {
        let vectors = ["gamma", "beta", "running_mean", "running_var"].map(|name| tensor(name, &[3]));
        let inputs: Vec<Stored> = [tensor("x", shape), tensor("dy", shape)].into_iter().chain(vectors).collect();
        run("batch-norm", Some(&inputs), &[("mode", mode.to_string())])
    };
    assert_error(of(&[1, 3], "batch"), &["x", "at least two values a channel", "[1, 3]"]);
    assert_error(of(&[1, 3, 1, 1], "batch"), &["x", "at least two values a channel"]);
    of(&[1, 3, 1, 2], "batch").unwrap();
    of(&[1, 3], "running").unwrap();
}
