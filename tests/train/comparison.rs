use super::config::config;
use crate::common::assert_error;
use serde_json::{Value, json};
use spikeslab::train::comparison::Named;
use spikeslab::train::{Comparison, Config, Recipe, Run};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Three runs with different seeds.
fn three() -> Vec<Named> {
    let named = |(seed, name): (u64, &str)| {
        let recipe = Recipe { seed, ..config().recipe };
        Named { name: name.to_string(), config: Config { recipe, ..config() } }
    };
    [(1, "first"), (2, "second-2"), (3, "third")].map(named).to_vec()
}

/// Checks that all three runs exist and are locked.
#[track_caller]
fn check_runs(comparison: &Comparison) {
    let runs = comparison.runs().unwrap();
    assert_eq!(comparison.names().collect::<Vec<_>>(), ["first", "second-2", "third"]);
    for (run, named) in runs.iter().zip(three()) {
        assert_eq!(run.dir(), comparison.dir().join(&named.name));
        assert_eq!(Run::config(run.dir()).unwrap(), named.config);
        assert_error(Run::open(run.dir()), &["no other process"]);
    }
    assert_eq!(runs.len(), 3);
    let names = fs::read_dir(comparison.dir()).unwrap().count();
    assert_eq!(names, 4, "the list of runs and their directories");
}

#[test]
fn a_comparison_is_a_list_of_runs_that_are_made_when_they_are_asked_for() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("two/three");
    let comparison = Comparison::create(&path, three()).unwrap();
    assert_eq!(comparison.dir(), path);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "none is made yet");
    assert_error(Comparison::open(&path), &["a comparison that no other process is training", "one in training"]);
    assert_error(Comparison::create(&path, three()), &["a directory that is new or empty", "one with files in it"]);
    check_runs(&comparison);
    drop(comparison);
    // A run whose configuration has changed since keeps its configuration.
    let changed = three()[1].config.with_epochs(9, 0);
    Run::open(&path.join("second-2")).unwrap().write_config(&changed).unwrap();
    let comparison = Comparison::open(&path).unwrap();
    let runs = comparison.runs().unwrap();
    assert_eq!(Run::config(runs[1].dir()).unwrap(), changed);
    comparison.write_figure(&[("comparison.svg".to_string(), b"<svg/>".to_vec())]).unwrap();
    assert_eq!(fs::read(path.join("comparison.svg")).unwrap(), b"<svg/>");
}

/// A process may be killed when any of the runs exist.
#[test]
fn runs_that_are_not_there_yet_are_made_from_the_list() {
    let states: [&[&str]; 5] = [
        &[],
        &["first/"],
        &["first/config.json.spikeslab.part"],
        &["first/config.json"],
        &["first/config.json", "second-2/config.json.spikeslab.part"],
    ];
    for state in states {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("killed");
        drop(Comparison::create(&path, three()).unwrap());
        for left in state {
            let (run, file) = left.split_once('/').unwrap();
            let run = path.join(run);
            match file {
                "config.json" => drop(Run::create(&run, &three()[0].config).unwrap()),
                "config.json.spikeslab.part" => {
                    fs::create_dir(&run).unwrap();
                    fs::write(run.join(file), "{ half").unwrap();
                }
                _ => fs::create_dir(&run).unwrap(),
            }
        }
        check_runs(&Comparison::open(&path).unwrap());
    }
}

#[test]
fn before_the_list_is_whole_the_directory_is_free() {
    let dir = TempDir::new().unwrap();
    for left in [None, Some("compare.json.spikeslab.part")] {
        let path = dir.path().join(left.unwrap_or("empty"));
        fs::create_dir(&path).unwrap();
        if let Some(left) = left {
            fs::write(path.join(left), "half of something longer".repeat(1000)).unwrap();
        }
        assert_error(Comparison::open(&path), &["a comparison directory", "none, or one without compare.json"]);
        check_runs(&Comparison::create(&path, three()).unwrap());
    }
    let path = dir.path().join("of a run");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("config.json.spikeslab.part"), "").unwrap();
    assert_error(Comparison::create(&path, three()), &["a directory that is new or empty"]);
}

#[test]
fn what_is_in_the_way_of_a_run_is_an_error_and_stays() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("two");
    drop(Comparison::create(&path, three()).unwrap());
    fs::write(path.join("second-2"), "precious").unwrap();
    let comparison = Comparison::open(&path).unwrap();
    assert_error(comparison.runs(), &["second-2", "a directory that is new or empty", "a file"]);
    assert_eq!(fs::read(path.join("second-2")).unwrap(), b"precious");
    fs::remove_file(path.join("second-2")).unwrap();
    let held = Run::open(&path.join("first")).unwrap();
    assert_error(comparison.runs(), &["first", "a run that no other process is training"]);
    drop(held);
    check_runs(&comparison);
    // The comparison works only in the directory that it has locked.
    fs::rename(&path, dir.path().join("moved")).unwrap();
    let parts = ["two", "the directory of the comparison in training"];
    assert_error(comparison.runs(), &parts);
    assert_error(comparison.write_figure(&[("comparison.svg".to_string(), b"<svg/>".to_vec())]), &parts);
}

#[test]
fn an_invalid_list_is_refused() {
    let dir = TempDir::new().unwrap();
    let path: PathBuf = dir.path().join("two");
    drop(Comparison::create(&path, three()).unwrap());
    let file = path.join("compare.json");
    let good: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        serde_json::to_vec(&value).unwrap()
    };
    let named = |name: &str| with(&|value| value["runs"][1]["name"] = json!(name));
    let cases = [
        (named(""), "a name of lower-case letters, digits and hyphens for each run"),
        (named(".."), "a name of lower-case letters"),
        (named("a/b"), "a name of lower-case letters"),
        (named("/tmp"), "a name of lower-case letters"),
        (named("A"), "a name of lower-case letters"),
        (named("first"), "a name of lower-case letters"),
        (with(&|value| value["runs"] = json!([])), "at least one run"),
        (with(&|value| value["version"] = json!(2)), "format version 1 (saw: 2)"),
        (with(&|value| value["more"] = json!(2)), "unknown field `more`"),
        (with(&|value| value["runs"][0]["config"]["seed"] = json!(2)), "unknown field `seed`"),
        (with(&|value| drop(value.as_object_mut().unwrap().remove("runs"))), "missing field `runs`"),
        (b"".to_vec(), "the runs of a comparison"),
        (vec![0xff; 9], "the runs of a comparison"),
        (b"[".repeat(100_000), "the runs of a comparison"),
    ];
    for (bytes, expected) in cases {
        fs::write(&file, bytes).unwrap();
        assert_error(Comparison::open(&path), &["compare.json: ", expected]);
    }
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    assert_error(Comparison::open(&path), &["compare.json: expected at most 16777216 bytes"]);
    for (path, seen) in [("compare.json", "a file"), ("missing", "none")] {
        assert_error(Comparison::open(&dir.path().join("two").join(path)), &["a comparison directory", seen]);
    }
}

#[test]
fn names_are_checked_before_anything_is_made() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("two");
    let twice = [three(), three()].concat();
    assert_error(Comparison::create(&path, twice), &["runs: ", "a name of lower-case letters", "first"]);
    assert_error(Comparison::create(&path, Vec::new()), &["runs: ", "at least one run"]);
    assert!(!path.exists());
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let mut runs = three();
        runs[2].config.data = Some(Path::new(std::ffi::OsStr::from_bytes(b"/\xff")).to_path_buf());
        let message = Comparison::create(&path, runs).unwrap_err().to_string();
        assert!(message.contains("a path that JSON can hold"), "{message}");
        assert!(!path.exists());
    }
}
