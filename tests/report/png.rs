use spikeslab::report::png::{data_uri, png};

/// The chunks of a file: their names and data, after their checksums were checked with another implementation.
fn chunks(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
    let (mut rest, mut chunks) = (&file[8..], Vec::new());
    while !rest.is_empty() {
        let word = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        let length = word(0) as usize;
        assert_eq!(word(8 + length), crc32fast::hash(&rest[4..8 + length]));
        chunks.push((String::from_utf8(rest[4..8].to_vec()).unwrap(), rest[8..8 + length].to_vec()));
        rest = &rest[12 + length..];
    }
    chunks
}

/// The rows of an image, unpacked with another implementation, each with its filter byte.
fn rows(file: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut rows = Vec::new();
    let packed = &chunks(file)[1].1;
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut rows).unwrap();
    rows
}

#[test]
fn a_grey_image_is_its_rows() {
    let file = png(&[1, 2, 3, 40, 50, 255], [1, 2, 3]);
    let names: Vec<String> = chunks(&file).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["IHDR", "IDAT", "IEND"]);
    assert_eq!(chunks(&file)[0].1, [0, 0, 0, 3, 0, 0, 0, 2, 8, 0, 0, 0, 0]);
    assert_eq!(rows(&file), [0, 1, 2, 3, 0, 40, 50, 255]);
}

#[test]
fn three_channels_are_colours_and_of_others_the_first_is_grey() {
    let file = png(&[1, 2, 10, 20, 100, 200], [3, 1, 2]);
    assert_eq!(chunks(&file)[0].1[8..10], [8, 2]);
    assert_eq!(rows(&file), [0, 1, 10, 100, 2, 20, 200]);
    assert_eq!(rows(&png(&[1, 2, 10, 20], [2, 1, 2])), [0, 1, 2]);
}

/// More than one stored block.
#[test]
fn a_large_image_is_whole() {
    let pixels: Vec<u8> = (0..300 * 400_usize).map(|i| (i * i % 251) as u8).collect();
    let seen = rows(&png(&pixels, [1, 300, 400]));
    let expected: Vec<u8> = pixels.chunks(400).flat_map(|row| [&[0], row].concat()).collect();
    assert!(seen == expected);
}

/// RFC 4648: every length modulo 3.
#[test]
fn base64_is_padded() {
    for width in 1..7 {
        let pixels: Vec<u8> = (0..width).map(|i| 41 * i as u8).collect();
        let uri = data_uri(&pixels, [1, 1, width]);
        let text = uri.strip_prefix("data:image/png;base64,").unwrap();
        let digit = |c: u8| match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => panic!("{other} is no digit"),
        };
        let digits = text.trim_end_matches('=').bytes().map(digit);
        let bits: Vec<u8> = digits.flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1)).collect();
        let bytes: Vec<u8> =
            bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
        assert_eq!((bytes, text.len() % 4), (png(&pixels, [1, 1, width]), 0));
    }
}
