use crate::common::assert_error;
use crate::common::device::{DevicePrecision, assert_parity, device, on_device};
use crate::common::random::Random;
use ndarray::{Array1, Array3, Array4, ArrayView1};
use spikeslab::cuda::layers::batch_norm as on_gpu;
use spikeslab::kernels::Way;
use spikeslab::layers::batch_norm::{self, BatchNorm, EPSILON, MOMENTUM, Statistics};
use spikeslab::layers::relu;

/// (B, C, H, W): one position as after a dense layer, few positions, many; more values than a block's threads process
/// at once, more channels than lanes.
const SHAPES: [[usize; 4]; 6] =
    [[5, 3, 1, 1], [300, 70, 1, 1], [7, 40, 1, 3], [3, 5, 4, 4], [6, 2, 28, 28], [1, 1, 1, 2]];

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::batch_norm {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for shape in SHAPES {
        for (rectified, running) in [(false, false), (true, false), (false, true), (true, true)] {
            let what = format!("{shape:?}, rectified: {rectified}, running: {running}");
            let [batch, channels, height, width] = shape;
            let images: Array4<F> = random.bells(shape);
            let x: Array3<F> = images.to_shape((batch, channels, height * width)).unwrap().into_owned();
            let gamma: Array1<F> = random.uniforms(0.5, 1.5, channels);
            let [beta, mean]: [Array1<F>; 2] = [random.bells(channels), random.bells(channels)];
            let variance: Array1<F> = random.uniforms(0.5, 1.5, channels);
            let epsilon = F::of(EPSILON);
            let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon, way: Way::Kernel };
            let on = |vector: ArrayView1<'_, F>| on_device(&device, &vector.to_owned());
            let [gamma_on_gpu, beta_on_gpu, mut mean_on_gpu, mut variance_on_gpu] =
                [gamma.view(), beta.view(), mean.view(), variance.view()].map(on);
            let norm_on_gpu = on_gpu::BatchNorm { gamma: &gamma_on_gpu, beta: &beta_on_gpu, epsilon, rectified };
            let mut estimates = Statistics { mean: mean.clone(), variance: variance.clone() };
            let x_on_gpu = on_device(&device, &images);

            let (y, cache, (y_on_gpu, cache_on_gpu)) = if running {
                let (y, cache) = norm.forward_running(x, &estimates).unwrap();
                let statistics = on_gpu::Statistics::running(&mean_on_gpu, &variance_on_gpu, epsilon).expect("it runs");
                (y, cache, norm_on_gpu.forward_running(x_on_gpu, statistics).expect("it runs"))
            } else {
                let (y, cache, statistics) = norm.forward_batch(x).unwrap();
                estimates.absorb(&statistics, batch * height * width, F::of(MOMENTUM));
                (y, cache, norm_on_gpu.forward_batch(x_on_gpu).expect("it runs"))
            };
            assert_eq!(cache_on_gpu.batch_statistics().is_some(), !running);
            if let Some((statistics, count)) = cache_on_gpu.batch_statistics() {
                assert_eq!(count, batch * height * width);
                let running = [&mut mean_on_gpu, &mut variance_on_gpu];
                on_gpu::absorb(running, statistics, count, F::of(MOMENTUM)).expect("it runs");
            }
            assert_parity("batch_norm", &format!("running_mean, {what}"), &mean_on_gpu, &estimates.mean);
            assert_parity("batch_norm", &format!("running_var, {what}"), &variance_on_gpu, &estimates.variance);

            let dy: Array4<F> = random.bells(shape);
            let dy_on_gpu = on_device(&device, &dy);
            let dy = dy.to_shape(y.dim()).unwrap().into_owned();
            let (y, dy) = if rectified {
                let (y, cache) = relu::forward(y);
                (y, relu::backward(&cache, dy))
            } else {
                (y, dy)
            };
            let batch_norm::Gradients { dx, dgamma, dbeta } = norm.backward(&cache, dy);
            let d = norm_on_gpu.backward(&cache_on_gpu, dy_on_gpu).expect("it runs");
            assert_parity("batch_norm", &format!("y, {what}"), &y_on_gpu, &y.to_shape(shape).unwrap().into_owned());
            assert_parity("batch_norm", &format!("dx, {what}"), &d.dx, &dx.to_shape(shape).unwrap().into_owned());
            assert_parity("batch_norm", &format!("dgamma, {what}"), &d.dgamma, &dgamma);
            assert_parity("batch_norm", &format!("dbeta, {what}"), &d.dbeta, &dbeta);
        }
    }
    let gamma = on_device(&device, &Array1::<F>::ones(3));
    let norm = on_gpu::BatchNorm { gamma: &gamma, beta: &gamma, epsilon: F::of(EPSILON), rectified: false };
    let narrow = on_device(&device, &Array4::<F>::zeros((2, 2, 1, 1)));
    assert_error(norm.forward_batch(narrow), &["gamma", "[2]", "[3]"]);
    let empty = on_device(&device, &Array4::<F>::zeros((0, 3, 1, 1)));
    assert_error(norm.forward_batch(empty), &["x", "at least two values"]);
}

both_precisions!(parity);
