use super::Workplace;
use crate::common::external::is_there;
use spikeslab::course::exercises::exercises;
use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;

/// The table of the errors of the published forms, and both figures.
#[test]
fn the_forms_of_the_kl_against_the_truth() {
    let place = Workplace::new();
    for (codebook, rows) in [
        ("-0.2,0,0.2", ["nearest 0.039 1.344 0.769", "mixture 0.000 0.396 0.101", "vnq -1.059 0.321 0.235"]),
        ("-0.3,-0.1,0.1,0.3", ["nearest 0.048 1.724 0.925", "mixture 0.000 0.461 0.145", "windows -4.958 0.302 1.465"]),
    ] {
        let table = place.succeed(&["explain", "kl", "--codebook", codebook, "--out", "kl"]);
        let table: Vec<String> =
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for row in rows {
            assert!(table.iter().any(|line| line == row), "{row} in {table:?}");
        }
        for figure in ["kl/kl-forms.svg", "kl/kl-funnels.svg", "kl/kl-windows.svg"] {
            assert!(place.read(figure).starts_with(b"<svg"), "{figure}");
        }
    }
}

/// The numbers of the first line after the equations that begins with `name`, after it.
#[track_caller]
fn numbers(text: &str, name: &str) -> Vec<f64> {
    let line = text.split_once("\n\n").unwrap().1.lines().find_map(|line| line.trim_start().strip_prefix(name));
    let words = line.unwrap_or_else(|| panic!("{name} in {text}")).split_whitespace();
    words.map(|word| word.trim_end_matches('%').replace('−', "-").replace(',', "")).flat_map(|w| w.parse()).collect()
}

#[track_caller]
fn assert_number(text: &str, name: &str, expected: &[f64], tolerance: f64) {
    let seen = numbers(text, name);
    assert_eq!(seen.len(), expected.len(), "{name}: {seen:?}");
    for (seen, expected) in seen.iter().zip(expected) {
        assert!((seen - expected).abs() <= tolerance, "{name}: {seen} for {expected}");
    }
}

/// For w ~ N(0, 1) and one observation y = w + noise of deviation 1, y = 2: the posterior is N(1, ½), the evidence N(2;
/// 0, 2).
#[test]
fn the_bound_and_the_divergence_sum_to_the_evidence() {
    let place = Workplace::new();
    let given = ["explain", "posterior", "--x", "1", "--y", "2", "--noise", "1", "--prior-deviation", "1"];
    let evidence = -1.0 - 0.5 * (4.0 * std::f64::consts::PI).ln();
    for (theta, sigma) in [("0", "1"), ("1", "0.5"), ("-3", "0.01")] {
        let text = place.succeed(&[&given[..], &["--theta", theta, "--sigma", sigma]].concat());
        assert_number(&text, "m, the mean of the posterior", &[1.0], 0.0);
        assert_number(&text, "sqrt V, its deviation", &[std::f64::consts::FRAC_1_SQRT_2], 1e-6);
        assert_number(&text, "ln p(D), nats", &[evidence], 1e-4);
        assert_number(&text, "their sum, nats", &[evidence], 1e-4);
        assert!(numbers(&text, "ELBO, nats")[0] < evidence, "{text}");
    }
    let text = place.succeed(&[&given[..], &["--theta", "1", "--sigma", "0.7071067811865476"]].concat());
    assert_number(&text, "ELBO, nats", &[evidence], 1e-4);
}

#[test]
fn four_ways_to_one_divergence_agree() {
    let text = Workplace::new().succeed(&["explain", "spike", "--theta=-0.3", "--level", "0.1", "--log-sigma2=-2"]);
    // D(0.16 e²) and D′, by mpmath.
    let (value, slope) = (0.490_907_3, 0.342_612_1);
    for name in ["D(t), nats, as the program computes it", "by Dawson's integral (Simpson's rule)"] {
        assert_number(&text, name, &[value], 1e-5);
    }
    assert_number(&text, "by the mean over 100000 draws of w", &[value], 0.01);
    assert_number(&text, "D'(t)", &[slope], 1e-5);
    assert_number(&text, "dD/dtheta", &[-0.8 * 2f64.exp() * slope], 1e-4);
    // Far away, where the integral's last part comes from a series: t = 1e10.
    let text = Workplace::new().succeed(&["explain", "spike", "--theta", "1e5", "--log-sigma2", "0"]);
    let value = numbers(&text, "D(t), nats, as the program computes it");
    assert_number(&text, "by Dawson's integral (Simpson's rule)", &value, 2e-5);
}

#[test]
fn noise_of_weights_and_of_outputs_has_the_same_moments() {
    let place = Workplace::new();
    let given = ["--x", "1,2", "--theta", "0.5,0.25", "--log-sigma2=0,-2", "--other=1,-1"];
    let text = place.succeed(&[&["explain", "reparameterization"], &given[..]].concat());
    let variance = 1.0 + 4.0 * (-2f64).exp();
    assert_number(&text, "m ", &[1.0], 0.0);
    assert_number(&text, "v ", &[variance], 1e-5);
    assert_number(&text, "mean of y", &[1.0, 1.0], 0.02);
    assert_number(&text, "variance of y", &[variance, variance], 0.03);
    let covariance = 1.0 - 2.0 * (-2f64).exp();
    assert_number(&text, "covariance of the two images' outputs", &[covariance, 0.0], 0.02);
    // E dln σ₁² = x₁² σ₁²/2.
    assert_number(&text, "dln sigma^2 of weight 1: mean", &[0.5, 0.5], 0.03);
}

/// Every gradient agrees with its differences; with a coarse step it does not, so that the comparison says something.
#[test]
fn gradients_agree_with_differences() {
    let place = Workplace::new();
    let worst = |operation: &str, step: &str| {
        let text = place.succeed(&["explain", "gradients", operation, "--step", step, "--seed", "3"]);
        let of_all = text.lines().filter_map(|line| line.split_once(" at most ")).map(|(_, rest)| {
            let error = rest.split(' ').next().unwrap();
            error.parse().unwrap_or_else(|_| panic!("{error}"))
        });
        assert!(of_all.clone().count() > 0, "{text}");
        of_all.fold(0.0, f64::max)
    };
    for operation in ["dense", "convolution", "batch-norm", "softmax", "mixture"] {
        assert!(worst(operation, "1e-5") < 1e-7, "{operation}: {}", worst(operation, "1e-5"));
        assert!(worst(operation, "0.1") > 1e-5, "{operation}: the differences are not computed");
    }
}

#[test]
fn levels_quantizer_packing_and_uncertainty() {
    let place = Workplace::new();
    // Between two levels both pull alike, and the outer one is too far away to matter much.
    let text = place.succeed(&["explain", "levels", "--codebook=-1,0,1", "--theta", "0.5", "--log-sigma2=-8"]);
    let r = numbers(&text, "r ");
    assert!((r[1] - r[2]).abs() < 1e-9 && (r.iter().sum::<f64>() - 1.0).abs() < 2e-3, "{r:?}");
    let nearest = numbers(&text, "nearest ");
    // The lower level of the two: dF/dθ = 1/δ up to σ²/δ³, and the level's is the opposite.
    assert!((nearest[1] - 2.0).abs() < 0.01 && nearest[4] == -nearest[1] && nearest[5] == 0.0, "{nearest:?}");

    let given = ["--codebook=-1,1", "--theta=-0.5,0.25,0.75", "--dw=1,2,4"];
    let text = place.succeed(&[&["explain", "quantizer"], &given[..]].concat());
    assert_number(&text, "dl ", &[1.0, 6.0], 0.0);
    assert_number(&text, "quantized loss ", &[0.875], 0.0);
    assert_number(&text, "k-means", &[-0.5, 0.5], 0.0);

    let text = place.succeed(&["explain", "packing", "--counts", "250,500,250"]);
    assert_number(&text, "H, bits a weight", &[1.5], 0.0);
    assert_number(&text, "bound n H", &[188.0, 1.504, 21.3], 0.0);
    assert!(numbers(&text, "entropy coder ").ends_with(&[20.8]), "{text}");
    assert!(text.contains("decoded: the same indices"), "{text}");

    // The largest number of levels, 256, with all weights at the last level.
    let counts = ["0,"; 255].concat() + "5";
    let text = place.succeed(&["explain", "packing", "--counts", &counts]);
    assert!(text.contains("levels: 256 256 256 256 256\n") && text.contains("fields of 8 bits"), "{text}");

    let text = place.succeed(&["explain", "uncertainty", "--logits", "0,0", "--deviations", "0,0", "--label", "2"]);
    assert_number(&text, "entropy H[p], nats", &[2f64.ln()], 1e-6);
    assert_number(&text, "mutual information, nats", &[0.0], 0.0);
    assert_number(&text, "Brier score", &[0.5], 0.0);
}

/// The more the prior weighs, the nearer the weights are to their levels.
#[test]
fn a_larger_weight_of_the_kl_draws_weights_to_levels() {
    let place = Workplace::new();
    let text = place.succeed(&["explain", "objective", "--kl-weight", "0,1,20", "--epochs", "2"]);
    let rows: Vec<Vec<f64>> = ["0 ", "1 ", "20 "].iter().map(|kappa| numbers(&text, kappa)).collect();
    let at_levels: Vec<f64> = rows.iter().map(|row| *row.last().unwrap()).collect();
    assert!(at_levels[0] < at_levels[1] && at_levels[1] < at_levels[2], "{at_levels:?}");
    assert!(rows.iter().all(|row| row.len() == 6 && row[2] > 60.0), "{rows:?}");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let place = Workplace::new();
    let cases: [(&[&str], &[&str]); 22] = [
        (&["posterior", "--x", "1,2", "--y", "1"], &["y", "2 numbers, one for each of --x", "1"]),
        (&["posterior", "--noise", "0"], &["noise", "1e-6 to 1e6", "0"]),
        (&["posterior", "--sigma=-1"], &["sigma", "1e-6 to 1e6", "-1"]),
        (&["posterior", "--x", "inf,1,1,1"], &["x", "up to 1e6", "inf"]),
        (&["spike", "--draws", "0"], &["draws", "2 to 10000000", "0"]),
        (&["spike", "--log-sigma2", "1000"], &["log-sigma2", "-60 to 60", "1000"]),
        (&["reparameterization", "--x", "0,0,0,0"], &["x", "not 0"]),
        (&["reparameterization", "--draws", "1"], &["draws", "2 to"]),
        (&["reparameterization", "--theta", "1"], &["theta", "4 numbers, one for each of --x", "1"]),
        (&["gradients", "--step", "0"], &["step", "1e-12 to 0.1", "0"]),
        (&["objective", "--epochs", "0"], &["epochs", "1 to 200", "0"]),
        (&["objective", "--kl-weight=nan"], &["kl-weight", "at least 0", "NaN"]),
        (&["objective", "--codebook=0.1,0.1"], &["codebook", "ascending"]),
        (&["levels", "--codebook=0.2"], &["codebook", "2 to 256", "1"]),
        (&["levels", "--theta=nan"], &["theta", "NaN"]),
        (&["quantizer", "--theta=nan"], &["theta", "up to 1e6", "NaN"]),
        (&["quantizer", "--theta=1,2", "--dw=1"], &["dw", "2 numbers, one for each of --theta", "1"]),
        (&["packing", "--counts", "1"], &["counts", "2 to 256", "1"]),
        (&["packing", "--counts", "0,0"], &["counts", "1 to 10000000 weights"]),
        (&["uncertainty", "--label", "4"], &["label", "1 to 3", "4"]),
        (&["uncertainty", "--logits", "1", "--deviations", "1"], &["logits", "two or more", "1"]),
        (&["uncertainty", "--draws", "0"], &["draws", "1 to", "0"]),
    ];
    for (arguments, parts) in cases {
        place.refuse(&[&["explain"], arguments].concat(), 2, parts);
    }
}

#[test]
fn bad_levels_and_ranges_are_refused() {
    let place = Workplace::new();
    let cases: [(&[&str], &[&str]); 4] = [
        (&["--codebook=0.2,0.1"], &["codebook", "ascending", "0.2 before 0.1"]),
        (&["--codebook=0.2"], &["codebook", "2 to 256", "1"]),
        (&["--range", "0"], &["range", "1e-6 to 1e6", "0"]),
        (&["--range", "nan"], &["range", "1e-6 to 1e6", "NaN"]),
    ];
    for (options, parts) in cases {
        place.refuse(&[&["explain", "kl", "--out", "kl"], options].concat(), 2, parts);
    }
}

#[test]
fn the_course_is_one_page() {
    let place = Workplace::new();
    let line = place.succeed(&["explain", "--all", "--out", "the course"]);
    assert_eq!(line, "in the course/index.html: open it in a browser\n");
    assert!(place.read("the course/index.html").starts_with(b"<!DOCTYPE html>"));
    place.refuse(&["explain", "--all"], 2, &["--out"]);
    // Without a topic, the help goes to stderr.
    let output = place.run(&["explain"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("  posterior "));
}

/// The answers that the course gives are right; one with the usual mistake is not, in some cases.
#[test]
fn answers_in_python_are_told_right_from_wrong() {
    if !is_there("answers_in_python_are_told_right_from_wrong", "PYTHON3", "python3", &["--version"]) {
        return;
    }
    let place = Workplace::new();
    for exercise in exercises().unwrap() {
        fs::write(
            place.path("answer.py"),
            format!("import math\nprint('what it prints is not read')\n{}\n", exercise.python),
        )
        .unwrap();
        let seen = place.succeed(&["explain", "check", &exercise.name, "answer.py"]);
        let count = exercise.cases.len();
        assert_eq!(seen, format!("{}: {count} of {count} cases right\n", exercise.name));
    }
    fs::write(place.path("answer.py"), "def spike_kl_derivative(t):\n    return 0.5\n").unwrap();
    let output = place.run(&["explain", "check", "spike-kl-derivative", "answer.py"]);
    let seen = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(seen.contains("t = 1: expected 0.362389229") && seen.contains("(saw: 0.5)"), "{seen}");
    assert!(seen.contains("of 8 cases right"), "{seen}");
    let cases: [(&str, &[&str]); 2] = [
        ("def other(t):\n    return 0.5\n", &["no function spike_kl"]),
        ("def spike_kl(t):\n    return t / 0\n", &["status 0", "spike_kl(", "ZeroDivisionError: "]),
    ];
    for (answer, parts) in cases {
        fs::write(place.path("answer.py"), answer).unwrap();
        place.refuse(&["explain", "check", "spike-kl", "answer.py"], 1, parts);
    }
}

#[cfg(unix)]
#[test]
fn any_program_may_answer() {
    let place = Workplace::new();
    let program = |text: &str| {
        fs::write(place.path("answer"), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(place.path("answer"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("while read case; do echo 0.25; done");
    let output = place.run(&["explain", "check", "nearest", "answer"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("nearest: 0 of 6 cases right\n"));
    program("echo 1 2");
    place.refuse(&["explain", "check", "nearest", "answer"], 1, &["answer", "6 numbers", "saw: 2"]);
    place.refuse(&["explain", "check", "gaussian_kl", "missing"], 1, &["missing", "a Python file or a program"]);
    place.refuse(&["explain", "check", "nearest", "missing"], 1, &["missing", "a Python file or a program"]);
    place.refuse(&["explain", "check", "farthest", "answer"], 2, &["exercise", "nearest", "farthest"]);
    let list = place.succeed(&["explain", "check", "--list"]);
    assert!(list.contains("many_spikes") && list.contains("nearest(theta, log_sigma2, level1, level2, a1)"), "{list}");
}
