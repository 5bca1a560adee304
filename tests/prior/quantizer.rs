use crate::common::Precision;
use crate::common::fixture::for_each_case_of;
use crate::common::random::Random;
use spikeslab::prior::quantizer::{Quantizer, partition};

fn golden<F: Precision>(count: usize, wanted: impl Fn(&str) -> bool) {
    for_each_case_of::<F>("prior/quantizer", count, wanted, |case| {
        let (theta, levels) = (case.vec("theta"), case.vec("levels"));
        let quantizer = Quantizer::new(&levels);
        let index: Vec<usize> = theta.iter().map(|theta| quantizer.index(*theta)).collect();
        assert_eq!(index, case.integers("index"), "{}", case.name);
        let value: Vec<F> = theta.iter().map(|theta| quantizer.value(*theta)).collect();
        assert_eq!(value, case.vec("value"), "{}", case.name);
        case.expect("loss", &quantizer.loss(&theta));
        let occupancy: Vec<usize> = (0..levels.len()).map(|k| index.iter().filter(|at| **at == k).count()).collect();
        assert_eq!(quantizer.occupancy(&theta), occupancy, "{}", case.name);
    });
}

#[test]
fn golden_f64() {
    golden::<f64>(17, |_| true);
}

/// The cases whose numbers f32 represents exactly: in the others rounding decides on which side of a partition θ is.
#[test]
fn golden_f32() {
    let not_exact =
        ["theta-on-partition-m5", "theta-on-partition-rounded", "one-ulp-above-partition", "one-ulp-below-partition"];
    golden::<f32>(13, |case| !not_exact.contains(&case));
}

/// Codebooks with fewer and with more levels than the number from which the search is binary.
fn codebooks() -> Vec<Vec<f64>> {
    let mut random = Random::new(4);
    [2, 3, 5, 16, 17, 64, 256]
        .map(|count| {
            let mut level = -1.0;
            (0..count)
                .map(|_| {
                    level += random.uniform(0.005, 0.05);
                    level
                })
                .collect()
        })
        .to_vec()
}

#[test]
fn the_nearest_level_by_exhaustive_search() {
    let mut random = Random::new(5);
    for levels in codebooks() {
        let quantizer = Quantizer::new(&levels);
        for _ in 0..2000 {
            let theta = random.uniform(-1.2, levels[levels.len() - 1] + 0.2);
            let distance = |k: &usize| (theta - levels[*k]).abs();
            let nearest = (0..levels.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("a level");
            assert_eq!(quantizer.index(theta), nearest, "θ = {theta}");
            assert_eq!(quantizer.value(theta), levels[nearest], "θ = {theta}");
        }
    }
}

#[test]
fn a_partition_goes_to_the_lower_level_and_its_neighbours_to_their_side() {
    for levels in codebooks() {
        let quantizer = Quantizer::new(&levels);
        for (k, pair) in levels.windows(2).enumerate() {
            let partition = (pair[0] + pair[1]) / 2.0;
            let seen = [partition.next_down(), partition, partition.next_up()].map(|theta| quantizer.index(theta));
            assert_eq!(seen, [k, k, k + 1], "partition {partition}");
        }
    }
}

#[test]
fn in_f32_the_partitions_are_computed_in_f32() {
    let levels = [0.1_f32, 0.3];
    let quantizer = Quantizer::new(&levels);
    let partition = (levels[0] + levels[1]) / 2.0;
    assert_eq!((quantizer.index(partition), quantizer.index(partition.next_up())), (0, 1));
}

fn every_level_is_its_own<F: Precision>(codebooks: &[&[f64]]) {
    for levels in codebooks {
        let levels: Vec<F> = levels.iter().map(|level| F::of(*level)).collect();
        let quantizer = Quantizer::new(&levels);
        for (k, level) in levels.iter().enumerate() {
            assert_eq!((quantizer.index(*level), quantizer.value(*level)), (k, *level), "{levels:?}");
        }
        assert_eq!(quantizer.loss(&levels), 0.0, "{levels:?}");
        for pair in levels.windows(2) {
            let partition = partition(pair[0], pair[1]);
            assert!(pair[0] <= partition && partition < pair[1], "{levels:?}: {partition}");
        }
    }
}

/// Between neighbouring numbers there is no other number; the sum of two huge numbers overflows.
#[test]
fn neighbouring_and_huge_levels_are_their_own() {
    let most = f64::MAX;
    every_level_is_its_own::<f32>(&[
        &[2e38, 3e38],
        &[-3.4e38, -3.3e38, 3.3e38, 3.4e38],
        &[0.2, 0.200_000_02],
        &[-0.200_000_02, -0.2, 0.0],
        &[1.0, 1.000_000_1, 1.000_000_2],
        &[0.0, 1e-45, 3e-45],
    ]);
    every_level_is_its_own::<f64>(&[
        &[-most, -0.9 * most, 0.9 * most, most],
        &[1.0, 1.0 + f64::EPSILON, 1.0 + 2.0 * f64::EPSILON],
        &[-1.0 - 2.0 * f64::EPSILON, -1.0 - f64::EPSILON, -1.0],
        &[-5e-324, 0.0, 5e-324, 1e-323],
    ]);
    // The loss is computed in f64, even if the distance is near the largest f32.
    assert_eq!(Quantizer::new(&[-3e38_f32, 3e38]).loss(&[0.0]), f64::from(3e38_f32).powi(2));
}

#[test]
fn quantizing_twice_changes_nothing() {
    let mut random = Random::new(6);
    for levels in codebooks() {
        let quantizer = Quantizer::new(&levels);
        for (k, level) in levels.iter().enumerate() {
            assert_eq!(quantizer.index(*level), k);
        }
        for _ in 0..500 {
            let once = quantizer.value(random.uniform(-2.0, 3.0));
            assert_eq!(quantizer.value(once), once);
        }
    }
}

#[test]
fn loss_and_occupancy_of_a_handful_of_weights() {
    let quantizer = Quantizer::new(&[-1.0, 0.0, 2.0]);
    let theta = [-3.0, -1.0, -0.25, 0.5, 1.0, 1.5, 2.5];
    assert_eq!(quantizer.loss(&theta), 4.0 + 0.0 + 0.0625 + 0.25 + 1.0 + 0.25 + 0.25);
    assert_eq!(quantizer.occupancy(&theta), [2, 3, 2]);
    assert_eq!((quantizer.loss(&[]), quantizer.occupancy(&[])), (0.0, vec![0; 3]));
    assert!(quantizer.loss(&[0.1, f64::NAN]).is_nan());
    assert_eq!(quantizer.index(f64::NAN), 0);
}
