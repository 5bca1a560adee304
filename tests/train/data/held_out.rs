use super::noise;
use super::split::part;
use crate::common::assert_error;
use spikeslab::train::data::{Dataset, Split};

/// Forty images of each of three classes; image i has the bytes i, i, 0, 0.
pub(super) fn forty_of_each() -> Dataset {
    let pixels = (0..120).flat_map(|i| [i, i, 0, 0]).collect();
    Dataset::new(pixels, (0..120).map(|i| i / 40).collect(), [1, 2, 2], 3).unwrap()
}

#[test]
fn a_share_of_each_class_is_held_out() {
    let mut split = Split::new(forty_of_each(), part(3), "blobs");
    assert_eq!(split.watched().len(), 3);
    split.hold_out(0.2).unwrap();
    let validation = split.validation.as_ref().unwrap();
    assert_eq!((split.train.len(), validation.len(), split.test.len()), (96, 24, 3));
    assert_eq!(split.source, "blobs, 24 of the training images held out");
    assert_eq!(split.watched().len(), 24);
    for class in 0..3 {
        assert_eq!(validation.labels().iter().filter(|&&label| label == class).count(), 8);
    }
    // Every image is in exactly one part, with its label, and the order is kept.
    let images = |data: &Dataset| (0..data.len()).map(|i| data.pixels(i)[0]).collect::<Vec<_>>();
    let (stay, held_out) = (images(&split.train), images(validation));
    assert!(stay.is_sorted() && held_out.is_sorted());
    let mut all = [stay, held_out.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..120).collect::<Vec<_>>());
    assert!(held_out.iter().zip(validation.labels()).all(|(image, label)| u16::from(image / 40) == *label));
    // The held-out images are random, not the first or every fifth, and always the same.
    assert_ne!(held_out[..8], [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_ne!(held_out[..8], [0, 5, 10, 15, 20, 25, 30, 35]);
    assert_eq!(images(&forty_of_each().hold_out(0.2).unwrap().1), held_out);
}

#[test]
fn every_class_keeps_an_image() {
    let data = Dataset::new(noise(5, 1), vec![0, 1, 1, 1, 1], [1, 1, 1], 3).unwrap();
    let (stay, held_out) = data.hold_out(0.99).unwrap();
    assert_eq!((stay.labels(), held_out.labels()), (&[0, 1][..], &[1, 1, 1][..]));
}

#[test]
fn a_share_that_holds_out_nothing_or_all_is_refused() {
    for (share, seen) in [(0.0, "0"), (1.0, "1"), (-0.1, "-0.1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let seen = format!("validation: expected a number between 0 and 1 (saw: {seen})");
        assert_error(forty_of_each().hold_out(share), &[&seen]);
    }
    let expected = "validation: expected a share of the 120 images that holds out at least one (saw: 0.01)";
    assert_error(forty_of_each().hold_out(0.01), &[expected]);
}
