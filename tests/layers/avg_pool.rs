use crate::common::compare::ToTensor;
use crate::common::fixture::for_each_case;
use crate::common::gradient::{assert_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::{Precision, assert_error, assert_panics};
use crate::layers::pool::{as_of_either_pooling, golden_pool};
use ndarray::{Array4, Ix4};
use spikeslab::layers::avg_pool::{backward, forward};
use spikeslab::layers::pool::Pool;

fn golden<F: Precision>() {
    for_each_case::<F>("layers/avg_pool", 31, |case| {
        let (y, cache) = forward(case.array::<Ix4>("x").view(), &golden_pool(case)).expect("it fits");
        case.expect("y", &y);
        case.expect("dx", &backward(&cache, case.array::<Ix4>("dy").view()));
    });
}

both_precisions!(golden);

#[test]
fn gradients() {
    let mut random = Random::new(1);
    let padded = Pool { padding: [1, 1], ceil_mode: true, ..Pool::new([3, 3], [2, 2]) };
    for pool in [
        Pool::new([2, 2], [2, 2]),
        Pool::new([3, 2], [1, 3]),
        Pool::new([3, 3], [2, 2]),
        Pool::new([5, 7], [1, 1]),
        padded,
        Pool { count_include_pad: false, ..padded },
    ] {
        let x: Array4<f64> = random.bells((2, 2, 5, 7));
        let (y, cache) = forward(x.view(), &pool).expect("it fits");
        let dy: Array4<f64> = random.bells(y.dim());
        let (dx, at) = (backward(&cache, dy.view()), x.as_slice().expect("standard layout"));
        assert_gradient("avg_pool", &format!("{pool:?}"), 0.1, at, &dx, |x| {
            let x = Array4::from_shape_vec((2, 2, 5, 7), x.to_vec()).expect("140 values");
            weighted_sum(&forward(x.view(), &pool).expect("it fits").0, &dy)
        });
    }
}

#[test]
fn the_mean_of_each_window() {
    let x = Array4::from_shape_fn((1, 2, 4, 4), |(_, c, h, w)| (100 * c + 10 * h + w) as f64);
    let (y, _) = forward(x.view(), &Pool::new([2, 2], [2, 2])).expect("it fits");
    for ((_, c, p, q), mean) in y.indexed_iter() {
        assert_eq!(*mean, 100.0 * c as f64 + 20.0 * p as f64 + 5.0 + 2.0 * q as f64 + 0.5, "[{c}, {p}, {q}]");
    }
}

/// Windows of a million pixels.
#[test]
fn a_large_window_is_as_exact_as_a_small_one() {
    let x = Array4::<f32>::from_elem((1, 1, 1000, 1000), 0.1);
    let (y, _) = forward(x.view(), &Pool::new([1000, 1000], [1, 1])).expect("it fits");
    assert_eq!(y[[0, 0, 0, 0]], 0.1);
}

#[test]
fn nan_spoils_its_window_alone() {
    let mut x = Array4::<f64>::ones((1, 1, 4, 4));
    x[[0, 0, 3, 0]] = f64::NAN;
    let (y, _) = forward(x.view(), &Pool::new([2, 2], [2, 2])).expect("it fits");
    for ((_, _, p, q), mean) in y.indexed_iter() {
        assert_eq!(mean.is_nan(), (p, q) == (1, 0), "[{p}, {q}]");
    }
}

as_of_either_pooling!();

#[test]
fn the_same_bits_at_any_thread_count() {
    let mut random = Random::new(3);
    let (x, dy): (Array4<f32>, Array4<f32>) = (random.bells((9, 3, 10, 10)), random.bells((9, 3, 8, 8)));
    assert_same_bits_at_any_thread_count("average pooling", || {
        let (y, cache) = forward(x.view(), &Pool::new([3, 3], [1, 1])).expect("it fits");
        vec![y.to_tensor(), backward(&cache, dy.view()).to_tensor()]
    });
}
