use crate::common::compare::{ToTensor, assert_close};
use crate::common::gradient::{assert_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error, assert_panics};
use ndarray::{Array1, Array4, Axis, concatenate, s};
use spikeslab::kernels::Way;
use spikeslab::layers::batch_norm::{BatchNorm, Statistics};
use spikeslab::layers::bayes_conv2d::BayesConv2d;
use spikeslab::layers::dense_block::{Cache, DenseBlock, Gradients, Stage};
use spikeslab::layers::relu;
use spikeslab::tensor::im2col::Window;

const EPSILON: f64 = 1e-2;

/// The parameters and the noise of a stage.
#[derive(Clone)]
struct Parameters<F> {
    gamma: Array1<F>,
    beta: Array1<F>,
    theta: Array4<F>,
    log_sigma2: Array4<F>,
    /// Where the seed of the problem is odd.
    bias: Option<Array1<F>>,
    eps: Array4<F>,
    running: Statistics<F>,
}

#[derive(Clone)]
struct Problem<F> {
    x: Array4<F>,
    units: Vec<Vec<Parameters<F>>>,
    dy: Array4<F>,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
struct Mode {
    sampled: bool,
    batch_statistics: bool,
}

const MODES: [Mode; 4] = [
    Mode { sampled: true, batch_statistics: true },
    Mode { sampled: false, batch_statistics: true },
    Mode { sampled: true, batch_statistics: false },
    Mode { sampled: false, batch_statistics: false },
];

fn window(kernel: usize) -> Window {
    Window { padding: [kernel / 2; 2], ..Window::new([kernel; 2], [1, 1]) }
}

impl<F: Precision> Problem<F> {
    /// `units` has (outputs, kernel side) of each stage of each unit.
    fn new([batch, channels, height, width]: [usize; 4], units: &[&[(usize, usize)]], seed: u64, way: Way) -> Self {
        let mut random = Random::new(seed);
        let x = random.bells((batch, channels, height, width));
        let mut total = channels;
        let mut all = Vec::new();
        for unit in units {
            let mut seen = total;
            let mut stages = Vec::new();
            for (outputs, kernel) in *unit {
                let weights = (*outputs, seen, *kernel, *kernel);
                stages.push(Parameters {
                    gamma: random.away_from_zero(seen),
                    beta: random.uniforms(0.2, 1.0, seen),
                    theta: random.uniforms(-0.5, 0.5, weights),
                    log_sigma2: random.uniforms(-5.0, -1.0, weights),
                    bias: (seed % 2 == 1).then(|| random.uniforms(-0.5, 0.5, *outputs)),
                    eps: random.bells((batch, *outputs, height, width)),
                    running: Statistics {
                        mean: random.uniforms(-0.5, 0.5, seen),
                        variance: random.uniforms(0.5, 1.5, seen),
                    },
                });
                seen = *outputs;
            }
            total += seen;
            all.push(stages);
        }
        let dy = random.bells((batch, total, height, width));
        Self { x, units: all, dy, way }
    }

    fn block(&self) -> DenseBlock<'_, F> {
        let units = self.units.iter().map(|unit| unit.iter().map(stage).collect()).collect();
        DenseBlock { units, epsilon: F::of(EPSILON), way: self.way }
    }

    fn forward(&self, mode: Mode) -> (Array4<F>, Cache<F>) {
        let running: Vec<Vec<Statistics<F>>> =
            self.units.iter().map(|unit| unit.iter().map(|stage| stage.running.clone()).collect()).collect();
        let running = (!mode.batch_statistics).then_some(&running[..]);
        let mut eps = |[unit, stage]: [usize; 2], shape: [usize; 4]| {
            let eps = &self.units[unit][stage].eps;
            assert_eq!(eps.shape(), shape);
            Ok(eps.clone())
        };
        let block = self.block();
        let y = if mode.sampled {
            block.forward(self.x.clone(), running, Some(&mut eps))
        } else {
            block.forward(self.x.clone(), running, None)
        };
        y.expect("it fits")
    }

    fn run(&self, mode: Mode) -> (Array4<F>, Gradients<F>) {
        let (y, cache) = self.forward(mode);
        (y, self.block().backward(&cache, self.dy.clone()))
    }

    /// y computed with the layers that the block consists of, one after the other, with a concatenation after each
    /// unit.
    fn one_by_one(&self, mode: Mode) -> Array4<F> {
        let mut y = self.x.clone();
        for unit in &self.units {
            let mut seen = y.clone();
            for of in unit {
                let (batch, channels, height, width) = seen.dim();
                let seen_in_order = seen.as_standard_layout().into_owned();
                let flat =
                    seen_in_order.into_shape_with_order((batch, channels, height * width)).expect("as many pixels");
                let norm = BatchNorm {
                    gamma: of.gamma.view(),
                    beta: of.beta.view(),
                    epsilon: F::of(EPSILON),
                    way: Way::Definition,
                };
                let normalized = if mode.batch_statistics {
                    norm.forward_batch(flat).expect("it fits").0
                } else {
                    norm.forward_running(flat, &of.running).expect("it fits").0
                };
                let images =
                    normalized.into_shape_with_order((batch, channels, height, width)).expect("as many pixels");
                let images = relu::forward(images).0;
                seen = if mode.sampled {
                    conv(of).forward_sampled(images, of.eps.clone()).expect("it fits").0
                } else {
                    conv(of).forward_mean(images).expect("it fits").0
                };
            }
            y = concatenate(Axis(1), &[y.view(), seen.view()]).expect("images of one size");
        }
        y
    }
}

fn conv<F: Precision>(of: &Parameters<F>) -> BayesConv2d<'_, F> {
    let window = window(of.theta.dim().2);
    BayesConv2d {
        theta: of.theta.view(),
        log_sigma2: of.log_sigma2.view(),
        bias: of.bias.as_ref().map(|bias| bias.view()),
        window,
        groups: 1,
        way: Way::Definition,
    }
}

fn stage<F: Precision>(of: &Parameters<F>) -> Stage<'_, F> {
    Stage { gamma: of.gamma.view(), beta: of.beta.view(), conv: conv(of) }
}

impl Problem<f64> {
    /// All values that the loss Σ y · dy depends on, in one vector.
    fn values(&self) -> Vec<f64> {
        let mut values = self.x.to_tensor().values;
        for of in self.units.iter().flatten() {
            values.extend(of.gamma.iter().chain(&of.beta).chain(&of.theta).chain(&of.log_sigma2));
            values.extend(of.bias.iter().flatten());
        }
        values
    }

    fn with(&self, values: &[f64]) -> Self {
        let (mut other, mut rest) = (self.clone(), values.iter());
        let mut next = || *rest.next().expect("enough values");
        other.x.mapv_inplace(|_| next());
        for of in other.units.iter_mut().flatten() {
            of.gamma.mapv_inplace(|_| next());
            of.beta.mapv_inplace(|_| next());
            of.theta.mapv_inplace(|_| next());
            of.log_sigma2.mapv_inplace(|_| next());
            of.bias.iter_mut().flatten().for_each(|bias| *bias = next());
        }
        other
    }

    fn gradient(&self, mode: Mode) -> Vec<f64> {
        let (_, d) = self.run(mode);
        let mut gradient = d.dx.to_tensor().values;
        for (d, of) in d.units.iter().flatten().zip(self.units.iter().flatten()) {
            gradient.extend(d.dgamma.iter().chain(&d.dbeta).chain(&d.dtheta));
            assert_eq!(d.dlog_sigma2.is_some(), mode.sampled);
            match &d.dlog_sigma2 {
                Some(dlog_sigma2) => gradient.extend(dlog_sigma2),
                None => gradient.extend(d.dtheta.iter().map(|_| 0.0)),
            }
            if of.bias.is_some() {
                gradient.extend(&d.dbias);
            }
        }
        gradient
    }
}

/// Units of one stage, of two, and of both kinds.
const KINDS: [&[&[(usize, usize)]]; 3] =
    [&[&[(2, 3)], &[(1, 3)], &[(2, 3)]], &[&[(3, 1), (2, 3)], &[(2, 1), (1, 3)]], &[&[(2, 1)], &[(3, 3), (2, 1)]]];

fn output<F: Precision>(way: Way) {
    for (seed, units) in KINDS.into_iter().enumerate() {
        let problem = Problem::<F>::new([3, 3, 4, 5], units, seed as u64, way);
        for mode in MODES {
            let tolerance = tolerance("dense_block", F::DTYPE, Check::Reference);
            let (y, _) = problem.forward(mode);
            assert_close(&format!("{units:?}, {mode:?}"), &y, &problem.one_by_one(mode), tolerance);
        }
    }
}

fn the_output_is_that_of_the_layers_one_after_the_other(way: Way) {
    output::<f64>(way);
    output::<f32>(way);
}

fn gradients(way: Way) {
    for (seed, units) in KINDS.into_iter().enumerate() {
        let problem = Problem::<f64>::new([3, 2, 3, 3], units, 10 + seed as u64, way);
        for mode in MODES {
            // The step is so short that no ReLU changes within a difference.
            let what = format!("{units:?}, {mode:?}");
            assert_gradient("dense_block", &what, 1e-6, &problem.values(), &problem.gradient(mode), |values| {
                weighted_sum(&problem.with(values).forward(mode).0, &problem.dy)
            });
        }
    }
}

fn the_images_come_first_in_the_output_untouched(way: Way) {
    let problem = Problem::<f64>::new([2, 3, 4, 4], KINDS[0], 4, way);
    let (y, _) = problem.forward(MODES[0]);
    assert_eq!(y.dim(), (2, 8, 4, 4));
    assert_eq!(y.slice(s![.., ..3, .., ..]), problem.x);
}

fn the_batch_statistics_are_those_of_what_each_stage_reads(way: Way) {
    let problem = Problem::<f64>::new([3, 2, 4, 4], KINDS[2], 5, way);
    let (y, cache) = problem.forward(MODES[0]);
    let (statistics, count) = cache.batch_statistics().expect("batch statistics");
    assert_eq!((statistics.len(), count), (3, 3 * 4 * 4));
    let tolerance = tolerance("dense_block", f64::DTYPE, Check::Reference);
    for (channels, seen) in [(2, statistics[0]), (4, statistics[1])] {
        assert_eq!((seen.mean.len(), seen.variance.len()), (channels, channels));
        for channel in 0..channels {
            let pixels = y.index_axis(Axis(1), channel);
            let mean = pixels.mean().expect("pixels");
            let variance = pixels.mapv(|pixel| (pixel - mean).powi(2)).mean().expect("pixels");
            assert_close("mean", &seen.mean[channel], &mean, tolerance);
            assert_close("variance", &seen.variance[channel], &variance, tolerance);
        }
    }
    // The second stage reads the three channels of the first.
    assert_eq!(statistics[2].mean.len(), 3);
    assert!(problem.forward(MODES[2]).1.batch_statistics().is_none());
}

fn a_block_without_units_returns_its_input(way: Way) {
    let problem = Problem::<f64>::new([2, 3, 4, 4], &[], 6, way);
    let (y, d) = problem.run(MODES[0]);
    assert_eq!((y, d.dx, d.units.len()), (problem.x, problem.dy, 0));
}

fn shapes_that_do_not_fit_are_refused(way: Way) {
    let problem = Problem::<f64>::new([2, 3, 4, 4], KINDS[0], 7, way);
    let block = problem.block();
    assert_error(block.forward(Array4::zeros((2, 2, 4, 4)), None, None), &["gamma", "[2]", "[3]"]);
    let mut eps = |_: [usize; 2], _: [usize; 4]| Ok(Array4::zeros((1, 1, 1, 1)));
    assert_error(block.forward(problem.x.clone(), None, Some(&mut eps)), &["eps", "[2, 2, 4, 4]", "[1, 1, 1, 1]"]);
    let mut shrinking = problem.block();
    shrinking.units[1][0].conv.window.padding = [0, 0];
    assert_error(shrinking.forward(problem.x.clone(), None, None), &["y of a unit", "[2, 1, 4, 4]", "[2, 1, 2, 2]"]);
    let (_, cache) = problem.forward(MODES[0]);
    assert_panics("dy", || block.backward(&cache, Array4::zeros((2, 8, 4, 3))));
}

fn the_same_bits_at_any_thread_count(way: Way) {
    let problem = Problem::<f32>::new([19, 3, 6, 6], KINDS[1], 9, way);
    for mode in MODES {
        assert_same_bits_at_any_thread_count("densely connected block", || {
            let (y, d) = problem.run(mode);
            let parameters = d.units.iter().flatten();
            let parameters = parameters.flat_map(|d| {
                let always = [d.dgamma.to_tensor(), d.dbeta.to_tensor(), d.dtheta.to_tensor(), d.dbias.to_tensor()];
                always.into_iter().chain(d.dlog_sigma2.iter().map(ToTensor::to_tensor))
            });
            [y.to_tensor(), d.dx.to_tensor()].into_iter().chain(parameters).collect()
        });
    }
}

both_ways! {
    the_output_is_that_of_the_layers_one_after_the_other,
    gradients,
    the_images_come_first_in_the_output_untouched,
    the_batch_statistics_are_those_of_what_each_stage_reads,
    a_block_without_units_returns_its_input,
    shapes_that_do_not_fit_are_refused,
    the_same_bits_at_any_thread_count,
}
