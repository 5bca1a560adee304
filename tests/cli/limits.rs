//! The command with too few threads, too little memory, no file locks, and with system calls that fail.

use super::training::{LONG, signal, wait_for_epoch};
use super::{SHORT, Workplace, assert_same_results, one_line};
use crate::common::external;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

/// A user other than root, for whom the limits are enforced.
const NOBODY: u32 = 65534;

/// Whether `program` is installed; if not, the test prints that it is skipped, or fails if `REQUIRE_STRACE` or
/// `REQUIRE_PRLIMIT` is 1.
pub(super) fn is_there(program: &str, test: &str) -> bool {
    external::is_there(test, &program.to_uppercase(), program, &["--version"])
}

/// Prints that something is not tested because strace cannot do it here, or fails if strace is required.
pub(super) fn skip(what: &str, why: &str) {
    external::skip(what, "STRACE", why);
}

/// The command, run by a user whose processes may not start threads.
fn without_threads(place: &Workplace, arguments: &[&str]) -> Command {
    let binary = place.path("spikeslab");
    if !binary.exists() {
        fs::copy(env!("CARGO_BIN_EXE_spikeslab"), &binary).unwrap();
        fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = Command::new("prlimit");
    command.arg("--nproc=1").arg(&binary).args(arguments).current_dir(place.path("")).stdin(Stdio::null());
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Whether `stderr` is the remark that threads could not be started, if the machine has more than one core.
fn told_of_threads(stderr: &str) -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let told = format!("1 of {cores} threads could be started: slower, to the same results\n");
    stderr == if cores > 1 { told } else { String::new() }
}

#[test]
fn one_thread_is_enough_for_every_command() {
    if !is_there("prlimit", "one_thread_is_enough_for_every_command") {
        return;
    }
    let place = Workplace::with_run();
    place.succeed(&["oracle", "noise", "noise.safetensors", "--count", "5000"]);
    place.succeed(&["quantize", "run", "--recalibrate", "--out", "recalibrated.packed"]);
    place.succeed(&["explain", "kl", "--out", "kl"]);
    let train = [&["train", "mlp", "--data", "data", "--out", "alone"], &SHORT[..]].concat();
    for arguments in [
        &["oracle", "noise", "alone.safetensors", "--count", "5000"][..],
        &["quantize", "run", "--recalibrate", "--out", "alone.packed"],
        &["explain", "kl", "--out", "kl alone"],
        &["eval", "run"],
        &["inspect", "run"],
        &train,
    ] {
        let output = without_threads(&place, arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        // If the user's limit is not enforced here, there are threads.
        assert!(stderr.is_empty() || told_of_threads(&stderr), "{arguments:?}: {stderr}");
    }
    assert_eq!(place.read("alone.safetensors"), place.read("noise.safetensors"));
    assert_eq!(place.read("alone.packed"), place.read("recalibrated.packed"));
    assert_eq!(place.read("kl alone/kl-funnels.svg"), place.read("kl/kl-funnels.svg"));
    assert_same_results(&place, "run", "alone");
}

#[test]
fn one_thread_obeys_signals() {
    if !is_there("prlimit", "one_thread_obeys_signals") {
        return;
    }
    let place = Workplace::new();
    place.succeed(&[&["train", "--out", "whole"], &LONG[..]].concat());
    let arguments = [&["train", "--out", "run"], &LONG[..]].concat();
    let mut child = without_threads(&place, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = wait_for_epoch(&mut child, 1);
    signal(&child, "INT");
    stdout.read_to_end(&mut Vec::new()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!place.path("run/model.packed").exists());
    place.succeed(&["train", "--resume", "run"]);
    assert_same_results(&place, "whole", "run");
}

/// Runs the command with at most `bytes` bytes of memory.
fn with_memory(place: &Workplace, bytes: u64, arguments: &[&str]) -> Output {
    Command::new("prlimit")
        .arg(format!("--as={bytes}"))
        .arg(env!("CARGO_BIN_EXE_spikeslab"))
        .args(arguments)
        .current_dir(place.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn too_little_memory_is_an_error_in_one_line() {
    if !is_there("prlimit", "too_little_memory_is_an_error_in_one_line") {
        return;
    }
    let place = Workplace::new();
    let output = with_memory(&place, 1 << 30, &["oracle", "noise", "out", "--count", "268435456"]);
    let line = one_line(&output, "noise");
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert!(line.contains("268435456 numbers: expected 12884901888 bytes of memory (saw: fewer)"), "{line}");
    assert!(!place.path("out").exists());

    // A sparse file of tensors, one gibibyte long as its header says.
    let header = r#"{"x":{"dtype":"F32","shape":[268435456],"data_offsets":[0,1073741824]}}"#;
    let start = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    fs::write(place.path("large"), &start).unwrap();
    let large = fs::File::options().write(true).open(place.path("large")).unwrap();
    large.set_len(start.len() as u64 + (1 << 30)).unwrap();
    let output = with_memory(&place, 1 << 29, &["oracle", "relu", "large", "out"]);
    let line = one_line(&output, "relu");
    assert_eq!(output.status.code(), Some(1), "{line}");
    let expected = format!("large: expected {} bytes of memory (saw: fewer)", start.len() + (1 << 30));
    assert!(line.contains(&expected), "{line}");

    // At whatever point a training runs out of memory, it prints one line, gets no signal, and leaves no incomplete
    // file.
    let train = [&["train", "mlp", "--data", "data", "--out", "run"], &SHORT[..]].concat();
    let mut ended = Vec::new();
    for mebibytes in [50, 70, 90, 110, 130, 150, 200, 2000] {
        let _ = fs::remove_dir_all(place.path("run"));
        let output = with_memory(&place, mebibytes << 20, &train);
        let code = output.status.code().unwrap_or_else(|| panic!("{mebibytes}: {output:?}"));
        if code != 0 {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let last = stderr.lines().last().unwrap_or_default();
            assert!(code == 1 && last.starts_with("error: "), "{mebibytes}: {code}, {stderr}");
        }
        let left = place.files().into_keys().filter(|path| path.extension().is_some_and(|ending| ending == "part"));
        assert_eq!(left.count(), 0, "{mebibytes}");
        ended.push(code);
    }
    assert_eq!(ended.last(), Some(&0), "{ended:?}");
}

/// If there is too little memory for a network, the error comes before a directory is created, so that the command can
/// be repeated.
#[test]
fn a_network_too_large_for_the_memory_leaves_nothing() {
    if !is_there("prlimit", "a_network_too_large_for_the_memory_leaves_nothing") {
        return;
    }
    let place = Workplace::new();
    fs::write(place.path("large.net"), "input 1x12x12\nflatten\ndense 4000\nrelu\ndense 4000\nrelu\ndense classes\n")
        .unwrap();
    let before = place.files();
    for command in ["train", "compare"] {
        for out in [&["--out", "run"][..], &[]] {
            let arguments = [&[command, "large.net", "--data", "data"], out].concat();
            let output = with_memory(&place, 300 << 20, &arguments);
            let line = one_line(&output, command);
            assert_eq!(output.status.code(), Some(1), "{line}");
            assert!(line.contains("training large.net: expected ") && line.contains("bytes of memory"), "{line}");
            let after = place.files();
            assert!(after == before, "{:?}", after.keys());
        }
    }
}

/// A training that runs out of memory leaves a run that can be resumed with enough memory, and then ends with the same
/// bits.
#[test]
fn a_training_that_runs_out_of_memory_can_be_resumed() {
    if !is_there("prlimit", "a_training_that_runs_out_of_memory_can_be_resumed") {
        return;
    }
    // A network with few operations, and 75 MB of activations.
    let place = Workplace::new();
    let network = "input 1x12x12\nconv1  conv 512 1x1\n       relu\n       global-avg-pool\n       flatten\n\
                   fc     dense classes bias\n";
    fs::write(place.path("wide.net"), network).unwrap();
    let train = |out, epochs| {
        let options = ["--data", "data", "--batch-size", "256", "--threads", "1"];
        [&["train", "wide.net", "--out", out, "--epochs", epochs], &options[..]].concat()
    };
    place.succeed(&train("ended", "1"));
    place.copy("ended", "whole");
    place.succeed(&["train", "--resume", "whole", "--epochs", "2", "--threads", "1"]);
    // Memory ends in the first step, and in a step after a checkpoint.
    let change = ["train", "--resume", "grown", "--epochs", "2", "--threads", "1"];
    for (run, arguments, has_checkpoint) in [("begun", &train("begun", "1")[..], false), ("grown", &change, true)] {
        // The least memory with which the training begins depends on the system.
        let ended_in_training = (50..1000).step_by(20).any(|mebibytes| {
            let _ = fs::remove_dir_all(place.path(run));
            if has_checkpoint {
                place.copy("ended", run);
            }
            let output = with_memory(&place, mebibytes << 20, arguments);
            assert_eq!(output.status.code(), Some(1), "{mebibytes}: it never ended in training");
            let line = one_line(&output, run);
            assert!(line.contains("memory"), "{mebibytes}: {line}");
            assert_eq!(place.path(run).join("checkpoint.safetensors").exists(), has_checkpoint);
            // The command prints what it trains before the first step.
            String::from_utf8_lossy(&output.stdout).contains(" weights, ")
        });
        assert!(ended_in_training, "{run}");
        place.succeed(&["train", "--resume", run, "--threads", "1"]);
    }
    assert_same_results(&place, "ended", "begun");
    assert_same_results(&place, "whole", "grown");
}

/// Runs the command under strace, which makes system calls fail as `injection` says.
fn with_faults(place: &Workplace, injection: &[&str], arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    injection.iter().for_each(|fault| {
        command.args(["-e", &format!("inject={fault}")]);
    });
    let run = command.arg(env!("CARGO_BIN_EXE_spikeslab")).args(arguments).current_dir(place.path(""));
    let output = run.stdin(Stdio::null()).output().ok()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("strace: ") {
        skip(&format!("{injection:?}"), &stderr);
        return None;
    }
    Some(output)
}

#[test]
fn a_file_system_without_locks_will_do() {
    if !is_there("strace", "a_file_system_without_locks_will_do") {
        return;
    }
    let place = Workplace::with_run();
    let train = [&["train", "mlp", "--data", "data", "--out", "unlocked"], &SHORT[..]].concat();
    for (error, arguments) in [("ENOLCK", &train[..]), ("EOPNOTSUPP", &["train", "--resume", "unlocked"])] {
        let Some(output) = with_faults(&place, &[&format!("flock:error={error}")], arguments) else { return };
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert!(stderr.starts_with("warning: unlocked/config.json: its file system has no locks"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert_same_results(&place, "run", "unlocked");
}

/// Each system call of writing a file fails once: the file is then as before, and no other file is beside it.
#[test]
fn a_call_that_fails_leaves_the_file_as_it_was() {
    if !is_there("strace", "a_call_that_fails_leaves_the_file_as_it_was") {
        return;
    }
    let place = Workplace::with_run();
    fs::write(place.path("old.packed"), "kept").unwrap();
    let before = place.files();
    let quantize = ["quantize", "run", "--out", "old.packed"];
    for (call, errors) in [
        ("ftruncate", &["EIO", "EDQUOT"][..]),
        ("fsync", &["EIO"]),
        ("renameat,rename,renameat2", &["EIO", "EACCES", "ENOSPC"]),
    ] {
        for error in errors {
            let Some(output) = with_faults(&place, &[&format!("{call}:error={error}:when=1")], &quantize) else {
                return;
            };
            let line = one_line(&output, call);
            assert_eq!(output.status.code(), Some(1), "{line}");
            assert!(line.contains("old.packed: "), "{line}");
            assert!(place.files() == before, "{call} {error}");
        }
    }
    place.succeed(&quantize);
}

/// Some file systems cannot sync directories and return an error, which is accepted. A file that cannot be synced is an
/// error.
#[test]
fn a_file_system_that_syncs_no_directories_will_do() {
    if !is_there("strace", "a_file_system_that_syncs_no_directories_will_do") {
        return;
    }
    let place = Workplace::with_run();
    let quantize = ["quantize", "run", "--out", "out.packed"];
    // The first fsync is of the file, the second of its directory.
    for (error, number, code) in [("EINVAL", 2, 0), ("EOPNOTSUPP", 2, 0), ("EIO", 2, 1), ("EINVAL", 1, 1)] {
        let Some(output) = with_faults(&place, &[&format!("fsync:error={error}:when={number}")], &quantize) else {
            return;
        };
        assert_eq!(output.status.code(), Some(code), "{error} {number}: {output:?}");
        if number == 2 {
            assert_eq!(place.read("out.packed"), place.read("run/model.packed"));
            fs::remove_file(place.path("out.packed")).unwrap();
        }
        assert!(!place.path("out.packed").exists());
    }
}

/// If the system cannot tell whether there is a checkpoint, the command fails and does not begin the training
/// again.
#[test]
fn a_checkpoint_that_the_system_does_not_show_is_not_taken_for_none() {
    if !is_there("strace", "a_checkpoint_that_the_system_does_not_show_is_not_taken_for_none") {
        return;
    }
    let place = Workplace::with_run();
    let before = place.files();
    for error in ["EIO", "EACCES", "ESTALE"] {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-P", "run/checkpoint.safetensors"]);
        for call in ["statx", "newfstatat", "lstat", "stat"] {
            command.args(["-e", &format!("inject={call}:error={error}")]);
        }
        let run = command.arg(env!("CARGO_BIN_EXE_spikeslab")).args(["train", "--resume", "run"]);
        let output = run.current_dir(place.path("")).output().unwrap();
        // strace prints how it resolves the path.
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let own = told.lines().filter(|line| !line.starts_with("strace: Requested path "));
        let stderr: String = own.map(|line| format!("{line}\n")).collect();
        if stderr.contains("strace: ") {
            return skip(error, &stderr);
        }
        let output = Output { stderr: stderr.into_bytes(), ..output };
        let line = one_line(&output, error);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(line.contains("run/checkpoint.safetensors: "), "{line}");
        assert!(place.files() == before, "{error}");
    }
}
