use crate::common::assert_error;
use spikeslab::files::held::{Held, Kind, check_free, make_free, none_of};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const BOX: Kind = Kind { name: "box", first: "label" };
const CRATE: Kind = Kind { name: "crate", first: "mark" };

fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_directory_begins_with_its_first_file_and_is_held_until_it_is_let_go() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a/b");
    let held = Held::begin(BOX, &path, b"first").unwrap();
    assert_eq!((held.dir(), names(&path)), (&*path, vec!["label".to_string()]));
    assert!(held.place().has("label".as_ref()).unwrap());
    assert_error(
        Held::begin(BOX, &path, b"second"),
        &["a/b: ", "a directory that is new or empty", "with files in it"],
    );
    assert_error(Held::open(BOX, &path), &["a/b: ", "a box that no other process is training", "one in training"]);
    drop(held);
    assert_error(Held::open(CRATE, &path), &["a/b: expected a crate directory (saw: none, or one without mark)"]);
    let held = Held::open(BOX, &path).unwrap();
    assert_error(Held::open(BOX, &path), &["no other process"]);
    assert_eq!(fs::read(path.join("label")).unwrap(), b"first");
    drop(held);
    fs::create_dir(dir.path().join("empty")).unwrap();
    Held::begin(BOX, &dir.path().join("empty"), b"").unwrap();
}

#[test]
fn the_first_file_is_replaced_and_the_directory_stays_held() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("box");
    let mut held = Held::begin(BOX, &path, b"0").unwrap();
    let done = AtomicU32::new(0);
    std::thread::scope(|scope| {
        // A process that reads meanwhile finds one complete version, and cannot lock the directory.
        let other = scope.spawn(|| {
            let mut looks = 0;
            while done.load(Ordering::SeqCst) == 0 || looks < 20 {
                assert_error(Held::open(BOX, &path), &["no other process is training"]);
                let bytes = fs::read(path.join("label")).unwrap();
                assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == bytes[0]), "{bytes:?}");
                looks += 1;
            }
        });
        for version in 1..40_usize {
            let digit = b'0' + (version % 10) as u8;
            held.replace_first(&vec![digit; 1 + 1000 * version]).unwrap();
            held.check_in_place().unwrap();
        }
        done.store(1, Ordering::SeqCst);
        other.join().unwrap();
    });
    assert_eq!(fs::read(path.join("label")).unwrap(), vec![b'9'; 39_001]);
    assert_eq!(names(&path), ["label"]);
    drop(held);
    Held::open(BOX, &path).unwrap();
}

/// A process that opened the file just before it was replaced could otherwise hold the lock of a file that no other
/// process uses.
#[test]
fn of_several_that_replace_the_first_file_in_turn_one_works_at_a_time() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("box");
    drop(Held::begin(BOX, &path, b"0").unwrap());
    let inside = AtomicU32::new(0);
    let work = || {
        let mut times = 0;
        while times < 20 {
            let Ok(mut held) = Held::open(BOX, &path) else { continue };
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
            held.replace_first(b"again").unwrap();
            held.check_in_place().unwrap();
            assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1, "two at once");
            times += 1;
        }
    };
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
    assert_eq!(names(&path), ["label"]);
}

#[cfg(unix)]
#[test]
fn a_directory_that_went_elsewhere_is_not_written_to_by_its_name() {
    let dir = TempDir::new().unwrap();
    let [path, moved] = ["box", "moved"].map(|name| dir.path().join(name));
    let mut held = Held::begin(BOX, &path, b"mine").unwrap();
    held.check_in_place().unwrap();
    fs::rename(&path, &moved).unwrap();
    let parts = ["box: expected the directory of the box in training (saw: none, or another box's)"];
    assert_error(held.check_in_place(), &parts);
    drop(Held::begin(BOX, &path, b"another's").unwrap());
    assert_error(held.check_in_place(), &parts);
    assert_error(held.replace_first(b"new"), &parts);
    assert_eq!(fs::read(path.join("label")).unwrap(), b"another's");
    assert_eq!(fs::read(moved.join("label")).unwrap(), b"mine");
    fs::remove_dir_all(&path).unwrap();
    // A file of its name, and a link to where it is.
    fs::write(&path, "").unwrap();
    assert_error(held.check_in_place(), &parts);
    fs::remove_file(&path).unwrap();
    // If the system cannot look the name up, its error is returned.
    std::os::unix::fs::symlink(&path, &path).unwrap();
    assert_error(held.check_in_place(), &["box/label: Too many levels"]);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    held.replace_first(b"new").unwrap();
    assert_eq!(fs::read(moved.join("label")).unwrap(), b"new");

    // A first file that is a link is refused.
    fs::rename(moved.join("label"), moved.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", moved.join("label")).unwrap();
    assert_error(Held::open(BOX, &moved), &["label: expected a file (saw: a link)"]);
}

#[test]
fn a_directory_is_free_until_its_first_file_is_whole() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("box");
    check_free(BOX, &path).unwrap();
    assert!(!path.exists());
    fs::create_dir(&path).unwrap();
    fs::write(path.join("label.spikeslab.part"), "half of a longer label").unwrap();
    check_free(BOX, &path).unwrap();
    assert_error(check_free(CRATE, &path), &["a directory that is new or empty", "one with files in it"]);
    drop(Held::begin(BOX, &path, b"label").unwrap());
    assert_eq!((names(&path), fs::read(path.join("label")).unwrap()), (vec!["label".into()], b"label".to_vec()));
    assert_error(check_free(BOX, &path), &["one with files in it"]);
    let file = path.join("label");
    for path in [&file, &file.join("below")] {
        assert_error(check_free(BOX, path), &["a directory that is new or empty", "a file"]);
        assert_error(Held::begin(BOX, path, b""), &["a directory that is new or empty", "a file"]);
    }
    fs::remove_file(path.join("label")).unwrap();
    for other in ["label.spikeslab.part", "other"] {
        fs::write(path.join(other), "").unwrap();
    }
    assert_error(check_free(BOX, &path), &["one with files in it"]);
}

#[test]
fn what_cannot_begin_leaves_no_directory() {
    let dir = TempDir::new().unwrap();
    let kind = Kind { name: "box", first: "nowhere/label" };
    let path = dir.path().join("box");
    assert_error(Held::begin(kind, &path, b""), &["box/nowhere/label: "]);
    assert!(!path.exists());
    // A directory that existed before stays.
    fs::create_dir(&path).unwrap();
    assert_error(Held::begin(kind, &path, b""), &["box/nowhere/label: "]);
    assert!(path.exists());
}

#[test]
fn of_several_that_begin_at_once_one_does() {
    for _ in 0..30 {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("box");
        let begin = |byte: u8| Held::begin(BOX, &path, &[byte]);
        let outcomes = std::thread::scope(|scope| {
            [1, 2, 3].map(|byte| scope.spawn(move || begin(byte))).map(|thread| thread.join().unwrap())
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let winner = outcomes.iter().position(Result::is_ok).unwrap() as u8 + 1;
        assert_eq!((names(&path), fs::read(path.join("label")).unwrap()), (vec!["label".into()], vec![winner]));
    }
}

#[test]
fn of_several_that_want_a_free_directory_each_gets_its_own() {
    let dir = TempDir::new().unwrap();
    let runs = dir.path().join("runs");
    let made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| make_free(&runs, "mlp").unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut made_names: Vec<_> = made.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    made_names.sort_unstable();
    assert_eq!(made_names, ["mlp-1", "mlp-2", "mlp-3", "mlp-4", "mlp-5", "mlp-6", "mlp-7", "mlp-8"]);
    // The first number that is free; other entries may be files.
    fs::remove_dir(runs.join("mlp-3")).unwrap();
    fs::write(runs.join("mlp-3"), "").unwrap();
    fs::remove_dir(runs.join("mlp-5")).unwrap();
    assert_eq!(make_free(&runs, "mlp").unwrap(), runs.join("mlp-5"));
    assert_eq!(make_free(&runs, "vgg").unwrap(), runs.join("vgg-1"));
    let file = runs.join("mlp-3");
    assert_error(make_free(&file, "mlp"), &["mlp-3: ", "a directory", "a file"]);
    assert_error(make_free(&file.join("below"), "mlp"), &["below"]);
}

#[test]
fn an_error_tells_whether_there_is_no_directory_or_the_system_fails() {
    let told = |kind: io::ErrorKind| none_of(BOX, Path::new("dir"), kind.into()).to_string();
    assert_eq!(told(io::ErrorKind::NotFound), "dir: expected a box directory (saw: none, or one without label)");
    assert_eq!(told(io::ErrorKind::NotADirectory), "dir: expected a box directory (saw: a file)");
    assert_eq!(told(io::ErrorKind::PermissionDenied), "dir: permission denied");
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for (path, seen) in [("missing", "none"), ("", "none"), ("file", "a file")] {
        assert_error(Held::open(BOX, &dir.path().join(path)), &["a box directory", seen]);
    }
}
