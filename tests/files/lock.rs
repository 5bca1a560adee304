use super::notice::heard;
use crate::common::assert_error;
use spikeslab::files::lock::{lock, try_lock};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A file opened twice: each of the two handles can be locked, as if by another process.
fn opened_twice(dir: &TempDir, name: &str) -> (PathBuf, File, File) {
    let path = dir.path().join(name);
    let one = File::create(&path).unwrap();
    (path.clone(), one, File::open(&path).unwrap())
}

#[test]
fn a_lock_is_held_by_one_open_file_until_it_is_closed() {
    let dir = TempDir::new().unwrap();
    let (path, one, other) = opened_twice(&dir, "file");
    assert!(try_lock(&one, &path).unwrap());
    assert!(try_lock(&one, &path).unwrap(), "it has it already");
    assert!(!try_lock(&other, &path).unwrap());
    drop(one);
    assert!(try_lock(&other, &path).unwrap());
}

#[test]
fn a_lock_that_is_free_is_taken_in_silence() {
    let dir = TempDir::new().unwrap();
    let (path, one, other) = opened_twice(&dir, "free");
    assert!(heard("free: ").is_empty());
    lock(&one, &path, Duration::ZERO).unwrap();
    assert!(heard("free: ").is_empty());
    let parts = ["free: expected a file that no other process writes for 0 s", "one that another is writing"];
    assert_error(lock(&other, &path, Duration::ZERO), &parts);
}

#[test]
fn a_lock_is_waited_for_and_after_a_second_somebody_is_told_once() {
    let dir = TempDir::new().unwrap();
    let (path, one, other) = opened_twice(&dir, "awaited");
    assert!(heard("awaited: ").is_empty());
    lock(&one, &path, Duration::ZERO).unwrap();
    let begun = Instant::now();
    let mut told = Vec::new();
    scope(|scope| {
        let waiting = scope.spawn(|| lock(&other, &path, Duration::from_secs(60)));
        sleep(Duration::from_millis(500));
        told.extend(heard("awaited: "));
        // Unless this thread slept for longer than it asked for.
        assert!(told.is_empty() || begun.elapsed() >= Duration::from_secs(1), "{told:?} too early");
        sleep(Duration::from_millis(1000));
        assert!(!waiting.is_finished(), "{:?}", begun.elapsed());
        drop(one);
        waiting.join().unwrap().unwrap();
    });
    told.extend(heard("awaited: "));
    assert!(told.len() == 1 && told[0].ends_with("waiting for another process that is writing it"), "{told:?}");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_no_file_is_an_error() {
    // A descriptor that only names a file has no locks.
    use std::os::unix::fs::OpenOptionsExt;
    if cfg!(target_os = "linux") {
        const O_PATH: i32 = 0o10_000_000;
        let file = File::options().read(true).custom_flags(O_PATH).open("/").unwrap();
        assert!(try_lock(&file, Path::new("named")).is_err());
        assert_error(lock(&file, Path::new("named"), Duration::ZERO), &["named: "]);
    }
}
