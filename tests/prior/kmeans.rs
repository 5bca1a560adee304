use crate::common::Dtype::F64;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::fixture::for_each_case;
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error};
use spikeslab::prior::kmeans::kmeans;
use spikeslab::prior::quantizer::Quantizer;

fn loss(theta: &[f64], levels: &[f64]) -> f64 {
    Quantizer::new(levels).loss(theta)
}

fn golden<F: Precision>() {
    for_each_case::<F>("prior/kmeans", 16, |case| {
        let theta: Vec<F> = case.vec("theta");
        let golden = case.stored("levels").values.len();
        let levels = kmeans(&theta, golden).expect("finite weights");
        case.expect("levels", &levels);
        case.expect("loss", &Quantizer::new(&levels).loss(&theta));
    });
}

both_precisions!(golden);

fn spread(run: &[f64]) -> f64 {
    let mean = run.iter().sum::<f64>() / run.len() as f64;
    run.iter().map(|theta| (theta - mean).powi(2)).sum::<f64>()
}

/// The smallest loss of any division of `sorted` into `levels` runs, where the level of a run is its mean.
fn brute_force(sorted: &[f64], levels: usize) -> f64 {
    if levels == 1 {
        return spread(sorted);
    }
    (1..=sorted.len() - (levels - 1))
        .map(|first| spread(&sorted[..first]) + brute_force(&sorted[first..], levels - 1))
        .fold(f64::INFINITY, f64::min)
}

fn assert_best(theta: &[f64], levels: usize) {
    let means = kmeans(theta, levels).expect("finite weights");
    let mut sorted = theta.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (seen, best) = (loss(theta, &means), brute_force(&sorted, levels));
    assert_close(&format!("{theta:?}: {means:?}"), &seen, &best, tolerance("kmeans", F64, Check::Reference));
}

#[test]
fn the_best_codebook_of_all_on_tiny_data() {
    for (theta, levels) in [
        (vec![0.0, 0.1, 1.0, 1.1], 2),
        (vec![-1.0, -0.9, 0.0, 0.05, 0.9, 1.0], 3),
        (vec![5.0, 1.0, 3.0], 3),
        (vec![-0.31, -0.3, -0.28, -0.1, -0.09, 0.1, 0.12, 0.3, 0.33, 0.35], 4),
        (vec![0.2, 0.2, 0.2, 0.7, 0.7, 0.7], 2),
        // Here Lloyd's algorithm, started from the quantiles, ends at a worse solution.
        (vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 5.0, 9.0], 3),
    ] {
        assert_best(&theta, levels);
    }
    let mut random = Random::new(6);
    for size in 2..=11 {
        for levels in 1..=size {
            // Few weights in clusters, so that a greedy method often divides them in the wrong place.
            let theta: Vec<f64> = (0..size).map(|i| random.bell() + 4.0 * f64::from((i * i % 7) as u32)).collect();
            assert_best(&theta, levels);
        }
    }
}

#[test]
fn no_random_codebook_is_better() {
    let mut random = Random::new(7);
    let theta = random.bells::<f64, _>(3000).into_raw_vec_and_offset().0;
    for levels in [2, 3, 4, 8, 16] {
        let least = loss(&theta, &kmeans(&theta, levels).expect("finite weights"));
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
    for levels in [1, 2, 3, 5, 8, 16, 40, 256] {
        let means = kmeans(&theta, levels).expect("finite weights");
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
        let means = kmeans(&theta, levels).expect("finite weights");
        assert_eq!(kmeans(&backwards, levels).expect("finite weights"), means);
        assert_eq!(kmeans(&twice, levels).expect("finite weights"), means);
    }
}

/// −8, −4 | 1 | 5 has the same loss as −8 | −4 | 1, 5.
#[test]
fn of_two_divisions_that_cost_the_same_the_one_whose_upper_clusters_begin_first() {
    assert_eq!(kmeans(&[-8.0, -4.0, 1.0, 5.0], 3).expect("finite weights"), [-8.0, -4.0, 3.0]);
}

#[test]
fn mostly_one_value_still_gives_distinct_levels() {
    let mut theta = vec![0.0_f32; 1000];
    theta.extend([-1.0, 0.5, 2.0]);
    let means = kmeans(&theta, 4).expect("finite weights");
    assert_eq!(means, [-1.0, 0.0, 0.5, 2.0]);
}

#[test]
fn fewer_values_than_levels_are_the_levels() {
    assert_eq!(kmeans(&[0.2, 0.1, 0.2, 0.1], 3).expect("finite weights"), [0.1, 0.2]);
    assert_eq!(kmeans(&[0.1, 0.2, 0.1, 0.2], 2).expect("finite weights"), [0.1, 0.2]);
    assert_eq!(kmeans(&[0.0, -0.0, 0.0_f32], 256).expect("finite weights"), [0.0]);
    assert!(kmeans::<f32>(&[], 3).expect("no weights").is_empty());
}

/// Every level has at least one weight, and with as many levels as distinct weights every weight is a level.
#[test]
fn neighbouring_and_huge_numbers_keep_levels_of_their_own() {
    let up = |x: f32, steps: usize| (0..steps).fold(x, |x, _| x.next_up());
    for theta in [
        [1.0, up(1.0, 1), up(1.0, 2), 2.0],
        [-3e38, -2e38, 2e38, 3e38],
        [0.0, up(0.0, 1), up(0.0, 2), up(0.0, 3)],
        [-1e38, 1e-38, 2e-38, 3e38],
    ] {
        assert_eq!(kmeans(&theta, 4).expect("finite weights"), theta);
        for levels in 1..=4 {
            let many: Vec<f32> = theta.repeat(7);
            let means = kmeans(&many, levels).expect("finite weights");
            let occupancy = Quantizer::new(&means).occupancy(&many);
            assert!(means.len() == levels && !occupancy.contains(&0), "{theta:?}: {means:?}, {occupancy:?}");
        }
    }
    let most = f64::MAX;
    assert_eq!(kmeans(&[-most, -most, most, 0.0], 2).expect("finite weights").len(), 2);
    assert_eq!(kmeans(&[-most, most], 1).expect("finite weights"), [0.0]);
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    for (odd, seen) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        assert_error(kmeans(&[0.1, odd, 0.2], 2), &["kmeans", "finite weights", seen]);
    }
}

#[test]
fn the_same_levels_at_any_number_of_threads() {
    let theta = Random::new(10).bells::<f32, _>(20_000).into_raw_vec_and_offset().0;
    assert_same_bits_at_any_thread_count("kmeans", || vec![kmeans(&theta, 7).expect("finite weights").to_tensor()]);
}
