use crate::common::assert_error;
use spikeslab::files::read::{HEADER, SMALL, read, read_tensors};
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
    // A sparse file, without a byte on disk.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_error(read(&path, SMALL), &["sparse: expected at most 1048576 bytes (saw: 1099511627776)"]);
}

#[cfg(unix)]
#[test]
fn a_directory_is_no_file_and_a_device_has_no_end() {
    assert_error(read(std::path::Path::new("/"), SMALL), &["/: expected a file (saw: a directory)"]);
    assert_error(read(std::path::Path::new("/dev/zero"), SMALL), &["/dev/zero: expected a file (saw: a device)"]);
}

/// A safetensors file with this header and `data` bytes after it.
fn tensors(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![7; data]].concat()
}

#[test]
fn a_file_of_tensors_is_as_long_as_its_header_says() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    let header = r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let whole = tensors(header, 8);
    fs::write(&path, &whole).unwrap();
    assert_eq!(read_tensors(&path).unwrap(), whole);
    let expected = format!("file: expected a safetensors file of {} bytes", whole.len());
    for data in [0, 7, 9, 5000] {
        fs::write(&path, tensors(header, data)).unwrap();
        assert_error(read_tensors(&path), &[&expected, &tensors(header, data).len().to_string()]);
    }
    let odd = [
        (Vec::new(), "0 bytes"),
        (vec![1; 7], "7 bytes"),
        (whole[..20].to_vec(), "20 bytes, in a header of 54"),
        (tensors("{}{}", 0), "trailing characters"),
        (tensors(&header.replace("F32", "F31"), 8), "F31"),
        (tensors(&header.replace("[2]", "[3]"), 8), ""),
        (tensors(&header.replace("[2]", "[18446744073709551615,9]"), 8), ""),
    ];
    for (bytes, seen) in odd {
        fs::write(&path, bytes).unwrap();
        assert_error(read_tensors(&path), &["file: expected a safetensors file", seen]);
    }
}

#[test]
fn what_a_header_does_not_tell_of_is_not_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("sparse");
    // Sparse files of four gibibytes: of zeros, with a header that is too long, and with a header that gives a smaller
    // length.
    let small = tensors(r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8);
    let large = (HEADER + 1).to_le_bytes().to_vec();
    for (start, seen) in [(vec![], "a safetensors file"), (large, "at most 4194304"), (small, "4294967296")] {
        fs::write(&path, start).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(1 << 32).unwrap();
        assert_error(read_tensors(&path), &["sparse: ", seen]);
    }
    // A header that gives a length above the limit.
    let header = r#"{"x":{"dtype":"U8","shape":[8589934592],"data_offsets":[0,8589934592]}}"#;
    fs::write(&path, tensors(header, 0)).unwrap();
    assert_error(read_tensors(&path), &["sparse: expected at most 4294967296 bytes", "by its header"]);
}
