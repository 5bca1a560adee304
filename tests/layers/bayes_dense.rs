use crate::common::Dtype::F32;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::fixture::for_each_case;
use crate::common::gradient::{assert_gradient, assert_projected_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error, assert_panics};
use ndarray::{Array1, Array2, Ix1, Ix2, array};
use spikeslab::kernels::Way;
use spikeslab::layers::V0;
use spikeslab::layers::bayes_dense::{BayesDense, Gradients};

fn golden<F: Precision>(way: Way) {
    for_each_case::<F>("layers/bayes_dense", 13, |case| {
        let (theta, log_sigma2) = (case.array::<Ix2>("theta"), case.array::<Ix2>("log_sigma2"));
        let bias = case.has("bias").then(|| case.array::<Ix1>("bias"));
        let dense = BayesDense {
            theta: theta.view(),
            log_sigma2: log_sigma2.view(),
            bias: bias.as_ref().map(|bias| bias.view()),
            way,
        };
        let x = case.array::<Ix2>("x");
        let (mean, variance) = dense.moments(x.view()).expect("it fits");
        case.expect("mean", &mean);
        case.expect("mean", &dense.forward_mean(x.clone()).expect("it fits").0);
        case.expect("variance", &variance);
        let (y, cache) = dense.forward_sampled(x, case.array("eps")).expect("it fits");
        case.expect("y", &y);
        let d = dense.backward(&cache, case.array::<Ix2>("dy").view(), true);
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

/// x, θ, ln σ² and b in one vector, with the noise and the gradient that arrives.
struct Problem {
    sizes: (usize, usize, usize),
    values: Vec<f64>,
    eps: Array2<f64>,
    dy: Array2<f64>,
    way: Way,
}

impl Problem {
    fn new(sizes: (usize, usize, usize), seed: u64, way: Way) -> Self {
        let (batch, inputs, outputs) = sizes;
        let mut random = Random::new(seed);
        // √(x²σ² + v₀) has too large a curvature near x = 0 for differences.
        let mut values = random.away_from_zero::<f64, _>(batch * inputs).into_raw_vec_and_offset().0;
        values.extend(random.uniforms::<f64, _>(-0.5, 0.5, inputs * outputs));
        values.extend(random.uniforms::<f64, _>(-6.0, 1.0, inputs * outputs));
        values.extend(random.bells::<f64, _>(outputs));
        Self { sizes, values, eps: random.bells((batch, outputs)), dy: random.bells((batch, outputs)), way }
    }

    /// Σ y · dy and the gradient, with sampled or mean weights.
    fn run(&self, values: &[f64], sampled: bool) -> (f64, Gradients<f64>) {
        let (batch, inputs, outputs) = self.sizes;
        let (x, rest) = values.split_at(batch * inputs);
        let (theta, rest) = rest.split_at(inputs * outputs);
        let (log_sigma2, bias) = rest.split_at(inputs * outputs);
        let matrix =
            |rows, columns, values: &[f64]| Array2::from_shape_vec((rows, columns), values.to_vec()).expect("the size");
        let (theta, log_sigma2) = (matrix(inputs, outputs, theta), matrix(inputs, outputs, log_sigma2));
        let bias = Array1::from(bias.to_vec());
        let dense =
            BayesDense { theta: theta.view(), log_sigma2: log_sigma2.view(), bias: Some(bias.view()), way: self.way };
        let x = matrix(batch, inputs, x);
        let (y, cache) = if sampled {
            dense.forward_sampled(x, self.eps.clone()).expect("it fits")
        } else {
            dense.forward_mean(x).expect("it fits")
        };
        (weighted_sum(&y, &self.dy), dense.backward(&cache, self.dy.view(), true))
    }

    fn gradient(&self, sampled: bool) -> Vec<f64> {
        let (_, inputs, outputs) = self.sizes;
        let d = self.run(&self.values, sampled).1;
        assert_eq!(d.dlog_sigma2.is_some(), sampled);
        let dlog_sigma2 = d.dlog_sigma2.unwrap_or_else(|| Array2::zeros((inputs, outputs)));
        let parts = [d.dx.expect("asked for").to_tensor(), d.dtheta.to_tensor(), dlog_sigma2.to_tensor()];
        parts.iter().flat_map(|part| part.values.clone()).chain(d.dbias).collect()
    }
}

fn gradients(way: Way) {
    for (seed, sizes) in [(4, 5, 3), (1, 3, 2), (3, 1, 1), (2, 6, 1)].into_iter().enumerate() {
        let problem = Problem::new(sizes, seed as u64, way);
        for sampled in [true, false] {
            let (gradient, what) = (problem.gradient(sampled), format!("{sizes:?}, sampled: {sampled}"));
            assert_gradient("bayes_dense", &what, 1e-3, &problem.values, &gradient, |values| {
                problem.run(values, sampled).0
            });
        }
    }
}

fn gradients_of_a_larger_layer(way: Way) {
    let problem = Problem::new((37, 45, 33), 9, way);
    for sampled in [true, false] {
        let (gradient, what) = (problem.gradient(sampled), format!("sampled: {sampled}"));
        assert_projected_gradient("bayes_dense", &what, 1e-3, &problem.values, &gradient, |values| {
            problem.run(values, sampled).0
        });
    }
}

/// y by the definition, one element at a time.
fn reference<F: Precision>(dense: &BayesDense<'_, F>, x: &Array2<F>, eps: &Array2<F>) -> Array2<f64> {
    let f = |value: F| value.as_f64();
    Array2::from_shape_fn(eps.dim(), |(b, o)| {
        let (mut mean, mut variance) = (dense.bias.map_or(0.0, |bias| f(bias[o])), 0.0);
        for i in 0..x.ncols() {
            mean += f(x[[b, i]]) * f(dense.theta[[i, o]]);
            variance += f(x[[b, i]]).powi(2) * f(dense.log_sigma2[[i, o]]).exp();
        }
        mean + (variance + V0).sqrt() * f(eps[[b, o]])
    })
}

fn naive_loop<F: Precision>(way: Way) {
    let mut random = Random::new(11);
    for (batch, inputs, outputs) in [(1, 1, 1), (33, 20, 7), (70, 64, 40)] {
        let theta: Array2<F> = random.uniforms(-0.5, 0.5, (inputs, outputs));
        let log_sigma2: Array2<F> = random.uniforms(-10.0, 1.0, (inputs, outputs));
        let (x, eps): (Array2<F>, Array2<F>) = (random.bells((batch, inputs)), random.bells((batch, outputs)));
        let dense = BayesDense { theta: theta.view(), log_sigma2: log_sigma2.view(), bias: None, way };
        let (y, _) = dense.forward_sampled(x.clone(), eps.clone()).expect("it fits");
        let tolerance = tolerance("bayes_dense", F::DTYPE, Check::Reference);
        assert_close(&format!("{batch}×{inputs}×{outputs}"), &y, &reference(&dense, &x, &eps), tolerance);
    }
}

fn the_output_is_that_of_the_naive_loop(way: Way) {
    naive_loop::<f64>(way);
    naive_loop::<f32>(way);
}

fn zero_input_gives_the_bias_and_the_noise_of_v0_and_finite_gradients(way: Way) {
    let (theta, log_sigma2, bias) =
        (Array2::from_elem((3, 2), 0.4), Array2::from_elem((3, 2), 1.0), array![0.25, -1.0]);
    let dense = BayesDense { theta: theta.view(), log_sigma2: log_sigma2.view(), bias: Some(bias.view()), way };
    let (y, cache) = dense.forward_sampled(Array2::zeros((1, 3)), array![[2.0, 0.0]]).expect("it fits");
    assert_eq!(y, array![[0.25 + 2.0 * V0.sqrt(), -1.0]]);
    let d = dense.backward(&cache, array![[1.0, 1.0]].view(), true);
    assert_eq!((d.dtheta, d.dlog_sigma2.expect("sampled")), (Array2::zeros((3, 2)), Array2::zeros((3, 2))));
    assert_eq!((d.dx.expect("asked for"), d.dbias), (Array2::from_elem((1, 3), 0.8), array![1.0, 1.0]));
}

fn without_noise_the_sampled_output_is_the_mean(way: Way) {
    let problem = Problem { eps: Array2::zeros((4, 3)), ..Problem::new((4, 5, 3), 12, way) };
    assert_eq!(problem.run(&problem.values, true).0, problem.run(&problem.values, false).0);
}

fn dx_only_if_asked_for_and_all_else_the_same(way: Way) {
    let (theta, log_sigma2) = (Array2::from_elem((3, 2), 0.4), Array2::from_elem((3, 2), -2.0));
    let dense = BayesDense { theta: theta.view(), log_sigma2: log_sigma2.view(), bias: None, way };
    let mut random = Random::new(13);
    let (_, cache) = dense.forward_sampled(random.bells((4, 3)), random.bells((4, 2))).expect("it fits");
    let dy: Array2<f64> = random.bells((4, 2));
    let (with, without) = (dense.backward(&cache, dy.view(), true), dense.backward(&cache, dy.view(), false));
    assert!(with.dx.is_some() && without.dx.is_none());
    assert_eq!((with.dtheta, with.dlog_sigma2, with.dbias), (without.dtheta, without.dlog_sigma2, without.dbias));
}

fn nan_spoils_its_row_of_the_output(way: Way) {
    let (theta, log_sigma2) = (Array2::from_elem((3, 2), 0.4), Array2::from_elem((3, 2), -2.0));
    let dense = BayesDense { theta: theta.view(), log_sigma2: log_sigma2.view(), bias: None, way };
    let mut x = Array2::<f64>::ones((4, 3));
    x[[2, 1]] = f64::NAN;
    let (y, _) = dense.forward_sampled(x, Array2::zeros((4, 2))).expect("it fits");
    for ((row, _), y) in y.indexed_iter() {
        assert_eq!(y.is_nan(), row == 2);
    }
}

fn shapes_that_do_not_fit_are_refused(way: Way) {
    let (theta, transposed, bias) = (Array2::<f64>::zeros((3, 2)), Array2::zeros((2, 3)), Array1::zeros(3));
    let dense = |log_sigma2, bias| BayesDense { theta: theta.view(), log_sigma2, bias, way };
    let x = Array2::zeros((4, 3));
    let good = dense(theta.view(), None);
    assert_error(dense(transposed.view(), None).mean(x.view()), &["log_sigma2", "[3, 2]", "[2, 3]"]);
    assert_error(dense(theta.view(), Some(bias.view())).mean(x.view()), &["bias", "[2]", "[3]"]);
    assert_error(good.moments(Array2::zeros((4, 5)).view()), &["x", "[4, 3]", "[4, 5]"]);
    assert_error(good.forward_mean(Array2::zeros((3, 4))), &["x", "[3, 3]", "[3, 4]"]);
    for eps in [(4, 3), (2, 4), (1, 2), (4, 1)] {
        let result = good.forward_sampled(x.clone(), Array2::zeros(eps));
        assert_error(result, &["eps", "[4, 2]", &format!("[{}, {}]", eps.0, eps.1)]);
    }
}

fn a_gradient_of_another_shape_panics(way: Way) {
    let theta = Array2::<f64>::zeros((3, 2));
    let dense = BayesDense { theta: theta.view(), log_sigma2: theta.view(), bias: None, way };
    let (_, sampled) = dense.forward_sampled(Array2::ones((4, 3)), Array2::ones((4, 2))).expect("it fits");
    let (_, mean) = dense.forward_mean(Array2::ones((4, 3))).expect("it fits");
    for (cache, shape) in [(&sampled, (4, 1)), (&sampled, (1, 2)), (&mean, (2, 4)), (&mean, (4, 1)), (&mean, (4, 3))] {
        assert_panics(&format!("{shape:?}"), || dense.backward(cache, Array2::ones(shape).view(), false));
    }
}

fn the_same_bits_at_any_thread_count(way: Way) {
    let mut random = Random::new(14);
    let theta: Array2<f32> = random.uniforms(-0.5, 0.5, (150, 90));
    let log_sigma2: Array2<f32> = random.uniforms(-8.0, 0.0, (150, 90));
    let (x, eps, dy): (Array2<f32>, Array2<f32>, Array2<f32>) =
        (random.bells((100, 150)), random.bells((100, 90)), random.bells((100, 90)));
    assert_same_bits_at_any_thread_count("dense layer", || {
        let dense = BayesDense { theta: theta.view(), log_sigma2: log_sigma2.view(), bias: None, way };
        let (y, cache) = dense.forward_sampled(x.clone(), eps.clone()).expect("it fits");
        let d = dense.backward(&cache, dy.view(), true);
        let arrays = [y, d.dx.expect("asked for"), d.dtheta, d.dlog_sigma2.expect("sampled")];
        arrays.iter().map(ToTensor::to_tensor).chain([d.dbias.to_tensor()]).collect()
    });
}

fn the_bias_of_a_large_batch(way: Way) {
    let theta = Array2::<f32>::ones((1, 3));
    let dense = BayesDense { theta: theta.view(), log_sigma2: theta.view(), bias: None, way };
    let (_, cache) = dense.forward_mean(Array2::ones((60_000, 1))).expect("it fits");
    let d = dense.backward(&cache, Array2::from_elem((60_000, 3), 0.1).view(), false);
    let tolerance = tolerance("sum", F32, Check::Property);
    assert_close("dbias", &d.dbias, &[6000.0; 3], tolerance);
}

both_ways! {
    golden_f64,
    golden_f32,
    gradients,
    gradients_of_a_larger_layer,
    the_output_is_that_of_the_naive_loop,
    zero_input_gives_the_bias_and_the_noise_of_v0_and_finite_gradients,
    without_noise_the_sampled_output_is_the_mean,
    dx_only_if_asked_for_and_all_else_the_same,
    nan_spoils_its_row_of_the_output,
    shapes_that_do_not_fit_are_refused,
    a_gradient_of_another_shape_panics,
    the_same_bits_at_any_thread_count,
    the_bias_of_a_large_batch,
}
