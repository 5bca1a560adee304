//! Each system call that writes files fails once, or the process is killed at it: no file is left incomplete, and a run
//! that is then continued ends with the same bits.
//!
//! strace makes one call of a process fail, or kills the process at it. The call is identified by its name and its
//! number among the calls of that name. A first, undisturbed run of the command lists the calls on files of the
//! workplace.

use super::limits::{is_there, skip};
use super::training::check_metrics;
use super::{Workplace, assert_same_results, one_line};
use spikeslab::packed::format;
use spikeslab::train::{Run, checkpoint};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A network and options with which a training is very short.
const TINY: &str = "input 1x8x8\n       flatten\nfc     dense classes bias\n";
const SHORTEST: [&str; 9] =
    ["tiny.net", "--data", "data", "--batch-size", "128", "--learning-rate", "0.01", "--threads", "1"];

fn place_with_tiny() -> Workplace {
    let place = Workplace::with_images(8);
    fs::write(place.path("tiny.net"), TINY).unwrap();
    place
}

/// The calls that create, write and rename files, and the error with which each of them fails.
const CALLS: [(&str, &str); 10] = [
    ("openat", "EIO"),
    ("write", "ENOSPC"),
    ("ftruncate", "EIO"),
    ("fsync", "EIO"),
    ("rename", "EIO"),
    ("renameat", "EIO"),
    ("renameat2", "EIO"),
    ("mkdir", "ENOSPC"),
    ("mkdirat", "ENOSPC"),
    ("flock", "EIO"),
];

/// A call of the command's main thread.
#[derive(Clone, Debug)]
struct Call {
    name: String,
    /// Its number among the calls of this name, from 1.
    number: usize,
    /// The line that strace prints for it.
    text: String,
}

/// Runs the command under strace, which changes its calls as `injection` says, and writes the calls to the file `log`.
fn traced(place: &Workplace, injection: Option<&str>, arguments: &[&str]) -> Output {
    let names = CALLS.map(|(name, _)| format!("?{name}")).join(",");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-o", "log", "-e", &format!("trace={names}")]);
    // This is faster, but strace then does not send signals.
    if injection.is_none_or(|injection| !injection.contains(":signal=")) {
        command.arg("--seccomp-bpf");
    }
    if let Some(injection) = injection {
        command.args(["-e", &format!("inject={injection}")]);
    }
    command.arg(env!("CARGO_BIN_EXE_spikeslab")).args(arguments);
    command.current_dir(place.path("")).stdin(Stdio::null()).output().unwrap()
}

/// The calls of an undisturbed command, in order, on files of the workplace or on standard output.
fn calls(place: &Workplace, arguments: &[&str]) -> Vec<Call> {
    let output = traced(place, None, arguments);
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""), "{arguments:?}");
    let here = place.path("").canonicalize().unwrap().display().to_string();
    let log = String::from_utf8(place.read("log")).unwrap();
    let main_thread = log.split_whitespace().next().unwrap();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines().filter(|line| line.split_whitespace().next() == Some(main_thread)) {
        let text = line[main_thread.len()..].trim();
        let Some((name, _)) = text.split_once('(').filter(|(name, _)| !name.is_empty() && !name.contains(' ')) else {
            continue;
        };
        let number = numbers.entry(name.to_string()).and_modify(|number| *number += 1).or_insert(1);
        // The paths of other files, those of the loader and the system, are absolute.
        let beyond_cwd = text.replace(&format!("AT_FDCWD<{here}>"), "");
        let is_relative = beyond_cwd.split_once('"').is_some_and(|(_, path)| !path.starts_with('/'));
        if is_relative || beyond_cwd.contains(&here) {
            calls.push(Call { name: name.to_string(), number: *number, text: text.to_string() });
        }
    }
    calls
}

/// Whether strace works here; if not, the test prints that it is skipped.
fn can_trace(test: &str) -> bool {
    if !is_there("strace", test) {
        return false;
    }
    let place = place_with_tiny();
    let output = traced(&place, None, &["--version"]);
    let works = output.status.code() == Some(0) && output.stderr.is_empty();
    if !works {
        skip(test, &format!("strace does not work here: {output:?}"));
    }
    works
}

/// Checks that every file of a run that exists is complete.
fn check_whole(place: &Workplace, run: &str, what: &str) {
    let dir = place.path(run);
    if dir.join("config.json").exists() {
        Run::config(&dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    check_metrics(place, run);
    let path = Run::checkpoint_path(&dir);
    if path.exists() {
        checkpoint::load(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let path = Run::packed_path(&dir);
    if path.exists() {
        format::load(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    Run::result(&dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    for entry in fs::read_dir(dir.join("figures")).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            assert!(fs::read_to_string(&path).unwrap().trim_end().ends_with("</svg>"), "{what}: {}", path.display());
        }
    }
}

fn parts(place: &Workplace) -> Vec<PathBuf> {
    place.files().into_keys().filter(|path| path.extension().is_some_and(|extension| extension == "part")).collect()
}

/// Checks that each file is synced before it is renamed, and its directory afterwards, so that a power cut leaves
/// either the old or the new file.
fn check_durable(calls: &[Call]) {
    let synced = |call: Option<&&Call>, path: &str| {
        call.is_some_and(|call| call.name == "fsync" && call.text.contains(&format!("<{path}>")))
    };
    let calls: Vec<&Call> = calls.iter().filter(|call| ["fsync", "renameat"].contains(&&*call.name)).collect();
    let mut renamed = 0;
    for (i, call) in calls.iter().enumerate().filter(|(_, call)| call.name == "renameat") {
        // renameat(3</place/run>, "config.json.spikeslab.part", 3</place/run>, "config.json"
        let dir = call.text.split(['<', '>']).nth(1).unwrap();
        let name = call.text.split('"').nth(1).unwrap();
        assert!(synced(i.checked_sub(1).and_then(|i| calls.get(i)), &format!("{dir}/{name}")), "{call:?}");
        assert!(synced(calls.get(i + 1), dir), "{call:?}");
        renamed += 1;
    }
    // The configuration, metrics and checkpoint of each epoch, four figures, the packed model, the result.
    assert_eq!(renamed, 1 + 2 * 2 + 4 + 1 + 1);
}

#[test]
fn each_call_of_a_training_fails_once() {
    if !can_trace("each_call_of_a_training_fails_once") {
        return;
    }
    let place = place_with_tiny();
    let train = [&["train", "--out", "run", "--epochs", "2"], &SHORTEST[..]].concat();
    let all = calls(&place, &train);
    fs::rename(place.path("run"), place.path("whole")).unwrap();
    let (printed, files): (Vec<_>, Vec<_>) = all.into_iter().partition(|call| call.text.starts_with("write(1<"));
    for name in ["openat", "write", "ftruncate", "fsync", "renameat", "mkdirat", "flock"] {
        assert!(files.iter().any(|call| call.name == name), "no {name} among {} calls", files.len());
    }
    check_durable(&files);
    // The writes of the first, a middle and the last line to standard output.
    let printed = [0, printed.len() / 2, printed.len() - 1].map(|i| printed[i].clone());
    let mut failed = 0;
    for call in files.iter().chain(&printed) {
        let error = CALLS.iter().find(|(name, _)| *name == call.name).unwrap().1;
        let what = format!("{error} in {}", call.text);
        let output = traced(&place, Some(&format!("{}:error={error}:when={}", call.name, call.number)), &train);
        assert!(String::from_utf8(place.read("log")).unwrap().contains("(INJECTED)"), "{what}: not reached");
        assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
        one_line(&output, &what);
        // If the lock cannot be taken, the file beside may belong to another process, so it stays.
        assert!(call.name == "flock" || parts(&place).is_empty(), "{what}: {:?}", parts(&place));
        check_whole(&place, "run", &what);
        if place.path("run/config.json").exists() {
            place.succeed(&["train", "--resume", "run", "--threads", "1"]);
        } else {
            place.succeed(&train);
        }
        assert_same_results(&place, "whole", "run");
        assert!(parts(&place).is_empty(), "{what}: {:?}", parts(&place));
        fs::remove_dir_all(place.path("run")).unwrap();
        failed += 1;
    }
    println!("{failed} calls failed, each once");
}

/// Kills the command at each of these calls; after each, `go_on` continues the run or comparison and checks it.
fn kill_at_each(place: &Workplace, arguments: &[&str], calls: &[Call], mut go_on: impl FnMut(&str)) {
    for call in calls {
        let output = traced(place, Some(&format!("{}:signal=KILL:when={}", call.name, call.number)), arguments);
        assert_eq!(output.status.signal(), Some(9), "killed at {}: {output:?}", call.text);
        go_on(&format!("killed at {}", call.text));
    }
}

#[test]
fn a_comparison_goes_on_wherever_it_was_killed() {
    if !can_trace("a_comparison_goes_on_wherever_it_was_killed") {
        return;
    }
    let place = place_with_tiny();
    let compare = [&["compare", "--out", "two", "--epochs", "1"], &SHORTEST[..]].concat();
    let all = calls(&place, &compare);
    fs::rename(place.path("two"), place.path("whole")).unwrap();
    // All calls that create the directories, and some of the calls during the trainings.
    let making = all.iter().position(|call| call.text.starts_with("write(1<")).unwrap();
    let some: Vec<Call> = all[..making].iter().chain(all[making..].iter().step_by(12)).cloned().collect();
    let (mut anew, mut resumed) = (0, 0);
    kill_at_each(&place, &compare, &some, |what| {
        for run in ["two/gaussian", "two/multi-spike"] {
            check_whole(&place, run, what);
        }
        if place.path("two/compare.json").exists() {
            place.succeed(&["compare", "--resume", "two", "--threads", "1"]);
            resumed += 1;
        } else {
            place.succeed(&compare);
            anew += 1;
        }
        for run in ["gaussian", "multi-spike"] {
            assert_same_results(&place, &format!("whole/{run}"), &format!("two/{run}"));
        }
        assert_eq!(place.read("whole/comparison.svg"), place.read("two/comparison.svg"), "{what}");
        assert!(parts(&place).is_empty(), "{what}: {:?}", parts(&place));
        fs::remove_dir_all(place.path("two")).unwrap();
    });
    assert!(anew > 5 && resumed > 5, "{anew} begun anew, {resumed} resumed");
}

#[test]
fn a_change_of_a_run_is_made_or_not_made_wherever_it_was_killed() {
    if !can_trace("a_change_of_a_run_is_made_or_not_made_wherever_it_was_killed") {
        return;
    }
    let place = place_with_tiny();
    place.succeed(&[&["train", "--out", "ended", "--epochs", "1"], &SHORTEST[..]].concat());
    let change = ["train", "--resume", "run", "--epochs", "2", "--threads", "1"];
    place.copy("ended", "run");
    let all = calls(&place, &change);
    fs::rename(place.path("run"), place.path("changed")).unwrap();
    place.copy("ended", "run");
    let (mut made, mut not_made) = (0, 0);
    kill_at_each(&place, &change, &all, |what| {
        check_whole(&place, "run", what);
        let is_made = Run::config(&place.path("run")).unwrap().recipe.epochs == 2;
        for reading in [&["eval", "run", "--samples", "1"][..], &["inspect", "run"]] {
            place.succeed(reading);
        }
        place.succeed(&["train", "--resume", "run", "--threads", "1"]);
        if is_made {
            made += 1;
        } else {
            // The run is as if the change had not been requested, and the change can be requested again.
            assert_eq!(place.metrics("run").len(), 1, "{what}");
            place.succeed(&change);
            not_made += 1;
        }
        assert_same_results(&place, "changed", "run");
        assert_eq!(place.read("changed/config.json"), place.read("run/config.json"), "{what}");
        fs::remove_dir_all(place.path("run")).unwrap();
        place.copy("ended", "run");
    });
    assert!(made > 5 && not_made > 5, "{made} made, {not_made} not");
}
