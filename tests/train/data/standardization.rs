use crate::common::assert_error;
use crate::common::compare::assert_close;
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_panics};
use ndarray::Array4;
use spikeslab::train::data::{Dataset, Split, Standardization};

/// `count` images of 3 channels, 4 x 5, of different brightness and contrast.
fn colourful(count: usize, seed: u64) -> Dataset {
    let mut random = Random::new(seed);
    let mut pixels = Vec::new();
    for _ in 0..count {
        for (low, high) in [(0.0, 255.9), (100.0, 140.0), (200.0, 256.0)] {
            pixels.extend((0..20).map(|_| random.uniform(low, high) as u8));
        }
    }
    Dataset::new(pixels, vec![0; count], [3, 4, 5], 1).unwrap()
}

fn all<F: Precision>(data: &Dataset) -> Array4<F> {
    data.batch(&(0..data.len()).collect::<Vec<_>>()).0
}

#[test]
fn the_figures_are_mean_and_population_deviation_of_each_channel() {
    // Two images of 2 channels, 1 x 2: 0, 51, 102, 255 and 10, 10, 10, 12.
    let data = Dataset::new(vec![0, 51, 10, 10, 102, 255, 10, 12], vec![0, 0], [2, 1, 2], 1).unwrap();
    let figures = Standardization::of(&data).unwrap();
    // Means 102 and 10.5; squared deviations 10404 + 2601 + 0 + 23409 and 3 · 0.25 + 2.25.
    assert_eq!(figures.mean, [(102.0 / 255.0) as f32, (10.5 / 255.0) as f32]);
    let deviation = |sum: f64| ((sum / 4.0).sqrt() / 255.0) as f32;
    assert_eq!(figures.deviation, [deviation(36414.0), deviation(3.0)]);
}

fn standardized_training_images_have_mean_0_and_deviation_1<F: Precision>() {
    let mut data = colourful(50, 1);
    let plain = all::<F>(&data);
    let figures = Standardization::of(&data).unwrap();
    data.standardize(Some(&figures)).unwrap();
    let x = all::<F>(&data);
    for channel in 0..3 {
        let values: Vec<f64> = x.index_axis(ndarray::Axis(1), channel).iter().map(|x| x.as_f64()).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        // Mean and deviation are rounded to f32.
        assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5, "channel {channel}: {mean}, {variance}");
    }
    let (mean, deviation) = (F::of(figures.mean[1].into()), F::of(figures.deviation[1].into()));
    assert_eq!(x[[7, 1, 2, 3]], (plain[[7, 1, 2, 3]] - mean) / deviation);
    // Without a standardization the pixels are as before.
    data.standardize(None).unwrap();
    assert_eq!(all::<F>(&data), plain);
}

both_precisions!(standardized_training_images_have_mean_0_and_deviation_1);

#[test]
fn test_images_are_standardized_by_the_training_images() {
    let mut split = Split::new(colourful(50, 1), colourful(3, 9), "");
    let figures = Standardization::of(&split.train).unwrap();
    let mut expected = all::<f64>(&split.test);
    split.standardize(Some(&figures)).unwrap();
    figures.apply(&mut expected);
    assert_eq!(all::<f64>(&split.test), expected);
    let own = Standardization::of(&split.test).unwrap();
    assert_ne!(own, figures);
}

#[test]
fn grey_images_stay_as_they_are() {
    let grey = Dataset::new(vec![0, 100, 200, 255], vec![0], [1, 2, 2], 1).unwrap();
    assert_eq!(Standardization::for_training(&grey).unwrap(), None);
    let colour = colourful(5, 2);
    assert_eq!(Standardization::for_training(&colour).unwrap(), Some(Standardization::of(&colour).unwrap()));
}

#[test]
fn a_channel_of_one_value_has_no_deviation() {
    let flat = Dataset::new(vec![1, 2, 7, 7], vec![0], [2, 1, 2], 1).unwrap();
    assert_error(Standardization::of(&flat), &["tensor images: expected different pixels in channel 1 (saw: only 7)"]);
    let none = Dataset::new(vec![], vec![], [2, 1, 2], 1).unwrap();
    assert_error(Standardization::of(&none), &["different pixels in channel 0 (saw: none)"]);
    // One pixel in a million that differs by 1 is enough.
    let mut pixels = vec![255; 1_000_000];
    pixels[999] = 254;
    let nearly = Dataset::new(pixels, vec![0], [1, 1000, 1000], 1).unwrap();
    Standardization::of(&nearly).unwrap().check(1).unwrap();
}

#[test]
fn invalid_means_and_deviations_are_refused() {
    let figures =
        |mean: &[f32], deviation: &[f32]| Standardization { mean: mean.to_vec(), deviation: deviation.to_vec() };
    figures(&[0.0, 1.0], &[1.0, f32::MIN_POSITIVE]).check(2).unwrap();
    for (odd, name) in [
        (figures(&[0.5], &[0.5]), "mean"),
        (figures(&[0.5; 3], &[0.5; 2]), "mean"),
        (figures(&[0.5; 2], &[0.5; 3]), "deviation"),
        (figures(&[0.5, f32::NAN], &[0.5; 2]), "mean"),
        (figures(&[0.5, 1.1], &[0.5; 2]), "mean"),
        (figures(&[0.5; 2], &[0.5, 0.0]), "deviation"),
        (figures(&[0.5; 2], &[-0.5, 0.5]), "deviation"),
        (figures(&[0.5; 2], &[0.5, f32::INFINITY]), "deviation"),
    ] {
        assert_error(odd.check(2), &[&format!("standardization {name}: expected 2 numbers")]);
        assert_error(colourful(1, 1).standardize(Some(&odd)), &["standardization"]);
    }
    assert_panics("figures of two channels", || {
        figures(&[0.5; 2], &[0.5; 2]).apply(&mut Array4::<f32>::zeros((1, 3, 2, 2)))
    });
}

#[test]
fn single_precision_is_double_precision_to_rounding() {
    let mut data = colourful(20, 3);
    let figures = Standardization::of(&data).unwrap();
    data.standardize(Some(&figures)).unwrap();
    let check = tolerance("standardization", crate::common::Dtype::F32, Check::Reference);
    assert_close("standardized pixels", &all::<f32>(&data), &all::<f64>(&data), check);
}
