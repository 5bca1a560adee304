use crate::common::assert_error;
use crate::common::fixture::for_each_case;
use spikeslab::train::uncertainty::COVERAGES;
use spikeslab::train::uncertainty::selective::Ranking;

#[test]
fn golden() {
    for_each_case::<f64>("train/uncertainty/selective", 8, |case| {
        let right: Vec<bool> = case.integers("right").iter().map(|right| *right == 1).collect();
        let ranking = Ranking::new(&case.vec("confidence"), &right).expect("confidences");
        case.expect("aurc", &ranking.area());
        case.expect("accuracy_at_coverage", &COVERAGES.map(|percent| ranking.accuracy_at(percent)));
    });
}

#[test]
fn risks_are_those_of_the_most_confident() {
    let ranking = Ranking::new(&[0.2, 0.9, 0.7, 0.8], &[false, true, true, false]).unwrap();
    assert_eq!(ranking.risks(), [0.0, 0.5, 1.0 / 3.0, 0.5]);
    assert_eq!(
        [1, 25, 26, 50, 51, 100, 1000].map(|percent| ranking.accuracy_at(percent)),
        [1.0, 1.0, 0.5, 0.5, 2.0 / 3.0, 0.5, 0.5]
    );
}

#[test]
fn an_image_of_a_tie_counts_as_right_as_its_tie() {
    let ranking = Ranking::new(&[0.5, 0.5, 0.5, 0.5], &[true, false, false, false]).unwrap();
    assert_eq!(ranking.risks(), [0.75; 4]);
    assert!(ranking.images().iter().all(|image| (image.confidence, image.accuracy) == (0.5, 0.25)));
    // Zeros of both signs are a tie.
    let zeros = Ranking::new(&[0.0, -0.0], &[true, false]).unwrap();
    assert_eq!(zeros.risks(), [0.5, 0.5]);
}

#[test]
fn the_least_coverage_answers_one_image() {
    assert_eq!(Ranking::new(&[0.5, 0.6], &[false, true]).unwrap().accuracy_at(0), 1.0);
}

#[test]
fn what_is_no_confidence_is_refused() {
    assert_error(Ranking::new(&[f64::NAN], &[true]), &["tensor confidence", "from 0 to 1", "NaN"]);
    assert_error(Ranking::new(&[], &[]), &["tensor confidence", "at least one image"]);
    assert_error(Ranking::new(&[0.5], &[true, false]), &["tensor right", "[1]", "[2]"]);
}
