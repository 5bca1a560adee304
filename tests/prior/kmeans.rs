use crate::common::Dtype::F64;
use crate::common::assert_error;
use crate::common::compare::assert_close;
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use spikeslab::prior::kmeans::kmeans;
use spikeslab::prior::quantizer::Quantizer;

fn loss(theta: &[f64], levels: &[f64]) -> f64 {
    Quantizer::new(levels).loss(theta)
}

/// The least loss of any division of `sorted` into `levels` runs, each with its mean as its level.
fn brute_force(sorted: &[f64], levels: usize) -> f64 {
    let spread = |run: &[f64]| {
        let mean = run.iter().sum::<f64>() / run.len() as f64;
        run.iter().map(|theta| (theta - mean).powi(2)).sum::<f64>()
    };
    if levels == 1 {
        return spread(sorted);
    }
    (1..=sorted.len() - (levels - 1))
        .map(|first| spread(&sorted[..first]) + brute_force(&sorted[first..], levels - 1))
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn the_best_codebook_of_all_on_tiny_data() {
    for (theta, levels) in [
        (vec![0.0, 0.1, 1.0, 1.1], 2),
        (vec![-1.0, -0.9, 0.0, 0.05, 0.9, 1.0], 3),
        (vec![5.0, 1.0, 3.0], 3),
        (vec![-0.31, -0.3, -0.28, -0.1, -0.09, 0.1, 0.12, 0.3, 0.33, 0.35], 4),
        (vec![0.2, 0.2, 0.2, 0.7, 0.7, 0.7], 2),
    ] {
        let means = kmeans(&theta, levels).expect("enough values");
        let mut sorted = theta.clone();
        sorted.sort_by(f64::total_cmp);
        let (seen, best) = (loss(&theta, &means), brute_force(&sorted, levels));
        assert_close(&format!("{theta:?}: {means:?}"), &seen, &best, tolerance("kmeans", F64, Check::Reference));
    }
}

#[test]
fn no_random_codebook_is_better() {
    let mut random = Random::new(7);
    let theta = random.bells::<f64, _>(3000).into_raw_vec_and_offset().0;
    for levels in [2, 3, 4, 8, 16] {
        let least = loss(&theta, &kmeans(&theta, levels).expect("enough values"));
        for _ in 0..100 {
            let mut codebook: Vec<f64> = (0..levels).map(|_| random.bell()).collect();
            codebook.sort_by(f64::total_cmp);
            assert!(least <= loss(&theta, &codebook), "M = {levels}: {codebook:?} is better than {least}");
        }
    }
}

#[test]
fn each_level_is_the_mean_of_its_weights_and_the_levels_ascend() {
    let mut random = Random::new(8);
    let theta = random.bells::<f64, _>(2000).into_raw_vec_and_offset().0;
    for levels in [1, 2, 3, 5, 8, 16, 40] {
        let means = kmeans(&theta, levels).expect("enough values");
        assert_eq!(means.len(), levels);
        assert!(means.windows(2).all(|pair| pair[0] < pair[1]), "{means:?}");
        let quantizer = Quantizer::new(&means);
        for (k, mean) in means.iter().enumerate() {
            let own: Vec<f64> = theta.iter().copied().filter(|theta| quantizer.index(*theta) == k).collect();
            let expected = own.iter().sum::<f64>() / own.len() as f64;
            let tolerance = tolerance("kmeans", F64, Check::Reference);
            assert_close(&format!("M = {levels}, level {k}"), mean, &expected, tolerance);
        }
    }
}

#[test]
fn neither_order_nor_repetition_of_the_weights_matters() {
    let mut random = Random::new(9);
    let theta = random.integers::<f32, _>(40, 500).mapv(|n| n / 64.0).into_raw_vec_and_offset().0;
    let backwards: Vec<f32> = theta.iter().rev().copied().collect();
    let twice: Vec<f32> = theta.iter().chain(&theta).copied().collect();
    for levels in [2, 5, 8] {
        let means = kmeans(&theta, levels).expect("enough values");
        assert_eq!(kmeans(&backwards, levels).expect("enough values"), means);
        assert_eq!(kmeans(&twice, levels).expect("enough values"), means);
    }
}

/// Two codebooks are equally good here: from −8, 1 and 5 the rounds end at one, from −8, −4 and 1 at the other.
#[test]
fn the_rounds_begin_at_the_middles_of_the_mths() {
    assert_eq!(kmeans(&[-8.0, -4.0, 1.0, 5.0], 3).expect("four values"), [-6.0, 1.0, 5.0]);
}

#[test]
fn mostly_one_value_still_gives_distinct_levels() {
    let mut theta = vec![0.0_f32; 1000];
    theta.extend([-1.0, 0.5, 2.0]);
    let means = kmeans(&theta, 4).expect("four values");
    assert_eq!(means, [-1.0, 0.0, 0.5, 2.0]);
}

#[test]
fn fewer_values_than_levels_are_refused() {
    assert_error(kmeans(&[0.1, 0.2, 0.1, 0.2], 3), &["kmeans", "at most 2 levels", "(saw: 3)"]);
    assert_error(kmeans::<f32>(&[], 1), &["kmeans", "at most 0 levels", "(saw: 1)"]);
    assert_eq!(kmeans(&[0.1, 0.2, 0.1, 0.2], 2).expect("two values"), [0.1, 0.2]);
}
