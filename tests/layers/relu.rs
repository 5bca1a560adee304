use crate::common::compare::ToTensor;
use crate::common::fixture::for_each_case;
use crate::common::gradient::{assert_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::{Precision, assert_panics};
use ndarray::{Array1, Array2, Array4, ArrayD, IxDyn, array};
use spikeslab::layers::relu::{backward, forward};

fn golden<F: Precision>() {
    for_each_case::<F>("layers/relu", 4, |case| {
        let (y, cache) = forward(case.array::<IxDyn>("x"));
        case.expect("y", &y);
        case.expect("dx", &backward(&cache, case.array::<IxDyn>("dy")));
    });
}

both_precisions!(golden);

#[test]
fn gradient_away_from_zero() {
    let mut random = Random::new(1);
    let x: Array2<f64> = random.bells((4, 5)).mapv(|x: f64| x + 0.1 * x.signum());
    let dy: Array2<f64> = random.bells((4, 5));
    let dx = backward(&forward(x.clone()).1, dy.clone());
    let at = x.as_slice().expect("standard layout");
    assert_gradient("relu", "x", 1e-2, at, dx.as_slice().expect("standard layout"), |x| {
        weighted_sum(&forward(Array2::from_shape_vec((4, 5), x.to_vec()).expect("20 values")).0, &dy)
    });
}

#[test]
fn at_zero_nothing_passes_back_and_nan_stays_nan() {
    let (y, cache) = forward(array![0.0, -0.0, f64::NAN, 1e-310, -1e-310, f64::INFINITY]);
    assert_eq!((y[0], y[1], y[3], y[4], y[5]), (0.0, 0.0, 1e-310, 0.0, f64::INFINITY));
    assert!(y[2].is_nan());
    assert_eq!(backward(&cache, Array1::from_elem(6, 3.0)), array![0.0, 0.0, 0.0, 3.0, 0.0, 3.0]);
}

#[test]
fn a_gradient_of_another_shape_panics() {
    let (_, cache) = forward(Array2::<f64>::ones((2, 3)));
    assert_panics("transposed", || backward(&cache, Array2::<f64>::ones((3, 2))));
    assert_panics("another rank", || backward(&cache, Array1::<f64>::ones(6)));
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let mut random = Random::new(2);
    let (x, dy): (Array4<f32>, Array4<f32>) = (random.bells((9, 5, 16, 16)), random.bells((9, 5, 16, 16)));
    assert_same_bits_at_any_thread_count("relu", || {
        let (y, cache) = forward(x.clone());
        let dx: ArrayD<f32> = backward(&cache, dy.clone()).into_dyn();
        vec![y.to_tensor(), dx.to_tensor()]
    });
}
