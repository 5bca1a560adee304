//! Tests the whole block, and thus normalization and ReLU before a convolution.

use crate::common::device::{DevicePrecision, assert_parity, device, on_device};
use crate::common::random::Random;
use ndarray::{Array1, Array4};
use spikeslab::cuda::Buffer;
use spikeslab::cuda::layers::batch_norm::Statistics as StatisticsOnGpu;
use spikeslab::cuda::layers::{bayes_conv2d as conv_on_gpu, dense_block as on_gpu};
use spikeslab::kernels::Way;
use spikeslab::layers::batch_norm::{EPSILON, Statistics};
use spikeslab::layers::bayes_conv2d::BayesConv2d;
use spikeslab::layers::dense_block::{DenseBlock, Stage};
use spikeslab::tensor::im2col::Window;

/// γ, β, θ, ln σ² and the running statistics of a stage; ε of its convolution.
struct Parameters<F> {
    gamma: Array1<F>,
    beta: Array1<F>,
    theta: Array4<F>,
    log_sigma2: Array4<F>,
    running: Statistics<F>,
    window: Window,
    eps: Array4<F>,
}

impl<F: DevicePrecision> Parameters<F> {
    /// The parameters of a stage that reads images (B, C, H, W) and computes `outputs` channels with a kernel of an odd
    /// side.
    fn new(random: &mut Random, [batch, channels, height, width]: [usize; 4], outputs: usize, side: usize) -> Self {
        let weights = [outputs, channels, side, side];
        Self {
            gamma: random.uniforms(0.5, 1.5, channels),
            beta: random.uniforms(-0.5, 0.5, channels),
            theta: random.bells(weights),
            log_sigma2: random.uniforms(-6.0, -1.0, weights),
            running: Statistics { mean: random.bells(channels), variance: random.uniforms(0.5, 1.5, channels) },
            window: Window { padding: [side / 2; 2], ..Window::new([side; 2], [1, 1]) },
            eps: random.bells([batch, outputs, height, width]),
        }
    }

    fn stage(&self) -> Stage<'_, F> {
        let (theta, log_sigma2) = (self.theta.view(), self.log_sigma2.view());
        let conv = BayesConv2d { theta, log_sigma2, bias: None, window: self.window, groups: 1, way: Way::Kernel };
        Stage { gamma: self.gamma.view(), beta: self.beta.view(), conv }
    }

    fn stage_on_gpu<'a>(&self, ([gamma, beta], [theta, log_sigma2]): &'a OnGpu<F>) -> on_gpu::Stage<'a, F> {
        let conv = conv_on_gpu::BayesConv2d { theta, log_sigma2, bias: None, window: self.window, groups: 1 };
        on_gpu::Stage { gamma, beta, conv }
    }
}

/// (γ, β) and (θ, ln σ²) of a stage.
type OnGpu<F> = ([Buffer<F>; 2], [Buffer<F>; 2]);

fn parity<F: DevicePrecision>() {
    let Some(device) = device(&format!("layers::dense_block {:?}", F::DTYPE)) else { return };
    let mut random = Random::new(1);
    // The number of outputs and the kernel side of the stages of each unit.
    let without: &[&[(usize, usize)]] = &[&[(3, 3)], &[(13, 3)], &[(2, 3)]];
    let with_bottleneck: &[&[(usize, usize)]] = &[&[(8, 1), (3, 3)], &[(5, 1), (4, 3)]];
    for (units, shape) in [(without, [2, 4, 5, 6]), (with_bottleneck, [3, 3, 4, 4]), (without, [2, 14, 8, 8])] {
        let [batch, channels, height, width] = shape;
        let mut total = channels;
        let parameters: Vec<Vec<Parameters<F>>> = units
            .iter()
            .map(|unit| {
                let mut seen = total;
                let stages = unit.iter().map(|(outputs, side)| {
                    let stage = Parameters::new(&mut random, [batch, seen, height, width], *outputs, *side);
                    seen = *outputs;
                    stage
                });
                let stages = stages.collect();
                total += seen;
                stages
            })
            .collect();
        let x: Array4<F> = random.bells(shape);
        let dy: Array4<F> = random.bells([batch, total, height, width]);
        let block = DenseBlock {
            units: parameters.iter().map(|unit| unit.iter().map(Parameters::stage).collect()).collect(),
            epsilon: F::of(EPSILON),
            way: Way::Kernel,
        };
        let buffers: Vec<Vec<OnGpu<F>>> = parameters
            .iter()
            .map(|unit| {
                let stage = |of: &Parameters<F>| {
                    let norm = [&of.gamma, &of.beta].map(|vector| on_device(&device, vector));
                    (norm, [&of.theta, &of.log_sigma2].map(|weights| on_device(&device, weights)))
                };
                unit.iter().map(stage).collect()
            })
            .collect();
        let block_on_gpu = on_gpu::DenseBlock {
            units: std::iter::zip(&parameters, &buffers)
                .map(|(unit, buffers)| std::iter::zip(unit, buffers).map(|(of, on)| of.stage_on_gpu(on)).collect())
                .collect(),
            epsilon: F::of(EPSILON),
        };
        for (sampled, running) in [(true, false), (false, false), (true, true), (false, true)] {
            let what = format!("{shape:?}, sampled: {sampled}, running: {running}");
            let given: Vec<Vec<Statistics<F>>> =
                parameters.iter().map(|unit| unit.iter().map(|of| of.running.clone()).collect()).collect();
            let mut eps = |[u, s]: [usize; 2], _: [usize; 4]| Ok(parameters[u][s].eps.clone());
            let (y, cache) = if sampled {
                block.forward(x.clone(), running.then_some(&given[..]), Some(&mut eps)).unwrap()
            } else {
                block.forward(x.clone(), running.then_some(&given[..]), None).unwrap()
            };
            let given = running.then(|| {
                let of = |of: &Statistics<F>| {
                    let [mean, variance] = [&of.mean, &of.variance].map(|vector| on_device(&device, vector));
                    StatisticsOnGpu::running(&mean, &variance, F::of(EPSILON)).expect("it runs")
                };
                given.iter().map(|unit| unit.iter().map(of).collect()).collect()
            });
            let mut eps = |[u, s]: [usize; 2], _: [usize; 4]| Ok(on_device(&device, &parameters[u][s].eps));
            let x_on_gpu = on_device(&device, &x);
            let (y_on_gpu, cache_on_gpu) = if sampled {
                block_on_gpu.forward(&x_on_gpu, given, Some(&mut eps)).expect("it runs")
            } else {
                block_on_gpu.forward(&x_on_gpu, given, None).expect("it runs")
            };
            assert_parity("dense_block on the device", &format!("y, {what}"), &y_on_gpu, &y);
            let d = block.backward(&cache, dy.clone());
            let on_gpu = block_on_gpu.backward(&cache_on_gpu, on_device(&device, &dy)).expect("it runs");
            assert_parity("dense_block on the device", &format!("dx, {what}"), &on_gpu.dx, &d.dx);
            for (stage, (on_gpu, d)) in on_gpu.units.iter().flatten().zip(d.units.iter().flatten()).enumerate() {
                let assert = |of: &str, on_gpu: &Buffer<F>, d: &dyn crate::common::compare::ToTensor| {
                    assert_parity("dense_block on the device", &format!("{of} of stage {stage}, {what}"), on_gpu, d);
                };
                assert("dgamma", &on_gpu.dgamma, &d.dgamma);
                assert("dbeta", &on_gpu.dbeta, &d.dbeta);
                assert("dtheta", &on_gpu.dtheta, &d.dtheta);
                assert_eq!(on_gpu.dlog_sigma2.is_some(), sampled);
                for (on_gpu, d) in on_gpu.dlog_sigma2.iter().zip(&d.dlog_sigma2) {
                    assert("dlog_sigma2", on_gpu, d);
                }
            }
            let statistics = cache_on_gpu.batch_statistics().map(|(statistics, count)| (statistics.count(), count));
            let expected = cache.batch_statistics().map(|(statistics, count)| (statistics.len(), count));
            assert_eq!(statistics, expected);
        }
    }
}

both_precisions!(parity);
