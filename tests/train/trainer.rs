use super::{bits, narrow, network, short_recipe, split};
use crate::common::compare::assert_close;
use crate::common::fixture::{Case, for_each_case_of, note, note_or};
use crate::common::networks::{golden_network, is_of};
use crate::common::tolerance::{Check, tolerance};
use crate::common::{Dtype, assert_error};
use ndarray::{Array4, IxDyn};
use rayon::prelude::*;
use spikeslab::nets::Role;
use spikeslab::nets::graph::BayesLayer;
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::tensor::noise::{Philox, Purpose};
use spikeslab::train::recipe::PriorName;
use spikeslab::train::{Forward, KlScale, Loss, Recipe, Trainer};

/// The recipe of a case: κ and the learning rate are constant over the steps, and gradients are not clipped.
fn recipe(case: &Case<f64>, path: &str) -> Recipe {
    let spike = match note(path, &case.name, "spike").as_str() {
        "exact" => Spike::Exact,
        "fit" => Spike::Fit,
        other => panic!("spike {other}"),
    };
    let prior = match note(path, &case.name, "prior").as_str() {
        "nearest" => PriorName::Nearest,
        "mixture" => PriorName::Mixture,
        "vnq" => PriorName::Vnq,
        "windows" => PriorName::Windows,
        "none" => PriorName::None,
        other => panic!("prior {other}"),
    };
    let kl_scale = match note(path, &case.name, "kl_scale").as_str() {
        "dataset" => KlScale::Dataset,
        "per-weight" => KlScale::PerWeight,
        other => panic!("scale {other}"),
    };
    let forward = match note_or(path, &case.name, "forward", "sampled").as_str() {
        "sampled" => Forward::Sampled,
        "hard" => Forward::Hard,
        "straight-through" => Forward::StraightThrough,
        other => panic!("forward {other}"),
    };
    Recipe {
        prior,
        forward,
        spike,
        kl_scale,
        kl_weight: case.stored_scalar("kl_weight"),
        decay_from: Some(0.5),
        level_rate: 0.01,
        level_gap: 1e-3,
        kl_warmup: Some(0.0),
        kl_warmup_power: 1,
        epochs: 4,
        batch_size: case.stored("x").shape[0],
        learning_rate: case.stored_scalar("learning_rate"),
        gradient_clip: 1e300,
        seed: 0,
        ..Recipe::default()
    }
}

/// Compares whole steps: loss, logits, every gradient, and every parameter after the step.
fn golden(name: &str, path: &str, cases: usize) {
    for_each_case_of::<f64>(
        path,
        cases,
        |case| is_of(name, case),
        |case| {
            let network = golden_network(name, case);
            let input = network.graph().input;
            let train_size = case.integers("train_size")[0];
            let mut trainer = Trainer::new(network, recipe(case, path), train_size).unwrap();
            let labels = case.integers("labels");
            let x = case.array::<IxDyn>("x");
            let x: Array4<f64> = x.into_shape_with_order((labels.len(), input[0], input[1], input[2])).unwrap();
            let steps = if case.has("step2.loss") { 2 } else { 1 };
            for step in 1..=steps {
                let noise = |layer: &BayesLayer, shape: &[usize]| {
                    let eps = case.array::<IxDyn>(&format!("step{step}.eps.{}", layer.name));
                    assert_eq!(eps.shape(), shape, "{}", layer.name);
                    Ok(eps)
                };
                let expect = |tensor: &str, actual: &dyn crate::common::compare::ToTensor| {
                    let tensor = format!("step{step}.{tensor}");
                    let golden = tolerance("trainer", Dtype::F64, Check::Golden);
                    assert_close(&format!("{}.{tensor}", case.name), &actual.to_tensor(), case.stored(&tensor), golden);
                };
                let evaluation = trainer.evaluate(x.clone(), &labels, &noise).unwrap();
                expect("loss", &evaluation.loss.loss);
                expect("nll", &evaluation.loss.nll);
                expect("kl", &evaluation.loss.kl);
                expect("logits", &evaluation.logits);
                for (parameter, gradient) in trainer.network.parameters().iter().zip(&evaluation.gradients) {
                    let has_gradient = case.has(&format!("step{step}.d.{}", parameter.name));
                    assert_eq!(gradient.is_some(), has_gradient, "{}", parameter.name);
                    if let Some(gradient) = gradient {
                        expect(&format!("d.{}", parameter.name), gradient);
                    }
                }
                trainer.apply(evaluation).expect("a step");
                assert_eq!(trainer.steps_taken, step);
                for parameter in trainer.network.parameters() {
                    expect(&format!("after.{}", parameter.name), &parameter.value);
                }
            }
        },
    );
}

#[test]
fn golden_mlp() {
    golden("mlp", "nets/mlp", 3);
}

#[test]
fn golden_lenet5() {
    golden("lenet5", "nets/lenet5", 2);
}

#[test]
fn golden_lenet_caffe() {
    golden("lenet-caffe", "nets/lenet_caffe", 1);
}

#[test]
fn golden_densenet() {
    golden("densenet", "nets/densenet", 1);
    golden("densenet-bottleneck", "nets/densenet", 1);
}

#[test]
fn golden_networks_of_their_own_texts() {
    golden("residual", "nets/residual", 1);
    golden("grouped", "nets/grouped", 1);
    golden("bare", "nets/bare", 1);
}

/// The network has one unquantized layer.
#[test]
fn golden_forwards_with_quantized_weights() {
    golden("hard", "nets/hard", 3);
}

fn mlp_trainer(recipe: Recipe) -> Trainer<f32> {
    Trainer::new(network("mlp", narrow("mlp"), 6), recipe, 64).unwrap()
}

fn first_batch() -> (Array4<f32>, Vec<usize>) {
    split(64, 10, 6).train.batch(&(0..16).collect::<Vec<_>>())
}

#[test]
fn a_step_draws_the_noise_of_its_layer_and_number() {
    let (x, labels) = first_batch();
    let mut whole = mlp_trainer(Recipe { seed: 3, ..short_recipe() });
    let mut parts = whole.clone();
    for step in 0..3 {
        let noise = |layer: &BayesLayer, shape: &[usize]| {
            Ok(Philox::new(3, Purpose::Layer(layer.index as u32), step).standard_normal(IxDyn(shape)))
        };
        let loss = whole.step(x.clone(), &labels).unwrap();
        let evaluation = parts.evaluate(x.clone(), &labels, &noise).unwrap();
        assert_eq!(loss, evaluation.loss);
        parts.apply(evaluation).expect("a step");
        assert!(bits(&whole) == bits(&parts), "step {step}");
    }
}

/// Each step keeps threads waiting for its tasks, while the others do the same.
#[test]
fn several_trainers_at_once_on_the_same_threads() {
    let (x, labels) = split(16, 10, 28).train.batch(&(0..16).collect::<Vec<_>>());
    let network = network("lenet5", &[6, 16, 120, 84, 10], 28);
    let trainer: Trainer<f32> = Trainer::new(network, short_recipe(), 64).unwrap();
    let after_three = |mut trainer: Trainer<f32>| {
        let losses: Vec<Loss> = (0..3).map(|_| trainer.step(x.clone(), &labels).unwrap()).collect();
        (losses, bits(&trainer))
    };
    let alone = after_three(trainer.clone());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("a pool");
    pool.install(|| (0..20).into_par_iter().for_each(|_| assert!(after_three(trainer.clone()) == alone)));
}

#[test]
fn the_gradient_is_clipped_before_adam_sees_it() {
    let (x, labels) = first_batch();
    let clip = 1e-3;
    let mut trainer = mlp_trainer(Recipe { gradient_clip: f64::from(clip), ..short_recipe() });
    let zeros = |_: &BayesLayer, shape: &[usize]| Ok(ndarray::ArrayD::zeros(shape));
    let evaluation = trainer.evaluate(x, &labels, &zeros).unwrap();
    let gradients = evaluation.gradients.clone();
    trainer.apply(evaluation).expect("a step");
    let mut clipped = 0;
    for (gradient, [first, _]) in gradients.iter().zip(&trainer.moments) {
        for (entry, moment) in gradient.iter().flatten().zip(first) {
            clipped += usize::from(entry.abs() > clip);
            assert_eq!(*moment, 0.1 * entry.clamp(-clip, clip));
        }
    }
    assert!(clipped > 20, "only {clipped} entries were large enough to be clipped");
}

#[test]
fn only_a_multi_spike_prior_holds_theta_and_only_a_prior_makes_noise() {
    let (x, labels) = first_batch();
    let priors =
        [(PriorName::None, false, false), (PriorName::Gaussian, true, false), (PriorName::Nearest, true, true)];
    for (prior, makes_noise, holds) in priors {
        let mut trainer = mlp_trainer(Recipe { prior, kl_warmup: Some(0.0), ..short_recipe() });
        let theta = trainer.network.layers().next().unwrap().theta;
        trainer.network.parameters_mut()[theta].as_slice_mut()[0] = 5.0;
        let asked = std::cell::Cell::new(false);
        let noise = |_: &BayesLayer, shape: &[usize]| {
            asked.set(true);
            Ok(ndarray::ArrayD::zeros(shape))
        };
        let levels_before: Vec<_> = levels(&trainer);
        let evaluation = trainer.evaluate(x.clone(), &labels, &noise).unwrap();
        trainer.apply(evaluation).expect("a step");
        assert_eq!(asked.get(), makes_noise, "{prior:?}");
        let value = trainer.network.slice(theta)[0];
        assert_eq!(value < 1.0, holds, "{prior:?}: {value}");
        assert_eq!(levels(&trainer) != levels_before, holds, "{prior:?}");
        for layer in levels(&trainer) {
            assert_eq!(layer[1], 0.0, "a zero level stays zero");
        }
    }
}

fn levels(trainer: &Trainer<f32>) -> Vec<Vec<f32>> {
    let parameters = trainer.network.parameters();
    parameters.iter().filter(|p| p.role == Role::Levels).map(|p| p.as_slice().to_vec()).collect()
}

#[test]
fn a_number_that_is_not_finite_stops_before_the_step() {
    for (role, value) in [
        (Role::Theta, f32::NAN),
        (Role::LogSigma2, 200.0),
        (Role::Gamma, f32::INFINITY),
        // These values are finite, but their products or sums overflow.
        (Role::Theta, f32::MAX),
        (Role::Gamma, f32::MAX),
    ] {
        let (x, labels) = first_batch();
        let mut trainer = mlp_trainer(short_recipe());
        trainer.step(x.clone(), &labels).unwrap();
        let odd = trainer.network.parameters_mut().iter_mut().find(|parameter| parameter.role == role).unwrap();
        odd.as_slice_mut()[3] = value;
        let before = bits(&trainer);
        assert_error(trainer.step(x, &labels), &["tensor ", "finite numbers at step 2"]);
        assert!(bits(&trainer) == before && trainer.steps_taken == 1, "{role:?}");
    }
}

/// No other check would find this: with an infinite running variance x has no effect, and y is β, which is finite.
#[test]
fn running_statistics_that_are_not_finite_are_an_error() {
    let (x, labels) = first_batch();
    let mut trainer = mlp_trainer(short_recipe());
    let mut parameters = trainer.network.parameters_mut().iter_mut();
    let variance = parameters.find(|parameter| parameter.role == Role::RunningVar).unwrap();
    variance.as_slice_mut()[1] = f32::INFINITY;
    let name = variance.name.clone();
    assert_error(trainer.step(x, &labels), &[&format!("tensor {name}"), "finite numbers after step 1"]);
}

#[test]
fn a_step_too_large_for_the_type_is_an_error() {
    let (x, labels) = first_batch();
    let mut trainer = mlp_trainer(Recipe { learning_rate: 1e38, ..short_recipe() });
    assert_error(trainer.step(x, &labels), &["tensor ", "finite numbers after step 1"]);
}

#[test]
fn recipes_that_do_not_fit_are_refused() {
    let net = || network::<f32>("mlp", narrow("mlp"), 6);
    assert_error(
        Trainer::new(net(), Recipe { prior: PriorName::Windows, ..short_recipe() }, 64),
        &["windows", "without a zero level", "-0.2, 0, 0.2"],
    );
    assert_error(Trainer::new(net(), short_recipe(), 15), &["batch-size", "1 to 15", "16"]);
    let alone = Recipe { batch_size: 1, ..short_recipe() };
    assert_error(Trainer::new(net(), alone, 64), &["batch-size", "at least 2", "one value a channel"]);
    let steep = Recipe { learning_rate: 1e39, ..short_recipe() };
    assert_error(Trainer::new(net(), steep.clone(), 64), &["learning-rate", "in F32 inf"]);
    assert!(Trainer::new(network::<f64>("mlp", narrow("mlp"), 6), steep, 64).is_ok());
    assert_error(
        Trainer::new(net(), Recipe { level_gap: 0.25, ..short_recipe() }, 64),
        &["fc1.levels", "levels at least 0.25 apart", "level-gap", "-0.2 and 0"],
    );
    Trainer::new(net(), Recipe { level_gap: 0.199, ..short_recipe() }, 64).unwrap();
}

#[test]
fn schedules_count_steps() {
    let mut trainer = mlp_trainer(Recipe { epochs: 4, kl_warmup: Some(2.0), kl_weight: 0.8, ..short_recipe() });
    assert_eq!((trainer.steps_per_epoch(), trainer.total_steps(), trainer.kl_weight()), (4, 16, 0.0));
    trainer.steps_taken = 2;
    assert_eq!(trainer.kl_weight(), 0.2);
    trainer.steps_taken = 8;
    assert_eq!(trainer.kl_weight(), 0.8);
}

#[test]
fn a_parameter_without_its_moments_is_an_error_and_nothing_moves() {
    let (x, labels) = first_batch();
    let whole = mlp_trainer(short_recipe());
    let spoil: [fn(&mut Trainer<f32>); 3] = [
        |trainer| trainer.moments.truncate(1),
        |trainer| trainer.moments.clear(),
        |trainer| trainer.moments[0][1] = ndarray::ArrayD::zeros(&[3][..]),
    ];
    for spoil in spoil {
        let mut trainer = whole.clone();
        spoil(&mut trainer);
        assert_error(trainer.step(x.clone(), &labels), &["tensor moments of ", "two of shape ["]);
        let values = |trainer: &Trainer<f32>| -> Vec<_> {
            trainer.network.parameters().iter().map(|parameter| parameter.value.clone()).collect()
        };
        assert!(trainer.steps_taken == 0 && values(&trainer) == values(&whole));
    }
    whole.clone().step(x, &labels).unwrap();
}
