use crate::common::assert_error;
use spikeslab::train::read::{SMALL, read};
use std::fs::{self, File};
use tempfile::TempDir;

#[test]
fn a_file_of_up_to_the_limit_is_read_as_a_whole() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    for length in [0, 1, 7] {
        fs::write(&path, vec![length; length.into()]).unwrap();
        assert_eq!(read(&path, 7).unwrap(), vec![length; length.into()]);
    }
    assert_error(read(&path, 6), &["file: expected at most 6 bytes (saw: 7)"]);
    assert_error(read(&dir.path().join("none"), 6), &["none: No such file"]);
}

#[test]
fn what_is_too_long_is_not_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("sparse");
    // Without a byte on disk.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_error(read(&path, SMALL), &["sparse: expected at most 1048576 bytes (saw: 1099511627776)"]);
}

#[cfg(unix)]
#[test]
fn a_device_has_no_end() {
    assert_error(read(std::path::Path::new("/dev/zero"), SMALL), &["/dev/zero: expected a file (saw: a device)"]);
}
