use crate::common::random::Random;
use std::io::{Cursor, ErrorKind, Read};

use spikeslab::train::data::download::tar::Entry;

use super::super::noise;

/// An archive of these entries, each with its name, its kind and its contents.
pub(super) fn tar(entries: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, contents) in entries {
        bytes.extend(header(name, *kind, contents.len()));
        bytes.extend(*contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.extend([0; 1024]);
    bytes
}

fn header(name: &str, kind: u8, bytes: usize) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644");
    put(124, format!("{bytes:011o}").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    seal(&mut header);
    header
}

/// Writes the checksum into the header.
fn seal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// The files of an archive with their contents.
fn files(bytes: &[u8]) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut input = Cursor::new(bytes);
    let mut files = Vec::new();
    while let Some(entry) = Entry::next(&mut input)? {
        let mut contents = Vec::new();
        input.by_ref().take(entry.bytes).read_to_end(&mut contents)?;
        std::io::copy(&mut input.by_ref().take(entry.padding()), &mut std::io::sink())?;
        files.extend(entry.file.map(|name| (name, contents)));
    }
    Ok(files)
}

/// The header that Python's `tarfile` writes, in the formats ustar and GNU.
#[test]
fn a_header_written_by_another_program_is_read() {
    for (magic, sum) in [(&b"ustar\x0000"[..], &b"013606"[..]), (b"ustar  ", b"013546")] {
        let mut header = vec![0; 512];
        for (at, text) in [
            (0, &b"cifar-100-binary/test.bin"[..]),
            (100, b"0000644"),
            (108, b"0004154"),
            (116, b"0002117"),
            (124, b"00000006002"),
            (136, b"11145401322"),
            (148, sum),
            (155, b" "),
            (156, b"0"),
            (257, magic),
            (265, b"kriz"),
            (297, b"sr"),
        ] {
            header[at..at + text.len()].copy_from_slice(text);
        }
        let entry = Entry::next(&mut &header[..]).unwrap().unwrap();
        assert_eq!(entry, Entry { file: Some("test.bin".into()), bytes: 3074 });
        assert_eq!(entry.padding(), 510);
    }
}

#[test]
fn regular_files_are_told_from_the_rest_and_their_folders_left_out() {
    let (long, exact) = (noise(1025, 1), noise(512, 2));
    let name = "f".repeat(100);
    let archive = tar(&[
        ("folder/", b'5', b""),
        ("folder/a.bin", b'0', &long),
        ("link", b'2', b""),
        ("./b", 0, &exact),
        ("folder/empty", b'0', b""),
        (&name, b'0', b"c"),
    ]);
    let expected = [("a.bin", &long[..]), ("b", &exact), ("empty", b""), (&name, b"c")];
    let expected: Vec<_> = expected.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec())).collect();
    assert_eq!(files(&archive).unwrap(), expected);
    // Bytes after the end are ignored, and some archives end without a header of zeros.
    assert_eq!(files(&[&archive[..], b"anything"].concat()).unwrap(), expected);
    assert_eq!(files(&archive[..archive.len() - 1024]).unwrap(), expected);
    assert_eq!(files(&[]).unwrap(), []);
}

#[test]
fn what_is_no_header_is_refused() {
    let whole = header("a", b'0', 5);
    let kind = |bytes: &[u8]| Entry::next(&mut &bytes[..]).unwrap_err().kind();
    assert_eq!(kind(&whole[..511]), ErrorKind::UnexpectedEof);
    for at in [0, 99, 124, 134, 156, 400, 511] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert_eq!(kind(&changed), ErrorKind::InvalidData, "byte {at}");
    }
    // The checksum is right, but the length is not a number.
    for length in ["00000000008", "-0000000001", "           ", "\u{80}0000000000"] {
        let mut changed = whole.clone();
        changed[124..124 + length.len()].copy_from_slice(length.as_bytes());
        seal(&mut changed);
        assert_eq!(kind(&changed), ErrorKind::InvalidData, "{length:?}");
    }
}

#[test]
fn mutations_never_panic() {
    let archive = tar(&[("folder/", b'5', b""), ("folder/a.bin", b'0', &noise(700, 3)), ("b", b'0', &noise(5, 4))]);
    let mut rng = Random::new(5);
    let read = (0..3000).filter(|_| files(&rng.mutate(&archive)).is_ok()).count();
    assert!((100..2900).contains(&read), "{read} of 3000 were read");
}
