use crate::common::assert_error;
use crate::common::device::{DevicePrecision, assert_parity, device, on_device};
use crate::common::random::Random;
use ndarray::{Array1, Array4};
use spikeslab::cuda::layers::bayes_conv2d::{BayesConv2d as OnGpu, Gradients};
use spikeslab::kernels::Way;
use spikeslab::layers::bayes_conv2d::{self, BayesConv2d};
use spikeslab::tensor::im2col::Window;

/// (B, C, H, W), O, groups, and the window's kernel, stride, padding and dilation.
type Shape = ([usize; 4], usize, usize, [[usize; 2]; 4]);

/// Square kernels without stride and dilation, with few channels and with more than a block has or than fit into shared
/// memory, on images for all sizes of tiles; then other windows; then so many images that a block processes several
/// tiles.
const SHAPES: [Shape; 19] = [
    ([3, 1, 28, 28], 6, 1, [[5, 5], [1, 1], [0, 0], [1, 1]]),
    ([2, 27, 8, 8], 13, 1, [[5, 5], [1, 1], [2, 2], [1, 1]]),
    ([2, 3, 32, 32], 12, 1, [[3, 3], [1, 1], [1, 1], [1, 1]]),
    ([3, 7, 9, 11], 13, 1, [[3, 3], [1, 1], [1, 1], [1, 1]]),
    ([2, 50, 5, 6], 25, 1, [[3, 3], [1, 1], [1, 1], [1, 1]]),
    ([5, 4, 3, 3], 3, 1, [[3, 3], [1, 1], [0, 0], [1, 1]]),
    ([2, 6, 7, 7], 8, 2, [[3, 3], [1, 1], [2, 1], [1, 1]]),
    ([1, 1, 1, 1], 2, 1, [[3, 3], [1, 1], [1, 1], [1, 1]]),
    ([2, 130, 4, 4], 14, 1, [[1, 1], [1, 1], [0, 0], [1, 1]]),
    ([2, 5, 17, 33], 20, 1, [[1, 1], [1, 1], [0, 0], [1, 1]]),
    ([3, 4, 8, 10], 6, 2, [[3, 2], [2, 3], [2, 1], [1, 1]]),
    ([1, 6, 9, 9], 6, 6, [[3, 3], [1, 1], [2, 2], [2, 2]]),
    ([2, 3, 11, 13], 5, 1, [[3, 4], [3, 2], [1, 3], [2, 3]]),
    ([17, 2, 4, 4], 1, 1, [[4, 4], [1, 1], [0, 0], [1, 1]]),
    ([1, 2, 18, 17], 2, 1, [[17, 16], [1, 1], [0, 1], [1, 1]]),
    ([140, 1, 5, 5], 2, 1, [[3, 3], [1, 1], [1, 1], [1, 1]]),
    ([300, 2, 3, 3], 3, 1, [[1, 1], [1, 1], [0, 0], [1, 1]]),
    ([280, 1, 4, 4], 1, 1, [[2, 2], [1, 1], [0, 0], [1, 1]]),
    // A stride and a dilation of more than 32 bits.
    ([2, 3, 4, 5], 2, 1, [[1, 2], [1 << 40, 1 << 40], [0, 0], [1 << 40, 1]]),
];

fn assert_gradients_close<F: DevicePrecision>(what: &str, on_gpu: &Gradients<F>, d: &bayes_conv2d::Gradients<F>) {
    assert_parity("bayes_conv2d kernels", &format!("dtheta, {what}"), &on_gpu.dtheta, &d.dtheta);
    assert_eq!(on_gpu.dlog_sigma2.is_some(), d.dlog_sigma2.is_some());
    for (on_gpu, d) in on_gpu.dlog_sigma2.iter().zip(&d.dlog_sigma2) {
        assert_parity("bayes_conv2d kernels", &format!("dlog_sigma2, {what}"), on_gpu, d);
    }
    if let Some(dbias) = &on_gpu.dbias {
        assert_parity("bayes_conv2d kernels", &format!("dbias, {what}"), dbias, &d.dbias);
    }
    let dx = (on_gpu.dx.as_ref().unwrap(), d.dx.as_ref().unwrap());
    assert_parity("bayes_conv2d kernels", &format!("dx, {what}"), dx.0, dx.1);
}

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::bayes_conv2d {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for (i, (x, outputs, groups, [kernel, stride, padding, dilation])) in SHAPES.into_iter().enumerate() {
        let what =
            format!("{x:?} to {outputs}, {groups} groups, kernel {kernel:?}, stride {stride:?}, padding {padding:?}");
        let weights = [outputs, x[1] / groups, kernel[0], kernel[1]];
        let window = Window { kernel, stride, padding, dilation };
        let biased = i % 2 == 0;
        let theta: Array4<F> = random.bells(weights);
        let log_sigma2: Array4<F> = random.uniforms(-6.0, 1.0, weights);
        let bias: Array1<F> = random.bells(outputs);
        let x: Array4<F> = random.bells(x);
        let layer = BayesConv2d {
            theta: theta.view(),
            log_sigma2: log_sigma2.view(),
            bias: biased.then(|| bias.view()),
            window,
            groups,
            way: Way::Kernel,
        };
        let parameters = [on_device(&device, &theta), on_device(&device, &log_sigma2)];
        let [theta_on_gpu, log_sigma2_on_gpu] = &parameters;
        let bias_on_gpu = on_device(&device, &bias);
        let on_gpu = OnGpu {
            theta: theta_on_gpu,
            log_sigma2: log_sigma2_on_gpu,
            bias: biased.then_some(&bias_on_gpu),
            window,
            groups,
        };

        let (y, cache) = layer.forward_mean(x.clone()).unwrap();
        let (dy, eps): (Array4<F>, Array4<F>) = (random.bells(y.dim()), random.bells(y.dim()));
        let dy_on_gpu = on_device(&device, &dy);
        let (y_on_gpu, cache_on_gpu) = on_gpu.forward_mean(on_device(&device, &x)).expect("it runs");
        assert_parity("bayes_conv2d kernels", &format!("y with mean weights, {what}"), &y_on_gpu, &y);
        let d = on_gpu.backward(&cache_on_gpu, &dy_on_gpu, true).expect("it runs");
        assert_gradients_close(&format!("mean, {what}"), &d, &layer.backward(&cache, dy.view(), true));

        let (y, cache) = layer.forward_sampled(x.clone(), eps.clone()).unwrap();
        let (y_on_gpu, cache_on_gpu) =
            on_gpu.forward_sampled(on_device(&device, &x), on_device(&device, &eps)).expect("it runs");
        assert_parity("bayes_conv2d kernels", &format!("y, {what}"), &y_on_gpu, &y);
        let d = on_gpu.backward(&cache_on_gpu, &dy_on_gpu, true).expect("it runs");
        assert_eq!(d.dbias.is_some(), biased);
        assert_gradients_close(&format!("sampled, {what}"), &d, &layer.backward(&cache, dy.view(), true));
        assert!(on_gpu.backward(&cache_on_gpu, &dy_on_gpu, false).expect("it runs").dx.is_none());

        let none = OnGpu { groups: 0, ..on_gpu };
        assert_error(none.forward_mean(on_device(&device, &x)), &["groups", "divisor"]);
        let eps = on_device(&device, &Array4::<F>::zeros((1, 1, 1, 7)));
        assert_error(on_gpu.forward_sampled(on_device(&device, &x), eps), &["eps", "[1, 1, 1, 7]"]);
    }
}

both_precisions!(parity);
