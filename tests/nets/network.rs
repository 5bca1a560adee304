use crate::common::networks::{MODES, NETWORKS, Problem, depth, preset};
use crate::common::random::Random;
use crate::common::{assert_error, assert_panics};
use ndarray::{Array2, Array4, ArrayD, IxDyn, ShapeBuilder};
use spikeslab::layers::batch_norm::{MOMENTUM, Statistics};
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::network::INITIAL_LOG_SIGMA2;
use spikeslab::nets::{Given, Graph, Network, Normalization, Role, WeightMode};
use spikeslab::prior::Codebook;
use spikeslab::prior::quantizer::Quantizer;

fn lenet5() -> Problem<f64> {
    Problem::new("lenet5", [1, 20, 20], &[4, 6, 12, 12, 10], 4, 1)
}

fn no_noise<F: ndarray::NdFloat>(_: &BayesLayer, shape: &[usize]) -> spikeslab::Result<ArrayD<F>> {
    Ok(ArrayD::zeros(shape))
}

/// A copy of the network whose θ are replaced by Q(θ).
fn quantized(network: &Network<f64>) -> Network<f64> {
    let mut quantized = network.clone();
    for layer in network.layers() {
        let quantizer = Quantizer::new(network.slice(layer.levels));
        quantized.parameters_mut()[layer.theta].value.mapv_inplace(|theta| quantizer.value(theta));
    }
    quantized
}

#[test]
fn sampled_weights_without_noise_are_mean_weights() {
    let Problem { network, x, .. } = lenet5();
    let sampled = network.predict(x.clone(), &WeightMode::Sample(&no_noise)).expect("it fits");
    assert_eq!(sampled, network.predict(x, &WeightMode::Mean).expect("it fits"));
}

#[test]
fn quantized_weights_are_the_levels_of_each_layer() {
    let Problem { mut network, x, .. } = lenet5();
    // The levels differ from layer to layer.
    for (i, layer) in network.layers().cloned().collect::<Vec<_>>().into_iter().enumerate() {
        network.parameters_mut()[layer.levels].value.mapv_inplace(|level| level * (1.0 + 0.2 * i as f64) + 0.01);
    }
    let seen = network.predict(x.clone(), &WeightMode::Quantized).expect("it fits");
    assert_eq!(seen, quantized(&network).predict(x.clone(), &WeightMode::Mean).expect("it fits"));
    assert_ne!(seen, network.predict(x, &WeightMode::Mean).expect("it fits"));
}

#[test]
fn predictions_use_the_running_statistics() {
    let Problem { network, x, .. } = lenet5();
    let forward = |normalization| network.forward(x.clone(), &WeightMode::Mean, normalization).expect("it fits").0;
    let predicted = network.predict(x.clone(), &WeightMode::Mean).expect("it fits");
    assert_eq!(predicted, forward(Normalization::Running));
    assert_ne!(predicted, forward(Normalization::Batch));
    // With running statistics, an image's logits do not depend on its batch.
    let alone = network.predict(x.slice(ndarray::s![2..3, .., .., ..]).to_owned(), &WeightMode::Mean).expect("it fits");
    assert_eq!(alone.row(0), predicted.row(2));
    assert_ne!(predicted.row(0), predicted.row(2));
}

#[test]
fn noise_is_asked_for_in_order_and_in_the_shape_of_each_output() {
    let problem = lenet5();
    assert_eq!(problem.noise_shapes(), [vec![4, 4, 16, 16], vec![4, 6, 4, 4], vec![4, 12], vec![4, 12], vec![4, 10]]);
}

#[test]
fn noise_of_another_shape_is_refused_by_the_layer_s_name() {
    let Problem { network, x, .. } = lenet5();
    for (name, shape, expected) in [
        ("conv1", vec![4, 4, 16, 15], "[4, 4, 16, 16]"),
        ("conv2", vec![4, 6, 16], "[4, 6, 4, 4]"),
        ("fc1", vec![4, 1], "[4, 12]"),
        ("fc3", vec![40], "[4, 10]"),
    ] {
        let noise = |layer: &BayesLayer, asked: &[usize]| {
            Ok(ArrayD::zeros(if layer.name == name { shape.as_slice() } else { asked }))
        };
        let result = network.predict(x.clone(), &WeightMode::Sample(&noise));
        assert_error(result, &[&format!("eps.{name}"), expected, &format!("{shape:?}")]);
    }
}

#[test]
fn an_error_of_the_noise_is_passed_on() {
    let Problem { network, x, .. } = lenet5();
    let noise = |layer: &BayesLayer, _: &[usize]| Err(spikeslab::Error::tensor(&layer.name, "noise", "none"));
    assert_error(network.predict(x, &WeightMode::Sample(&noise)), &["conv1", "noise", "none"]);
}

#[test]
fn images_of_another_shape_are_refused() {
    let Problem { network, .. } = lenet5();
    for shape in [(2, 3, 20, 20), (2, 1, 20, 21), (2, 1, 28, 28)] {
        let seen = format!("[{}, {}, {}]", shape.1, shape.2, shape.3);
        assert_error(network.predict(Array4::zeros(shape), &WeightMode::Mean), &["x", "[1, 20, 20]", &seen]);
    }
}

#[test]
fn a_batch_of_one_works_in_every_mode_that_has_statistics_for_it() {
    for name in NETWORKS {
        let widths = vec![3; depth(name)];
        let problem = Problem::<f32>::new(name, [1, 16, 16], &widths, 1, 2);
        for (sampled, normalization) in MODES {
            // After a dense layer a single image has one value per channel.
            if normalization == Normalization::Batch && problem.network.graph().check_batch(1).is_err() {
                let refused = problem.network.forward(problem.x.clone(), &WeightMode::Mean, normalization);
                assert_error(refused, &["tensor x", "at least two values a channel"]);
                continue;
            }
            let (nll, logits, gradients) = problem.run(&problem.network, sampled, normalization);
            assert!(nll.is_finite() && logits.iter().all(|logit| logit.is_finite()), "{name}");
            assert!(gradients.iter().flatten().flatten().all(|d| d.is_finite()), "{name}");
        }
    }
}

#[test]
fn the_layout_of_the_images_in_memory_does_not_matter() {
    for name in NETWORKS {
        let widths = vec![3; depth(name)];
        let Problem { network, x, .. } = Problem::<f64>::new(name, [2, 16, 16], &widths, 3, 3);
        let mut columns_first = Array4::zeros(x.raw_dim().f());
        columns_first.assign(&x);
        assert!(!columns_first.is_standard_layout());
        let expected = network.predict(x, &WeightMode::Mean).expect("it fits");
        assert_eq!(network.predict(columns_first, &WeightMode::Mean).expect("it fits"), expected, "{name}");
    }
}

#[test]
fn one_nan_pixel_spoils_its_own_image() {
    let Problem { network, mut x, .. } = lenet5();
    x[[1, 0, 9, 9]] = f64::NAN;
    let logits = network.predict(x, &WeightMode::Mean).expect("it fits");
    for ((image, _), logit) in logits.indexed_iter() {
        assert_eq!(logit.is_nan(), image == 1, "image {image}");
    }
}

#[test]
fn absorbing_moves_the_running_estimates_and_nothing_else() {
    let codebook = Codebook::symmetric(2).expect("two levels");
    let text = "input 3x4x5\nnorm\nflatten\ndense 2";
    let graph = Graph::parse("small", text, Given::default()).expect("a network");
    let mut network = Network::<f64>::new(graph, &codebook);
    let before = network.clone();
    let x: Array4<f64> = Random::new(4).bells((6, 3, 4, 5));
    let (_, tape) = network.forward(x.clone(), &WeightMode::Mean, Normalization::Batch).expect("it fits");
    network.absorb_statistics(&tape, MOMENTUM);

    let by_channel = x.to_shape((6, 3, 20)).expect("the same elements");
    let mut expected = Statistics { mean: ndarray::Array1::zeros(3), variance: ndarray::Array1::ones(3) };
    expected.absorb(&Statistics::of_batch(by_channel.view()), 120, MOMENTUM);
    for (old, new) in before.parameters().iter().zip(network.parameters()) {
        let value = match new.role {
            Role::RunningMean => expected.mean.clone().into_dyn(),
            Role::RunningVar => expected.variance.clone().into_dyn(),
            _ => old.value.clone(),
        };
        assert_eq!(new.value, value, "{}", new.name);
        assert_eq!(new.value != old.value, !new.role.is_trained(), "{}", new.name);
    }

    // A forward pass with running statistics leaves no batch statistics to absorb.
    let (_, tape) = network.forward(x, &WeightMode::Mean, Normalization::Running).expect("it fits");
    let before = network.clone();
    network.absorb_statistics(&tape, MOMENTUM);
    assert_eq!(network, before);
}

#[test]
fn a_gradient_of_another_shape_panics() {
    let Problem { network, x, .. } = lenet5();
    let (_, tape) = network.forward(x, &WeightMode::Mean, Normalization::Batch).expect("it fits");
    for shape in [(4, 9), (3, 10), (10, 4)] {
        assert_panics(&format!("{shape:?}"), || network.backward(&tape, Array2::zeros(shape)));
    }
}

#[test]
fn parameters_can_be_changed_in_place() {
    let Problem { mut network, x, .. } = lenet5();
    let before = network.predict(x.clone(), &WeightMode::Mean).expect("it fits");
    let bias = network.parameters().iter().position(|p| p.role == Role::Bias).expect("a bias");
    network.parameters_mut()[bias].value += &ArrayD::from_elem(IxDyn(&[10]), 0.5);
    let after = network.predict(x, &WeightMode::Mean).expect("it fits");
    assert!(after.iter().zip(&before).all(|(after, before)| after > before));
}

fn untrained() -> Network<f64> {
    let codebook = Codebook::new(vec![-0.3, 0.1, 0.2]).expect("a codebook");
    Network::new(preset("lenet5", [1, 28, 28]), &codebook)
}

#[test]
fn parameters_before_initialization() {
    for parameter in untrained().parameters() {
        let expected: &[f64] = match parameter.role {
            Role::Theta | Role::Bias | Role::Beta | Role::RunningMean => &[0.0],
            Role::LogSigma2 => &[INITIAL_LOG_SIGMA2],
            Role::Gamma | Role::RunningVar => &[1.0],
            Role::Levels => &[-0.3, 0.1, 0.2],
        };
        for (i, value) in parameter.value.iter().enumerate() {
            assert_eq!(*value, expected[i % expected.len()], "{}", parameter.name);
        }
    }
    assert_eq!(INITIAL_LOG_SIGMA2, -8.0);
}

#[test]
fn initialization_draws_theta_uniformly_within_one_over_root_outputs_and_nothing_else() {
    let (before, mut network) = (untrained(), untrained());
    network.initialize(1);
    for (old, new) in before.parameters().iter().zip(network.parameters()) {
        if new.role != Role::Theta {
            assert_eq!(old, new);
            continue;
        }
        let outputs = if new.value.ndim() == 2 { new.value.shape()[1] } else { new.value.shape()[0] };
        let bound = 1.0 / (outputs as f64).sqrt();
        let largest = new.value.iter().fold(0.0, |largest: f64, theta| largest.max(theta.abs()));
        assert!(largest < bound && largest > 0.97 * bound, "{}: {largest} of {bound}", new.name);
        // In units of the bound, mean 0 and variance 1/3, each within five standard deviations: √(1/3n), √(4/45n).
        let (count, squares) = (new.value.len() as f64, new.value.iter().map(|theta| theta * theta).sum::<f64>());
        let (mean, variance) = (new.value.sum() / count / bound, squares / count / (bound * bound));
        assert!(mean.abs() < 5.0 * (1.0 / (3.0 * count)).sqrt(), "{}: mean {mean}", new.name);
        assert!((variance - 1.0 / 3.0).abs() < 5.0 * (4.0 / (45.0 * count)).sqrt(), "{}: {variance}", new.name);
    }
}

#[test]
fn a_seed_gives_one_network_and_each_tensor_has_its_own_stream() {
    let initialized = |seed| {
        let mut network = untrained();
        network.initialize(seed);
        network
    };
    assert_eq!(initialized(3), initialized(3));
    assert_ne!(initialized(3), initialized(4));
    let network = initialized(3);
    // Divided by the bounds, two tensors from the same stream would begin with the same numbers.
    let starts: Vec<i64> = network
        .layers()
        .map(|layer| &network.parameters()[layer.theta].value)
        .map(|theta| (theta, if theta.ndim() == 2 { theta.shape()[1] } else { theta.shape()[0] }))
        .map(|(theta, outputs)| (theta.iter().next().expect("a weight") * (outputs as f64).sqrt() * 1e9) as i64)
        .collect();
    for (i, start) in starts.iter().enumerate() {
        assert!(!starts[..i].contains(start), "{starts:?}");
    }
}
