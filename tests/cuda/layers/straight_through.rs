use crate::common::device::{DevicePrecision, assert_parity, device, on_device};
use crate::common::random::Random;
use ndarray::{Array1, ArrayD, IxDyn};
use spikeslab::cuda::layers::straight_through as on_gpu;
use spikeslab::layers::straight_through::level_gradient;
use spikeslab::prior::Codebook;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::straight_through {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    // One block; many; more weights than the most blocks have threads; a level without weights.
    for (shape, count) in [(&[3, 7][..], 2), (&[40, 5, 3, 3], 17), (&[600, 500], 3), (&[4], 256)] {
        let levels = Codebook::<F>::symmetric(count).expect("a codebook").levels().to_vec();
        let theta: ArrayD<F> = random.uniforms(-0.6, 0.6, IxDyn(shape));
        let dw: ArrayD<F> = random.uniforms(-1.0, 1.0, IxDyn(shape));
        let expected = level_gradient(theta.view(), &levels, dw.view());
        let [theta, dw] = [theta, dw].map(|array| on_device(&device, &array));
        let dlevels = on_gpu::level_gradient(&theta, &on_device(&device, &Array1::from(levels)), &dw).expect("it runs");
        assert_parity("network on the device", &format!("dlevels of {shape:?}, M = {count}"), &dlevels, &expected);
    }
}

both_precisions!(parity);
