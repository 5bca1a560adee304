use crate::common::assert_error;
use crate::common::fixture::for_each_case;
use spikeslab::train::uncertainty::calibration::{BINS, Bin, equal_mass, equal_width, expected, maximum};

#[test]
fn golden() {
    for_each_case::<f64>("train/uncertainty/calibration", 11, |case| {
        let right: Vec<bool> = case.integers("right").iter().map(|right| *right == 1).collect();
        let bins = equal_width(&case.vec("confidence"), &right).expect("confidences");
        case.expect("ece", &expected(&bins));
        case.expect("mce", &maximum(&bins));
        case.expect("ece_equal_mass", &expected(&equal_mass(&case.vec("confidence"), &right).expect("confidences")));
    });
}

fn occupied(confidence: f64) -> usize {
    let bins = equal_width(&[confidence], &[true]).unwrap();
    bins.iter().position(|bin| bin.images == 1).unwrap()
}

#[test]
fn a_bin_holds_its_upper_edge() {
    assert_eq!([occupied(0.0), occupied(1.0)], [0, BINS - 1]);
    for edge in 1..BINS {
        let confidence = edge as f64 / BINS as f64;
        assert_eq!([occupied(confidence), occupied(confidence.next_up())], [edge - 1, edge]);
    }
}

#[test]
fn bins_of_equal_mass_differ_by_one_image_and_fewer_images_than_bins_fill_some() {
    for images in [1, 14, 15, 16, 149, 150] {
        let confidence: Vec<f64> = (0..images).map(|i| i as f64 / images as f64).collect();
        let bins = equal_mass(&confidence, &vec![true; images]).unwrap();
        assert_eq!(bins.len(), BINS);
        assert_eq!(bins.iter().map(|bin| bin.images).sum::<usize>(), images);
        assert!(bins.iter().all(|bin| (images / BINS..=images.div_ceil(BINS)).contains(&bin.images)), "{bins:?}");
    }
}

#[test]
fn empty_bins_have_no_error() {
    assert_eq!((Bin::default().error(), expected(&[]), maximum(&[])), (0.0, 0.0, 0.0));
    let bins = equal_width(&[0.75, 0.75, 0.75, 0.75], &[true, true, true, false]).unwrap();
    assert_eq!((expected(&bins), maximum(&bins)), (0.0, 0.0));
}

#[test]
fn what_is_no_confidence_is_refused() {
    for odd in [-0.1, 1.0_f64.next_up(), f64::NAN, f64::INFINITY] {
        assert_error(equal_width(&[0.5, odd], &[true, true]), &["tensor confidence", "from 0 to 1"]);
        assert_error(equal_mass(&[0.5, odd], &[true, true]), &["tensor confidence", "from 0 to 1"]);
    }
    assert_error(equal_width(&[], &[]), &["tensor confidence", "at least one image"]);
    assert_error(equal_mass(&[0.5], &[]), &["tensor right", "[1]", "[0]"]);
}
