//! Images that Pillow wrote, beside the pixels that Pillow reads from them: see fixtures/generate/data.py.

use spikeslab::train::data::picture::{Header, header, pixels};
use std::fs;
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/train/data/picture").join(name)
}

/// PNG keeps every byte. Decoders of JPEG may round their cosine transform differently, by two of 255 at most (ISO 10918-2 allows
/// one in a coefficient, and colours are a sum of three).
#[test]
fn pixels_are_those_that_pillow_reads() {
    for (name, channels, tolerance) in [
        ("grey.png", 1, 0),
        ("sixteen.png", 1, 0),
        ("colour.png", 3, 0),
        ("palette.png", 3, 0),
        ("opaque.png", 3, 0),
        ("slope_grey.jpg", 1, 2),
        ("slope_colour.jpeg", 3, 2),
    ] {
        let path = path(name);
        assert_eq!(header(&path).unwrap(), Header { height: 4, width: 5, is_colour: channels == 3 }, "{name}");
        let (seen, expected) = (pixels(&path, channels).unwrap(), fs::read(path.with_extension("bin")).unwrap());
        assert_eq!(seen.len(), expected.len(), "{name}");
        let furthest = seen.iter().zip(&expected).map(|(seen, expected)| seen.abs_diff(*expected)).max();
        assert!(furthest <= Some(tolerance), "{name}: {furthest:?}");
    }
}

#[test]
fn grey_has_three_equal_channels_where_three_are_wanted() {
    let grey = pixels(&path("grey.png"), 1).unwrap();
    assert_eq!(pixels(&path("grey.png"), 3).unwrap(), grey.repeat(3));
}

#[test]
fn what_is_no_image_or_transparent_is_refused() {
    let place = tempfile::TempDir::new().unwrap();
    let file = place.path().join("image.png");
    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        pixels(&file, 1).unwrap_err().to_string().replace(&file.display().to_string(), "FILE")
    };
    let png = fs::read(path("grey.png")).unwrap();
    assert!(refused(b"GIF89a, of another kind").starts_with("FILE: expected a PNG or JPEG image (saw: "));
    for cut in [0, 10, 30, png.len() - 30] {
        let message = refused(&png[..cut]);
        assert!(message.starts_with("FILE: expected a") && !message.contains('\n'), "{message}");
    }
    // 20,000 columns of nothing.
    let mut wide = png.clone();
    wide[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    let checksum = crc32fast::hash(&wide[12..29]);
    wide[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert!(refused(&wide).starts_with("FILE: expected a PNG or JPEG image (saw: "));
    let error = pixels(&path("transparent.png"), 3).unwrap_err().to_string();
    assert!(error.ends_with("expected an image without transparent pixels (saw: one with some)"), "{error}");
}
