use super::Workplace;
use std::fs;

#[test]
fn the_file_is_that_of_the_run() {
    let place = Workplace::with_run();
    let printed = place.succeed(&["quantize", "run", "--out", "out.packed"]);
    assert_eq!(place.read("out.packed"), place.read("run/model.packed"));
    assert_eq!(printed, place.succeed(&["inspect", "out.packed"]).split_once("\n\n").unwrap().1);
    // An older file is replaced, and the run is not changed.
    let before = place.results("run");
    fs::write(place.path("out.packed"), "an older file, longer or shorter").unwrap();
    place.succeed(&["quantize", "run", "--out", "out.packed"]);
    assert_eq!(place.read("out.packed"), place.read("run/model.packed"));
    assert_eq!(place.results("run"), before);
    assert!(!place.path("out.packed.part").exists());
}

#[test]
fn kmeans_gives_the_levels_asked_for() {
    let place = Workplace::with_run();
    for levels in [2, 5, 256] {
        place.succeed(&["quantize", "run", "--kmeans", &levels.to_string(), "--out", "out.packed"]);
        let model = spikeslab::packed::format::load(&place.path("out.packed")).unwrap();
        assert!(model.layers().iter().all(|layer| layer.levels.len() == levels));
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let place = Workplace::with_run();
    fs::write(place.path("file"), "kept").unwrap();
    let cases = [
        ("data", "a directory"),
        (".", "a directory"),
        ("run/figures/..", "a directory"),
        ("missing/out.packed", "No such file"),
        ("file/out.packed", "Not a directory"),
    ];
    for (out, seen) in cases {
        place.refuse(&["quantize", "run", "--out", out], 1, &[out, seen]);
    }
}

#[test]
fn what_the_run_needs_is_not_replaced() {
    let place = Workplace::with_run();
    let before = (place.read("run/config.json"), place.results("run"));
    for name in ["config.json", "checkpoint.safetensors", "metrics.jsonl"] {
        for out in [format!("run/{name}"), format!("run/figures/../{name}")] {
            place.refuse(&["quantize", "run", "--out", &out], 1, &[&out, "a file that no run needs", name]);
        }
    }
    place.copy("run", "other");
    for name in ["config.json", "checkpoint.safetensors", "metrics.jsonl", "model.packed"] {
        let out = format!("other/{name}");
        place.refuse(&["quantize", "run", "--out", &out], 1, &[&out, "a file that no run needs", name]);
        place.refuse(&["oracle", "noise", &out], 1, &[&out, "a file that no run needs", name]);
    }
    assert_eq!((place.read("run/config.json"), place.results("run")), before);
    place.succeed(&["quantize", "run", "--out", "run/model.packed"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_replaced_by_a_file() {
    use std::os::unix::fs::FileTypeExt;
    let place = Workplace::with_run();
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status().unwrap();
    assert!(made.success());
    place.refuse(&["quantize", "run", "--out", "pipe"], 1, &["pipe", "a file to write", "a device or pipe"]);
    assert!(fs::symlink_metadata(place.path("pipe")).unwrap().file_type().is_fifo());
}
