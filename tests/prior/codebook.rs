use crate::common::Precision;
use crate::common::assert_error;
use crate::common::compare::assert_close;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::prior::Codebook;
use spikeslab::prior::codebook::check_levels;

#[test]
fn invalid_levels_are_refused() {
    for (levels, expected, seen) in [
        (vec![], "2 to 256 levels", "(saw: 0)"),
        (vec![0.1], "2 to 256 levels", "(saw: 1)"),
        ((0..257).map(f64::from).collect(), "2 to 256 levels", "(saw: 257)"),
        (vec![0.1, 0.1], "strictly ascending", "0.1 before 0.1"),
        (vec![-0.2, 0.2, 0.1], "strictly ascending", "0.2 before 0.1"),
        (vec![0.0, -0.0], "strictly ascending", "0 before -0"),
        (vec![0.1, f64::NAN, 0.3], "finite", "NaN"),
        (vec![f64::NEG_INFINITY, 0.3], "finite", "-inf"),
        (vec![0.3, f64::INFINITY], "finite", "inf"),
    ] {
        assert_error(Codebook::new(levels.clone()), &["codebook", expected, seen]);
        assert_error(check_levels("fc1.levels", &levels), &["fc1.levels", expected, seen]);
        let weights = vec![1.0 / levels.len() as f64; levels.len()];
        assert_error(Codebook::with_level_weights(levels, weights), &["codebook", expected, seen]);
    }
}

#[test]
fn invalid_level_weights_are_refused() {
    for (weights, expected, seen) in [
        (vec![0.5, 0.5], "3", "(saw: 2)"),
        (vec![0.25; 4], "3", "(saw: 4)"),
        (vec![0.5, 0.0, 0.5], "positive", "(saw: 0)"),
        (vec![0.5, -0.1, 0.6], "positive", "-0.1"),
        (vec![0.5, f64::NAN, 0.5], "positive", "NaN"),
        (vec![0.5, f64::INFINITY, 0.5], "positive", "inf"),
        (vec![0.3, 0.3, 0.3], "a sum of 1", "0.8"),
        (vec![0.5, 0.5, 0.5], "a sum of 1", "1.5"),
    ] {
        let result = Codebook::with_level_weights(vec![-0.2, 0.0, 0.2], weights);
        assert_error(result, &["level_weights", expected, seen]);
    }
}

#[test]
fn two_to_256_levels_are_kept_as_given() {
    for count in [2, 3, 16, 255, 256] {
        let levels: Vec<f64> = (0..count).map(|k| f64::from(k) * 0.01 - 0.3).collect();
        let codebook = Codebook::new(levels.clone()).expect("a codebook");
        assert_eq!(codebook.levels(), levels);
        assert_eq!(codebook.level_weights(), vec![1.0 / f64::from(count); count as usize]);
    }
    let weighted = Codebook::with_level_weights(vec![-1.0, 0.5], vec![0.75, 0.25]).expect("a codebook");
    assert_eq!((weighted.levels(), weighted.level_weights()), ([-1.0, 0.5].as_slice(), [0.75, 0.25].as_slice()));
}

fn symmetric<F: Precision>() {
    let tolerance = tolerance("codebook", F::DTYPE, Check::Reference);
    for expected in [
        vec![-0.2, 0.2],
        vec![-0.2, 0.0, 0.2],
        vec![-0.3, -0.1, 0.1, 0.3],
        vec![-0.3, -0.15, 0.0, 0.15, 0.3],
        vec![-0.35, -0.25, -0.15, -0.05, 0.05, 0.15, 0.25, 0.35],
    ] {
        let codebook = Codebook::<F>::symmetric(expected.len()).expect("a codebook");
        assert_close(&format!("M = {}", expected.len()), codebook.levels(), &expected, tolerance);
    }
    for count in 2..=256 {
        let codebook = Codebook::<F>::symmetric(count).expect("a codebook");
        let levels = codebook.levels();
        assert_eq!(levels.len(), count);
        assert!(levels.iter().zip(levels.iter().rev()).all(|(a, b)| *a == -*b), "{levels:?}");
        // The zero level is exactly zero.
        assert_eq!(levels.contains(&F::zero()), count % 2 == 1, "M = {count}");
        if count > 5 {
            assert_close(&format!("M = {count}"), &levels[count - 1..], &[0.35], tolerance);
        }
    }
}

#[test]
fn the_codebooks_that_work_unless_given() {
    symmetric::<f64>();
    symmetric::<f32>();
}

#[test]
fn no_symmetric_codebook_of_too_few_or_too_many_levels() {
    for count in [0, 1, 257, 300] {
        assert_error(Codebook::<f64>::symmetric(count), &["levels", "2 to 256", &format!("(saw: {count})")]);
    }
}
