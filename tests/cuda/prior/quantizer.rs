use crate::common::device::{DevicePrecision, assert_same_bits, device, on_device, on_host};
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use ndarray::{Array1, Array2};
use spikeslab::cuda::Buffer;
use spikeslab::cuda::prior::quantizer as on_gpu;
use spikeslab::prior::Codebook;
use spikeslab::prior::quantizer::Quantizer;

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("prior::quantizer {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for count in [2, 3, 4, 17, 256] {
        let levels = Codebook::<F>::symmetric(count).expect("a codebook").levels().to_vec();
        let quantizer = Quantizer::new(&levels);
        let mut theta: Array2<F> = random.uniforms(-0.6, 0.6, (40, 29));
        for (theta, pair) in theta.iter_mut().zip(levels.windows(2)) {
            *theta = (pair[0] + pair[1]) / F::of(2.0);
        }
        let (x, on_device_levels) = (on_device(&device, &theta), on_device(&device, &Array1::from(levels)));
        let value = on_gpu::value(&x, &on_device_levels).expect("it runs");
        assert_same_bits("value", &value, &theta.mapv(|theta| quantizer.value(theta)));
        let index = on_host(&on_gpu::index(&x, &on_device_levels).expect("it runs"));
        assert_eq!(index, theta.mapv(|theta| quantizer.index(theta) as u32).into_dyn());
        let mut loss = Buffer::<f64>::zeros(&device, &[1]).expect("memory");
        on_gpu::loss(&x, &on_device_levels, &mut loss, 0).expect("it runs");
        let (seen, expected) = (on_host(&loss)[0], quantizer.loss(theta.as_slice().expect("standard layout")));
        // The squares have the same bits; only the order of their sum differs.
        let allowed = tolerance("sum of kl", crate::common::Dtype::F64, Check::Reference).relative * expected;
        assert!((seen - expected).abs() <= allowed, "loss: expected {expected:e} (saw: {seen:e})");
    }
}

both_precisions!(parity);
