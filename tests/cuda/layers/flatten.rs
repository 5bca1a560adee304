use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::Array4;
use spikeslab::cuda::layers::flatten as on_gpu;
use spikeslab::layers::flatten;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::flatten {:?}", F::DTYPE)) else { return };
    let x: Array4<F> = Random::new(1).bells((2, 3, 4, 5));
    let (y_on_gpu, cache_on_gpu) = on_gpu::forward(on_device(&device, &x));
    let (y, cache) = flatten::forward(x);
    assert_same_bits("y", &y_on_gpu, &y);
    assert_same_bits("dx", &on_gpu::backward(&cache_on_gpu, y_on_gpu), &flatten::backward(&cache, y));
}

both_precisions!(parity);
