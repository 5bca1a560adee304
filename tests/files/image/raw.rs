use crate::common::assert_error;
use spikeslab::files::image::raw::decode;
use std::path::Path;

#[test]
fn a_byte_a_pixel() {
    let pixels = decode(Path::new("x.raw"), &[0, 51, 255, 128], [1, 2, 2]).unwrap();
    assert_eq!(pixels, [0.0, 0.2, 1.0, 128.0 / 255.0]);
}

#[test]
fn another_length_is_refused() {
    for len in [0, 11, 13] {
        let seen = format!("(saw: {len} bytes instead of 12)");
        assert_error(decode(Path::new("x.raw"), &vec![1; len], [3, 2, 2]), &["x.raw", "3 x 2 x 2", &seen]);
    }
}
