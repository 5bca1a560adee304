use super::mnist::{gz, put, small};
use super::noise;
use crate::common::assert_error;
use spikeslab::train::data::gz::{GzReader, MOST_STREAMS, MOST_ZEROS};
use spikeslab::train::data::mnist;
use std::fs;
use std::io::{BufReader, Read};

/// The unpacked bytes or the error, with the larger buffer. Whether there is an error must not depend on its size.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let read = |capacity| {
        let mut unpacked = Vec::new();
        let outcome = GzReader::new(BufReader::with_capacity(capacity, bytes)).read_to_end(&mut unpacked);
        outcome.map(|_| unpacked).map_err(|error| error.to_string())
    };
    let (whole, bytewise) = (read(1 << 13), read(1));
    assert_eq!(whole.is_ok(), bytewise.is_ok(), "{whole:?} {bytewise:?}");
    assert!(whole.is_err() || whole == bytewise);
    whole
}

#[test]
fn streams_are_joined_and_zeros_beside_them_left_out() {
    let (first, second) = (noise(5000, 1), noise(70_000, 2));
    let (a, b, zeros) = (gz(&first), gz(&second), vec![0; 10_240]);
    let both = [&first[..], &second].concat();
    for (bytes, expected) in [
        (a.clone(), &first),
        ([&a[..], &b].concat(), &both),
        ([&a[..], &zeros].concat(), &first),
        ([&a[..], &zeros, &b, &zeros].concat(), &both),
        ([&a[..], &gz(b""), &b, &gz(b"")].concat(), &both),
        ([&a[..], &vec![0; MOST_ZEROS as usize]].concat(), &first),
    ] {
        assert!(unpack(&bytes).unwrap() == *expected);
    }
    let too_many = unpack(&[&a[..], &vec![0; MOST_ZEROS as usize + 1]].concat()).unwrap_err();
    assert!(too_many.contains("more than 1048576 zeros after a gzip stream"), "{too_many}");
}

#[test]
fn what_else_follows_a_stream_is_named() {
    let a = gz(&noise(100, 3));
    let refused = |rest: &[u8]| unpack(&[&a[..], rest].concat()).unwrap_err();
    assert!(refused(b"hello").contains("bytes 68 65 6c 6c after a gzip stream"));
    assert!(refused(b"\0\0\x07").contains("bytes 07 after a gzip stream"));
    // Bytes that begin like a stream must be a stream.
    for rest in [&b"\x1f"[..], b"\x1f\x8b", b"\x1f\x8c garbage", &a[..a.len() - 1]] {
        unpack(&[&a[..], rest].concat()).unwrap_err();
    }
    let mut damaged = a.clone();
    let end = damaged.len();
    damaged[end - 8] ^= 1;
    unpack(&damaged).unwrap_err();
    unpack(&[&damaged[..], &a].concat()).unwrap_err();
}

#[test]
fn a_flood_of_empty_streams_is_refused() {
    let flood = gz(b"").repeat(1_000_000);
    let mut reader = GzReader::new(&flood[..]);
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains(&format!("more than {MOST_STREAMS} gzip streams")), "{error}");
    let allowed = gz(b"x").repeat(MOST_STREAMS as usize);
    let mut unpacked = Vec::new();
    assert_eq!(GzReader::new(&allowed[..]).read_to_end(&mut unpacked).unwrap(), MOST_STREAMS as usize);
}

#[test]
fn contents_that_contradict_the_file_name_are_named() {
    let images = fs::read(small().path().join("train-images-idx3-ubyte")).unwrap();
    let page = b"\n <!DOCTYPE html><html><body>404</body></html>";
    let cases: [(&str, &[u8], &[&str]); 4] = [
        ("", &gz(&images), &["train-images-idx3-ubyte: expected an unpacked file", "a gzip file"]),
        ("", page, &["train-images-idx3-ubyte: ", "an HTML page"]),
        (".gz", b"<html>not found</html>", &["train-images-idx3-ubyte.gz: ", "an HTML page"]),
        (".gz", &images, &["train-images-idx3-ubyte.gz: expected a gzip file", "begins with 00 00 08 03"]),
    ];
    for (ending, bytes, parts) in cases {
        let dir = small();
        fs::remove_file(dir.path().join("train-images-idx3-ubyte")).unwrap();
        put(&dir, &format!("train-images-idx3-ubyte{ending}"), bytes);
        assert_error(mnist::load(dir.path(), ""), parts);
    }
    // A file padded with zeros, as on a tape.
    let dir = small();
    fs::remove_file(dir.path().join("train-images-idx3-ubyte")).unwrap();
    put(&dir, "train-images-idx3-ubyte.gz", &[&gz(&images)[..], &[0; 512]].concat());
    assert_eq!(mnist::load(dir.path(), "").unwrap().train.len(), 3);
    put(&dir, "train-images-idx3-ubyte.gz", &[&gz(&images)[..], b"EOF"].concat());
    assert_error(mnist::load(dir.path(), ""), &["train-images-idx3-ubyte.gz", "bytes 45 4f 46 after a gzip stream"]);
}
