use crate::normal;
use divan::{Bencher, black_box};
use ndarray::{Array1, Array2, Array3, Array4};
use spikeslab::kernels::Way;
use spikeslab::layers::batch_norm::{BatchNorm, Statistics};
use spikeslab::layers::bayes_conv2d::BayesConv2d;
use spikeslab::layers::bayes_dense::BayesDense;
use spikeslab::layers::pool::Pool;
use spikeslab::layers::{avg_pool, max_pool, relu, softmax_nll};
use spikeslab::tensor::im2col::Window;
use std::fmt;

/// The numbers of images, inputs and outputs of a dense layer.
#[derive(Clone, Copy, Debug)]
struct Dense(usize, usize, usize);

impl Dense {
    /// The largest dense layer of `lenet5`, and that of `lenet-caffe` at two batch sizes.
    const ALL: [Self; 3] = [Self(128, 256, 120), Self(128, 800, 500), Self(512, 800, 500)];

    fn with<T>(self, each: impl FnOnce(BayesDense<'_, f32>, Array2<f32>, Array2<f32>) -> T) -> T {
        let (theta, log_sigma2) = (0.05 * normal([self.1, self.2]), Array2::from_elem([self.1, self.2], -8.0));
        let layer = BayesDense { theta: theta.view(), log_sigma2: log_sigma2.view(), bias: None, way: Way::Kernel };
        each(layer, normal([self.0, self.1]), normal([self.0, self.2]))
    }
}

impl fmt::Display for Dense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} to {}", self.0, self.1, self.2)
    }
}

#[divan::bench(args = Dense::ALL)]
fn bayes_dense_forward(bencher: Bencher<'_, '_>, size: Dense) {
    size.with(|layer, x, eps| {
        let run = |(x, eps)| layer.forward_sampled(x, eps).expect("shapes fit");
        bencher.with_inputs(|| (x.clone(), eps.clone())).bench_values(run);
    });
}

#[divan::bench(args = Dense::ALL)]
fn bayes_dense_backward(bencher: Bencher<'_, '_>, size: Dense) {
    size.with(|layer, x, eps| {
        let (dy, cache) = layer.forward_sampled(x, eps).expect("shapes fit");
        bencher.bench(|| layer.backward(black_box(&cache), dy.view(), true));
    });
}

/// A convolution of square images with a square kernel: `extent` is the height and width of an image.
#[derive(Clone, Copy, Debug)]
struct Conv2d {
    images: usize,
    channels: usize,
    outputs: usize,
    kernel: usize,
    padding: usize,
    extent: usize,
}

impl Conv2d {
    const fn new([images, channels, outputs, kernel, padding, extent]: [usize; 6]) -> Self {
        Self { images, channels, outputs, kernel, padding, extent }
    }

    /// The second convolutions of `lenet5` and `lenet-caffe`; a unit of each of the three blocks of a DenseNet; the
    /// DenseNet's first transition.
    const ALL: [Self; 6] = [
        Self::new([128, 6, 16, 5, 0, 12]),
        Self::new([128, 20, 50, 5, 0, 12]),
        Self::new([64, 88, 12, 3, 1, 32]),
        Self::new([64, 232, 12, 3, 1, 16]),
        Self::new([64, 376, 12, 3, 1, 8]),
        Self::new([64, 160, 160, 1, 0, 32]),
    ];

    fn with<T>(self, each: impl FnOnce(BayesConv2d<'_, f32>, Array4<f32>, Array4<f32>) -> T) -> T {
        let Self { images, channels, outputs, kernel, padding, extent } = self;
        let shape = [outputs, channels, kernel, kernel];
        let (theta, log_sigma2) = (0.05 * normal(shape), Array4::from_elem(shape, -8.0));
        let window = Window { padding: [padding; 2], ..Window::new([kernel; 2], [1; 2]) };
        let layer = BayesConv2d {
            theta: theta.view(),
            log_sigma2: log_sigma2.view(),
            bias: None,
            window,
            groups: 1,
            way: Way::Kernel,
        };
        let [output_h, output_w] = window.output_size([extent; 2]).expect("the window fits");
        each(layer, normal([images, channels, extent, extent]), normal([images, outputs, output_h, output_w]))
    }
}

impl fmt::Display for Conv2d {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, channels, outputs, kernel, extent, .. } = self;
        write!(f, "{images} x {channels} x {extent}², {kernel}² to {outputs}")
    }
}

#[divan::bench(args = Conv2d::ALL)]
fn bayes_conv2d_forward(bencher: Bencher<'_, '_>, size: Conv2d) {
    size.with(|layer, x, eps| {
        let run = |(x, eps)| layer.forward_sampled(x, eps).expect("shapes fit");
        bencher.with_inputs(|| (x.clone(), eps.clone())).bench_values(run);
    });
}

#[divan::bench(args = Conv2d::ALL)]
fn bayes_conv2d_backward(bencher: Bencher<'_, '_>, size: Conv2d) {
    size.with(|layer, x, eps| {
        let (dy, cache) = layer.forward_sampled(x, eps).expect("shapes fit");
        bencher.bench(|| layer.backward(black_box(&cache), dy.view(), true));
    });
}

/// (images, channels, positions) of the inputs of the first normalizations of `lenet5` and `lenet-caffe`.
const NORMALIZED: [[usize; 3]; 2] = [[128, 6, 576], [128, 20, 576]];

fn with_batch_norm<T>([_, channels, _]: [usize; 3], each: impl FnOnce(BatchNorm<'_, f32>) -> T) -> T {
    let (gamma, beta) = (Array1::ones(channels), Array1::zeros(channels));
    each(BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: 1e-5, way: Way::Kernel })
}

#[divan::bench(args = NORMALIZED)]
fn batch_norm_forward(bencher: Bencher<'_, '_>, shape: [usize; 3]) {
    let x = normal(shape);
    with_batch_norm(shape, |norm| {
        bencher.with_inputs(|| x.clone()).bench_values(|x| norm.forward_batch(x).expect("shapes fit"));
    });
}

#[divan::bench(args = NORMALIZED)]
fn batch_norm_backward(bencher: Bencher<'_, '_>, shape: [usize; 3]) {
    with_batch_norm(shape, |norm| {
        let (y, cache, _) = norm.forward_batch(normal(shape)).expect("shapes fit");
        bencher.with_inputs(|| y.clone()).bench_values(|dy| norm.backward(&cache, dy));
    });
}

#[divan::bench(args = NORMALIZED)]
fn batch_norm_statistics(bencher: Bencher<'_, '_>, shape: [usize; 3]) {
    let x: Array3<f32> = normal(shape);
    bencher.bench(|| Statistics::of_batch(black_box(x.view())));
}

/// (images, channels, height, width) of feature maps of `lenet-caffe`, and of a DenseNet's first block.
const MAPS: [[usize; 4]; 2] = [[128, 20, 24, 24], [64, 160, 32, 32]];
const HALVED: ([usize; 2], [usize; 2]) = ([2, 2], [2, 2]);

#[divan::bench(args = MAPS)]
fn relu_forward(bencher: Bencher<'_, '_>, shape: [usize; 4]) {
    let x = normal(shape);
    bencher.with_inputs(|| x.clone()).bench_values(relu::forward);
}

#[divan::bench(args = MAPS)]
fn relu_backward(bencher: Bencher<'_, '_>, shape: [usize; 4]) {
    let (y, cache) = relu::forward(normal(shape));
    bencher.with_inputs(|| y.clone()).bench_values(|dy| relu::backward(&cache, dy));
}

#[divan::bench(args = MAPS)]
fn max_pool_forward(bencher: Bencher<'_, '_>, shape: [usize; 4]) {
    let (x, pool) = (normal(shape), Pool::new(HALVED.0, HALVED.1));
    bencher.bench(|| max_pool::forward(black_box(x.view()), &pool));
}

#[divan::bench(args = MAPS)]
fn max_pool_backward(bencher: Bencher<'_, '_>, shape: [usize; 4]) {
    let (y, cache) = max_pool::forward(normal(shape).view(), &Pool::new(HALVED.0, HALVED.1)).expect("the window fits");
    bencher.bench(|| max_pool::backward(&cache, black_box(y.view())));
}

#[divan::bench(args = MAPS)]
fn avg_pool_forward(bencher: Bencher<'_, '_>, shape: [usize; 4]) {
    let (x, pool) = (normal(shape), Pool::new(HALVED.0, HALVED.1));
    bencher.bench(|| avg_pool::forward(black_box(x.view()), &pool));
}

#[divan::bench(args = MAPS)]
fn avg_pool_backward(bencher: Bencher<'_, '_>, shape: [usize; 4]) {
    let (y, cache) = avg_pool::forward(normal(shape).view(), &Pool::new(HALVED.0, HALVED.1)).expect("the window fits");
    bencher.bench(|| avg_pool::backward(&cache, black_box(y.view())));
}

#[divan::bench(args = [10, 100])]
fn softmax_nll(bencher: Bencher<'_, '_>, classes: usize) {
    let logits: Array2<f32> = normal([128, classes]);
    let labels: Vec<usize> = (0..128).map(|image| image % classes).collect();
    bencher.bench(|| {
        let (nll, cache) = softmax_nll::forward(black_box(logits.view()), &labels).expect("labels fit");
        (nll, softmax_nll::backward(&cache))
    });
}
