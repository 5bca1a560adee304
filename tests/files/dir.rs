use spikeslab::files::dir::{Dir, is_there};
use spikeslab::files::write::{PATIENCE, write_in};
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read};
use tempfile::TempDir;

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

#[cfg(unix)]
#[test]
fn files_go_where_the_directory_went_and_not_where_its_name_leads() {
    let work = TempDir::new().unwrap();
    let [place, moved, other] = ["place", "moved", "other"].map(|name| work.path().join(name));
    fs::create_dir(&place).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("file"), "precious").unwrap();
    let dir = Dir::open(&place).unwrap();
    // Between the check and the next write, another directory gets the name.
    fs::rename(&place, &moved).unwrap();
    fs::rename(&other, &place).unwrap();
    write_in(&dir, name("file"), b"bytes", &place.join("file"), PATIENCE).unwrap();
    assert_eq!(fs::read(place.join("file")).unwrap(), b"precious");
    assert_eq!(fs::read(moved.join("file")).unwrap(), b"bytes");
    assert_eq!(fs::read_dir(&moved).unwrap().count(), 1);
    let within = dir.make_dir(name("figures")).unwrap();
    write_in(&within, name("a.svg"), b"<svg/>", &place.join("figures/a.svg"), PATIENCE).unwrap();
    assert_eq!(fs::read(moved.join("figures/a.svg")).unwrap(), b"<svg/>");
}

#[cfg(unix)]
#[test]
fn no_link_in_the_place_of_a_file_or_directory_is_followed() {
    use std::os::unix::fs::symlink;
    let work = TempDir::new().unwrap();
    let [victim, elsewhere] = ["victim", "elsewhere"].map(|name| work.path().join(name));
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(&elsewhere).unwrap();
    for (link, target) in [("file.spikeslab.part", "victim"), ("nowhere", "missing"), ("figures", "elsewhere")] {
        symlink(work.path().join(target), work.path().join(link)).unwrap();
    }
    let dir = Dir::open(work.path()).unwrap();
    for link in ["file.spikeslab.part", "nowhere", "figures"] {
        assert!(dir.open_part(name(link)).unwrap_err().to_string().contains(&format!("{link} is in the way")));
        assert!(dir.is_link(name(link)).unwrap());
        assert!(dir.has(name(link)).unwrap() && is_there(&work.path().join(link)).unwrap());
    }
    dir.make_dir(name("figures")).unwrap_err();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(!work.path().join("missing").exists());
}

#[test]
fn a_name_is_that_of_one_file() {
    let work = TempDir::new().unwrap();
    let dir = Dir::open(work.path()).unwrap();
    assert!(!dir.has(name("a")).unwrap() && !dir.is_link(name("a")).unwrap());
    let a = dir.open_part(name("a")).unwrap();
    let b = dir.open_part(name("b")).unwrap();
    assert!(dir.names(name("a"), &a).unwrap());
    if cfg!(unix) {
        assert!(!dir.names(name("a"), &b).unwrap());
    }
    dir.rename(name("b"), name("a")).unwrap();
    assert!(dir.names(name("a"), &b).unwrap());
    assert!(!dir.names(name("b"), &b).unwrap());
    dir.remove(name("a")).unwrap();
    assert!(!dir.has(name("a")).unwrap());
    dir.remove(name("a")).unwrap_err();
    dir.sync().unwrap();
    Dir::open(&work.path().join("missing")).unwrap_err();
    fs::write(work.path().join("file"), "").unwrap();
    Dir::open(&work.path().join("file")).unwrap_err();
}

#[test]
fn a_directory_is_made_once_and_opened_again() {
    let work = TempDir::new().unwrap();
    let dir = Dir::open(work.path()).unwrap();
    for _ in 0..2 {
        let within = dir.make_dir(name("within")).unwrap();
        within.sync().unwrap();
        assert!(!within.has(name("file")).unwrap());
        drop(within.open_part(name("other")).unwrap());
    }
    assert!(work.path().join("within/other").is_file());
    // Anything else that is wrong is an error.
    assert_eq!(dir.make_dir(name("missing/within")).unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(work.path().join("file"), "").unwrap();
    assert_eq!(dir.make_dir(name("file")).unwrap_err().kind(), ErrorKind::NotADirectory);
    let below_a_file = is_there(&work.path().join("file/below")).unwrap_err();
    assert_eq!(below_a_file.kind(), ErrorKind::NotADirectory, "that is no answer");
    assert!(!is_there(&work.path().join("missing/below")).unwrap());
    assert_eq!(dir.read(name("missing")).unwrap_err().kind(), ErrorKind::NotFound);
    let mut text = String::new();
    fs::write(work.path().join("file"), "what it holds").unwrap();
    dir.read(name("file")).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "what it holds");
}
