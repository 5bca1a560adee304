use crate::common::Dtype::F32;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::fixture::for_each_case;
use crate::common::gradient::{assert_gradient, assert_projected_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error, assert_panics};
use ndarray::{Array1, Array4, Ix1, Ix4};
use spikeslab::kernels::Way;
use spikeslab::layers::V0;
use spikeslab::layers::bayes_conv2d::{BayesConv2d, Gradients};
use spikeslab::tensor::im2col::Window;

fn golden<F: Precision>(way: Way) {
    for_each_case::<F>("layers/bayes_conv2d", 18, |case| {
        let (theta, log_sigma2) = (case.array::<Ix4>("theta"), case.array::<Ix4>("log_sigma2"));
        let bias = case.has("bias").then(|| case.array::<Ix1>("bias"));
        let (_, _, kernel_h, kernel_w) = theta.dim();
        let conv = BayesConv2d {
            theta: theta.view(),
            log_sigma2: log_sigma2.view(),
            bias: bias.as_ref().map(|bias| bias.view()),
            window: Window {
                kernel: [kernel_h, kernel_w],
                stride: case.pair("stride"),
                padding: case.pair("padding"),
                dilation: case.pair("dilation"),
            },
            groups: case.integers("groups")[0],
            way,
        };
        let x = case.array::<Ix4>("x");
        let (mean, variance) = conv.moments(x.view()).expect("it fits");
        case.expect("mean", &mean);
        case.expect("mean", &conv.forward_mean(x.clone()).expect("it fits").0);
        case.expect("variance", &variance);
        let (y, cache) = conv.forward_sampled(x, case.array("eps")).expect("it fits");
        case.expect("y", &y);
        let d = conv.backward(&cache, case.array::<Ix4>("dy").view(), true);
        case.expect("dx", &d.dx.expect("asked for"));
        case.expect("dtheta", &d.dtheta);
        case.expect("dlog_sigma2", &d.dlog_sigma2.expect("sampled"));
        if case.has("dbias") {
            case.expect("dbias", &d.dbias);
        }
    });
}

fn golden_f64(way: Way) {
    golden::<f64>(way);
}

fn golden_f32(way: Way) {
    golden::<f32>(way);
}

/// A layer, its input, its noise, and the gradient that arrives.
struct Problem<F> {
    theta: Array4<F>,
    log_sigma2: Array4<F>,
    bias: Array1<F>,
    x: Array4<F>,
    eps: Array4<F>,
    dy: Array4<F>,
    window: Window,
    groups: usize,
    way: Way,
}

impl<F: Precision> Problem<F> {
    /// A problem for `x` (B, C, H, W), with `rows` = O/groups output channels per group.
    fn new(x: [usize; 4], rows: usize, groups: usize, window: Window, seed: u64, way: Way) -> Self {
        let mut random = Random::new(seed);
        let weights = [groups * rows, x[1] / groups, window.kernel[0], window.kernel[1]];
        let [output_h, output_w] = window.output_size([x[2], x[3]]).expect("it fits");
        let y = [x[0], groups * rows, output_h, output_w];
        Self {
            theta: random.uniforms(-0.5, 0.5, weights),
            log_sigma2: random.uniforms(-6.0, 1.0, weights),
            bias: random.bells(weights[0]),
            // √(x²σ² + v₀) has too large a curvature near x = 0 for differences.
            x: random.away_from_zero(x),
            eps: random.bells(y),
            dy: random.bells(y),
            window,
            groups,
            way,
        }
    }

    fn layer(&self) -> BayesConv2d<'_, F> {
        BayesConv2d {
            theta: self.theta.view(),
            log_sigma2: self.log_sigma2.view(),
            bias: Some(self.bias.view()),
            window: self.window,
            groups: self.groups,
            way: self.way,
        }
    }

    fn run(&self, sampled: bool) -> (Array4<F>, Gradients<F>) {
        let conv = self.layer();
        let (y, cache) = if sampled {
            conv.forward_sampled(self.x.clone(), self.eps.clone()).expect("it fits")
        } else {
            conv.forward_mean(self.x.clone()).expect("it fits")
        };
        (y, conv.backward(&cache, self.dy.view(), true))
    }

    /// y by the definition, one element at a time, in f64.
    fn naive(&self, sampled: bool) -> Array4<f64> {
        let f = |value: F| value.as_f64();
        let (_, channels, kernel_h, kernel_w) = self.theta.dim();
        let rows = self.theta.dim().0 / self.groups;
        let (_, _, height, width) = self.x.dim();
        let Window { stride, padding, dilation, .. } = self.window;
        Array4::from_shape_fn(self.eps.dim(), |(b, o, p, q)| {
            let (mut mean, mut variance) = (f(self.bias[o]), 0.0);
            for c in 0..channels {
                for i in 0..kernel_h {
                    for j in 0..kernel_w {
                        let row = (p * stride[0] + i * dilation[0]).wrapping_sub(padding[0]);
                        let column = (q * stride[1] + j * dilation[1]).wrapping_sub(padding[1]);
                        if row < height && column < width {
                            let x = f(self.x[[b, o / rows * channels + c, row, column]]);
                            mean += x * f(self.theta[[o, c, i, j]]);
                            variance += x * x * f(self.log_sigma2[[o, c, i, j]]).exp();
                        }
                    }
                }
            }
            mean + if sampled { (variance + V0).sqrt() * f(self.eps[[b, o, p, q]]) } else { 0.0 }
        })
    }
}

impl Problem<f64> {
    /// All values that the loss Σ y · dy depends on, in one vector.
    fn values(&self) -> Vec<f64> {
        let arrays = [&self.x, &self.theta, &self.log_sigma2];
        arrays.iter().flat_map(|array| array.iter().copied()).chain(self.bias.iter().copied()).collect()
    }

    fn loss_at(&self, values: &[f64], sampled: bool) -> f64 {
        let mut rest = values.iter().copied();
        let mut refill = |array: &Array4<f64>| array.mapv(|_| rest.next().expect("enough values"));
        let (x, theta, log_sigma2) = (refill(&self.x), refill(&self.theta), refill(&self.log_sigma2));
        let bias = Array1::from(rest.collect::<Vec<f64>>());
        let conv = BayesConv2d {
            theta: theta.view(),
            log_sigma2: log_sigma2.view(),
            bias: Some(bias.view()),
            window: self.window,
            groups: self.groups,
            way: self.way,
        };
        let y = if sampled { conv.forward_sampled(x, self.eps.clone()) } else { conv.forward_mean(x) };
        weighted_sum(&y.expect("it fits").0, &self.dy)
    }

    fn gradient(&self, sampled: bool) -> Vec<f64> {
        let d = self.run(sampled).1;
        assert_eq!(d.dlog_sigma2.is_some(), sampled);
        let dlog_sigma2 = d.dlog_sigma2.unwrap_or_else(|| Array4::zeros(self.theta.dim()));
        let arrays = [d.dx.expect("asked for"), d.dtheta, dlog_sigma2];
        arrays.iter().flat_map(|array| array.iter().copied()).chain(d.dbias).collect()
    }
}

/// Every combination of stride, padding and dilation, different in the two directions, with 1, 2 and 4 groups of 4
/// channels.
fn geometries() -> Vec<(Window, usize)> {
    let mut geometries = Vec::new();
    for kernel in [[1, 1], [3, 2]] {
        for stride in [[1, 1], [2, 1], [1, 3]] {
            for padding in [[0, 0], [1, 2], [3, 0]] {
                for dilation in [[1, 1], [2, 1], [1, 3]] {
                    let window = Window { kernel, stride, padding, dilation };
                    geometries.extend([1, 2, 4].map(|groups| (window, groups)));
                }
            }
        }
    }
    geometries
}

fn naive_loop<F: Precision>(way: Way) {
    let tolerance = tolerance("bayes_conv2d", F::DTYPE, Check::Reference);
    for (window, groups) in geometries() {
        let problem = Problem::<F>::new([2, 4, 6, 7], 2, groups, window, 1, way);
        for sampled in [true, false] {
            let what = format!("{window:?}, {groups} groups, sampled: {sampled}");
            assert_close(&what, &problem.run(sampled).0, &problem.naive(sampled), tolerance);
        }
    }
}

fn the_output_is_that_of_the_naive_loop(way: Way) {
    naive_loop::<f64>(way);
    naive_loop::<f32>(way);
}

fn gradients_in_every_geometry(way: Way) {
    for (i, (window, groups)) in geometries().into_iter().enumerate() {
        let problem = Problem::<f64>::new([2, 4, 6, 7], 1, groups, window, 2, way);
        let (what, sampled) = (format!("{window:?}, {groups} groups"), i % 4 != 3);
        assert_projected_gradient("bayes_conv2d", &what, 1e-3, &problem.values(), &problem.gradient(sampled), |v| {
            problem.loss_at(v, sampled)
        });
    }
}

fn every_entry_of_some_gradients(way: Way) {
    let plain = Window::new([2, 2], [1, 1]);
    for (x, rows, groups, window) in [
        ([2, 1, 3, 3], 1, 1, plain),
        ([1, 2, 4, 5], 3, 1, Window { kernel: [3, 2], stride: [2, 1], padding: [1, 2], dilation: [1, 2] }),
        ([2, 4, 3, 3], 2, 2, Window { padding: [1, 0], ..plain }),
        // More images than one thread sums.
        ([11, 1, 2, 3], 2, 1, plain),
    ] {
        let problem = Problem::<f64>::new(x, rows, groups, window, 3, way);
        for sampled in [true, false] {
            let (values, gradient) = (problem.values(), problem.gradient(sampled));
            assert_gradient("bayes_conv2d", &format!("x {x:?}, {sampled}"), 1e-3, &values, &gradient, |v| {
                problem.loss_at(v, sampled)
            });
        }
    }
}

fn zero_input_gives_the_bias_and_the_noise_of_v0_and_finite_gradients(way: Way) {
    let mut problem = Problem::<f64>::new([1, 2, 4, 4], 2, 1, Window::new([3, 3], [1, 1]), 4, way);
    problem.x.fill(0.0);
    problem.eps.fill(2.0);
    let (y, d) = problem.run(true);
    for ((_, o, _, _), y) in y.indexed_iter() {
        assert_eq!(*y, problem.bias[o] + 2.0 * V0.sqrt());
    }
    assert_eq!(d.dtheta, Array4::<f64>::zeros((2, 2, 3, 3)));
    assert_eq!(d.dlog_sigma2.expect("sampled"), Array4::<f64>::zeros((2, 2, 3, 3)));
    assert!(d.dx.expect("asked for").iter().all(|dx| dx.is_finite()));
}

fn dx_only_if_asked_for_and_all_else_the_same(way: Way) {
    let problem = Problem::<f64>::new([2, 2, 4, 4], 2, 1, Window::new([3, 3], [1, 1]), 5, way);
    let conv = problem.layer();
    let (_, cache) = conv.forward_sampled(problem.x.clone(), problem.eps.clone()).expect("it fits");
    let [with, without] = [true, false].map(|wants| conv.backward(&cache, problem.dy.view(), wants));
    assert!(with.dx.is_some() && without.dx.is_none());
    assert_eq!((with.dtheta, with.dlog_sigma2, with.dbias), (without.dtheta, without.dlog_sigma2, without.dbias));
}

fn the_layout_of_dy_in_memory_does_not_matter(way: Way) {
    // More images than are summed at once.
    let problem = Problem::<f64>::new([11, 2, 6, 5], 3, 1, Window::new([3, 3], [1, 1]), 8, way);
    let conv = problem.layer();
    let (_, cache) = conv.forward_sampled(problem.x.clone(), problem.eps.clone()).expect("it fits");
    let channels_last = problem.dy.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
    let [seen, expected] = [channels_last.view().permuted_axes([0, 3, 1, 2]), problem.dy.view()]
        .map(|dy| conv.backward(&cache, dy, true))
        .map(|d| (d.dx, d.dtheta, d.dlog_sigma2, d.dbias));
    assert_eq!(seen, expected);
}

fn a_channel_reaches_its_own_group_alone(way: Way) {
    let mut problem = Problem::<f64>::new([1, 4, 5, 5], 3, 2, Window::new([3, 3], [1, 1]), 6, way);
    problem.x[[0, 1, 2, 2]] = f64::NAN;
    for ((_, o, _, _), y) in problem.run(true).0.indexed_iter() {
        assert_eq!(y.is_nan(), o < 3, "output channel {o}");
    }
}

fn shapes_that_do_not_fit_are_refused(way: Way) {
    let window = Window { padding: [1, 0], ..Window::new([3, 2], [1, 1]) };
    let problem = Problem::<f64>::new([2, 4, 5, 6], 3, 2, window, 7, way);
    let good = problem.layer();
    let x = problem.x.view();
    let (other, short) = (Array4::zeros((6, 2, 2, 3)), Array1::zeros(5));
    for empty in [(0, 2, 3, 2), (6, 0, 3, 2)] {
        let empty = Array4::<f64>::zeros(empty);
        let conv = BayesConv2d { theta: empty.view(), log_sigma2: empty.view(), ..good };
        assert_error(conv.mean(x), &["theta", "at least 1", &format!("{:?}", empty.shape())]);
    }
    assert_error(BayesConv2d { theta: other.view(), ..good }.mean(x), &["theta", "[6, 2, 3, 2]", "[6, 2, 2, 3]"]);
    assert_error(BayesConv2d { log_sigma2: other.view(), ..good }.mean(x), &["log_sigma2", "[6, 2, 3, 2]"]);
    assert_error(BayesConv2d { bias: Some(short.view()), ..good }.moments(x), &["bias", "[6]", "[5]"]);
    for groups in [0, 4] {
        let expected = "a divisor of the 6 output channels";
        assert_error(BayesConv2d { groups, ..good }.mean(x), &["groups", expected, &groups.to_string()]);
    }
    assert_error(BayesConv2d { groups: 1, ..good }.forward_mean(problem.x.clone()), &["x", "[2, 2, 5, 6]"]);
    let small = Array4::zeros((2, 4, 0, 6));
    assert_error(good.mean(small.view()), &["window", "fits into 0 pixels"]);
    // With 3 output channels per group, 5 rows and 6 columns, this is the smallest padding with which a laid-out image
    // has more than 2²⁸ pixels.
    let wide = Window { padding: [0, 8_947_843], ..window };
    assert_error(BayesConv2d { window: wide, ..good }.mean(x), &["padding", "268435456", "3 x 5 x 17895692"]);
    for eps in [[2, 6, 5, 4], [1, 6, 5, 5], [2, 6, 5, 1]] {
        let result = good.forward_sampled(problem.x.clone(), Array4::zeros(eps));
        assert_error(result, &["eps", "[2, 6, 5, 5]", &format!("{eps:?}")]);
    }
}

fn a_gradient_of_another_shape_panics(way: Way) {
    let problem = Problem::<f64>::new([2, 3, 5, 6], 4, 1, Window::new([2, 2], [1, 1]), 8, way);
    let conv = problem.layer();
    let (_, sampled) = conv.forward_sampled(problem.x.clone(), problem.eps.clone()).expect("it fits");
    let (_, mean) = conv.forward_mean(problem.x.clone()).expect("it fits");
    // y is (2, 4, 4, 5).
    for shape in [[2, 4, 5, 4], [2, 4, 1, 5], [1, 4, 4, 5], [4, 2, 4, 5], [2, 4, 4, 1]] {
        for (kind, cache) in [("sampled", &sampled), ("mean", &mean)] {
            assert_panics(&format!("{kind}, {shape:?}"), || conv.backward(cache, Array4::ones(shape).view(), false));
        }
    }
}

fn the_same_bits_at_any_thread_count(way: Way) {
    let window = Window { padding: [1, 1], ..Window::new([3, 3], [1, 1]) };
    let problem = Problem::<f32>::new([27, 4, 9, 9], 3, 2, window, 9, way);
    assert_same_bits_at_any_thread_count("convolution", || {
        let (y, d) = problem.run(true);
        let arrays = [y, d.dx.expect("asked for"), d.dtheta, d.dlog_sigma2.expect("sampled")];
        arrays.iter().map(ToTensor::to_tensor).chain([d.dbias.to_tensor()]).collect()
    });
}

/// Sums over many images, and over one image with many positions.
fn long_sums_are_as_exact_as_short_ones(way: Way) {
    let theta = Array4::<f32>::ones((2, 1, 1, 1));
    let window = Window::new([1, 1], [1, 1]);
    let conv = BayesConv2d { theta: theta.view(), log_sigma2: theta.view(), bias: None, window, groups: 1, way };
    for shape in [(20_000, 1, 2, 2), (1, 1, 300, 400)] {
        let (_, cache) = conv.forward_mean(Array4::ones(shape)).expect("it fits");
        let dy = Array4::from_elem((shape.0, 2, shape.2, shape.3), 0.1);
        let d = conv.backward(&cache, dy.view(), false);
        let expected = [0.1 * (shape.0 * shape.2 * shape.3) as f64; 2];
        assert_close("dbias", &d.dbias, &expected, tolerance("sum", F32, Check::Property));
        if shape.0 > 1 {
            let dtheta = d.dtheta.to_shape(2).expect("two weights").into_owned();
            assert_close("dtheta", &dtheta, &expected, tolerance("matmul long", F32, Check::Property));
        }
    }
}

both_ways! {
    golden_f64,
    golden_f32,
    the_output_is_that_of_the_naive_loop,
    gradients_in_every_geometry,
    every_entry_of_some_gradients,
    zero_input_gives_the_bias_and_the_noise_of_v0_and_finite_gradients,
    dx_only_if_asked_for_and_all_else_the_same,
    the_layout_of_dy_in_memory_does_not_matter,
    a_channel_reaches_its_own_group_alone,
    shapes_that_do_not_fit_are_refused,
    a_gradient_of_another_shape_panics,
    the_same_bits_at_any_thread_count,
    long_sums_are_as_exact_as_short_ones,
}
