use crate::common::compare::ToTensor;
use crate::common::fixture::for_each_case;
use crate::common::gradient::{assert_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::{Precision, assert_error, assert_panics};
use crate::layers::pool::{as_of_either_pooling, golden_pool};
use ndarray::{Array4, Ix4, array};
use spikeslab::layers::max_pool::{backward, forward};
use spikeslab::layers::pool::Pool;

fn golden<F: Precision>() {
    for_each_case::<F>("layers/max_pool", 23, |case| {
        let (y, cache) = forward(case.array::<Ix4>("x").view(), &golden_pool(case)).expect("it fits");
        case.expect("y", &y);
        case.expect("dx", &backward(&cache, case.array::<Ix4>("dy").view()));
    });
}

both_precisions!(golden);

#[test]
fn gradients_away_from_ties() {
    let mut random = Random::new(1);
    let padded = Pool { padding: [1, 1], ceil_mode: true, ..Pool::new([3, 3], [2, 2]) };
    for pool in [Pool::new([2, 2], [2, 2]), Pool::new([3, 2], [1, 3]), Pool::new([3, 3], [2, 2]), padded] {
        // Distinct whole numbers, shuffled: no two are closer than 1.
        let mut order: Vec<(u64, f64)> = (0..2 * 2 * 5 * 7).map(|i| (random.word(), f64::from(i))).collect();
        order.sort_by_key(|(key, _)| *key);
        let x: Vec<f64> = order.into_iter().map(|(_, value)| value).collect();
        let image = |x: &[f64]| Array4::from_shape_vec((2, 2, 5, 7), x.to_vec()).expect("140 values");
        let (y, cache) = forward(image(&x).view(), &pool).expect("it fits");
        let dy: Array4<f64> = random.bells(y.dim());
        let dx = backward(&cache, dy.view());
        assert_gradient("max_pool", &format!("{pool:?}"), 0.1, &x, dx.as_slice().expect("standard layout"), |x| {
            weighted_sum(&forward(image(x).view(), &pool).expect("it fits").0, &dy)
        });
    }
}

#[test]
fn a_tie_goes_to_the_first_element_row_by_row() {
    for (x, first) in [
        (array![[5.0, 5.0], [5.0, 5.0]], [0, 0]),
        (array![[1.0, 5.0], [5.0, 5.0]], [0, 1]),
        (array![[1.0, 2.0], [5.0, 5.0]], [1, 0]),
        (array![[0.0, -0.0], [-0.0, 0.0]], [0, 0]),
    ] {
        let x = x.into_shape_with_order((1, 1, 2, 2)).expect("four values");
        let (_, cache) = forward(x.view(), &Pool::new([2, 2], [2, 2])).expect("it fits");
        let mut expected = Array4::zeros((1, 1, 2, 2));
        expected[[0, 0, first[0], first[1]]] = 3.0;
        assert_eq!(backward(&cache, Array4::from_elem((1, 1, 1, 1), 3.0).view()), expected, "{x}");
    }
}

#[test]
fn a_nan_is_the_maximum_and_gets_the_gradient() {
    for at in 0..4 {
        let mut x = vec![1.0, f64::INFINITY, -2.0, 4.0];
        x[at] = f64::NAN;
        let x = Array4::from_shape_vec((1, 1, 2, 2), x).expect("four values");
        let (y, cache) = forward(x.view(), &Pool::new([2, 2], [2, 2])).expect("it fits");
        assert!(y[[0, 0, 0, 0]].is_nan(), "{x}");
        let dx = backward(&cache, Array4::<f64>::ones((1, 1, 1, 1)).view());
        assert_eq!(dx.as_slice().expect("standard layout")[at], 1.0, "{x}");
    }
}

as_of_either_pooling!();

#[test]
fn the_same_bits_at_any_thread_count() {
    let mut random = Random::new(3);
    let (x, dy): (Array4<f32>, Array4<f32>) = (random.bells((9, 3, 10, 10)), random.bells((9, 3, 8, 8)));
    assert_same_bits_at_any_thread_count("max pooling", || {
        let (y, cache) = forward(x.view(), &Pool::new([3, 3], [1, 1])).expect("it fits");
        vec![y.to_tensor(), backward(&cache, dy.view()).to_tensor()]
    });
}
