//! Runs that are stopped or killed, and are then resumed.

use super::{Workplace, assert_same_results, one_line};
use crate::common::random::Random;
use spikeslab::train::Run;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

/// Options with enough epochs that a signal arrives while the process is training.
pub(super) const LONG: [&str; 8] =
    ["mlp", "--data", "data", "--epochs", "12", "--batch-size", "16", "--learning-rate=0.01"];

fn place_with_whole_run() -> Workplace {
    let place = Workplace::new();
    place.succeed(&[&["train", "--out", "whole"], &LONG[..]].concat());
    place
}

pub(super) fn start(place: &Workplace, arguments: &[&str]) -> Child {
    place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads standard output up to the line of an epoch.
pub(super) fn wait_for_epoch(child: &mut Child, epoch: u32) -> BufReader<ChildStdout> {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(&format!("epoch {epoch:>3}/")) {
        line.clear();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "the end of the output before epoch {epoch}");
    }
    stdout
}

#[cfg(unix)]
pub(super) fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_signal_to_end_leaves_a_run_that_resume_continues_to_the_same_bits() {
    let place = place_with_whole_run();
    let begin = [&["train", "--out", "a run"], &LONG[..]].concat();
    let resume = ["train", "--resume", "a run"];
    for (arguments, name, code) in [(&begin[..], "INT", 130), (&resume, "TERM", 143), (&resume, "HUP", 129)] {
        let is_begun = place.path("a run/metrics.jsonl").exists();
        let epoch = if is_begun { place.metrics("a run").len() as u32 + 1 } else { 1 };
        let mut child = start(&place, arguments);
        let mut stdout = wait_for_epoch(&mut child, epoch);
        signal(&child, name);
        stdout.read_to_end(&mut Vec::new()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr, "stopped; go on with: spikeslab train --resume 'a run'\n");
        let epochs = place.metrics("a run").len();
        assert!((epoch as usize..12).contains(&epochs), "{epochs}");
        assert!(!place.path("a run/model.packed").exists());
        // The stopped run can be inspected.
        assert!(place.succeed(&["inspect", "a run"]).starts_with(&format!("run of mlp after epoch {epochs} of 12")));
        // It can be quantized too, with a note.
        let output = place.run(&["quantize", "a run", "--out", "x.packed"]);
        let note = format!("a run: after epoch {epochs} of 12 the weights may be far from their levels\n");
        assert_eq!((output.status.success(), &*String::from_utf8_lossy(&output.stderr)), (true, &*note));
    }
    place.succeed(&["train", "--resume", "a run"]);
    assert_same_results(&place, "whole", "a run");
}

/// A run with a teacher and levels of k-means, stopped in each of its two phases.
#[cfg(unix)]
#[test]
fn a_run_of_two_phases_is_resumed_in_each_to_the_same_bits() {
    let place = Workplace::new();
    place.train("teacher", &["--prior", "none"]);
    let phases = ["--warmup", "0.25", "--forward", "hard", "--init-levels", "kmeans", "--teacher", "teacher"];
    let train = |out: &'static str| [&["train", "--out", out], &LONG[..], &phases].concat();
    place.succeed(&train("whole"));
    for (epoch, arguments) in [(1, &train("run")[..]), (5, &["train", "--resume", "run"])] {
        let mut child = start(&place, arguments);
        let mut stdout = wait_for_epoch(&mut child, epoch);
        signal(&child, "TERM");
        stdout.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
        assert!(place.metrics("run").len() < 12);
    }
    place.succeed(&["train", "--resume", "run"]);
    assert_same_results(&place, "whole", "run");
}

/// A signal that the process was started to ignore, as under `nohup` or in the background of a script.
#[cfg(unix)]
#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    let place = place_with_whole_run();
    let mut child = Command::new("sh")
        .args(["-c", "trap '' INT HUP; exec \"$0\" train --out run \"$@\"", env!("CARGO_BIN_EXE_spikeslab")])
        .args(LONG)
        .current_dir(place.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = wait_for_epoch(&mut child, 1);
    signal(&child, "HUP");
    signal(&child, "INT");
    stdout.read_to_end(&mut Vec::new()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), ""));
    assert_same_results(&place, "whole", "run");
}

/// Checks that the metrics of a run have no incomplete line, and no epoch twice.
pub(super) fn check_metrics(place: &Workplace, run: &str) {
    if place.path(run).join("metrics.jsonl").exists() {
        for (epoch, metrics) in place.metrics(run).iter().enumerate() {
            assert_eq!(metrics["epoch"], epoch + 1);
        }
    }
}

#[cfg(unix)]
#[test]
fn runs_killed_at_random_moments_end_with_the_same_bits() {
    const KILLS: u32 = 30;
    let place = Workplace::new();
    let begun = Instant::now();
    place.succeed(&[&["train", "--out", "whole"], &LONG[..]].concat());
    let whole = begun.elapsed();
    let mut random = Random::new(6);
    let mut kills = 0;
    for run in (0..).map(|run| format!("run {run}")) {
        loop {
            let every = ["1epoch", "2epochs", "3steps", "7steps"][random.word() as usize % 4];
            let every = ["--checkpoint-every", every];
            // A run that was killed before it had a configuration is begun again.
            let mut child = if place.path(&run).join("config.json").exists() {
                start(&place, &[&["train", "--resume", &run], &every[..]].concat())
            } else {
                start(&place, &[&["train", "--out", &run], &LONG[..], &every].concat())
            };
            if kills < KILLS {
                std::thread::sleep(whole.mul_f64(random.uniform(0.0, 0.4)));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            check_metrics(&place, &run);
            match output.status.code() {
                None => kills += 1,
                Some(0) => break,
                Some(_) => panic!("after {kills} kills: {output:?}"),
            }
        }
        assert_same_results(&place, "whole", &run);
        assert!(place.files().keys().all(|path| path.extension().is_none_or(|extension| extension != "part")));
        if kills >= KILLS {
            break;
        }
    }
}

#[test]
fn a_run_that_is_complete_is_only_told_about_again() {
    let place = Workplace::with_run();
    let before = place.results("run");
    let printed = place.succeed(&["train", "--resume", "run"]);
    assert!(printed.contains("quantized loss") && !printed.contains("epoch "), "{printed}");
    assert_eq!(place.results("run"), before);
    assert_eq!(place.succeed(&["train", "--resume", "run", "--threads", "1"]), printed);
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_read_is_not_taken_for_none() {
    let place = Workplace::with_run();
    fs::rename(place.path("run/checkpoint.safetensors"), place.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../nowhere", place.path("run/checkpoint.safetensors")).unwrap();
    for arguments in [&["train", "--resume", "run"][..], &["eval", "run"], &["quantize", "run", "--out", "x"]] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let line = one_line(&output, arguments[0]);
        assert!(line.contains("run/checkpoint.safetensors: No such file"), "{line}");
    }
    assert!(!place.path("nowhere").exists());
}

#[test]
fn metrics_ahead_of_the_checkpoint_are_dropped() {
    let place = Workplace::with_run();
    place.copy("run", "cut");
    fs::remove_file(place.path("cut/checkpoint.safetensors")).unwrap();
    place.succeed(&["train", "--resume", "cut"]);
    assert_same_results(&place, "run", "cut");
}

#[test]
fn a_run_in_training_is_not_trained_by_another() {
    let place = Workplace::with_run();
    let held = Run::open(&place.path("run")).unwrap();
    place.refuse(&["train", "--resume", "run"], 1, &["run", "no other process is training", "one in training"]);
    // Another process may read the run.
    place.succeed(&["eval", "run"]);
    drop(held);
    place.succeed(&["train", "--resume", "run"]);
}

#[test]
fn of_two_processes_that_begin_one_run_the_second_is_refused() {
    let place = Workplace::new();
    let arguments = [&["train", "--out", "run"], &LONG[..]].concat();
    let children = [start(&place, &arguments), start(&place, &arguments)];
    let outputs = children.map(|child| child.wait_with_output().unwrap());
    let (won, lost): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.status.success());
    assert_eq!((won.len(), lost.len()), (1, 1), "{outputs:?}");
    assert_eq!(lost[0].status.code(), Some(1));
    assert!(one_line(lost[0], "the second").contains("run: expected a directory that is new or empty"));
    place.succeed(&[&["train", "--out", "alone"], &LONG[..]].concat());
    assert_same_results(&place, "alone", "run");
}

/// Runs the command with a limit of `blocks` blocks of 512 bytes for every file.
#[cfg(target_os = "linux")]
fn with_little_space(place: &Workplace, blocks: u32, arguments: &[&str]) -> std::process::Output {
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_spikeslab")])
        .args(arguments)
        .current_dir(place.dir.path())
        .output()
        .unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_what_was_there() {
    let place = Workplace::with_run();
    let train = [&["train", "mlp", "--data", "data", "--out", "new"], &super::SHORT[..]].concat();
    let before = place.files();
    // Too little space for the first file of a run, and for a packed model.
    fs::write(place.path("old.packed"), "kept").unwrap();
    for (blocks, arguments, name) in
        [(0, &train[..], "new/config.json"), (8, &["quantize", "run", "--out", "old.packed"], "old.packed")]
    {
        let output = with_little_space(&place, blocks, arguments);
        let line = one_line(&output, name);
        assert_eq!(output.status.code(), Some(1));
        assert!(line.contains(&format!("{name}: File too large")), "{line}");
    }
    assert_eq!(place.read("old.packed"), b"kept");
    fs::remove_file(place.path("old.packed")).unwrap();
    assert!(place.files() == before);

    // Enough space for all files but the checkpoint: with more space, the run can be resumed.
    let output = with_little_space(&place, 40, &train);
    let line = one_line(&output, "train");
    assert_eq!(output.status.code(), Some(1));
    assert!(line.contains("new/checkpoint.safetensors: File too large"), "{line}");
    assert!(!place.path("new/checkpoint.safetensors").exists());
    assert!(!place.path("new/checkpoint.safetensors.spikeslab.part").exists());
    place.succeed(&["train", "--resume", "new"]);
    assert_same_results(&place, "run", "new");
}

#[test]
fn a_directory_that_vanishes_ends_the_run() {
    let place = Workplace::new();
    let mut child = start(&place, &[&["train", "--out", "run"], &LONG[..]].concat());
    let mut stdout = wait_for_epoch(&mut child, 1);
    fs::rename(place.path("run"), place.path("moved")).unwrap();
    stdout.read_to_end(&mut Vec::new()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line = one_line(&output, "train");
    let is_gone = line.contains("run: expected the directory of the run in training");
    // Unless the directory was removed between the check and the write.
    assert!(is_gone || (line.contains("run/") && line.contains("No such file")), "{line}");
    assert!(!place.path("run").exists());
    place.succeed(&["train", "--resume", "moved"]);
}

#[test]
fn numbers_that_go_wrong_stop_the_run_at_their_step_and_keep_the_last_checkpoint() {
    let place = Workplace::new();
    let begin = |rate: &str| {
        let arguments =
            ["train", "mlp", "--data", "data", "--out", "run", "--batch-size", "256", "--learning-rate", rate];
        let output = place.run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        one_line(&output, rate)
    };
    // The rate is finite in f32, but divided by Adam's correction in the first step it is not, and every weight becomes
    // NaN.
    let line = begin("1e38");
    assert!(line.contains("tensor ") && line.contains("finite numbers after step 1"), "{line}");
    assert!(!place.path("run/checkpoint.safetensors").exists() && !place.path("run/metrics.jsonl").exists());
    fs::remove_dir_all(place.path("run")).unwrap();
    // The rate is finite in f32 at every step, but far too large.
    let line = begin("1e37");
    assert!(line.contains("tensor ") && line.contains("finite numbers") && line.contains("step "), "{line}");
}
