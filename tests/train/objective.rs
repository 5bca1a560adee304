use crate::common::compare::{ToTensor, assert_close};
use crate::common::gradient::assert_gradient;
use crate::common::random::Random;
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, assert_error};
use ndarray::{Array4, ArrayD};
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::{Description, Network, Role};
use spikeslab::prior::{Codebook, Form, Gaussian, MultiSpike, Prior};
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::train::objective::ValueAndGradient;
use spikeslab::train::{Forward, KlScale, Objective};

const WIDTHS: [usize; 3] = [4, 3, 3];
const INPUT: [usize; 3] = [1, 2, 3];
const TRAIN_SIZE: usize = 50;

/// An `mlp` whose parameters are all random.
fn random_network(levels: &[f64]) -> Network<f64> {
    let codebook = Codebook::new(levels.to_vec()).unwrap();
    let mut network = Network::new(Description::with_widths("mlp", INPUT, &WIDTHS).unwrap(), &codebook);
    let mut random = Random::new(11);
    for parameter in network.parameters_mut() {
        let (low, high) = match parameter.role {
            Role::Theta => (-0.45, 0.45),
            Role::LogSigma2 => (-4.0, -2.0),
            Role::Gamma | Role::RunningVar => (0.5, 1.5),
            Role::Bias | Role::Beta | Role::RunningMean => (-0.3, 0.3),
            Role::Levels => continue,
        };
        parameter.value.mapv_inplace(|_| random.uniform(low, high));
    }
    network
}

struct Batch {
    x: Array4<f64>,
    labels: [usize; 5],
    eps: Vec<ArrayD<f64>>,
}

fn batch() -> Batch {
    let mut random = Random::new(5);
    let x = random.uniforms(0.0, 1.0, (5, INPUT[0], INPUT[1], INPUT[2]));
    let eps = WIDTHS.map(|width| random.bells((5, width)).into_dyn()).to_vec();
    Batch { x, labels: [2, 0, 1, 1, 2], eps }
}

fn evaluate(
    prior: &Prior,
    kl_scale: KlScale,
    network: &Network<f64>,
    batch: &Batch,
    kl_weight: f64,
) -> ValueAndGradient<f64> {
    let objective = Objective { prior: prior.clone(), forward: Forward::Sampled, kl_scale, train_size: TRAIN_SIZE };
    let noise = |layer: &BayesLayer, _: &[usize]| Ok(batch.eps[layer.index].clone());
    objective.evaluate(network, batch.x.clone(), &batch.labels, &noise, kl_weight, None).unwrap()
}

/// Each kind of prior, with a codebook for which it is defined.
fn priors() -> Vec<(Prior, &'static [f64])> {
    let multi_spike = |form, spike| Prior::MultiSpike(MultiSpike::new(form, spike));
    vec![
        (multi_spike(Form::Nearest, Spike::Exact), &[-0.2, 0.0, 0.25]),
        (multi_spike(Form::Nearest, Spike::Fit), &[-0.31, -0.1, 0.12, 0.3]),
        (multi_spike(Form::Mixture, Spike::Exact), &[-0.2, 0.22]),
        (multi_spike(Form::Windows, Spike::Exact), &[-0.2, 0.22]),
        (Prior::Gaussian(Gaussian::default()), &[-0.2, 0.0, 0.25]),
        (Prior::None, &[-0.2, 0.0, 0.25]),
    ]
}

#[test]
fn the_gradient_of_the_whole_objective_is_that_of_its_differences() {
    let batch = batch();
    for (prior, levels) in priors() {
        for kl_scale in [KlScale::Dataset, KlScale::PerWeight] {
            let network = random_network(levels);
            let kl_weight = 0.7 * if kl_scale == KlScale::Dataset { 1.0 } else { 0.5 };
            let gradients = evaluate(&prior, kl_scale, &network, &batch, kl_weight).gradients;
            // Every parameter that training changes; a parameter without a gradient must not change the loss.
            let trained: Vec<usize> =
                (0..gradients.len()).filter(|i| network.parameters()[*i].role.is_trained()).collect();
            let x: Vec<f64> = trained.iter().flat_map(|i| network.slice(*i).to_vec()).collect();
            let analytic: Vec<f64> = trained
                .iter()
                .flat_map(|i| match &gradients[*i] {
                    Some(gradient) => gradient.iter().copied().collect(),
                    None => vec![0.0; network.parameters()[*i].value.len()],
                })
                .collect();
            let what = format!("{prior:?}, {kl_scale:?}");
            assert_gradient("objective", &what, 2e-4, &x, &analytic, |x| {
                let mut moved = network.clone();
                let mut rest = x;
                for i in &trained {
                    let values = moved.parameters_mut()[*i].as_slice_mut();
                    let (head, tail) = rest.split_at(values.len());
                    values.copy_from_slice(head);
                    rest = tail;
                }
                evaluate(&prior, kl_scale, &moved, &batch, kl_weight).loss.loss
            });
        }
    }
}

/// Where the layers compute with Q(θ), the levels are trained under a Gaussian prior too: their gradient is that of the
/// loss in Q(θ), since the prior does not depend on them.
#[test]
fn levels_that_the_layers_compute_with_are_trained() {
    let (batch, levels) = (batch(), [-0.2, 0.0, 0.25]);
    let network = random_network(&levels);
    let noise = |layer: &BayesLayer, _: &[usize]| Ok(batch.eps[layer.index].clone());
    let gradients = |prior: Prior, forward: Forward| {
        let objective = Objective { prior, forward, kl_scale: KlScale::Dataset, train_size: TRAIN_SIZE };
        objective.evaluate(&network, batch.x.clone(), &batch.labels, &noise, 0.0, None).unwrap().gradients
    };
    let nearest = || Prior::MultiSpike(MultiSpike::new(Form::Nearest, Spike::Exact));
    let gaussian = || Prior::Gaussian(Gaussian::default());
    let [sampled, of_gaussian, of_nearest] =
        [(gaussian(), Forward::Sampled), (gaussian(), Forward::Hard), (nearest(), Forward::Hard)]
            .map(|(prior, forward)| gradients(prior, forward));
    for layer in network.layers() {
        assert!(sampled[layer.levels].is_none(), "{}", layer.name);
        // Without a weight of the KL, both are the gradient of the NLL.
        assert_eq!(of_gaussian[layer.levels], of_nearest[layer.levels], "{}", layer.name);
        assert!(of_gaussian[layer.levels].as_ref().is_some_and(|d| d.iter().any(|d| *d != 0.0)), "{}", layer.name);
    }
}

#[test]
fn the_kl_is_scaled_as_documented_and_reported_unscaled() {
    let batch = batch();
    for (prior, levels) in priors() {
        let network = random_network(levels);
        let codebook = Codebook::new(levels.to_vec()).unwrap();
        let layers: Vec<(f64, f64)> = network
            .layers()
            .filter_map(|layer| {
                let [theta, log_sigma2] = [layer.theta, layer.log_sigma2].map(|i| network.slice(i));
                prior.kl(theta, log_sigma2, &codebook).map(|kl| (kl.value, theta.len() as f64))
            })
            .collect();
        assert_eq!(layers.len(), if prior == Prior::None { 0 } else { 3 });
        let kl: f64 = layers.iter().map(|(kl, _)| kl).sum();
        let scaled = [
            (KlScale::Dataset, kl / TRAIN_SIZE as f64),
            (KlScale::PerWeight, layers.iter().map(|(kl, weights)| kl / weights).sum()),
        ];
        for (kl_scale, scaled) in scaled {
            for kl_weight in [0.0, 1.0, 0.25] {
                let loss = evaluate(&prior, kl_scale, &network, &batch, kl_weight).loss;
                let plain = evaluate(&Prior::None, kl_scale, &network, &batch, kl_weight).loss;
                // Without a prior weights are means; with one they are sampled.
                assert_eq!(loss.nll == plain.nll, prior == Prior::None, "{prior:?}");
                assert_close(
                    &format!("{prior:?}, {kl_scale:?}, weight {kl_weight}"),
                    &[loss.kl + 1.0, loss.loss],
                    &[kl + 1.0, loss.nll + kl_weight * scaled],
                    tolerance("objective", Dtype::F64, Check::Property),
                );
            }
        }
    }
}

#[test]
fn what_takes_no_part_has_no_gradient() {
    let batch = batch();
    for (prior, levels) in priors() {
        let network = random_network(levels);
        let gradients = evaluate(&prior, KlScale::PerWeight, &network, &batch, 0.5).gradients;
        for (parameter, gradient) in network.parameters().iter().zip(&gradients) {
            let expected = match parameter.role {
                Role::Theta | Role::Bias | Role::Gamma | Role::Beta => true,
                Role::LogSigma2 => prior != Prior::None,
                Role::Levels => matches!(prior, Prior::MultiSpike(_)),
                Role::RunningMean | Role::RunningVar => false,
            };
            assert_eq!(gradient.is_some(), expected, "{prior:?}: {}", parameter.name);
            if let Some(gradient) = gradient {
                assert_eq!(gradient.shape(), parameter.value.shape(), "{}", parameter.name);
                assert!(gradient.to_tensor().values.iter().any(|entry| *entry != 0.0), "{}", parameter.name);
            }
        }
    }
}

#[test]
fn bad_batches_and_codebooks_are_refused() {
    let batch = batch();
    let objective = Objective {
        prior: priors()[0].0.clone(),
        forward: Forward::Sampled,
        kl_scale: KlScale::Dataset,
        train_size: TRAIN_SIZE,
    };
    let noise = |layer: &BayesLayer, _: &[usize]| Ok(batch.eps[layer.index].clone());
    let network = random_network(&[-0.2, 0.0, 0.25]);
    let refused = |network: &Network<f64>, x: Array4<f64>, labels: &[usize], parts: &[&str]| {
        assert_error(objective.evaluate(network, x, labels, &noise, 1.0, None), parts);
    };
    refused(&network, batch.x.clone(), &[0, 1, 2, 3, 0], &["labels", "below 3", "3"]);
    refused(&network, batch.x.clone(), &[0, 1], &["labels", "[5]", "[2]"]);
    refused(&network, Array4::zeros((5, 1, 3, 2)), &batch.labels, &["x", "[1, 2, 3]", "[1, 3, 2]"]);
    let mut descending = network.clone();
    let levels = descending.layers().nth(1).unwrap().levels;
    descending.parameters_mut()[levels].as_slice_mut().reverse();
    refused(&descending, batch.x.clone(), &batch.labels, &["fc2.levels", "ascending", "0.25 before 0"]);
}
