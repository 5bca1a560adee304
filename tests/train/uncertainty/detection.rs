use crate::common::assert_error;
use crate::common::fixture::for_each_case;
use crate::common::random::Random;
use spikeslab::train::uncertainty::detection::Detection;

#[test]
fn golden() {
    for_each_case::<f64>("train/uncertainty/detection", 14, |case| {
        let of = Detection::of(&case.vec("own"), &case.vec("other")).expect("scores");
        case.expect("auroc", &of.auroc);
        case.expect("aupr_other", &of.aupr_other);
        case.expect("aupr_own", &of.aupr_own);
        case.expect("fpr_at_95_tpr", &of.fpr_at_95_tpr);
    });
}

/// Compares with the definition, over all pairs.
#[test]
fn the_area_counts_pairs_and_half_of_each_tie() {
    let mut random = Random::new(1);
    for (own, other, values) in [(13, 8, 3), (40, 31, 10), (25, 60, 1000)] {
        let [own, other] = [own, other].map(|count| (0..count).map(|_| random.integer(values)).collect::<Vec<f64>>());
        let pairs = own.iter().flat_map(|own| other.iter().map(move |other| (own, other)));
        let twice: usize = pairs.map(|(own, other)| 2 * usize::from(other > own) + usize::from(other == own)).sum();
        let expected = twice as f64 / 2.0 / (own.len() * other.len()) as f64;
        assert_eq!(Detection::of(&own, &other).unwrap().auroc, expected);
        assert_eq!(
            Detection::of(&other, &own).unwrap().auroc,
            (own.len() * other.len() * 2 - twice) as f64 / 2.0 / (own.len() * other.len()) as f64
        );
    }
}

#[test]
fn zeros_of_both_signs_are_one_tie_and_infinities_have_their_place() {
    assert_eq!(Detection::of(&[-0.0, 0.0], &[0.0, -0.0]).unwrap().auroc, 0.5);
    let of = Detection::of(&[f64::NEG_INFINITY, 1.0], &[2.0, f64::INFINITY]).unwrap();
    assert_eq!((of.auroc, of.aupr_other, of.aupr_own, of.fpr_at_95_tpr), (1.0, 1.0, 1.0, 0.0));
}

#[test]
fn a_score_that_says_nothing() {
    let of = Detection::of(&[0.5; 30], &[0.5; 10]).unwrap();
    assert_eq!((of.auroc, of.aupr_other, of.aupr_own, of.fpr_at_95_tpr), (0.5, 0.25, 0.75, 1.0));
}

#[test]
fn no_scores_and_nan_are_refused() {
    assert_error(Detection::of(&[], &[1.0]), &["tensor scores", "at least one image"]);
    assert_error(Detection::of(&[1.0], &[]), &["tensor other scores", "at least one image"]);
    assert_error(Detection::of(&[1.0, f64::NAN], &[1.0]), &["tensor scores", "numbers", "NaN"]);
    assert_error(Detection::of(&[1.0], &[f64::NAN]), &["tensor other scores", "numbers", "NaN"]);
}
