use crate::common::compare::{ToTensor, assert_close};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error, assert_panics};
use ndarray::{Array1, Array3, Array4, ArrayView4, s};
use spikeslab::kernels::Way;
use spikeslab::kernels::activation::{Activation, BatchTerm};
use spikeslab::kernels::conv::{Conv2d, ParameterGradients};
use spikeslab::kernels::pre_activation::PreActivation;
use spikeslab::layers::V0;
use spikeslab::layers::batch_norm::{BatchNorm, Statistics};
use spikeslab::layers::bayes_conv2d::BayesConv2d;
use spikeslab::layers::relu;
use spikeslab::tensor::im2col::Window;

/// The operation on the first channels of images with more channels, its noise, and the gradient that arrives.
struct Problem<F> {
    wide: Array4<F>,
    channels: usize,
    gamma: Array1<F>,
    beta: Array1<F>,
    theta: Array4<F>,
    log_sigma2: Array4<F>,
    eps: Array4<F>,
    dy: Array4<F>,
    window: Window,
    groups: usize,
}

struct Outcome<F> {
    y: Array4<F>,
    dx: Array4<F>,
    gradients: ParameterGradients<F>,
}

impl<F: Precision> Problem<F> {
    fn new(batch: usize, channels: usize, window: Window, groups: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        // Rows of eleven pixels: a vector of eight and a rest of three.
        let size = [6, 11];
        let [output_h, output_w] = window.output_size(size).expect("it fits");
        let weights = (2 * groups, channels / groups, window.kernel[0], window.kernel[1]);
        let y = (batch, 2 * groups, output_h, output_w);
        Self {
            wide: random.bells((batch, channels + 3, size[0], size[1])),
            channels,
            gamma: random.away_from_zero(channels),
            beta: random.bells(channels),
            theta: random.uniforms(-0.5, 0.5, weights),
            log_sigma2: random.uniforms(-6.0, 1.0, weights),
            eps: random.bells(y),
            dy: random.bells(y),
            window,
            groups,
        }
    }

    fn x(&self) -> ArrayView4<'_, F> {
        self.wide.slice(s![.., ..self.channels, .., ..])
    }

    fn norm(&self) -> BatchNorm<'_, F> {
        BatchNorm { gamma: self.gamma.view(), beta: self.beta.view(), epsilon: F::of(1e-5), way: Way::Definition }
    }

    fn conv(&self) -> BayesConv2d<'_, F> {
        let (theta, log_sigma2) = (self.theta.view(), self.log_sigma2.view());
        BayesConv2d { theta, log_sigma2, bias: None, window: self.window, groups: self.groups, way: Way::Definition }
    }

    fn kernel(&self) -> Conv2d<'_, F> {
        let BayesConv2d { theta, log_sigma2, bias, window, groups, .. } = self.conv();
        Conv2d { theta, log_sigma2, bias, window, groups, added_variance: F::of(V0) }
    }

    fn activation(&self) -> Activation<F> {
        Activation::new(self.gamma.view(), self.beta.view(), F::of(1e-5), &self.statistics()).expect("it fits")
    }

    fn statistics(&self) -> Statistics<F> {
        Statistics::of_batch(by_channel(self.x()).view())
    }

    fn run(&self, sampled: bool, batch_statistics: bool) -> Outcome<F> {
        let statistics = self.statistics();
        let operation = PreActivation { activation: self.activation(), conv: self.kernel() };
        let (y, dv_per_dy) = if sampled {
            let (y, dv_per_dy) = operation.sampled(self.x(), self.eps.clone()).expect("it fits");
            (y, Some(dv_per_dy))
        } else {
            (operation.mean(self.x()).expect("it fits"), None)
        };
        let mut dx = Array4::zeros(self.x().dim());
        let gradients = operation.backward(self.x(), dv_per_dy.as_ref(), self.dy.view(), dx.view_mut());
        if batch_statistics {
            let mut term = BatchTerm::new(&statistics, F::of(1e-5));
            let (batch, _, height, width) = dx.dim();
            term.add(&operation.activation, gradients.dgamma.view(), gradients.dbeta.view(), batch * height * width);
            term.subtract_from(dx.view_mut(), 0, self.x());
        }
        Outcome { y, dx, gradients }
    }

    /// Computes the operation with the layers that it consists of, one after the other.
    fn one_by_one(&self, sampled: bool, batch_statistics: bool) -> Outcome<F> {
        let (norm, conv) = (self.norm(), self.conv());
        let x = by_channel(self.x());
        let (normalized, norm_cache) = if batch_statistics {
            let (y, cache, _) = norm.forward_batch(x).expect("it fits");
            (y, cache)
        } else {
            norm.forward_running(x, &self.statistics()).expect("it fits")
        };
        let (activated, relu_cache) = relu::forward(normalized);
        let images = activated.into_shape_with_order(self.x().dim()).expect("as many pixels");
        let (y, cache) = if sampled {
            conv.forward_sampled(images, self.eps.clone()).expect("it fits")
        } else {
            conv.forward_mean(images).expect("it fits")
        };
        let d = conv.backward(&cache, self.dy.view(), true);
        let dimages = by_channel(d.dx.expect("asked for").view());
        let dnorm = norm.backward(&norm_cache, relu::backward(&relu_cache, dimages));
        let dx = dnorm.dx.into_shape_with_order(self.x().dim()).expect("as many pixels");
        let (dtheta, dlog_sigma2, dbias) = (d.dtheta, d.dlog_sigma2, d.dbias);
        let gradients = ParameterGradients { dgamma: dnorm.dgamma, dbeta: dnorm.dbeta, dtheta, dlog_sigma2, dbias };
        Outcome { y, dx, gradients }
    }
}

fn by_channel<F: Precision>(x: ArrayView4<'_, F>) -> Array3<F> {
    let (batch, channels, height, width) = x.dim();
    let x = x.as_standard_layout().into_owned();
    x.into_shape_with_order((batch, channels, height * width)).expect("as many pixels")
}

fn assert_equals_the_layers<F: Precision>() {
    let tolerance = tolerance("pre_activation", F::DTYPE, Check::Reference);
    let plain = Window::new([1, 1], [1, 1]);
    for (batch, channels, window, groups) in [
        (3, 5, plain, 1),
        // More images than one thread sums.
        (11, 4, Window { padding: [1, 1], ..Window::new([3, 3], [1, 1]) }, 1),
        (2, 6, Window { kernel: [3, 2], stride: [2, 3], padding: [1, 2], dilation: [1, 2] }, 2),
    ] {
        let problem = Problem::<F>::new(batch, channels, window, groups, channels as u64);
        for (sampled, batch_statistics) in [(true, true), (false, true), (true, false), (false, false)] {
            let what = format!("{window:?}, sampled: {sampled}, batch statistics: {batch_statistics}");
            let seen = problem.run(sampled, batch_statistics);
            let expected = problem.one_by_one(sampled, batch_statistics);
            let close = |name: &str, seen: &Array4<F>, expected: &Array4<F>| {
                assert_close(&format!("{name}, {what}"), seen, expected, tolerance);
            };
            close("y", &seen.y, &expected.y);
            close("dx", &seen.dx, &expected.dx);
            let (seen, expected) = (seen.gradients, expected.gradients);
            close("dtheta", &seen.dtheta, &expected.dtheta);
            assert_eq!(seen.dlog_sigma2.is_some(), sampled);
            if let (Some(seen), Some(expected)) = (seen.dlog_sigma2, expected.dlog_sigma2) {
                close("dlog_sigma2", &seen, &expected);
            }
            for (name, seen, expected) in [
                ("dgamma", seen.dgamma, expected.dgamma),
                ("dbeta", seen.dbeta, expected.dbeta),
                ("dbias", seen.dbias, expected.dbias),
            ] {
                assert_close(&format!("{name}, {what}"), &seen, &expected, tolerance);
            }
        }
    }
}

#[test]
fn normalization_relu_and_convolution_one_after_the_other_give_the_same() {
    assert_equals_the_layers::<f64>();
    assert_equals_the_layers::<f32>();
}

#[test]
fn dx_is_added_to() {
    let problem = Problem::<f64>::new(2, 3, Window::new([2, 2], [1, 1]), 1, 1);
    let operation = PreActivation { activation: problem.activation(), conv: problem.kernel() };
    let alone = problem.run(false, false).dx;
    let mut sum = alone.mapv(|_| 2.0);
    operation.backward(problem.x(), None, problem.dy.view(), sum.view_mut());
    assert_eq!(sum, alone.mapv(|dx| 2.0 + dx));
}

#[test]
fn the_batch_terms_of_two_operations_on_one_channel_add_up() {
    let [first, second] = [1, 2].map(|seed| Problem::<f64>::new(3, 4, Window::new([3, 3], [1, 1]), 1, seed));
    let second = Problem { wide: first.wide.clone(), ..second };
    let expected = first.run(true, true).dx + second.run(true, true).dx;
    let statistics = first.statistics();
    let mut term = BatchTerm::new(&statistics, 1e-5);
    let mut dx = Array4::zeros(first.x().dim());
    for problem in [&first, &second] {
        let activation = problem.activation();
        let outcome = problem.run(true, false);
        dx += &outcome.dx;
        let gradients = &outcome.gradients;
        term.add(&activation, gradients.dgamma.view(), gradients.dbeta.view(), 3 * 6 * 11);
    }
    // Subtracts the term channel by channel, as a dense block does when it removes channels from the end.
    for channel in 0..4 {
        let range = s![.., channel..channel + 1, .., ..];
        term.subtract_from(dx.slice_mut(range), channel, first.x().slice(range));
    }
    assert_close("dx", &dx, &expected, tolerance("pre_activation", f64::DTYPE, Check::Reference));
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let problem = Problem::<f64>::new(2, 3, Window::new([2, 2], [1, 1]), 1, 3);
    let statistics = problem.statistics();
    let short = Array1::zeros(2);
    let (gamma, beta) = (problem.gamma.view(), problem.beta.view());
    assert_error(Activation::new(gamma, short.view(), 1e-5, &statistics), &["beta", "[3]", "[2]"]);
    let few = Statistics { mean: Array1::zeros(2), variance: Array1::zeros(3) };
    assert_error(Activation::new(gamma, beta, 1e-5, &few), &["statistics", "[3]", "[2]"]);
    let operation = PreActivation { activation: problem.activation(), conv: problem.kernel() };
    assert_error(operation.mean(problem.wide.view()), &["gamma", "[6]", "[3]"]);
    assert_error(operation.sampled(problem.wide.view(), problem.eps.clone()), &["gamma", "[6]", "[3]"]);
    assert_error(
        operation.sampled(problem.x(), Array4::zeros((2, 2, 5, 5))),
        &["eps", "[2, 2, 5, 10]", "[2, 2, 5, 5]"],
    );
    let mut dx = Array4::zeros(problem.x().dim());
    assert_panics("dy", || operation.backward(problem.x(), None, problem.x(), dx.view_mut()));
}

#[test]
fn the_same_bits_at_any_thread_count() {
    let window = Window { padding: [1, 1], ..Window::new([3, 3], [1, 1]) };
    let problem = Problem::<f32>::new(27, 5, window, 1, 9);
    assert_same_bits_at_any_thread_count("normalization, ReLU and convolution", || {
        let Outcome { y, dx, gradients: d } = problem.run(true, true);
        let arrays = [y, dx, d.dtheta, d.dlog_sigma2.expect("sampled")];
        arrays.iter().map(ToTensor::to_tensor).chain([d.dgamma.to_tensor(), d.dbeta.to_tensor()]).collect()
    });
}
