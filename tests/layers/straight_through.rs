use crate::common::gradient::assert_gradient;
use crate::common::networks::{MODES, NETWORKS, Problem};
use crate::common::random::Random;
use crate::common::{assert_panics, compare::ToTensor};
use crate::train::narrow;
use ndarray::{ArrayD, IxDyn, array};
use spikeslab::layers::softmax_nll;
use spikeslab::layers::straight_through::{forward, level_gradient};
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::{Gradients, Network, Normalization, WeightMode};
use spikeslab::prior::quantizer::Quantizer;
use spikeslab::train::phase;

#[test]
fn a_weight_is_its_level_and_a_level_takes_the_gradients_of_its_weights() {
    let theta = array![[-1.0, 0.2, 0.25], [0.3, 7.0, 0.0]].into_dyn();
    let levels = [-0.5, 0.0, 0.5];
    assert_eq!(forward(theta.view(), &levels), array![[-0.5, 0.0, 0.0], [0.5, 0.5, 0.0]].into_dyn());
    let dw = array![[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]].into_dyn();
    assert_eq!(level_gradient(theta.view(), &levels, dw.view()), array![1.0, 38.0, 24.0]);
    // A level without weights.
    assert_eq!(level_gradient(theta.view(), &[-9.0, 0.0, 0.5], dw.view()), array![0.0, 39.0, 24.0]);
    assert_panics("dw has the shape of theta", || level_gradient(theta.view(), &levels, dw.t()));
}

/// dℓ is exact: away from the partitions, w = ℓ_k(θ) depends on ℓ exactly so.
#[test]
fn the_gradient_in_the_levels_is_that_of_any_loss_of_w() {
    let mut random = Random::new(3);
    let theta: ArrayD<f64> = random.uniforms(-0.6, 0.6, IxDyn(&[3, 7]));
    let scale: ArrayD<f64> = random.uniforms(-1.0, 1.0, IxDyn(&[3, 7]));
    let levels = [-0.4, -0.1, 0.2, 0.5];
    let loss = |levels: &[f64]| (&scale * &forward(theta.view(), levels).mapv(f64::sin)).sum();
    let dw = &scale * &forward(theta.view(), &levels).mapv(f64::cos);
    let gradient = level_gradient(theta.view(), &levels, dw.view());
    assert_gradient("network", "levels", 1e-6, &levels, gradient.as_slice().unwrap(), loss);
}

/// The NLL, and the gradient with respect to every parameter.
fn run(
    problem: &Problem<f64>,
    network: &Network<f64>,
    weights: &WeightMode<'_, f64>,
    normalization: Normalization,
) -> (f64, Gradients<f64>) {
    let (logits, tape) = network.forward(problem.x.clone(), weights, normalization).expect("it fits");
    let (nll, cache) = softmax_nll::forward(logits.view(), &problem.labels).expect("it fits");
    (nll, network.backward(&tape, softmax_nll::backward(&cache)))
}

/// Whole networks, with and without noise: all gradients except dℓ equal those of a network whose θ are Q(θ); dℓ is
/// compared with differences.
#[test]
fn a_network_passes_its_gradients_straight_through() {
    for name in NETWORKS {
        // With this seed no value is at a kink of ReLU or of max pooling, although weights with few different values
        // have equal sums.
        let problem = Problem::<f64>::new(name, [1, 16, 16], narrow(name), 4, 10);
        let mut quantized = problem.network.clone();
        phase::quantize(&mut quantized);
        for (has_noise, normalization) in MODES {
            let noise = |layer: &BayesLayer, _: &[usize]| Ok(problem.eps[layer.index].clone());
            let [hard, plain] = if has_noise {
                [WeightMode::Hard(&noise), WeightMode::Sample(&noise)]
            } else {
                [WeightMode::Quantized, WeightMode::Mean]
            };
            let (nll, gradients) = run(&problem, &problem.network, &hard, normalization);
            let (expected_nll, expected) = run(&problem, &quantized, &plain, normalization);
            assert_eq!(nll, expected_nll, "{name}");
            for (position, parameter) in problem.network.parameters().iter().enumerate() {
                let Some(layer) = problem.network.layers().find(|layer| layer.levels == position) else {
                    assert_eq!(gradients[position], expected[position], "{name}: {}", parameter.name);
                    continue;
                };
                assert!(expected[position].is_none(), "{name}: {}", parameter.name);
                let gradient = gradients[position].as_ref().expect("a gradient in the levels").to_tensor().values;
                let loss = |levels: &[f64]| {
                    let mut network = quantized.clone();
                    // Each weight keeps its level while the level moves: θ := ℓ_k.
                    let theta = problem.network.parameters()[layer.theta].value.view();
                    let quantizer = Quantizer::new(parameter.as_slice());
                    network.parameters_mut()[layer.theta].value = theta.mapv(|theta| levels[quantizer.index(theta)]);
                    run(&problem, &network, &plain, normalization).0
                };
                let what = format!("{name}: {}, noise: {has_noise}, {normalization:?}", parameter.name);
                assert_gradient("network", &what, 2e-6, parameter.as_slice(), &gradient, loss);
            }
        }
    }
}
