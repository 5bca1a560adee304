use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::{ArrayD, IxDyn};
use spikeslab::cuda::layers::concat as on_gpu;
use spikeslab::layers::concat;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::concat {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for shapes in [&[&[3, 2, 7, 5][..], &[3, 1, 7, 5], &[3, 4, 7, 5]][..], &[&[4, 9], &[4, 24]]] {
        let xs: Vec<ArrayD<F>> = shapes.iter().map(|shape| random.bells(IxDyn(shape))).collect();
        let on_device = xs.iter().map(|x| on_device(&device, x)).collect();
        let (y_on_gpu, cache_on_gpu) = on_gpu::forward(on_device).expect("it runs");
        let (y, cache) = concat::forward(&xs).expect("one size");
        assert_same_bits("y", &y_on_gpu, &y);
        let dxs = on_gpu::backward(&cache_on_gpu, y_on_gpu).expect("it runs");
        let expected = concat::backward(&cache, y.view());
        assert_eq!(dxs.len(), expected.len());
        dxs.iter().zip(&expected).for_each(|(dx, expected)| assert_same_bits("dx", dx, expected));
    }
}

both_precisions!(parity);
