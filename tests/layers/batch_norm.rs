use crate::common::Dtype::{F32, F64};
use crate::common::compare::{Tensor, ToTensor, assert_close};
use crate::common::fixture::for_each_case;
use crate::common::gradient::{assert_gradient, weighted_sum};
use crate::common::random::Random;
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Precision, assert_error, assert_panics};
use ndarray::{Array1, Array3, Axis, Ix1, IxDyn, array};
use spikeslab::kernels::Way;
use spikeslab::layers::batch_norm::{BatchNorm, EPSILON, MOMENTUM, Statistics};

/// `array` with the shape of the golden tensor `like`.
fn shaped<F: Precision>(array: &Array3<F>, like: &Tensor) -> Tensor {
    let mut tensor = array.to_tensor();
    assert_eq!(tensor.values.len(), like.values.len());
    tensor.shape.clone_from(&like.shape);
    tensor
}

fn golden<F: Precision>(way: Way) {
    for_each_case::<F>("layers/batch_norm", 26, |case| {
        let by_channel = |tensor: &str| {
            let values = case.array::<IxDyn>(tensor);
            let (batch, channels) = (values.shape()[0], values.shape()[1]);
            let positions = values.len() / (batch * channels);
            values.into_shape_with_order((batch, channels, positions)).expect("the same elements")
        };
        let (gamma, beta) = (case.array::<Ix1>("gamma"), case.array::<Ix1>("beta"));
        let mut running = Statistics { mean: case.array("running_mean"), variance: case.array("running_var") };
        let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: case.scalar("epsilon"), way };
        let (x, momentum) = (by_channel("x"), case.scalar("momentum"));
        let (y, cache) = if case.name.contains(": batch-") {
            let count = x.dim().0 * x.dim().2;
            let (y, cache, statistics) = norm.forward_batch(x).expect("it fits");
            running.absorb(&statistics, count, momentum);
            (y, cache)
        } else {
            norm.forward_running(x, &running).expect("it fits")
        };
        let d = norm.backward(&cache, by_channel("dy"));
        let row = if case.name.ends_with("large-mean") { "batch_norm large mean" } else { "batch_norm" };
        let tolerance = tolerance(row, F::DTYPE, Check::Golden);
        let shaped = |tensor: &str, array: &Array3<F>| shaped(array, case.stored(tensor));
        for (tensor, actual) in [
            ("y", shaped("y", &y)),
            ("new_running_mean", running.mean.to_tensor()),
            ("new_running_var", running.variance.to_tensor()),
            ("dx", shaped("dx", &d.dx)),
            ("dgamma", d.dgamma.to_tensor()),
            ("dbeta", d.dbeta.to_tensor()),
        ] {
            case.expect_within(tensor, &actual, tolerance);
        }
    });
}

fn golden_f64(way: Way) {
    golden::<f64>(way);
}

fn golden_f32(way: Way) {
    golden::<f32>(way);
}

/// x, γ and β of `shape` (B, C, P), in one vector.
struct Inputs {
    shape: (usize, usize, usize),
    values: Vec<f64>,
}

impl Inputs {
    fn new(shape: (usize, usize, usize), random: &mut Random) -> Self {
        let count = shape.0 * shape.1 * shape.2 + 2 * shape.1;
        Self { shape, values: random.bells::<f64, _>(count).into_raw_vec_and_offset().0 }
    }

    fn split(&self, values: &[f64]) -> (Array3<f64>, Array1<f64>, Array1<f64>) {
        let (batch, channels, positions) = self.shape;
        let (x, rest) = values.split_at(batch * channels * positions);
        let (gamma, beta) = rest.split_at(channels);
        let x = Array3::from_shape_vec(self.shape, x.to_vec()).expect("the size");
        (x, Array1::from(gamma.to_vec()), Array1::from(beta.to_vec()))
    }
}

fn gradients_in_both_modes_and_ranks(way: Way) {
    let mut random = Random::new(1);
    for shape in [(5, 3, 1), (3, 2, 4), (1, 2, 6), (2, 1, 1)] {
        for batch_statistics in [true, false] {
            let inputs = Inputs::new(shape, &mut random);
            let running = Statistics { mean: random.bells(shape.1), variance: random.uniforms(0.5, 2.0, shape.1) };
            let dy: Array3<f64> = random.bells(shape);
            let run = |values: &[f64]| {
                let (x, gamma, beta) = inputs.split(values);
                let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: 1e-2, way };
                let (y, cache) = if batch_statistics {
                    let (y, cache, _) = norm.forward_batch(x).expect("it fits");
                    (y, cache)
                } else {
                    norm.forward_running(x, &running).expect("it fits")
                };
                (weighted_sum(&y, &dy), norm.backward(&cache, dy.clone()))
            };
            let d = run(&inputs.values).1;
            let gradient = [d.dx.to_tensor().values, d.dgamma.to_vec(), d.dbeta.to_vec()].concat();
            let what = format!("{shape:?}, batch statistics: {batch_statistics}");
            assert_gradient("batch_norm", &what, 2e-4, &inputs.values, &gradient, |values| run(values).0);
        }
    }
}

fn a_batch_comes_out_with_mean_beta_and_variance_gamma_squared(way: Way) {
    let tolerance = tolerance("batch_norm", F64, Check::Property);
    let x = Random::new(2).bells::<f64, _>((8, 3, 10)).mapv(|x| 100.0 + 7.0 * x);
    let (gamma, beta) = (array![0.5, -2.0, 1.0], array![3.0, 0.0, -1.0]);
    let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: 0.0, way };
    let (y, _, _) = norm.forward_batch(x).expect("it fits");
    let out = Statistics::of_batch(y.view());
    assert_close("mean", &out.mean, &beta, tolerance);
    assert_close("variance", &out.variance, &(&gamma * &gamma), tolerance);
}

/// Many channels with few positions are computed together, few channels with many positions one by one; the results are
/// equal.
fn a_channel_among_others_is_what_it_is_alone(way: Way) {
    let mut random = Random::new(7);
    for shape in [(3, 150, 1), (2, 20, 13), (2, 5, 80)] {
        let (x, dy): (Array3<f64>, Array3<f64>) = (random.bells(shape), random.bells(shape));
        let (gamma, beta): (Array1<f64>, Array1<f64>) = (random.bells(shape.1), random.bells(shape.1));
        let run = |channels: std::ops::Range<usize>| {
            let of_channels = ndarray::Slice::from(channels.clone());
            let [x, dy] = [&x, &dy].map(|array| array.slice_axis(Axis(1), of_channels).to_owned());
            let [gamma, beta] = [&gamma, &beta].map(|array| array.slice_axis(Axis(0), of_channels));
            let norm = BatchNorm { gamma, beta, epsilon: EPSILON, way };
            let (y, cache, statistics) = norm.forward_batch(x).expect("it fits");
            (y, statistics, norm.backward(&cache, dy))
        };
        let (y, statistics, d) = run(0..shape.1);
        for c in 0..shape.1 {
            let (y_alone, statistics_alone, d_alone) = run(c..c + 1);
            assert_eq!(y.index_axis(Axis(1), c), y_alone.index_axis(Axis(1), 0), "y, channel {c} of {shape:?}");
            assert_eq!(d.dx.index_axis(Axis(1), c), d_alone.dx.index_axis(Axis(1), 0), "dx, channel {c} of {shape:?}");
            assert_eq!(
                (statistics.mean[c], statistics.variance[c], d.dgamma[c], d.dbeta[c]),
                (statistics_alone.mean[0], statistics_alone.variance[0], d_alone.dgamma[0], d_alone.dbeta[0]),
                "channel {c} of {shape:?}"
            );
        }
    }
}

#[test]
fn running_estimates_move_by_the_momentum_towards_the_unbiased_variance() {
    let batch = Statistics { mean: array![3.0, -1.0], variance: array![4.0, 0.0] };
    let mut running = Statistics { mean: array![1.0, 1.0], variance: array![2.0, 2.0] };
    running.absorb(&batch, 5, 0.25);
    assert_eq!(running, Statistics { mean: array![1.5, 0.5], variance: array![2.75, 1.5] });
    // A single value has no unbiased variance.
    assert_panics("one value", || running.clone().absorb(&batch, 1, 0.25));
    // With momentum 1 the earlier estimates have no effect, however large they are.
    let x = array![0.1_f32, 0.3, 0.2, 0.2].into_shape_with_order((4, 1, 1)).expect("four values");
    let mut running = Statistics { mean: array![1e6_f32], variance: array![1e6] };
    running.absorb(&Statistics::of_batch(x.view()), 4, 1.0);
    let tolerance = tolerance("batch_norm", F32, Check::Golden);
    assert_close("mean", &running.mean, &[0.2], tolerance);
    assert_close("variance", &running.variance, &[0.02 / 3.0], tolerance);
}

#[test]
fn the_conventions_are_pytorch_s() {
    assert_eq!((EPSILON, MOMENTUM), (1e-5, 0.1));
}

fn a_constant_channel_gives_beta_and_finite_gradients(way: Way) {
    let (gamma, beta) = (array![2.0_f32], array![0.5]);
    let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: EPSILON as f32, way };
    for shape in [(4, 1, 3), (2, 1, 1)] {
        let (y, cache, _) = norm.forward_batch(Array3::from_elem(shape, 7.25)).expect("it fits");
        assert!(y.iter().all(|y| *y == 0.5), "{y}");
        let d = norm.backward(&cache, Array3::ones(shape));
        assert!(d.dx.iter().all(|dx| *dx == 0.0), "{}", d.dx);
    }
}

fn nan_spoils_its_channel_alone(way: Way) {
    let mut x = Random::new(4).bells::<f64, _>((3, 2, 4));
    x[[1, 0, 2]] = f64::NAN;
    let (gamma, beta) = (array![1.0, 1.0], array![0.0, 0.0]);
    let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: EPSILON, way };
    let (y, _, statistics) = norm.forward_batch(x).expect("it fits");
    for ((_, c, _), y) in y.indexed_iter() {
        assert_eq!(y.is_nan(), c == 0);
    }
    assert!(statistics.mean[0].is_nan() && statistics.variance[0].is_nan() && !statistics.mean[1].is_nan());
}

fn shapes_that_do_not_fit_are_refused(way: Way) {
    let (two, three) = (array![1.0, 1.0], array![1.0, 1.0, 1.0]);
    let norm = |gamma, beta| BatchNorm { gamma, beta, epsilon: EPSILON, way };
    let x = Array3::<f64>::ones((4, 2, 3));
    let running = Statistics { mean: two.clone(), variance: two.clone() };
    assert!(norm(two.view(), two.view()).forward_running(x.clone(), &running).is_ok());
    let refused = |gamma, beta, running: &Statistics<f64>, parts: &[&str]| {
        assert_error(norm(gamma, beta).forward_running(x.clone(), running), parts);
    };
    refused(three.view(), two.view(), &running, &["gamma", "[2]", "[3]"]);
    refused(two.view(), three.view(), &running, &["beta", "[2]", "[3]"]);
    let wrong = Statistics { mean: three.clone(), variance: two.clone() };
    refused(two.view(), two.view(), &wrong, &["running_mean", "[2]", "[3]"]);
    let wrong = Statistics { mean: two.clone(), variance: three.clone() };
    refused(two.view(), two.view(), &wrong, &["running_var", "[2]", "[3]"]);
    assert_error(norm(three.view(), two.view()).forward_batch(x.clone()), &["gamma", "[2]", "[3]"]);
    for empty in [(0, 2, 3), (4, 2, 0)] {
        let result = norm(two.view(), two.view()).forward_batch(Array3::ones(empty));
        assert_error(result, &["x", "at least two values a channel"]);
        let result = norm(two.view(), two.view()).forward_running(Array3::ones(empty), &running);
        assert_error(result, &["x", "at least one value a channel"]);
    }
    // One value is its own mean, so that x̂ would always be 0.
    let one = Array3::ones((1, 2, 1));
    let result = norm(two.view(), two.view()).forward_batch(one.clone());
    assert_error(result, &["x", "at least two values a channel", "[1, 2, 1]"]);
    assert!(norm(two.view(), two.view()).forward_running(one, &running).is_ok());
}

fn a_gradient_of_another_shape_panics(way: Way) {
    let (gamma, beta) = (array![1.0, 1.0, 1.0], array![0.0, 0.0, 0.0]);
    let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: EPSILON, way };
    let (_, cache, _) = norm.forward_batch(Random::new(5).bells::<f64, _>((4, 3, 2))).expect("it fits");
    for shape in [(4, 2, 2), (3, 3, 2), (4, 3, 1), (2, 3, 4), (4, 1, 2)] {
        assert_panics(&format!("{shape:?}"), || norm.backward(&cache, Array3::ones(shape)));
    }
}

fn the_same_bits_at_any_thread_count(way: Way) {
    let mut random = Random::new(6);
    let (x, dy): (Array3<f32>, Array3<f32>) = (random.bells((16, 7, 64)), random.bells((16, 7, 64)));
    let (gamma, beta): (Array1<f32>, Array1<f32>) = (random.bells(7), random.bells(7));
    assert_same_bits_at_any_thread_count("batch normalization", || {
        let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: 1e-5, way };
        let (y, cache, statistics) = norm.forward_batch(x.clone()).expect("it fits");
        let d = norm.backward(&cache, dy.clone());
        let parts = [statistics.mean, statistics.variance, d.dgamma, d.dbeta];
        let mut tensors: Vec<Tensor> = parts.iter().map(ToTensor::to_tensor).collect();
        tensors.extend([y.to_tensor(), d.dx.to_tensor()]);
        tensors
    });
}

/// A million values per channel: few images with many positions, and many images with one position.
fn long_sums_are_as_exact_as_short_ones(way: Way) {
    let tolerance = tolerance("batch_norm", F32, Check::Golden);
    let (gamma, beta) = (array![1.0_f32], array![0.0]);
    let norm = BatchNorm { gamma: gamma.view(), beta: beta.view(), epsilon: EPSILON as f32, way };
    // The values are 0.2 ± 0.1; with ε the deviation is √(0.01 + 1e-5).
    let x_hat = 0.1 / 0.01001_f64.sqrt();
    for shape in [(1_000_000, 1, 1), (2, 1, 500_000), (1000, 1, 1000)] {
        let mut high = false;
        let x = Array3::from_shape_fn(shape, |_| {
            high = !high;
            if high { 0.3_f32 } else { 0.1 }
        });
        let (y, cache, statistics) = norm.forward_batch(x.clone()).expect("it fits");
        assert_close("mean", &statistics.mean, &[0.2], tolerance);
        assert_close("variance", &statistics.variance, &[0.01], tolerance);
        let ends = [y[[0, 0, 0]], y[[shape.0 - 1, 0, shape.2 - 1]]];
        assert_close(&format!("y, {shape:?}"), &ends, &[x_hat, -x_hat], tolerance);
        let d = norm.backward(&cache, Array3::from_elem(shape, 0.1));
        assert_close("dbeta", &d.dbeta, &[1e5], tolerance);
        let d = norm.backward(&cache, x.mapv(|x| if x > 0.2 { 0.1 } else { -0.1 }));
        assert_close("dgamma", &d.dgamma, &[1e5 * x_hat], tolerance);
    }
}

both_ways! {
    golden_f64,
    golden_f32,
    gradients_in_both_modes_and_ranks,
    a_batch_comes_out_with_mean_beta_and_variance_gamma_squared,
    a_channel_among_others_is_what_it_is_alone,
    a_constant_channel_gives_beta_and_finite_gradients,
    nan_spoils_its_channel_alone,
    shapes_that_do_not_fit_are_refused,
    a_gradient_of_another_shape_panics,
    the_same_bits_at_any_thread_count,
    long_sums_are_as_exact_as_short_ones,
}
