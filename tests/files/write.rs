use crate::common::assert_error;
use spikeslab::files::dir::Dir;
use spikeslab::files::write::{create_dir_all, destination, write, write_with, write_within};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn names(dir: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_made_or_replaced_and_nothing_is_left_beside_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file.json");
    for bytes in [&b"a long first version"[..], b"short", b""] {
        write(&path, bytes).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(names(&dir), ["file.json"]);
    }
}

#[test]
fn a_file_may_be_filled_piece_by_piece_and_stays_as_it_was_if_that_fails() {
    use std::io::Write;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file.bin");
    write_with(&path, |file| {
        (0..1000_u32).for_each(|i| file.write_all(&i.to_le_bytes()).unwrap());
        // The file gets its name only at the end.
        assert_eq!(names(&dir), ["file.bin.spikeslab.part"]);
        Ok(())
    })
    .unwrap();
    let written = fs::read(&path).unwrap();
    assert_eq!((written.len(), &written[3996..]), (4000, &999_u32.to_le_bytes()[..]));
    let failed = write_with(&path, |file| {
        file.write_all(b"half").unwrap();
        Err(spikeslab::Error::option("logits", "finite ones", "NaN"))
    });
    assert_error(failed, &["logits: expected finite ones (saw: NaN)"]);
    assert_eq!((names(&dir), fs::read(&path).unwrap()), (vec!["file.bin".into()], written));
}

#[test]
fn a_half_written_file_of_an_earlier_process_is_no_obstacle() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file.json.spikeslab.part"), b"half of someth").unwrap();
    // A file of another program, for example an unfinished download.
    fs::write(dir.path().join("file.json.part"), b"another's").unwrap();
    write(&dir.path().join("file.json"), b"whole").unwrap();
    assert_eq!(names(&dir), ["file.json", "file.json.part"]);
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert_eq!((&read("file.json")[..], &read("file.json.part")[..]), (&b"whole"[..], &b"another's"[..]));
}

#[test]
fn a_refusal_names_the_file_and_leaves_everything_as_it_was() {
    let dir = TempDir::new().unwrap();
    let inside = dir.path().join("a/b/file");
    fs::create_dir_all(dir.path().join("taken/by")).unwrap();
    fs::write(dir.path().join("plain"), b"a file").unwrap();
    for path in [inside, dir.path().join("taken"), dir.path().join("plain/file")] {
        let message = write(&path, b"bytes").unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: ", path.display())), "{message}");
        assert_eq!(names(&dir), ["plain", "taken"]);
        assert_eq!(fs::read(dir.path().join("plain")).unwrap(), b"a file");
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> spikeslab::Result<Option<File>> {
    let dir = Dir::open(path.parent().unwrap()).unwrap();
    spikeslab::files::write::write_new(&dir, path.file_name().unwrap(), bytes, path)
}

#[test]
fn a_new_file_is_made_once_and_held_by_who_made_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    let held = write_new(&path, b"first").unwrap().unwrap();
    assert!(fs::File::open(&path).unwrap().try_lock().is_err());
    for _ in 0..2 {
        assert!(write_new(&path, b"second").unwrap().is_none());
        assert_eq!((names(&dir), fs::read(&path).unwrap()), (vec!["file".to_string()], b"first".to_vec()));
    }
    drop(held);
    assert!(write_new(&path, b"second").unwrap().is_none());
    fs::File::open(&path).unwrap().try_lock().unwrap();

    // A file that another process is creating, and one whose creator was killed.
    let (path, part) = (dir.path().join("other"), dir.path().join("other.spikeslab.part"));
    let maker = fs::File::create(&part).unwrap();
    maker.lock().unwrap();
    assert!(write_new(&path, b"bytes").unwrap().is_none());
    drop(maker);
    fs::write(&part, b"longer than what is written now").unwrap();
    assert!(write_new(&path, b"bytes").unwrap().is_some());
    assert_eq!(
        (names(&dir), fs::read(&path).unwrap()),
        (vec!["file".to_string(), "other".to_string()], b"bytes".to_vec())
    );
}

#[test]
fn directories_are_made_with_those_they_are_in() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a/b/c");
    for _ in 0..2 {
        create_dir_all(&path).unwrap();
        assert!(path.is_dir());
    }
    fs::write(path.join("file"), b"").unwrap();
    assert_error(create_dir_all(&path.join("file/d")), &["file/d"]);
}

/// The path of a file that does not exist yet is that of its directory without links, and its name.
#[cfg(unix)]
#[test]
fn the_destination_of_a_file_has_no_links() {
    let dir = TempDir::new().unwrap();
    let real = dir.path().canonicalize().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("a"), dir.path().join("link")).unwrap();
    assert_eq!(destination(&dir.path().join("link/new")), Some(real.join("a/new")));
    fs::write(dir.path().join("a/new"), b"").unwrap();
    std::os::unix::fs::symlink("new", dir.path().join("a/other")).unwrap();
    assert_eq!(destination(&dir.path().join("link/other")), Some(real.join("a/new")));
    assert_eq!(destination(&dir.path().join("none/new")), None);
    assert_eq!(destination(Path::new("new")), Some(Path::new(".").canonicalize().unwrap().join("new")));
}

#[cfg(unix)]
#[test]
fn a_link_is_written_through_and_no_link_beside_the_file_is() {
    let dir = TempDir::new().unwrap();
    let [file, link, victim] = ["file", "link", "victim"].map(|name| dir.path().join(name));
    fs::write(&file, b"old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    write(&link, b"new").unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read(&file).unwrap(), b"new");

    fs::write(&victim, b"precious").unwrap();
    std::os::unix::fs::symlink(&victim, dir.path().join("file.spikeslab.part")).unwrap();
    assert_error(write(&file, b"newer"), &["file: ", "file.spikeslab.part is in the way"]);
    assert_eq!((fs::read(&file).unwrap(), fs::read(&victim).unwrap()), (b"new".to_vec(), b"precious".to_vec()));
    // A socket, and not a device of the system, which a mistake here would replace.
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_error(write(&socket, b""), &["socket: ", "a file to write", "a device or pipe"]);
}

/// A reader finds one complete version at any time.
#[test]
fn several_that_write_at_once_each_write_a_whole() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    let version = |byte: u8| vec![byte; 50_000 + 1000 * usize::from(byte)];
    write(&path, &version(0)).unwrap();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u8)
            .map(|byte| {
                let (path, version) = (&path, version(byte));
                scope.spawn(move || (0..20).for_each(|_| write(path, &version).unwrap()))
            })
            .collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            let bytes = fs::read(&path).unwrap();
            assert!(bytes == version(bytes[0]), "{} bytes of {}", bytes.len(), bytes[0]);
        }
    });
    assert_eq!(names(&dir), ["file"]);
}

#[test]
fn a_file_that_another_process_writes_is_waited_for_up_to_a_limit() {
    let dir = TempDir::new().unwrap();
    let [path, part] = ["file", "file.spikeslab.part"].map(|name| dir.path().join(name));
    write(&path, b"old").unwrap();
    let other = File::create(&part).unwrap();
    other.lock().unwrap();
    let begun = Instant::now();
    let parts = ["file: expected a file that no other process writes", "one that another is writing"];
    assert_error(write_within(&path, b"new", Duration::from_millis(300)), &parts);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    // The file that the other process has begun is not changed.
    assert_eq!(
        (names(&dir), fs::read(&path).unwrap()),
        (vec!["file".into(), "file.spikeslab.part".into()], b"old".to_vec())
    );
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&path, b"new"));
        std::thread::sleep(Duration::from_millis(200));
        drop(other);
        writer.join().unwrap().unwrap();
    });
    assert_eq!((names(&dir), fs::read(&path).unwrap()), (vec!["file".to_string()], b"new".to_vec()));
}

#[test]
fn an_error_on_the_way_leaves_nothing_beside_the_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs::create_dir(&path).unwrap();
    let within = Dir::open(dir.path()).unwrap();
    let outcome =
        spikeslab::files::write::write_in(&within, OsStr::new("file"), b"bytes", &path, Duration::from_secs(1));
    assert_error(outcome, &["file: "]);
    assert_eq!(names(&dir), ["file"]);
}
