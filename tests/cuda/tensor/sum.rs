use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device, on_host};
use crate::common::random::Random;
use ndarray::{Array1, Array2, Axis};
use spikeslab::cuda::Buffer;
use spikeslab::cuda::tensor::sum;

/// Compares sums of whole numbers, which are exact in any order.
fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("tensor::sum {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for shape in [(1, 1), (3, 5), (256, 2), (1000, 17)] {
        let x: Array2<F> = random.integers(100, shape);
        assert_same_bits("columns", &sum::columns(&on_device(&device, &x)).expect("it runs"), &x.sum_axis(Axis(0)));
    }
    let x: Array1<f64> = random.integers(100, 777);
    let mut sums = Buffer::<f64>::zeros(&device, &[3]).expect("memory");
    sum::all_into(&on_device(&device, &x), &mut sums, 1).expect("it runs");
    assert_eq!(on_host(&sums).as_slice().expect("standard layout"), [0.0, x.sum(), 0.0]);
}

both_precisions!(parity);
