use super::{Stored, both_ways, run};
use crate::common::compare::Tensor;
use crate::common::fixture::{for_each_case, note, note_or};
use crate::common::networks::text_path;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, assert_error};

/// Compares the first step of every golden network: loss, NLL, KL, logits, and the gradient with respect to every
/// parameter.
fn assert_network(network: &str, path: &str, count: usize) {
    for_each_case::<f64>(path, count, |case| {
        let mut tensors =
            vec![Stored::floats::<f64>("x", case.stored("x")), Stored::integers("labels", case.stored("labels"))];
        for name in case.names_after("init.") {
            tensors.push(Stored::floats::<f64>(&name, case.stored(&format!("init.{name}"))));
        }
        for layer in case.names_after("step1.eps.") {
            let golden = case.stored(&format!("step1.eps.{layer}"));
            tensors.push(Stored::floats::<f64>(&format!("eps.{layer}"), golden));
        }
        let noted = |key: &str| note(path, &case.name, key);
        let mut options = vec![
            ("network", network.to_string()),
            ("prior", noted("prior")),
            ("forward", note_or(path, &case.name, "forward", "sampled")),
            ("kl-scale", noted("kl_scale")),
            ("train-size", case.stored_scalar("train_size").to_string()),
            ("kl-weight", case.stored_scalar("kl_weight").to_string()),
        ];
        if !["none", "gaussian"].contains(&noted("prior").as_str()) {
            options.push(("spike", noted("spike")));
        }
        let tolerance = tolerance("network", Dtype::F64, Check::Golden);
        let mut names = ["loss", "nll", "kl", "logits"].map(str::to_string).to_vec();
        names.extend(case.names_after("step1.d.").into_iter().map(|name| format!("d.{name}")));
        for options in both_ways(&options) {
            let seen =
                run("network", Some(&tensors), &options).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            assert_eq!(seen.len(), names.len(), "{}: no output but these", case.name);
            for name in &names {
                case.expect_within(&format!("step1.{name}"), &seen[name], tolerance);
            }
        }
        case.skip("learning_rate");
        case.names_after("step1.after.").iter().for_each(|name| case.skip(&format!("step1.after.{name}")));
        case.names_after("step2.").iter().for_each(|name| case.skip(&format!("step2.{name}")));
    });
}

#[test]
fn mlp() {
    assert_network("mlp", "nets/mlp", 3);
}

#[test]
fn lenet5() {
    assert_network("lenet5", "nets/lenet5", 2);
}

#[test]
fn lenet_caffe() {
    assert_network("lenet-caffe", "nets/lenet_caffe", 1);
}

#[test]
fn densenet() {
    assert_network("densenet", "nets/densenet", 2);
}

#[test]
fn networks_of_their_own_texts() {
    for name in ["residual", "grouped", "bare"] {
        assert_network(text_path(name).to_str().expect("a path of letters"), &format!("nets/{name}"), 1);
    }
}

#[test]
fn forwards_with_quantized_weights() {
    assert_network(text_path("hard").to_str().expect("a path of letters"), "nets/hard", 3);
    let labels = Tensor { shape: vec![2], values: vec![0.0, 1.0] };
    let x = Tensor { shape: vec![2, 2], values: vec![0.5; 4] };
    let problem = [Stored::floats::<f64>("x", &x), Stored::integers("labels", &labels)];
    for (prior, forward, parts) in [
        ("none", "hard", ["prior", "one with noise"]),
        ("nearest", "straight-through", ["prior", "none for --forward straight-through"]),
        ("nearest", "soft", ["forward", "straight-through"]),
    ] {
        let options = [("network", "mlp"), ("prior", prior), ("forward", forward)].map(|(k, v)| (k, v.to_string()));
        assert_error(run("network", Some(&problem), &options), &parts);
    }
}

/// An `mlp` with two inputs, one hidden unit per layer and two classes, with one of its tensors changed.
pub(super) fn small(change: &str, shape: Option<Vec<usize>>) -> Vec<Stored> {
    let shapes = [
        ("x", vec![2, 2]),
        ("fc1.theta", vec![2, 1]),
        ("fc1.log_sigma2", vec![2, 1]),
        ("fc1.levels", vec![3]),
        ("bn1.gamma", vec![1]),
        ("bn1.beta", vec![1]),
        ("fc2.theta", vec![1, 1]),
        ("fc2.log_sigma2", vec![1, 1]),
        ("fc2.levels", vec![2]),
        ("bn2.gamma", vec![1]),
        ("bn2.beta", vec![1]),
        ("fc3.theta", vec![1, 2]),
        ("fc3.log_sigma2", vec![1, 2]),
        ("fc3.levels", vec![2]),
        ("fc3.bias", vec![2]),
        ("eps.fc1", vec![2, 1]),
        ("eps.fc2", vec![2, 1]),
        ("eps.fc3", vec![2, 2]),
    ];
    let mut tensors = vec![Stored::integers("labels", &Tensor { shape: vec![2], values: vec![0.0, 1.0] })];
    for (name, usual) in shapes {
        let shape = if name == change { shape.clone() } else { Some(usual) };
        let Some(shape) = shape else { continue };
        let len: usize = shape.iter().product();
        tensors.push(Stored::floats::<f64>(name, &Tensor { shape, values: (0..len).map(|i| i as f64).collect() }));
    }
    tensors
}

#[test]
fn what_does_not_fit_is_named() {
    assert!(run("mlp", Some(&small("", None)), &[]).is_ok());
    type Change = (&'static str, Option<Vec<usize>>);
    let cases: [(Change, &[&str]); 7] = [
        (("x", Some(vec![2, 3])), &["fc1.theta", "[3, 1]", "[2, 1]"]),
        (("fc2.log_sigma2", None), &["fc2.log_sigma2", "none"]),
        (("fc2.log_sigma2", Some(vec![1, 2])), &["fc2.log_sigma2", "[1, 1]", "[1, 2]"]),
        (("fc2.levels", Some(vec![1])), &["fc2.levels", "2 to 256", "1"]),
        (("eps.fc3", Some(vec![2, 3])), &["eps.fc3", "[2, 2]", "[2, 3]"]),
        (("eps.fc1", None), &["eps.fc1", "none"]),
        (("fc3.theta", Some(vec![2])), &["fc3.theta", "(I, O)", "[2]"]),
    ];
    for ((name, shape), parts) in cases {
        assert_error(run("mlp", Some(&small(name, shape)), &[]), parts);
    }
    // Of several missing tensors all are named, with their shapes.
    let without = |missing: &[&str]| -> Vec<Stored> {
        small("", None).into_iter().filter(|tensor| !missing.contains(&&*tensor.name)).collect()
    };
    let outcome = run("mlp", Some(&without(&["fc2.levels", "bn2.gamma", "eps.fc3"])), &[]);
    assert_error(outcome, &["fc2.levels: expected shape [M]", "none, nor bn2.gamma [1], eps.fc3 [2, 2]"]);
    let outcome = run("mlp", Some(&without(&["fc1.theta", "fc3.theta", "eps.fc3"])), &[]);
    assert_error(outcome, &["fc1.theta", "none, nor fc3.theta (I, O)"]);
    let mut stranger = small("", None);
    stranger.push(Stored::floats::<f64>("fc9.theta", &Tensor { shape: vec![1], values: vec![0.0] }));
    assert_error(run("mlp", Some(&stranger), &[]), &["fc9.theta", "one of", "unknown"]);
    let prior = [("prior", "windows".to_string())];
    assert_error(run("mlp", Some(&small("", None)), &prior), &["fc1.levels", "without a zero level", "windows"]);
}

/// PyTorch's weight of a dense layer is (O, I), θ is (I, O).
#[test]
fn a_weight_that_was_not_transposed_is_named() {
    for (name, shape, expected) in [("fc1.theta", vec![1, 2], "[2, 1]"), ("fc3.theta", vec![2, 1], "[1, 2]")] {
        let outcome = run("mlp", Some(&small(name, Some(shape))), &[]);
        assert_error(outcome, &[name, expected, "inputs by outputs: the transpose of PyTorch's weight"]);
    }
}

/// `fit` without spikes, and with the form that is no sum over spikes.
#[test]
fn a_spike_that_the_prior_does_not_have_is_refused() {
    for (prior, part) in [("quadrature", "no sum over spikes"), ("gaussian", "no spikes"), ("none", "no spikes")] {
        let options = [("prior", prior.to_string()), ("spike", "fit".to_string())];
        assert_error(run("mlp", Some(&small("", None)), &options), &["spike: expected exact for", prior, part]);
    }
}

/// Nothing reads the levels of a layer in full precision, so that they need not suit the prior.
#[test]
fn the_levels_of_an_unquantized_layer_are_not_checked() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("two.net");
    std::fs::write(&path, "input 1x1x2\nflatten\nfc1 dense 2 unquantized\nfc2 dense classes").unwrap();
    let floats = |name: &str, shape: &[usize], values: &[f64]| {
        Stored::floats::<f64>(name, &Tensor { shape: shape.to_vec(), values: values.to_vec() })
    };
    let of = |levels: &[f64]| {
        let labels = Stored::integers("labels", &Tensor { shape: vec![1], values: vec![1.0] });
        let mut inputs = vec![labels, floats("x", &[1, 2], &[1.0, 0.5]), floats("eps.fc2", &[1, 2], &[0.1, 0.2])];
        for layer in ["fc1", "fc2"] {
            inputs.push(floats(&format!("{layer}.theta"), &[2, 2], &[0.1, 0.2, -0.1, 0.3]));
            inputs.push(floats(&format!("{layer}.log_sigma2"), &[2, 2], &[-4.0; 4]));
        }
        inputs.push(floats("fc1.levels", &[3], &[-0.2, 0.0, 0.2]));
        inputs.push(floats("fc2.levels", &[levels.len()], levels));
        let options = [("network", path.display().to_string()), ("prior", "windows".to_string())];
        run("network", Some(&inputs), &options)
    };
    of(&[-0.2, 0.2]).unwrap();
    assert_error(of(&[-0.2, 0.0, 0.2]), &["fc2.levels", "without a zero level"]);
}

/// eps.theta would be the noise of the layer theta and the θ of the layer eps.
#[test]
fn a_layer_named_eps_is_refused() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("eps.net");
    std::fs::write(&path, "flatten\neps dense 2\ntheta dense 2").unwrap();
    let tensor = |shape: &[usize]| Tensor { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] };
    let matrix = |name: &str| Stored::floats::<f64>(name, &tensor(&[2, 2]));
    let x = Stored::floats::<f64>("x", &tensor(&[1, 1, 1, 2]));
    let tensors = [x, Stored::integers("labels", &tensor(&[1])), matrix("eps.theta"), matrix("theta.theta")];
    let seen = run("network", Some(&tensors), &[("network", path.display().to_string())]);
    assert_error(seen, &["network", "no layer named eps"]);
}
