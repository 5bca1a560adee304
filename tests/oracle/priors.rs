use super::{Stored, assert_case, number, run};
use crate::common::compare::Tensor;
use crate::common::fixture::for_each_case;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, Precision, assert_error};

fn spike(case: &str) -> String {
    if case.contains(": fit") { "fit" } else { "exact" }.to_string()
}

#[test]
fn spike_kl() {
    for_each_case::<f64>("scalar/spike_kl", 2, |case| {
        let options = [("spike", spike(&case.name))];
        let tolerance = tolerance(&format!("spike_kl {}", options[0].1), Dtype::F64, Check::Golden);
        let seen = run("spike-kl", Some(&[Stored::floats::<f64>("t", case.stored("t"))]), &options).unwrap();
        for name in ["kl", "dkl_dt"] {
            case.expect_within(name, &seen[name], tolerance);
        }
    });
}

fn forms<F: Precision>() {
    for (form, count) in [("nearest", 46), ("mixture", 46), ("vnq", 38), ("windows", 30)] {
        for_each_case::<F>(&format!("prior/{form}"), count, |case| assert_form(case, form));
    }
}

fn assert_form<F: Precision>(case: &crate::common::fixture::Case<F>, form: &str) {
    let mut options = vec![("prior", form.to_string()), ("spike", spike(&case.name))];
    if case.has("window_ratio") {
        options.push(("window-ratio", number(case, "window_ratio")));
    }
    let outputs = ["kl", "dtheta", "dlog_sigma2", "dlevels"].map(|name| (name, name));
    assert_case(case, "kl", &["theta", "log_sigma2", "levels", "level_weights"], &options, &outputs);
}

#[test]
fn kl_in_f64() {
    forms::<f64>();
    for_each_case::<f64>("prior/quadrature", 17, |case| assert_form(case, "quadrature"));
}

#[test]
fn kl_in_f32() {
    forms::<f32>();
}

#[test]
fn gaussian_kl() {
    for_each_case::<f64>("scalar/gaussian_kl", 7, |case| {
        let options =
            [("prior-mean", number(case, "prior_mean")), ("prior-log-sigma2", number(case, "prior_log_sigma2"))];
        let outputs = ["kl", "dtheta", "dlog_sigma2"].map(|name| (name, name));
        assert_case(case, "gaussian-kl", &["theta", "log_sigma2"], &options, &outputs);
    });
}

#[test]
fn quantize() {
    for_each_case::<f64>("prior/quantizer", 17, |case| {
        let outputs = ["index", "value", "loss"].map(|name| (name, name));
        assert_case(case, "quantize", &["theta", "levels"], &[], &outputs);
    });
}

#[test]
fn a_codebook_or_a_form_that_does_not_fit_is_an_error() {
    let weights = |levels: &[f64], masses: Option<&[f64]>| {
        let tensor = |values: &[f64]| Tensor { shape: vec![values.len()], values: values.to_vec() };
        let mut stored = vec![
            Stored::floats::<f64>("theta", &tensor(&[0.1])),
            Stored::floats::<f64>("log_sigma2", &tensor(&[-4.0])),
            Stored::floats::<f64>("levels", &tensor(levels)),
        ];
        stored.extend(masses.map(|masses| Stored::floats::<f64>("level_weights", &tensor(masses))));
        stored
    };
    type Given = (&'static [f64], Option<&'static [f64]>, &'static str);
    let cases: [(Given, &[&str]); 6] = [
        ((&[0.2, 0.1], None, "nearest"), &["levels", "ascending", "0.2 before 0.1"]),
        ((&[0.2], None, "nearest"), &["levels", "2 to 256", "1"]),
        ((&[0.1, 0.2], Some(&[0.5, 0.4]), "nearest"), &["level_weights", "sum of 1", "0.9"]),
        ((&[0.1, 0.2], Some(&[1.5, -0.5]), "nearest"), &["level_weights", "positive", "-0.5"]),
        ((&[0.1, 0.2], None, "vnq"), &["vnq", "a zero level", "0.1, 0.2"]),
        ((&[0.0, 0.2], None, "windows"), &["windows", "without a zero level", "0, 0.2"]),
    ];
    for ((levels, masses, form), parts) in cases {
        assert_error(run("kl", Some(&weights(levels, masses)), &[("prior", form.to_string())]), parts);
    }
    // An input or an option that the form does not depend on.
    let given = [("prior", "vnq".to_string())];
    let parts = ["level_weights", "none for --prior vnq"];
    assert_error(run("kl", Some(&weights(&[0.0, 0.2], Some(&[0.5, 0.5]))), &given), &parts);
    let given = [("prior", "mixture".to_string()), ("window-ratio", "0.2".to_string())];
    assert_error(run("kl", Some(&weights(&[0.0, 0.2], None)), &given), &["window-ratio", "none for --prior mixture"]);
    let given = [("prior", "quadrature".to_string()), ("spike", "fit".to_string())];
    assert_error(run("kl", Some(&weights(&[0.0, 0.2], None)), &given), &["spike", "exact for --prior quadrature"]);
    let negative = Stored::floats::<f64>("t", &Tensor { shape: vec![2], values: vec![1.0, -1.0] });
    assert_error(run("spike-kl", Some(&[negative]), &[]), &["t", "at least 0", "-1"]);
}

/// The kernel computes D by polynomials, the definition by sums: they agree to rounding, and not in every bit.
#[test]
fn the_spike_has_a_definition_and_a_kernel() {
    let t: Vec<f64> = (0..1000).map(|i| (0.02 * f64::from(i) - 8.0).exp()).collect();
    let inputs = [Stored::floats::<f32>("t", &Tensor { shape: vec![t.len()], values: t })];
    let [definition, kernel] =
        ["false", "true"].map(|kernels| run("spike-kl", Some(&inputs), &[("kernels", kernels.to_string())]).unwrap());
    let tolerance = tolerance("spike_pieces", Dtype::F32, Check::Reference);
    for name in ["kl", "dkl_dt"] {
        crate::common::compare::assert_close(name, &kernel[name], &definition[name], tolerance);
        assert_ne!(kernel[name].values, definition[name].values, "{name}");
    }
}

/// Each weight has the same gradient with respect to the second level, so that the sum is known.
#[test]
fn the_level_gradient_of_many_weights() {
    let count = 400_000;
    let tensor = |values: Vec<f64>| Tensor { shape: vec![values.len()], values };
    let of = |count: usize| {
        let tensors = [
            Stored::floats::<f32>("theta", &tensor(vec![0.15; count])),
            Stored::floats::<f32>("log_sigma2", &tensor(vec![-8.0; count])),
            Stored::floats::<f32>("levels", &tensor(vec![-0.2, 0.0, 0.2])),
        ];
        run("kl", Some(&tensors), &[]).unwrap()
    };
    let (one, many) = (of(1), of(count));
    let expected: Vec<f64> = one["dlevels"].values.iter().map(|d| d * count as f64).collect();
    assert!(expected[2].abs() > 1e6, "{expected:?}");
    let tolerance = tolerance("sum", Dtype::F32, Check::Property);
    crate::common::compare::assert_close("dlevels", &many["dlevels"].values, &expected, tolerance);
}
