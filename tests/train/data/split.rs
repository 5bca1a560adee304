use super::held_out::forty_of_each;
use crate::common::assert_error;
use spikeslab::train::data::{Dataset, Split, Standardization};

pub(super) fn part(n: u8) -> Dataset {
    Dataset::new((0..4 * n).collect(), (0..n.into()).collect(), [1, 2, 2], 5).unwrap()
}

#[test]
fn a_limit_keeps_the_first_images_to_train_on() {
    let split = || Split::new(part(5), part(3), "5 training and 3 test images");
    let mut limited = split();
    limited.limit(2).unwrap();
    assert_eq!((limited.train.labels(), limited.test.labels()), (&[0, 1][..], &[0, 1, 2][..]));
    assert_eq!(limited.train.batch::<f64>(&[0, 1]), split().train.batch::<f64>(&[0, 1]));
    assert_eq!((limited.train.len(), limited.train.classes(), limited.train.shape()), (2, 5, [1, 2, 2]));
    assert_eq!(limited.source, "5 training and 3 test images, of which the first 2 training images are used");
    let mut all = split();
    all.limit(5).unwrap();
    assert_eq!(all.train.labels(), split().train.labels());
    for images in [0, 6, usize::MAX] {
        let seen = format!("(saw: {images})");
        assert_error(split().limit(images), &["limit: expected 1 to 5, the training images", &seen]);
    }
}

#[test]
fn all_parts_are_standardized() {
    let mut split = Split::new(forty_of_each(), part(3), "blobs");
    split.hold_out(0.5).unwrap();
    let figures = Standardization { mean: vec![0.5], deviation: vec![0.25] };
    split.standardize(Some(&figures)).unwrap();
    for data in [&split.train, split.validation.as_ref().unwrap(), &split.test] {
        // Pixel 2 of the first image, standardized.
        let pixel = f64::from(data.pixels(0)[2]) / 255.0;
        let x = data.batch::<f64>(&[0]).0[[0, 0, 1, 0]];
        assert!((x - (pixel - 0.5) / 0.25).abs() < 1e-12, "{x}");
    }
}
