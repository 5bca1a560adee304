use super::{Notes, bits, initialized, narrow, network, short_recipe, split};
use crate::common::assert_error;
use crate::common::networks::preset;
use ndarray::ArrayD;
use spikeslab::nets::{Graph, Network, Role, WeightMode};
use spikeslab::prior::kmeans::kmeans;
use spikeslab::prior::quantizer::Quantizer;
use spikeslab::train::evaluate::{Weights, evaluate, quantized_loss};
use spikeslab::train::fit::{Control, Position, fit};
use spikeslab::train::phase::{check_levels, fit_levels, quantize, refit_levels, reset_log_sigma2};
use spikeslab::train::projection::smallest_gap;
use spikeslab::train::recipe::{InitLevels, PriorName};
use spikeslab::train::{Forward, Recipe, Trainer};

const SIZE: usize = 16;
const IMAGES: usize = 50;

fn mlp() -> Network<f32> {
    network("mlp", narrow("mlp"), SIZE)
}

/// A network whose first and last layer are unquantized.
fn kept() -> Network<f32> {
    let mut graph: Graph = preset("mlp", [1, SIZE, SIZE]);
    graph.keep_first_and_last();
    initialized(graph)
}

/// A recipe with four of the six steps in the first phase.
fn recipe(prior: PriorName, forward: Forward, init_levels: InitLevels) -> Recipe {
    Recipe { prior, forward, init_levels, warmup: 2.0 / 3.0, kl_warmup: None, ..short_recipe() }
}

/// The trainer after a training that is stopped after `stop_after` steps, if given.
fn train(network: Network<f32>, recipe: Recipe, stop_after: Option<u64>) -> (Trainer<f32>, Notes) {
    let mut trainer = Trainer::new(network, recipe, IMAGES).unwrap();
    let mut notes = Notes { stop_after, ..Notes::default() };
    fit(&mut trainer, &split(IMAGES, 30, SIZE), Position::default(), &mut notes).unwrap();
    (trainer, notes)
}

fn values(network: &Network<f32>, role: Role) -> Vec<ArrayD<f32>> {
    network.parameters().iter().filter(|p| p.role == role).map(|p| p.value.clone()).collect()
}

#[test]
fn levels_are_fitted_and_sigma_is_a_tenth_of_the_smallest_gap() {
    let mut network = mlp();
    let before = network.clone();
    fit_levels(&mut network).unwrap();
    reset_log_sigma2(&mut network);
    for layer in before.layers() {
        let value = |position: usize| network.slice(position);
        assert_eq!(value(layer.theta), before.slice(layer.theta));
        let levels = kmeans(value(layer.theta), 3).unwrap();
        assert_eq!(value(layer.levels), levels);
        let [low, middle, high] = [0, 1, 2].map(|k| f64::from(levels[k]));
        assert_eq!(smallest_gap(&levels), (middle - low).min(high - middle));
        let sigma = 0.1 * smallest_gap(&levels);
        for log_sigma2 in value(layer.log_sigma2) {
            let ratio = (0.5 * f64::from(*log_sigma2)).exp() / sigma;
            assert!((ratio - 1.0).abs() < 1e-6, "{}: {ratio}", layer.name);
        }
    }
    // ln σ² is the lower bound.
    let mut narrow = mlp();
    for layer in before.layers() {
        narrow.parameters_mut()[layer.levels].value.mapv_inplace(|level| level * 1e-6);
    }
    reset_log_sigma2(&mut narrow);
    assert!(values(&narrow, Role::LogSigma2).iter().flatten().all(|log_sigma2| *log_sigma2 == -10.0));
}

#[test]
fn weights_all_alike_have_no_levels() {
    let mut network = mlp();
    let theta = network.layers().nth(1).unwrap().theta;
    network.parameters_mut()[theta].value.fill(0.25);
    assert_error(fit_levels(&mut network), &["fc2.theta", "at least 3 distinct weights", "1"]);
    assert_error(refit_levels(&mut network, 3), &["fc2.theta", "at least 2 distinct weights", "1"]);
    // Where fewer levels are allowed, the distinct weights are the levels.
    for (i, weight) in network.parameters_mut()[theta].as_slice_mut().iter_mut().enumerate() {
        *weight = if i % 3 == 0 { -0.5 } else { 0.25 };
    }
    refit_levels(&mut network, 3).unwrap();
    let levels = network.layers().nth(1).unwrap().levels;
    assert_eq!(network.slice(levels), [-0.5, 0.25]);
}

#[test]
fn quantizing_replaces_the_weights_of_quantized_layers_alone() {
    for (mut network, kept) in [(mlp(), &[][..]), (self::kept(), &["fc1", "fc3"][..])] {
        let before = network.clone();
        quantize(&mut network);
        for layer in before.layers() {
            let [expected, theta] = [&before, &network].map(|network| network.slice(layer.theta));
            let quantizer = Quantizer::new(before.slice(layer.levels));
            let is_kept = kept.contains(&&*layer.name);
            let q = |theta: &f32| if is_kept { *theta } else { quantizer.value(*theta) };
            assert!(expected.iter().map(q).eq(theta.iter().copied()), "{}", layer.name);
            assert_eq!(layer.unquantized, is_kept);
        }
        assert_eq!(quantized_loss(&network), 0.0);
    }
}

#[test]
fn the_first_phase_has_no_noise_no_kl_and_a_constant_rate() {
    let first = recipe(PriorName::Nearest, Forward::Sampled, InitLevels::Given);
    let (trainer, notes) = train(mlp(), first.clone(), Some(3));
    assert!(trainer.in_first_phase() && (trainer.first_phase_steps(), trainer.kl_weight()) == (4, 0.0));
    // The first phase equals a training without a prior whose rate begins to fall where the first phase ends.
    let none = Recipe { prior: PriorName::None, warmup: 0.0, decay_from: Some(2.0 / 3.0), ..first };
    let (expected, expected_notes) = train(mlp(), none, Some(3));
    assert!(bits(&trainer) == bits(&expected));
    assert_eq!(notes.steps, expected_notes.steps);
    assert_eq!(values(&trainer.network, Role::Levels), values(&mlp(), Role::Levels));
}

#[test]
fn the_second_phase_begins_with_new_levels_variances_and_moments() {
    let hard = recipe(PriorName::Nearest, Forward::Hard, InitLevels::Kmeans);
    let (trainer, _) = train(mlp(), hard.clone(), Some(4));
    assert!(!trainer.in_first_phase());
    assert!(trainer.moments.iter().flatten().flatten().all(|moment| *moment == 0.0));
    assert_eq!(trainer.kl_weight(), 0.0, "κ begins to rise");
    let mut fitted = trainer.network.clone();
    fit_levels(&mut fitted).unwrap();
    reset_log_sigma2(&mut fitted);
    assert_eq!(fitted, trainer.network);
    assert_ne!(values(&fitted, Role::Levels), values(&mlp(), Role::Levels));
    // Adam's count of steps begins again at 0: the first step changes each parameter by about the rate.
    let (after, _) = train(mlp(), hard, Some(5));
    let rate = after.recipe().learning_rate;
    for (before, after) in values(&trainer.network, Role::Theta).iter().zip(values(&after.network, Role::Theta)) {
        let farthest = before.iter().zip(&after).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        // No upper bound: a weight beyond the outermost levels is also moved back to them, by more than the rate.
        assert!(farthest > 0.9 * rate, "{farthest}");
    }
    assert!(after.kl_weight() > 0.0);
}

#[test]
fn a_training_stopped_anywhere_goes_on_across_the_phases_to_the_same_bits() {
    for recipe in [
        recipe(PriorName::Nearest, Forward::Hard, InitLevels::Kmeans),
        recipe(PriorName::Vnq, Forward::Hard, InitLevels::Given),
        recipe(PriorName::None, Forward::StraightThrough, InitLevels::Kmeans),
        recipe(PriorName::Mixture, Forward::Sampled, InitLevels::Kmeans),
    ] {
        let data = split(IMAGES, 30, SIZE);
        let (whole, uninterrupted) = train(kept(), recipe.clone(), None);
        assert_eq!(whole.steps_taken, 6);
        for stop in 1..6 {
            let (first, mut notes) = train(kept(), recipe.clone(), Some(stop));
            let mut second = Trainer::new(kept(), recipe.clone(), IMAGES).unwrap();
            (second.network, second.moments, second.steps_taken) = (first.network, first.moments, first.steps_taken);
            let position = notes.position;
            notes.stop_after = None;
            assert_eq!(fit(&mut second, &data, position, &mut notes).unwrap(), Control::Continue);
            assert!(bits(&second) == bits(&whole), "{recipe:?}, stopped after {stop}");
            assert_eq!(notes.epochs, uninterrupted.epochs, "{recipe:?}, stopped after {stop}");
        }
    }
}

#[test]
fn where_the_forward_is_quantized_the_training_ends_with_the_quantized_network() {
    for (prior, forward) in [(PriorName::Nearest, Forward::Hard), (PriorName::None, Forward::StraightThrough)] {
        let (trainer, notes) = train(mlp(), recipe(prior, forward, InitLevels::Kmeans), None);
        let network = &trainer.network;
        assert_eq!(quantized_loss(network), 0.0);
        let last = notes.epochs.last().unwrap();
        assert!(last.accuracy_mean.is_some());
        assert_eq!((last.quantized_loss, last.accuracy_mean), (0.0, last.accuracy_quantized));
        let test = split(IMAGES, 30, SIZE).test;
        assert_eq!(
            evaluate(network, &test, Weights::Mean).unwrap(),
            evaluate(network, &test, Weights::Quantized).unwrap()
        );
        for layer in network.layers() {
            let [theta, levels] = [layer.theta, layer.levels].map(|p| network.slice(p));
            assert!(theta.iter().all(|theta| levels.contains(theta)), "{}", layer.name);
            assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "{}", layer.name);
        }
    }
}

#[test]
fn an_unquantized_layer_has_no_noise_no_kl_and_no_levels() {
    let hard = recipe(PriorName::Nearest, Forward::Hard, InitLevels::Kmeans);
    let (trainer, _) = train(kept(), hard, None);
    let begin = kept();
    for layer in begin.layers() {
        let changed = |position: usize| trainer.network.parameters()[position] != begin.parameters()[position];
        assert!(changed(layer.theta), "{}", layer.name);
        assert_eq!(changed(layer.log_sigma2), !layer.unquantized, "{}", layer.name);
        assert_eq!(changed(layer.levels), !layer.unquantized, "{}", layer.name);
    }
    let asked = std::cell::RefCell::new(Vec::new());
    let noise = |layer: &spikeslab::nets::graph::BayesLayer, shape: &[usize]| {
        asked.borrow_mut().push(layer.name.clone());
        Ok(ArrayD::zeros(shape))
    };
    let (x, _) = split(4, 4, SIZE).test.batch(&[0, 1]);
    trainer.network.predict(x, &WeightMode::Sample(&noise)).unwrap();
    assert_eq!(asked.into_inner(), ["fc2"]);
}

#[test]
fn a_layer_with_fewer_weights_than_levels_is_found_before_the_training() {
    let mut graph = preset("lenet5", [1, 28, 28]);
    assert!(check_levels(&graph, 150).is_ok());
    assert_error(check_levels(&graph, 151), &["levels", "at least 151 weights", "conv1 of 150"]);
    graph.keep_first_and_last();
    assert!(check_levels(&graph, 256).is_ok(), "an unquantized layer has no levels");
}

/// Levels fitted to small weights may be nearer than the recipe's smallest distance.
#[test]
fn levels_fitted_to_small_weights_are_not_pushed_apart() {
    let mut network = mlp();
    let thetas: Vec<usize> = network.layers().map(|layer| layer.theta).collect();
    thetas.iter().for_each(|theta| network.parameters_mut()[*theta].value.mapv_inplace(|theta| 1e-3 * theta));
    let tiny = Recipe { learning_rate: 1e-8, ..recipe(PriorName::Nearest, Forward::Hard, InitLevels::Kmeans) };
    let after = |steps| values(&train(network.clone(), tiny.clone(), Some(steps)).0.network, Role::Levels);
    for (fitted, projected) in after(4).iter().zip(after(5)) {
        for (fitted, projected) in fitted.iter().zip(&projected) {
            assert!((fitted - projected).abs() < 1e-5, "{fitted} became {projected}");
        }
    }
}
