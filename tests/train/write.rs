use spikeslab::train::write::write;
use std::fs;
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
fn a_half_written_file_of_an_earlier_process_is_no_obstacle() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file.json.part"), b"half of someth").unwrap();
    write(&dir.path().join("file.json"), b"whole").unwrap();
    assert_eq!(
        (names(&dir), fs::read(dir.path().join("file.json")).unwrap()),
        (vec!["file.json".into()], b"whole".to_vec())
    );
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
