//! The command in unusual environments.

#[cfg(unix)]
use super::training::signal;
use super::training::{LONG, start, wait_for_epoch};
use super::{SHORT, Workplace, assert_same_results, one_line};
use std::fs;
use std::io::Read;

#[cfg(unix)]
#[test]
fn closed_standard_streams_change_nothing() {
    let place = Workplace::with_run();
    fs::write(place.path("no.packed"), "spikslab").unwrap();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        for (arguments, code) in [
            (&["eval", "run"][..], 0),
            (&["inspect", "run"], 0),
            (&["--help"], 0),
            (&["eval", "no.packed"], 1),
            (&["eval", "run", "--samples", "0"], 2),
            (&["train", "mlp", "--data", "data", "--out", "new", "--epochs", "1"], 0),
            (&["train", "--resume", "new"], 0),
            (&["oracle", "noise", "noise.safetensors"], 0),
        ] {
            let script = format!("exec \"$0\" \"$@\" {closed}");
            let output = std::process::Command::new("sh")
                .args(["-c", &script, env!("CARGO_BIN_EXE_spikeslab")])
                .args(arguments)
                .current_dir(place.path(""))
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(code), "{arguments:?} {closed}: {output:?}");
            if code == 0 {
                assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?} {closed}");
            } else if !closed.contains("2>") {
                one_line(&output, closed);
            }
        }
        fs::remove_dir_all(place.path("new")).unwrap();
    }
}

/// A directory in which no file can be created; none if the user may write everywhere.
#[cfg(unix)]
fn read_only(place: &Workplace) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let dir = place.path("read only");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
    fs::write(dir.join("probe"), "").is_err().then(|| "read only".to_string())
}

#[cfg(unix)]
#[test]
fn where_nothing_can_be_written_one_line_says_so() {
    let place = Workplace::with_run();
    let proc = cfg!(target_os = "linux").then(|| "/proc".to_string());
    for dir in [Some("/dev/null".to_string()), proc, read_only(&place)].into_iter().flatten() {
        let out = format!("{dir}/out");
        let train = [&["train", "mlp", "--data", "data", "--out", &out], &SHORT[..]].concat();
        let compare = [&["compare", "mlp", "--data", "data", "--out", &out], &SHORT[..]].concat();
        for arguments in [
            &train[..],
            &compare,
            &["quantize", "run", "--out", &out],
            &["export", "run", "--to", "c", "--out", &out],
            &["oracle", "noise", &out],
            &["explain", "kl", "--out", &out],
        ] {
            place.refuse(arguments, 1, &[&out]);
        }
    }
}

#[test]
fn a_device_is_no_file_to_read() {
    let place = Workplace::with_run();
    for device in ["/dev/zero", "/dev/random"].into_iter().filter(|device| fs::metadata(device).is_ok()) {
        place.refuse(&["inspect", device], 1, &[device, "a file", "a device"]);
        place.refuse(&["eval", device], 1, &[device, "a file", "a device"]);
        place.refuse(&["predict", "run", device], 1, &[device, "a file", "a device"]);
        place.refuse(&["oracle", "relu", device, "out"], 1, &[device, "a file", "a device"]);
    }
}

#[cfg(unix)]
#[test]
fn another_directory_in_place_of_a_run_is_left_alone() {
    let place = Workplace::new();
    place.succeed(&[&["train", "--out", "whole"], &LONG[..]].concat());
    place.train("other", &[]);
    // The run's directory is exchanged for an empty directory, and for the directory of another run.
    for with_run in [false, true] {
        if with_run {
            place.copy("other", "another");
        } else {
            fs::create_dir(place.path("another")).unwrap();
        }
        let mut child = start(&place, &[&["train", "--out", "run"], &LONG[..]].concat());
        let mut stdout = wait_for_epoch(&mut child, 1);
        // The process stands still during the exchange.
        signal(&child, "STOP");
        fs::rename(place.path("run"), place.path("moved")).unwrap();
        fs::rename(place.path("another"), place.path("run")).unwrap();
        signal(&child, "CONT");
        stdout.read_to_end(&mut Vec::new()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let line = one_line(&output, "train");
        assert!(line.contains("run: expected the directory of the run in training"), "{line}");
        if with_run {
            assert_eq!(place.read("run/checkpoint.safetensors"), place.read("other/checkpoint.safetensors"));
            assert_eq!(place.metrics("run"), place.metrics("other"));
        } else {
            assert_eq!(fs::read_dir(place.path("run")).unwrap().count(), 0);
        }
        place.succeed(&["train", "--resume", "moved"]);
        assert_same_results(&place, "whole", "moved");
        fs::remove_dir_all(place.path("run")).unwrap();
        fs::remove_dir_all(place.path("moved")).unwrap();
    }
}

/// A request for vector instructions that do not exist is refused, and not replaced by others.
#[test]
fn vectors_of_an_unknown_name_are_refused() {
    let place = Workplace::with_run();
    for vectors in ["avx1024", "AVX2", ""] {
        for arguments in [&["eval", "run"][..], &["train", "--resume", "run"], &["oracle", "noise", "out"]] {
            let before = place.files();
            let output = place.command(arguments).env("SPIKESLAB_VECTORS", vectors).output().unwrap();
            let line = one_line(&output, vectors);
            assert_eq!(output.status.code(), Some(2), "{line}");
            let expected = format!("SPIKESLAB_VECTORS: expected portable, avx2 or avx512 (saw: {vectors})");
            assert!(line.contains(&expected), "{line}");
            assert!(place.files() == before);
        }
    }
}
