use crate::common::assert_error;
use crate::common::device::{DevicePrecision, assert_parity, device, on_device};
use crate::common::random::Random;
use ndarray::{Array1, Array2};
use spikeslab::cuda::layers::bayes_dense::{BayesDense as OnGpu, Gradients};
use spikeslab::kernels::Way;
use spikeslab::layers::bayes_dense::{self, BayesDense};

/// B, I, O, and whether there is a bias: sizes within a tile, of exactly one tile, and of several tiles and parts of
/// tiles.
const SHAPES: [(usize, usize, usize, bool); 6] = [
    (3, 5, 7, true),
    (32, 32, 32, false),
    (33, 70, 31, true),
    (1, 1, 1, false),
    (2, 130, 65, false),
    (64, 3, 40, true),
];

fn assert_gradients_close<F: DevicePrecision>(what: &str, on_gpu: &Gradients<F>, d: &bayes_dense::Gradients<F>) {
    assert_parity("bayes_dense kernels", &format!("dtheta, {what}"), &on_gpu.dtheta, &d.dtheta);
    assert_eq!(on_gpu.dlog_sigma2.is_some(), d.dlog_sigma2.is_some());
    for (on_gpu, d) in on_gpu.dlog_sigma2.iter().zip(&d.dlog_sigma2) {
        assert_parity("bayes_dense kernels", &format!("dlog_sigma2, {what}"), on_gpu, d);
    }
    if let Some(dbias) = &on_gpu.dbias {
        assert_parity("bayes_dense kernels", &format!("dbias, {what}"), dbias, &d.dbias);
    }
    let dx = (on_gpu.dx.as_ref().unwrap(), d.dx.as_ref().unwrap());
    assert_parity("bayes_dense kernels", &format!("dx, {what}"), dx.0, dx.1);
}

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::bayes_dense {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    for (batch, inputs, outputs, biased) in SHAPES {
        let what = format!("{batch} rows, {inputs} to {outputs}, bias: {biased}");
        let theta: Array2<F> = random.bells((inputs, outputs));
        let log_sigma2: Array2<F> = random.uniforms(-6.0, 1.0, (inputs, outputs));
        let bias: Array1<F> = random.bells(outputs);
        let (x, dy): (Array2<F>, Array2<F>) = (random.bells((batch, inputs)), random.bells((batch, outputs)));
        let eps: Array2<F> = random.bells((batch, outputs));
        let layer = BayesDense {
            theta: theta.view(),
            log_sigma2: log_sigma2.view(),
            bias: biased.then(|| bias.view()),
            way: Way::Kernel,
        };
        let parameters = [on_device(&device, &theta), on_device(&device, &log_sigma2), on_device(&device, &bias)];
        let [theta_on_gpu, log_sigma2_on_gpu, bias_on_gpu] = &parameters;
        let on_gpu = OnGpu { theta: theta_on_gpu, log_sigma2: log_sigma2_on_gpu, bias: biased.then_some(bias_on_gpu) };
        let dy_on_gpu = on_device(&device, &dy);

        let (y, cache) = layer.forward_sampled(x.clone(), eps.clone()).unwrap();
        let (y_on_gpu, cache_on_gpu) =
            on_gpu.forward_sampled(on_device(&device, &x), on_device(&device, &eps)).expect("it runs");
        assert_parity("bayes_dense kernels", &format!("y, {what}"), &y_on_gpu, &y);
        let d = on_gpu.backward(&cache_on_gpu, &dy_on_gpu, true).expect("it runs");
        assert_eq!(d.dbias.is_some(), biased);
        assert_gradients_close(&format!("sampled, {what}"), &d, &layer.backward(&cache, dy.view(), true));
        assert!(on_gpu.backward(&cache_on_gpu, &dy_on_gpu, false).expect("it runs").dx.is_none());

        let (y, cache) = layer.forward_mean(x.clone()).unwrap();
        let (y_on_gpu, cache_on_gpu) = on_gpu.forward_mean(on_device(&device, &x)).expect("it runs");
        assert_parity("bayes_dense kernels", &format!("y with mean weights, {what}"), &y_on_gpu, &y);
        let d = on_gpu.backward(&cache_on_gpu, &dy_on_gpu, true).expect("it runs");
        assert_gradients_close(&format!("mean, {what}"), &d, &layer.backward(&cache, dy.view(), true));

        let wide = on_device(&device, &Array2::<F>::zeros((batch, inputs + 1)));
        assert_error(on_gpu.forward_mean(wide), &["x", &format!("[{batch}, {inputs}]")]);
        let eps = on_device(&device, &Array2::<F>::zeros((batch + 1, outputs)));
        assert_error(on_gpu.forward_sampled(on_device(&device, &x), eps), &["eps", &format!("[{batch}, {outputs}]")]);
    }
}

both_precisions!(parity);
