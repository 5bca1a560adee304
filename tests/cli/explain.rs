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
        for figure in ["kl/kl-forms.svg", "kl/kl-funnels.svg"] {
            assert!(place.read(figure).starts_with(b"<svg"), "{figure}");
        }
    }
}

#[test]
fn bad_levels_and_ranges_are_refused() {
    let place = Workplace::new();
    let cases: [(&[&str], &[&str]); 4] = [
        (&["--codebook=0.2,0.1"], &["codebook", "ascending", "0.2 before 0.1"]),
        (&["--codebook=0.2"], &["codebook", "2 to 256", "1"]),
        (&["--range", "0"], &["range", "positive", "0"]),
        (&["--range", "nan"], &["range", "positive", "NaN"]),
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
    place.refuse(&["explain"], 2, &["--all"]);
}

/// The answers that the course gives are right; one with the usual mistake is not, in some cases.
#[test]
fn answers_in_python_are_told_right_from_wrong() {
    if !is_there("answers_in_python_are_told_right_from_wrong", "PYTHON3", "python3", &["--version"]) {
        return;
    }
    let place = Workplace::new();
    for exercise in exercises().unwrap() {
        fs::write(place.path("answer.py"), format!("import math\n{}\n", exercise.python)).unwrap();
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
    let cases: [(&str, &[&str]); 3] = [
        ("def other(t):\n    return 0.5\n", &["no function spike_kl"]),
        ("def spike_kl(t):\n    return t / 0\n", &["status 0", "ZeroDivisionError"]),
        ("def spike_kl(t):\n    print('t')\n    return t\n", &["a number for each case", "saw: t"]),
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
    place.refuse(&["explain", "check", "nearest", "missing"], 1, &["missing", "a Python file or a program"]);
    place.refuse(&["explain", "check", "farthest", "answer"], 2, &["exercise", "nearest", "farthest"]);
    let list = place.succeed(&["explain", "check", "--list"]);
    assert!(list.contains("many_spikes") && list.contains("nearest(theta, log_sigma2, level1, level2, a1)"), "{list}");
}
