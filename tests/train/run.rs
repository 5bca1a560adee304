use super::config::config;
use crate::common::assert_error;
use spikeslab::train::fit::EpochMetrics;
use spikeslab::train::{Config, Recipe, Run};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn metrics(epoch: u32) -> EpochMetrics {
    EpochMetrics {
        epoch,
        loss: 0.1 + f64::from(epoch),
        nll: 1.0 / 3.0,
        kl: 1e300,
        kl_weight: 5e-324,
        quantized_loss: 0.0,
        share_at_level: (epoch > 1).then_some(0.75),
        accuracy_mean: Some(0.97),
        accuracy_quantized: (epoch > 1).then_some(0.25),
        levels: BTreeMap::from([("fc1".into(), vec![-0.2, 0.0, 0.1]), ("fc2".into(), vec![0.1, 0.3])]),
        seconds: 12.5,
    }
}

#[test]
fn a_run_begins_with_its_configuration() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a/b");
    Run::check_free(&path).unwrap();
    assert!(!path.exists(), "checking makes nothing");
    let run = Run::create(&path, &config()).unwrap();
    assert_eq!(run.dir(), path);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    assert_eq!(Run::config(&path).unwrap(), config());
    assert!(fs::read_to_string(path.join("config.json")).unwrap().ends_with("}\n"));

    let empty = TempDir::new().unwrap();
    Run::create(empty.path(), &config()).unwrap();
}

#[test]
fn a_run_is_held_by_one_at_a_time() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let held = Run::create(&path, &config()).unwrap();
    assert_error(Run::open(&path), &["no other process", "one in training"]);
    drop(held);
    let again = Run::open(&path).unwrap();
    assert_error(Run::open(&path), &["no other process"]);
    // Reading needs no lock.
    assert_eq!(Run::config(&path).unwrap(), config());
    drop(again);
}

#[test]
fn of_two_that_begin_the_same_run_at_once_one_is_refused() {
    for _ in 0..50 {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("run");
        let begin = |seed| Run::create(&path, &Config { recipe: Recipe { seed, ..config().recipe }, ..config() });
        let outcomes = std::thread::scope(|scope| {
            [1, 2, 3].map(|seed| scope.spawn(move || begin(seed))).map(|thread| thread.join().unwrap())
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let winner = outcomes.iter().position(std::result::Result::is_ok).unwrap() as u64 + 1;
        assert_eq!(Run::config(&path).unwrap().recipe.seed, winner);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    }
}

#[test]
fn a_directory_in_use_and_a_file_are_no_place_for_a_run() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"kept").unwrap();
    let cases = [
        (dir.path().to_path_buf(), "one with files in it"),
        (file.clone(), "a file"),
        (file.join("below"), "a file"),
        (file.join("far/below"), "a file"),
    ];
    for (path, seen) in cases {
        let place = path.display().to_string();
        assert_error(Run::check_free(&path), &[&place, "a directory that is new or empty", seen]);
        assert_error(Run::create(&path, &config()), &[&place, "a directory that is new or empty", seen]);
    }
    assert_eq!(fs::read(&file).unwrap(), b"kept");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_a_run_that_was_killed_at_once_left_is_no_obstacle() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("config.json.spikeslab.part"), "{ half of a longer configur".repeat(100)).unwrap();
    Run::check_free(&path).unwrap();
    let run = Run::create(&path, &config()).unwrap();
    assert_eq!(Run::config(&path).unwrap(), config());
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    assert_error(Run::open(&path), &["no other process"]);
    drop(run);
    fs::write(path.join("config.json.spikeslab.part"), "").unwrap();
    assert_error(Run::check_free(&path), &["one with files in it"]);
}

#[cfg(unix)]
#[test]
fn only_the_directory_taken_hold_of_is_written_to() {
    let dir = TempDir::new().unwrap();
    let (path, moved) = (dir.path().join("run"), dir.path().join("moved"));
    let run = Run::create(&path, &config()).unwrap();
    run.check_in_place().unwrap();
    fs::rename(&path, &moved).unwrap();
    let parts = ["run", "the directory of the run in training"];
    assert_error(run.check_in_place(), &parts);
    drop(Run::create(&path, &config()).unwrap());
    assert_error(run.check_in_place(), &parts);
    assert_error(run.write_metrics(&[metrics(1)]), &parts);
    assert_error(run.write_figure(&figure("funnel.svg")), &parts);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&moved, &path).unwrap();
    run.write_metrics(&[metrics(1)]).unwrap();
}

#[test]
fn what_is_no_run_is_refused() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    for (path, seen) in [("missing", "none"), ("", "none"), ("file", "a file")] {
        let path = dir.path().join(path);
        assert_error(Run::open(&path), &["a run directory", seen]);
        assert_error(Run::config(&path), &["a run directory", seen]);
    }
}

#[test]
fn a_broken_configuration_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    Run::create(&dir.path().join("run"), &config()).unwrap();
    let path = dir.path().join("run/config.json");
    let good = fs::read_to_string(&path).unwrap();
    let cases = [
        (good[..good.len() / 2].to_string(), "EOF"),
        (String::new(), "EOF"),
        (good.replace("\"seed\"", "\"sead\""), "unknown field `sead`"),
        (good.replace("\"seed\"", "\"se\\ned\""), "unknown field"),
        (good.replace("\"version\": 2", "\"version\": 3"), "3"),
        ("\u{0}\u{0}".to_string(), "expected value"),
        ("[".repeat(10_000), "invalid type"),
    ];
    for (text, seen) in cases {
        fs::write(&path, text).unwrap();
        assert_error(Run::config(&dir.path().join("run")), &["config.json", seen]);
    }
}

fn with_metrics(text: &str) -> (TempDir, Run) {
    let dir = TempDir::new().unwrap();
    let run = Run::create(&dir.path().join("run"), &config()).unwrap();
    fs::write(dir.path().join("run/metrics.jsonl"), text).unwrap();
    (dir, run)
}

#[test]
fn metrics_are_one_object_a_line_and_come_back_the_same() {
    let (dir, run) = with_metrics("");
    run.write_metrics(&[metrics(1), metrics(2)]).unwrap();
    let text = fs::read_to_string(dir.path().join("run/metrics.jsonl")).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() == 2, "{text}");
    let object: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    let mut expected = [
        "epoch",
        "loss",
        "nll",
        "kl",
        "kl_weight",
        "quantized_loss",
        "accuracy_mean",
        "accuracy_quantized",
        "levels",
        "seconds",
    ];
    expected.sort_unstable();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected.iter().collect::<Vec<_>>());
    assert_eq!(object["levels"]["fc2"], serde_json::json!([0.1, 0.3]));
    assert_eq!(run.metrics(2).unwrap(), [metrics(1), metrics(2)]);
    // Epochs after the checkpoint are dropped.
    assert_eq!(run.metrics(1).unwrap(), [metrics(1)]);
    assert!(run.metrics(0).unwrap().is_empty());
}

#[test]
fn metrics_that_do_not_cover_the_epochs_are_refused() {
    let line = |epoch| serde_json::to_string(&metrics(epoch)).unwrap() + "\n";
    let cases = [
        (line(1), 2, "1 of them"),
        (line(1) + &line(1), 2, "epoch 1 in line 2"),
        (line(2) + &line(3), 2, "epoch 2 in line 1"),
        (line(1) + &line(2)[..40], 2, "EOF"),
        (line(1) + "\n" + &line(2), 3, "EOF"),
        (line(1).replace("\"kl\"", "\"kl2\""), 1, "unknown field"),
        (line(1).replace("12.5", "null"), 1, "null"),
    ];
    for (text, epochs, seen) in cases {
        let (_dir, run) = with_metrics(&text);
        assert_error(run.metrics(epochs), &["metrics.jsonl", seen]);
    }
    let (dir, run) = with_metrics("");
    fs::remove_file(dir.path().join("run/metrics.jsonl")).unwrap();
    assert_error(run.metrics(1), &["metrics.jsonl"]);
    assert!(run.metrics(0).unwrap().is_empty(), "a run that has no epoch yet has no metrics");
}

/// The file of a figure, with its bytes.
fn figure(name: &str) -> [(String, Vec<u8>); 1] {
    [(name.to_string(), b"<svg/>".to_vec())]
}

#[test]
fn figures_have_their_own_folder() {
    let (dir, run) = with_metrics("");
    run.write_figure(&figure("quantized-loss.svg")).unwrap();
    assert_eq!(fs::read(dir.path().join("run/figures/quantized-loss.svg")).unwrap(), b"<svg/>");
}

#[cfg(unix)]
#[test]
fn a_data_path_that_json_cannot_hold_leaves_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let dir = TempDir::new().unwrap();
    let data = Path::new(std::ffi::OsStr::from_bytes(b"/data/\xff\xfe")).to_path_buf();
    let path = dir.path().join("run");
    let message = Run::create(&path, &Config { data: Some(data), ..config() }).unwrap_err().to_string();
    assert!(message.contains("UTF-8"), "{message}");
    assert!(!path.exists());
}

#[test]
fn a_configuration_is_replaced_while_the_run_is_held() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    let mut run = Run::create(&path, &config()).unwrap();
    let changed = config().with_epochs(9, 3);
    run.write_config(&changed).unwrap();
    assert_eq!(Run::config(&path).unwrap(), changed);
    assert_error(Run::open(&path), &["no other process"]);
    run.check_in_place().unwrap();
    run.write_metrics(&[metrics(1)]).unwrap();
    drop(run);
    // The text is too long for a configuration; what cannot be written leaves the old file.
    let mut run = Run::open(&path).unwrap();
    let long = Config { text: Some(vec!["x".repeat(1 << 20)]), ..config() };
    assert_error(run.write_config(&long), &["a configuration of at most 1048576 bytes"]);
    assert_error(Run::create(&dir.path().join("new"), &long), &["a configuration of at most 1048576 bytes"]);
    assert!(!dir.path().join("new").exists());
    assert_eq!(Run::config(&path).unwrap(), changed);
    assert!(Run::is_run(&path).unwrap() && !Run::is_run(dir.path()).unwrap());
    assert!(!Run::is_run(&path.join("config.json")).unwrap());
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_cannot_be_read_counts_as_a_checkpoint() {
    use std::os::unix::fs::symlink;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run");
    Run::create(&path, &config()).unwrap();
    assert!(!Run::has_checkpoint(&path).unwrap());
    let checkpoint = Run::checkpoint_path(&path);
    for target in ["nowhere", "checkpoint.safetensors"] {
        symlink(target, &checkpoint).unwrap();
        assert!(Run::has_checkpoint(&path).unwrap(), "a link to {target}");
        fs::remove_file(&checkpoint).unwrap();
    }
    // A file in place of the directory is an error too.
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_error(Run::has_checkpoint(&path), &["checkpoint.safetensors: Not a directory"]);
}
