use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device};
use crate::common::random::Random;
use ndarray::ArrayD;
use spikeslab::cuda::layers::add as on_gpu;
use spikeslab::layers::add;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::add {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for shape in [&[3, 5, 7, 11][..], &[4, 33]] {
        let xs: Vec<ArrayD<F>> = (0..3).map(|_| random.bells(ndarray::IxDyn(shape))).collect();
        let on_device: Vec<_> = xs.iter().map(|x| on_device(&device, x)).collect();
        let (y_on_gpu, cache_on_gpu) = on_gpu::forward(on_device).expect("it runs");
        let (y, cache) = add::forward(xs).expect("one shape");
        assert_same_bits("y", &y_on_gpu, &y);
        let dxs = on_gpu::backward(&cache_on_gpu, y_on_gpu).expect("it runs");
        let expected = add::backward(&cache, y);
        assert_eq!(dxs.len(), expected.len());
        dxs.iter().zip(&expected).for_each(|(dx, expected)| assert_same_bits("dx", dx, expected));
    }
}

both_precisions!(parity);
