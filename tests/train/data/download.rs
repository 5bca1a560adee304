mod tar;

use crate::common::assert_error;
use crate::common::server::Server;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use spikeslab::Error;
use spikeslab::train::data::download::{
    Archive, CIFAR10, CIFAR100, Collection, FASHION_MNIST, MNIST, Published, download,
};
use spikeslab::train::data::{cifar, mnist};
use tempfile::TempDir;

use self::tar::tar;
use super::mnist::gz;
use super::{idx_images, idx_labels};

/// Four small files. Python's hashlib computed the digests of the bytes that `contents` returns.
const SMALL: Collection = Collection {
    name: "Small",
    base_url: "http://127.0.0.1/",
    files: &[
        Published {
            name: "train-images-idx3-ubyte.gz",
            bytes: 28,
            sha256: "5bfd1b10f7732369bee9b59ef4411583ef35db9dd0ef700a11cc568d7f19e804",
        },
        Published {
            name: "train-labels-idx1-ubyte.gz",
            bytes: 11,
            sha256: "2b2e8a8c6efe7b4db242d0a17567e006c0831dad5ff6d2c3c5c6335f9d5ee1b1",
        },
        Published {
            name: "t10k-images-idx3-ubyte.gz",
            bytes: 24,
            sha256: "968c6523ea9301370c0b3392dea89bd341e18c6fe0a8621728f50542f81cde9c",
        },
        Published {
            name: "t10k-labels-idx1-ubyte.gz",
            bytes: 10,
            sha256: "ce4dce97ec46f105bd3416f1103667f3e202b0c31b12f8e46df872333604ad9c",
        },
    ],
    archive: None,
};

fn contents(name: &str) -> Vec<u8> {
    let pixels = |n: usize, first: usize| (0..n).map(|i| (first + 7 * i) as u8).collect::<Vec<_>>();
    match name {
        "train-images-idx3-ubyte.gz" => idx_images([3, 2, 2], &pixels(12, 1)),
        "train-labels-idx1-ubyte.gz" => idx_labels(3, &[3, 0, 9]),
        "t10k-images-idx3-ubyte.gz" => idx_images([2, 2, 2], &pixels(8, 100)),
        "t10k-labels-idx1-ubyte.gz" => idx_labels(2, &[5, 1]),
        _ => panic!("{name} was asked for"),
    }
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The error's message for a server that answers so, with placeholders for address and directory. Checks that no file
/// is left.
fn refused(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> String {
    let server = Server::new(answer);
    let dir = TempDir::new().unwrap();
    let error = download(&SMALL, &server.url(), dir.path()).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert_eq!(names(dir.path()), [""; 0]);
    error.to_string().replace(server.url().as_str(), "URL/")
}

const EXPECTED: &str = "expected 28 bytes when unpacked, SHA-256 \
                        5bfd1b10f7732369bee9b59ef4411583ef35db9dd0ef700a11cc568d7f19e804";

#[test]
fn of_two_that_begin_at_once_one_fetches_the_files() {
    let server = Server::new(|name| ok(&gz(&contents(name))));
    let dir = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| download(&SMALL, &server.url(), dir.path())));
        for one in both {
            one.join().unwrap().unwrap();
        }
    });
    assert_eq!((server.requests(), names(dir.path()).len()), (4, 4));
}

#[test]
fn fetches_what_is_missing_and_no_more() {
    let server = Server::new(|name| ok(&gz(&contents(name))));
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("made/on the way");
    download(&SMALL, &server.url(), &dir).unwrap();
    assert_eq!(server.requests(), 4);
    let mut expected = SMALL.files.iter().map(|file| file.name).collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(names(&dir), expected);
    // The labels are read: the training images have only the labels 0, 3 and 9.
    assert_error(mnist::load(&dir, ""), &["training images of every label from 0 to 9", "none of 1"]);

    download(&SMALL, &server.url(), &dir).unwrap();
    assert_eq!(server.requests(), 4, "what is there is not fetched again");

    // One file has another compression of the same bytes, and the URL has no final slash.
    fs::write(dir.join("t10k-images-idx3-ubyte.gz"), stored(&contents("t10k-images-idx3-ubyte.gz"))).unwrap();
    fs::remove_file(dir.join("t10k-labels-idx1-ubyte.gz")).unwrap();
    download(&SMALL, server.url().trim_end_matches('/'), &dir).unwrap();
    assert_eq!(server.requests(), 5);
    assert_eq!(names(&dir), expected);
}

fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_part_that_was_left_behind_is_replaced() {
    let server = Server::new(|name| ok(&gz(&contents(name))));
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("train-images-idx3-ubyte.gz.spikeslab.part"), [0; 1000]).unwrap();
    download(&SMALL, &server.url(), dir.path()).unwrap();
    assert_eq!(names(dir.path()).len(), 4);
}

#[test]
fn not_found() {
    let answer = |_: &str| b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    let message = "URL/train-images-idx3-ubyte.gz: expected HTTP status 200 (saw: 404 Not Found)";
    assert_eq!(refused(answer), message);
}

#[test]
fn wrong_contents() {
    let other = refused(|_| ok(&gz(b"other contents")));
    assert_eq!(
        other,
        format!(
            "URL/train-images-idx3-ubyte.gz: {EXPECTED} (saw: 14 bytes, SHA-256 425ecb5e1000c9545b105f1547c6d6f03d1cd4b38d94d457ec032907e8b51079)"
        )
    );
    let longer = refused(|_| ok(&gz(&[0; 100_000])));
    assert_eq!(longer, format!("URL/train-images-idx3-ubyte.gz: {EXPECTED} (saw: over 28 bytes)"));
    let page = refused(|_| ok(b"<html>Please log in</html>"));
    assert_eq!(page, format!("URL/train-images-idx3-ubyte.gz: {EXPECTED} (saw: 0 bytes, then: invalid gzip header)"));
}

#[test]
fn a_body_that_is_too_long_is_left() {
    let message = "URL/train-images-idx3-ubyte.gz: expected at most 4124 bytes (saw: more)";
    assert_eq!(refused(|_| ok(&[0; 100_000])), message);
}

#[test]
fn a_body_that_breaks_off() {
    let message = refused(|name| {
        let whole = ok(&gz(&contents(name)));
        whole[..whole.len() - 10].to_vec()
    });
    let sent = gz(&contents("train-images-idx3-ubyte.gz")).len() - 10;
    let seen = format!("{sent} bytes, then: Peer disconnected");
    assert_eq!(message, format!("URL/train-images-idx3-ubyte.gz: expected the whole file (saw: {seen})"));
}

#[test]
fn no_one_listens() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let dir = TempDir::new().unwrap();
    let error = download(&SMALL, &format!("http://{address}"), dir.path()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }));
    let message = error.to_string();
    let start = format!("http://{address}/train-images-idx3-ubyte.gz: ");
    assert!(message.starts_with(&start) && message.contains("refused"), "{message}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let server = Server::new(|name| ok(&gz(&contents(name))));
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("t10k-labels-idx1-ubyte.gz");
    fs::write(&path, b"mine").unwrap();
    let message = format!(
        "{}: expected Small's file, 10 bytes when unpacked, SHA-256 {}, or none (saw: 0 bytes, then: unexpected end of file)",
        path.display(),
        SMALL.files[3].sha256
    );
    let error = download(&SMALL, &server.url(), dir.path()).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    assert_eq!((server.requests(), names(dir.path()).len()), (0, 1));
}

#[test]
fn a_file_where_a_directory_is_needed() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, b"").unwrap();
    let message = format!("{}: expected a directory (saw: a file)", path.display());
    let error = download(&SMALL, "http://127.0.0.1:1", &path).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn an_invalid_base_url_is_refused() {
    let dir = TempDir::new().unwrap();
    for url in ["", "/data/mnist", "ftp://127.0.0.1/", "http://", "127.0.0.1:80", "http://a b/"] {
        let error = download(&SMALL, url, dir.path()).unwrap_err();
        let message = format!("base URL: expected a URL with http:// or https:// (saw: {url})");
        assert_eq!((error.to_string(), error.exit_code()), (message, 2));
    }
}

#[test]
fn the_published_tables_are_well_formed() {
    for collection in [&MNIST, &FASHION_MNIST, &CIFAR10, &CIFAR100] {
        assert!(collection.base_url.starts_with("http") && collection.base_url.ends_with('/'));
        for file in collection.files {
            let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            assert!(file.sha256.len() == 64 && file.sha256.chars().all(hexadecimal), "{}", file.name);
        }
    }
    // The files of the archives are those that the reader needs, with whole records.
    for (collection, layout) in [(&CIFAR10, &cifar::CIFAR10), (&CIFAR100, &cifar::CIFAR100)] {
        let archive = collection.archive.as_ref().unwrap();
        assert!(archive.name.ends_with(".tar.gz") && archive.bytes > 160_000_000, "{}", archive.name);
        assert_eq!(collection.files.iter().map(|file| file.name).collect::<Vec<_>>(), layout.files());
        assert!(collection.files.iter().all(|file| file.bytes.is_multiple_of(layout.record() as u64)));
    }
}

/// Two small files in an archive. Python's hashlib computed the digests of the bytes that `packed_contents` returns.
const PACKED: Collection = Collection {
    name: "Packed",
    base_url: "http://127.0.0.1/",
    files: &[
        Published {
            name: "train.bin",
            bytes: 6148,
            sha256: "ba6432166391f3f43d8822434cbd250e4d23e7b6a46606662f5df53e06126b29",
        },
        Published {
            name: "test.bin",
            bytes: 3074,
            sha256: "8118d4894a8caa64fe8cc5a61392abd8faffa353916538cd2d0a1da1c3f75ac2",
        },
    ],
    archive: Some(Archive { name: "packed.tar.gz", bytes: 10_000 }),
};

fn packed_contents() -> [Vec<u8>; 2] {
    let record = |coarse, fine, first: usize| {
        [vec![coarse, fine], (0..3072).map(|i| (first + 7 * i) as u8).collect::<Vec<_>>()].concat()
    };
    [[record(3, 17, 1), record(19, 99, 5)].concat(), record(0, 0, 100)]
}

/// An archive like the published ones: the files are in a folder, with others that are not needed.
fn archive() -> Vec<u8> {
    let [train, test] = packed_contents();
    gz(&tar(&[
        ("cifar/", b'5', b""),
        ("cifar/names.txt", b'0', b"apple, aquarium fish"),
        ("cifar/train.bin", b'0', &train),
        ("cifar/test.bin", b'0', &test),
        ("cifar/readme.html", b'0', &[b'<'; 2000]),
    ]))
}

#[test]
fn files_in_an_archive_are_unpacked_and_the_rest_is_left() {
    let server = Server::new(|name| {
        assert_eq!(name, "packed.tar.gz");
        ok(&archive())
    });
    let dir = TempDir::new().unwrap();
    // The incomplete file of an interrupted download is replaced.
    fs::write(dir.path().join("test.bin.spikeslab.part"), [0; 9999]).unwrap();
    download(&PACKED, &server.url(), dir.path()).unwrap();
    assert_eq!((server.requests(), names(dir.path())), (1, vec!["test.bin".to_string(), "train.bin".to_string()]));
    let [train, test] = packed_contents();
    assert!(fs::read(dir.path().join("train.bin")).unwrap() == train);
    let split = cifar::load(dir.path(), &cifar::CIFAR100, false).unwrap();
    assert_eq!((split.train.labels(), split.test.labels()), (&[17, 99][..], &[0][..]));

    download(&PACKED, &server.url(), dir.path()).unwrap();
    assert_eq!(server.requests(), 1, "what is there is not fetched again");
    fs::remove_file(dir.path().join("test.bin")).unwrap();
    download(&PACKED, server.url().trim_end_matches('/'), dir.path()).unwrap();
    assert_eq!((server.requests(), fs::read(dir.path().join("test.bin")).unwrap()), (2, test));

    // A file with other contents is not changed, and nothing is downloaded.
    fs::remove_file(dir.path().join("test.bin")).unwrap();
    fs::write(dir.path().join("train.bin"), b"mine").unwrap();
    let error = download(&PACKED, &server.url(), dir.path()).unwrap_err().to_string();
    assert!(error.contains("train.bin: expected Packed's file, 6148 bytes, SHA-256 ba64"), "{error}");
    assert_eq!((server.requests(), names(dir.path())), (2, vec!["train.bin".to_string()]));
}

#[test]
fn an_invalid_or_incomplete_archive_leaves_nothing_behind() {
    let refused = |body: Vec<u8>| {
        let server = Server::new(move |_| ok(&body));
        let dir = TempDir::new().unwrap();
        let error = download(&PACKED, &server.url(), dir.path()).unwrap_err();
        assert_eq!((error.exit_code(), names(dir.path())), (1, vec![]));
        let message = error.to_string().replace(server.url().as_str(), "URL/");
        message.strip_prefix("URL/packed.tar.gz: ").unwrap_or_else(|| panic!("{message}")).to_owned()
    };
    let [train, test] = packed_contents();
    let none = "expected a .tar.gz archive";
    assert_eq!(refused(b"<html>Please log in</html>".to_vec()), format!("{none} (saw: invalid gzip header)"));
    assert_eq!(refused(gz(b"no tar")), format!("{none} (saw: unexpected end of file)"));
    assert_eq!(refused(gz(&[b'x'; 512])), format!("{none} (saw: a tar header without octal numbers)"));
    let whole = archive();
    assert_eq!(refused(whole[..whole.len() / 2].to_vec()), format!("{none} (saw: incomplete deflate stream)"));

    let part = gz(&tar(&[("train.bin", b'0', &train), ("test.bin", b'2', b"")]));
    assert_eq!(refused(part), "expected test.bin in it (saw: none)");
    let other = gz(&tar(&[("train.bin", b'0', &train), ("test.bin", b'0', &test[1..])]));
    let digest = PACKED.files[1].sha256;
    let message = refused(other);
    let expected = format!("expected test.bin in it, 3074 bytes, SHA-256 {digest} (saw: 3073 bytes, SHA-256 ");
    assert!(message.starts_with(&expected), "{message}");
    let longer = gz(&tar(&[("train.bin", b'0', &train), ("test.bin", b'0', &[0; 3075])]));
    assert!(refused(longer).ends_with("(saw: over 3074 bytes)"));

    assert_eq!(refused(vec![0; 100_000]), "expected at most 14105 bytes (saw: more)");
    // Unpacking stops at the limit in 9 MiB of zeros that are not part of the data set and are compressed to 9 KB.
    let bomb = gz(&tar(&[("zeros", b'0', &vec![0; 9 << 20]), ("train.bin", b'0', &train), ("test.bin", b'0', &test)]));
    assert!(bomb.len() < 14_000);
    assert_eq!(refused(bomb), "expected train.bin in it (saw: none)");
}
