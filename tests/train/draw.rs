//! Compares drawn weights with local reparameterization, by Monte Carlo with fixed seeds and bounds of five standard
//! errors.

use crate::common::Dtype;
use crate::common::compare::{ToTensor, assert_close};
use crate::common::threads::assert_same_bits_at_any_thread_count;
use crate::common::tolerance::{Check, tolerance};
use ndarray::{Array4, ArrayD, Axis, IxDyn};
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::{Given, Graph, Network, Role, WeightMode};
use spikeslab::prior::Codebook;
use spikeslab::prior::quantizer::Quantizer;
use spikeslab::tensor::noise::{Philox, Purpose};
use spikeslab::train::draw::draw;

const SEED: u64 = 5;
const DRAWS: u32 = 20_000;

/// A network whose weights have different θ and σ.
fn network(text: &str) -> Network<f64> {
    let graph = Graph::parse("test", text, Given::default()).unwrap();
    let mut network = Network::new(graph, &Codebook::new(vec![-0.2, 0.0, 0.2]).unwrap());
    network.initialize(3);
    for parameter in network.parameters_mut().iter_mut().filter(|parameter| parameter.role == Role::LogSigma2) {
        parameter.value.iter_mut().enumerate().for_each(|(i, value)| *value = -3.0 + 0.25 * (i % 7) as f64);
    }
    network
}

/// The outputs (B, O) for the images `x`, one array per draw.
fn outputs(network: &Network<f64>, x: &Array4<f64>, drawn_weights: bool) -> Vec<ArrayD<f64>> {
    let output = |number: u32| {
        let y = if drawn_weights {
            draw(network, SEED, number, false).predict(x.clone(), &WeightMode::Mean)
        } else {
            let noise = |layer: &BayesLayer, shape: &[usize]| {
                Ok(Philox::new(SEED, Purpose::Layer(layer.index as u32), number).standard_normal(IxDyn(shape)))
            };
            network.predict(x.clone(), &WeightMode::Sample(&noise))
        };
        y.unwrap().into_dyn()
    };
    (0..DRAWS).map(output).collect()
}

/// Mean and variance of an output, and the correlation of two.
struct Moments<'a>(&'a [ArrayD<f64>]);

impl Moments<'_> {
    fn mean_of(&self, value: impl Fn(&ArrayD<f64>) -> f64) -> f64 {
        self.0.iter().map(value).sum::<f64>() / self.0.len() as f64
    }

    fn mean(&self, at: [usize; 2]) -> f64 {
        self.mean_of(|y| y[at])
    }

    fn covariance(&self, one: [usize; 2], other: [usize; 2]) -> f64 {
        let (mean, other_mean) = (self.mean(one), self.mean(other));
        self.mean_of(|y| (y[one] - mean) * (y[other] - other_mean))
    }

    fn correlation(&self, one: [usize; 2], other: [usize; 2]) -> f64 {
        self.covariance(one, other) / (self.covariance(one, one) * self.covariance(other, other)).sqrt()
    }
}

/// Two images through a dense layer. Each output by itself has the same mean and variance under both; the outputs of
/// the two images are correlated under drawn weights, the more the more similar the images are, and not under drawn
/// pre-activations.
#[test]
fn local_reparameterization_has_mean_and_variance_of_sampled_weights_but_not_their_correlation() {
    let network = network("input 1x2x3\nflatten\nfc dense 2\n");
    let x = Array4::from_shape_vec((2, 1, 2, 3), vec![1.0, 0.5, -0.25, 0.0, 2.0, 1.0, 0.75, 1.0, 0.5, -1.0, 1.0, 0.0]);
    let x = x.unwrap();
    let rows = x.to_shape((2, 6)).unwrap();
    let layer = network.layers().next().unwrap();
    let parameter = |position: usize| network.parameters()[position].value.to_shape((6, 2)).unwrap().to_owned();
    let (theta, sigma2) = (parameter(layer.theta), parameter(layer.log_sigma2).mapv(f64::exp));
    let (mean, variance) = (rows.dot(&theta), rows.mapv(|x| x * x).dot(&sigma2));
    let covariance = (&rows.row(0) * &rows.row(1)).dot(&sigma2);
    let standard_error = 1.0 / f64::from(DRAWS).sqrt();
    for drawn_weights in [true, false] {
        let seen = outputs(&network, &x, drawn_weights);
        let moments = Moments(&seen);
        for at in [[0, 0], [0, 1], [1, 0], [1, 1]] {
            let deviation = variance[at].sqrt();
            let off = (moments.mean(at) - mean[at]) / (deviation * standard_error);
            assert!(off.abs() < 5.0, "mean {at:?}, drawn weights: {drawn_weights}: {off} standard errors");
            // v₀ = 1e-6 is far below the error.
            let off = (moments.covariance(at, at) / variance[at] - 1.0) / (2.0_f64.sqrt() * standard_error);
            assert!(off.abs() < 5.0, "variance {at:?}, drawn weights: {drawn_weights}: {off} standard errors");
        }
        for output in [0, 1] {
            let of_weights = covariance[output] / (variance[[0, output]] * variance[[1, output]]).sqrt();
            assert!(of_weights.abs() > 0.2, "images that are alike: {of_weights}");
            let expected = if drawn_weights { of_weights } else { 0.0 };
            let seen = moments.correlation([0, output], [1, output]);
            let off = (seen - expected) / ((1.0 - expected * expected) * standard_error);
            assert!(off.abs() < 5.0, "correlation {seen}, expected {expected}, drawn weights: {drawn_weights}: {off}");
        }
    }
}

/// Four equal positions of one image, through a convolution and a max pooling. Under drawn weights all four have the
/// same output, and their maximum has its mean m; under drawn pre-activations the maximum of four independent outputs
/// has mean m + 1.0294 σ.
#[test]
fn local_reparameterization_raises_what_is_pooled() {
    /// The expected maximum of four standard normals, by integration (David & Nagaraja, *Order Statistics*).
    const MAXIMUM_OF_FOUR: f64 = 1.029_375_373_003_964;
    let network = network("input 1x3x3\nconv1 conv 1 2x2\nmax-pool 2x2\nflatten\n");
    let x = Array4::ones((1, 1, 3, 3));
    let layer = network.layers().next().unwrap();
    let parameter = |position: usize| &network.parameters()[position].value;
    let (mean, variance) = (parameter(layer.theta).sum(), parameter(layer.log_sigma2).mapv(f64::exp).sum());
    for (drawn_weights, expected) in [(true, mean), (false, mean + MAXIMUM_OF_FOUR * variance.sqrt())] {
        let seen = outputs(&network, &x, drawn_weights);
        let off = (Moments(&seen).mean([0, 0]) - expected) / (variance / f64::from(DRAWS)).sqrt();
        assert!(off.abs() < 5.0, "drawn weights: {drawn_weights}: {off} standard errors");
    }
}

#[test]
fn a_draw_is_theta_and_sigma_times_the_noise_of_its_number() {
    let network = network("input 1x2x3\nflatten\nfc1 dense 4\nrelu\nfc2 dense 3 bias\n");
    let drawn = draw(&network, 11, 7, false);
    for layer in network.layers() {
        let value = |network: &Network<f64>, position: usize| network.parameters()[position].value.clone();
        let eps: ArrayD<f64> = Philox::new(11, Purpose::Evaluation(layer.index as u32), 7)
            .standard_normal(value(&network, layer.theta).raw_dim());
        let sigma = value(&network, layer.log_sigma2).mapv(|log| log.exp().sqrt());
        let expected = value(&network, layer.theta) + sigma * eps;
        let within = tolerance("draw", Dtype::F64, Check::Reference);
        assert_close(&layer.name, &value(&drawn, layer.theta), &expected, within);
    }
    // No other parameter changes, and no two draws are equal.
    for (seen, before) in drawn.parameters().iter().zip(network.parameters()) {
        assert_eq!(seen == before, seen.role != Role::Theta, "{}", seen.name);
    }
    for (seed, number) in [(11, 8), (12, 7)] {
        assert_ne!(draw(&network, seed, number, false), drawn);
    }
}

#[test]
fn a_draw_to_levels_is_the_same_draw_at_the_nearest_levels() {
    let network = network("input 1x2x3\nflatten\nfc1 dense 40\nrelu\nfc2 dense 3\n");
    let (real, rounded) = (draw(&network, 1, 2, false), draw(&network, 1, 2, true));
    let mut moved = 0;
    for layer in network.layers() {
        let quantizer = Quantizer::new(network.slice(layer.levels));
        let weights = |network: &Network<f64>| network.slice(layer.theta).to_vec();
        let expected: Vec<f64> = weights(&real).iter().map(|w| quantizer.value(*w)).collect();
        assert_eq!(weights(&rounded), expected, "{}", layer.name);
        let means = weights(&network);
        moved += means.iter().zip(expected).filter(|(mean, level)| quantizer.value(**mean) != *level).count();
    }
    assert!(moved > 50, "weights take other levels than their means (saw: {moved})");
}

/// The probability that a weight takes a level is the mass of its posterior in the level's cell.
#[test]
fn levels_are_drawn_with_the_mass_of_their_cells() {
    let mut network = network("input 1x1x1\nflatten\nfc dense 1\n");
    let layer = network.layers().next().unwrap().clone();
    let parameters = network.parameters_mut();
    parameters[layer.theta].value.fill(0.05);
    parameters[layer.log_sigma2].value.fill(0.01_f64.ln());
    // The cells end at ±0.1; the masses Φ(−1.5), Φ(0.5) − Φ(−1.5), 1 − Φ(0.5) are from tables of the normal
    // distribution.
    for (level, mass) in [(-0.2, 0.066_807_2), (0.0, 0.624_655_3), (0.2, 0.308_537_5)] {
        let is_level = |number| draw(&network, 9, number, true).slice(layer.theta)[0] == level;
        let share = (0..DRAWS).filter(|number| is_level(*number)).count() as f64 / f64::from(DRAWS);
        let off = (share - mass) / (mass * (1.0 - mass) / f64::from(DRAWS)).sqrt();
        assert!(off.abs() < 5.0, "level {level}: {share}, {off} standard errors off {mass}");
    }
}

#[test]
fn a_draw_has_the_same_bits_at_any_number_of_threads() {
    // More weights than one thread draws at a time.
    let network = network("input 1x10x10\nflatten\nfc1 dense 200\nrelu\nfc2 dense 3\n");
    assert_same_bits_at_any_thread_count("draw", || {
        let drawn = draw(&network, 2, 1, true);
        drawn.parameters().iter().map(|parameter| parameter.value.view().to_tensor()).collect()
    });
    let x = Array4::ones((1, 1, 10, 10));
    assert_eq!(draw(&network, 2, 1, false).predict(x, &WeightMode::Mean).unwrap().len_of(Axis(1)), 3);
}
