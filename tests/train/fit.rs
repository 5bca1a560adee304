use super::{Notes, bits, initialized, narrow, network, short_recipe, split, state};
use crate::common::assert_error;
use crate::common::networks::{NETWORKS, preset};
use crate::common::threads::assert_same_bits_at_any_thread_count;
use ndarray_rand::rand::seq::SliceRandom;
use spikeslab::tensor::noise::{Philox, Purpose};
use spikeslab::train::data::augment::augment;
use spikeslab::train::evaluate::{Weights, evaluate, quantized_loss};
use spikeslab::train::fit::{Control, EpochMetrics, Position, fit};
use spikeslab::train::recipe::PriorName;
use spikeslab::train::{Dataset, Loss, Recipe, Split, Trainer};

const SIZE: usize = 16;

fn trainer(name: &str, recipe: Recipe, images: usize) -> Trainer<f32> {
    Trainer::new(network(name, narrow(name), SIZE), recipe, images).unwrap()
}

fn train(trainer: &mut Trainer<f32>, images: usize) -> Notes {
    let mut notes = Notes::default();
    let control = fit(trainer, &split(images, 30, SIZE), Position::default(), &mut notes).unwrap();
    assert_eq!(control, Control::Continue);
    notes
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    for name in NETWORKS {
        // Wide enough that the work is divided among threads.
        let sizes = match name {
            "densenet" => "densenet:depth=7",
            "densenet-bottleneck" => "densenet:depth=10,bottleneck=true",
            _ => name,
        };
        let data = split(48, 10, SIZE);
        let net = initialized::<f32>(preset(sizes, [1, SIZE, SIZE]));
        assert_same_bits_at_any_thread_count(name, || {
            let recipe = Recipe { epochs: 1, ..short_recipe() };
            let mut trainer = Trainer::new(net.clone(), recipe, data.train.len()).unwrap();
            fit(&mut trainer, &data, Position::default(), &mut Notes::default()).unwrap();
            state(&trainer)
        });
    }
}

#[test]
fn a_run_stopped_anywhere_and_resumed_gives_the_same_bits() {
    for name in NETWORKS {
        let data = split(50, 30, SIZE);
        let recipe = short_recipe();
        let mut whole = trainer(name, recipe.clone(), 50);
        let uninterrupted = train(&mut whole, 50);
        assert_eq!(whole.steps_taken, 6);
        // Epochs end after steps 3 and 6.
        for stop in 1..6 {
            let mut first = trainer(name, recipe.clone(), 50);
            let mut notes = Notes { stop_after: Some(stop), ..Notes::default() };
            assert_eq!(fit(&mut first, &data, Position::default(), &mut notes).unwrap(), Control::Stop);
            assert_eq!(first.steps_taken, stop);
            // The second trainer gets only the state that a checkpoint has.
            let mut second = trainer(name, recipe.clone(), 50);
            (second.network, second.moments, second.steps_taken) = (first.network, first.moments, first.steps_taken);
            let position = notes.position;
            notes.stop_after = None;
            fit(&mut second, &data, position, &mut notes).unwrap();
            assert!(bits(&second) == bits(&whole), "{name}, stopped after {stop}");
            assert_eq!(notes.epochs, uninterrupted.epochs, "{name}, stopped after {stop}");
        }
    }
}

#[test]
fn augmentation_is_of_the_training_images_and_of_the_step() {
    let recipe = Recipe { augment: true, ..short_recipe() };
    let data = split(50, 30, SIZE);
    let mut whole = trainer("mlp", recipe.clone(), 50);
    let uninterrupted = train(&mut whole, 50);
    let mut plain = trainer("mlp", short_recipe(), 50);
    train(&mut plain, 50);
    assert!(bits(&whole) != bits(&plain), "augmentation changes what is learned");
    let mut upright = trainer("mlp", Recipe { mirror: false, ..recipe.clone() }, 50);
    train(&mut upright, 50);
    assert!(bits(&whole) != bits(&upright) && bits(&plain) != bits(&upright), "and so does its mirror");
    // The test images are not augmented.
    let last = uninterrupted.epochs.last().unwrap();
    assert_eq!(last.accuracy_mean, Some(evaluate(&whole.network, &data.test, Weights::Mean).unwrap().accuracy));
    // The same computed here: the order of the epoch, and the stream of the step.
    let mut order: Vec<usize> = (0..50).collect();
    order.shuffle(&mut Philox::new(recipe.seed, Purpose::Shuffling, 0));
    let mut by_hand = trainer("mlp", recipe.clone(), 50);
    for step in 0..3 {
        let (x, labels) = data.train.batch::<f32>(&order[16 * step..16 * (step + 1)]);
        let x = augment(x.view(), &Philox::new(recipe.seed, Purpose::Augmentation, step as u32), true);
        by_hand.step(x, &labels).unwrap();
    }
    for stop in 1..6 {
        let mut first = trainer("mlp", recipe.clone(), 50);
        let mut notes = Notes { stop_after: Some(stop), ..Notes::default() };
        assert_eq!(fit(&mut first, &data, Position::default(), &mut notes).unwrap(), Control::Stop);
        if stop == 3 {
            assert!(bits(&first) == bits(&by_hand), "the first epoch");
        }
        notes.stop_after = None;
        fit(&mut first, &data, notes.position, &mut notes).unwrap();
        assert!(bits(&first) == bits(&whole), "stopped after {stop}");
        assert_eq!(notes.epochs, uninterrupted.epochs, "stopped after {stop}");
    }
}

#[test]
fn metrics_are_those_of_the_epoch() {
    let mut trainer = trainer("mlp", Recipe { kl_warmup: Some(1.5), ..short_recipe() }, 70);
    let notes = train(&mut trainer, 70);
    // 70 images: four batches of 16 per epoch, and the rest is dropped; the observer is called after three steps and
    // after the epoch.
    let places: Vec<(u32, u64)> =
        notes.steps.iter().map(|(position, _)| (position.epoch, position.epoch_step)).collect();
    assert_eq!(places, [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]);
    assert_eq!(notes.position, Position { epoch: 2, ..Position::default() });
    for (position, loss) in [&notes.steps[0], &notes.steps[3]] {
        assert_eq!(position.sum, *loss);
    }
    let [(before, _), (after, loss)] = notes.steps[1..3] else { unreachable!() };
    let sum = Loss { loss: before.sum.loss + loss.loss, nll: before.sum.nll + loss.nll, kl: before.sum.kl + loss.kl };
    assert_eq!(after.sum, sum);

    assert_eq!(notes.epochs.iter().map(|epoch| epoch.epoch).collect::<Vec<_>>(), [1, 2]);
    let kl_weights: Vec<f64> = notes.epochs.iter().map(|epoch| epoch.kl_weight).collect();
    assert_eq!(kl_weights, [0.1 * 0.75 / 1.5, 0.1]);
    let last = &notes.epochs[1];
    let (third, _) = notes.steps[5];
    // The mean of four steps, three of whose losses are known.
    let fourth = 4.0 * last.nll - third.sum.nll;
    assert!(fourth > 0.0 && fourth < third.sum.nll, "{fourth}, {third:?}");
    let test = split(70, 30, SIZE).test;
    assert_eq!(last.quantized_loss, quantized_loss(&trainer.network));
    let accuracy = |weights| Some(evaluate(&trainer.network, &test, weights).unwrap().accuracy);
    assert_eq!(last.accuracy_mean, accuracy(Weights::Mean));
    assert_eq!(last.accuracy_quantized, accuracy(Weights::Quantized));
    let layers: Vec<_> = last.levels.keys().map(String::as_str).collect();
    assert_eq!(layers, ["fc1", "fc2", "fc3"]);
    let levels = trainer.network.layers().next().unwrap().levels;
    assert_eq!(last.levels["fc1"], trainer.network.slice(levels));
}

/// The observer asks for an evaluation after epochs 3 and 6; after the last epoch there is one without being asked.
#[test]
fn epochs_are_evaluated_where_the_observer_asks_and_at_the_end() {
    let recipe = Recipe { epochs: 7, ..short_recipe() };
    let mut every = trainer("mlp", recipe.clone(), 70);
    let all = train(&mut every, 70);
    let mut some = trainer("mlp", recipe, 70);
    let mut notes = Notes { evaluate_every: Some(3), ..Notes::default() };
    fit(&mut some, &split(70, 30, SIZE), Position::default(), &mut notes).unwrap();
    assert!(bits(&some) == bits(&every), "evaluations change no weight");
    let evaluated: Vec<u32> =
        notes.epochs.iter().filter(|epoch| epoch.accuracy_mean.is_some()).map(|epoch| epoch.epoch).collect();
    assert_eq!(evaluated, [3, 6, 7]);
    for (seen, expected) in notes.epochs.iter().zip(all.epochs) {
        let expected = match evaluated.contains(&seen.epoch) {
            true => expected,
            false => EpochMetrics { accuracy_mean: None, accuracy_quantized: None, ..expected },
        };
        assert_eq!(*seen, expected);
    }
}

#[test]
fn each_epoch_and_seed_has_its_own_order() {
    // Without a prior and with a rate too small to change a weight, a loss depends only on its batch.
    let losses = |seed| {
        let recipe = Recipe { prior: PriorName::None, learning_rate: 1e-45, seed, ..short_recipe() };
        let mut trainer = trainer("mlp", recipe, 64);
        let before = trainer.network.parameters()[0].clone();
        let notes = train(&mut trainer, 64);
        assert_eq!(trainer.network.parameters()[0], before);
        notes.steps.iter().map(|(_, loss)| loss.loss.to_bits()).collect::<Vec<_>>()
    };
    let first = losses(1);
    assert_eq!(first, losses(1));
    assert_ne!(first, losses(2));
    assert_ne!(first[..3], first[3..]);
}

#[test]
fn training_learns_and_gathers_the_weights_at_the_levels() {
    let recipe = Recipe {
        epochs: 30,
        kl_warmup: Some(10.0),
        learning_rate: 0.02,
        decay_from: Some(0.5),
        level_rate: 0.01,
        ..short_recipe()
    };
    let mut trainer = trainer("lenet5", recipe, 160);
    let before = quantized_loss(&trainer.network);
    let notes = train(&mut trainer, 160);
    let last = notes.epochs.last().unwrap();
    assert!(last.accuracy_mean.unwrap() >= 0.9 && last.accuracy_quantized.unwrap() >= 0.9, "{last:?}");
    assert!(last.quantized_loss < 0.5 * before, "{before} before, {last:?}");
    assert!(last.nll < 0.3 * notes.epochs[0].nll, "{last:?}");
}

#[test]
fn a_number_that_is_not_finite_ends_the_run_with_its_tensor_and_step() {
    let mut trainer = trainer("mlp", Recipe { learning_rate: 1e37, ..short_recipe() }, 64);
    let mut notes = Notes::default();
    let outcome = fit(&mut trainer, &split(64, 10, SIZE), Position::default(), &mut notes);
    assert_error(outcome, &["tensor ", "finite numbers", "step "]);
    assert!(notes.epochs.is_empty());
}

#[test]
fn data_that_do_not_fit_the_trainer_are_refused() {
    let refused = |data: &Split, parts: &[&str]| {
        let mut trainer = trainer("mlp", short_recipe(), 64);
        assert_error(fit(&mut trainer, data, Position::default(), &mut ()), parts);
        assert_eq!(trainer.steps_taken, 0);
    };
    refused(&split(63, 10, SIZE), &["images", "64, as many as the trainer is for", "63"]);
    let Split { train, test, .. } = split(64, 10, SIZE);
    let none = Dataset::new(Vec::new(), Vec::new(), test.shape(), test.classes()).unwrap();
    refused(&Split::new(train.clone(), none, "no test"), &["images", "at least one test or validation image", "none"]);
    let pixels = (0..test.len()).flat_map(|i| test.pixels(i).to_vec()).collect();
    let wider = Dataset::new(pixels, test.labels().to_vec(), test.shape(), test.classes() + 1).unwrap();
    let (classes, more) = (format!("{} classes", test.classes()), (test.classes() + 1).to_string());
    refused(&Split::new(train, wider, "wider"), &["labels", &classes, &more]);
}
