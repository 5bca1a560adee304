use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::Array4;
use spikeslab::cuda::layers::relu as on_gpu;
use spikeslab::layers::relu;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::relu {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    let (mut x, dy): (Array4<F>, Array4<F>) = (random.bells((3, 5, 7, 11)), random.bells((3, 5, 7, 11)));
    for (i, odd) in [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().enumerate() {
        x[[0, 0, 0, i]] = F::of(odd);
    }
    let (y, cache) = relu::forward(x.clone());
    let (y_on_gpu, cache_on_gpu) = on_gpu::forward(on_device(&device, &x)).expect("it runs");
    assert_same_bits("y", &y_on_gpu, &y);
    let dx = on_gpu::backward(&cache_on_gpu, on_device(&device, &dy)).expect("it runs");
    assert_same_bits("dx", &dx, &relu::backward(&cache, dy));
}

both_precisions!(parity);
