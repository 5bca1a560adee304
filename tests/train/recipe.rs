use crate::common::assert_error;
use spikeslab::nets::Role;
use spikeslab::prior::{Form, MultiSpike, Prior};
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::train::recipe::{InitLevels, PriorName};
use spikeslab::train::{Forward, KlScale, Recipe};

const IMAGES: usize = 1000;

#[test]
fn the_defaults_are_those_of_the_table() {
    let default = Recipe::default();
    assert_eq!((default.prior, default.spike), (PriorName::Nearest, Spike::Exact));
    assert_eq!(default.prior(), Prior::MultiSpike(MultiSpike::new(Form::Nearest, Spike::Exact)));
    assert_eq!(default.kl_scale, KlScale::PerWeight);
    assert_eq!((default.kl_weight, default.kl_warmup(), default.epochs), (0.2, 32.0, 32));
    assert_eq!((default.batch_size, default.learning_rate, default.gradient_clip), (128, 0.005, 1.0));
    assert_eq!((default.decay_from, default.level_rate, default.kl_warmup_power), (None, 0.004, 1));
    assert_eq!(default.level_gap, 1e-3);
    default.check::<f32>(IMAGES).unwrap();

    for layers in [0, 1, 5] {
        assert_eq!(Recipe::for_layers(layers), default);
        assert_eq!(Recipe::in_one_phase(layers), default);
    }
    for layers in [6, 7, 40, usize::MAX] {
        let one = Recipe::in_one_phase(layers);
        assert_eq!(one, Recipe { kl_weight: 20.0, kl_warmup_power: 6, batch_size: 64, ..default.clone() });
        let two = Recipe::for_layers(layers);
        assert_eq!((two.warmup, two.forward, two.init_levels), (0.8, Forward::Hard, InitLevels::Kmeans));
        assert_eq!((two.learning_rate, two.level_rate, two.weight_decay), (0.001, 0.1, 0.1));
        assert_eq!((two.kl_weight, two.kl_warmup_power, two.batch_size), (0.1, 6, 128));
        for recipe in [one, two] {
            recipe.check::<f32>(IMAGES).unwrap();
        }
    }
}

#[test]
fn the_published_recipe_has_the_published_forms() {
    for (has_zero_level, prior) in [(true, PriorName::Vnq), (false, PriorName::Windows)] {
        for layers in [3, 20] {
            let published = Recipe::published(layers, has_zero_level);
            assert_eq!(published, Recipe { prior, spike: Spike::Fit, ..Recipe::in_one_phase(layers) });
            published.check::<f32>(IMAGES).unwrap();
        }
    }
}

#[test]
fn the_warmup_lasts_all_epochs_unless_given() {
    for epochs in [1, 5, 100] {
        assert_eq!(Recipe { epochs, ..Recipe::default() }.kl_warmup(), f64::from(epochs));
        assert_eq!(Recipe { epochs, kl_warmup: Some(2.5), ..Recipe::default() }.kl_warmup(), 2.5);
    }
}

#[test]
fn the_bounds_themselves_are_allowed() {
    let extremes = [
        Recipe { kl_weight: 0.0, kl_warmup: Some(0.0), ..Recipe::default() },
        Recipe { kl_weight: f64::MAX, kl_warmup: Some(f64::MAX), gradient_clip: f64::MAX, ..Recipe::default() },
        Recipe { learning_rate: f64::MIN_POSITIVE, gradient_clip: f64::MIN_POSITIVE, ..Recipe::default() },
        Recipe { batch_size: 1, epochs: 1, seed: u64::MAX, ..Recipe::default() },
        Recipe { kl_warmup_power: 16, ..Recipe::default() },
        Recipe { batch_size: IMAGES, epochs: u32::MAX, ..Recipe::default() },
    ];
    for recipe in extremes {
        recipe.check::<f64>(IMAGES).unwrap_or_else(|error| panic!("{recipe:?}: {error}"));
    }
    let [largest, smallest] = [f32::MAX, f32::MIN_POSITIVE].map(f64::from);
    for recipe in [
        Recipe { kl_weight: largest, kl_warmup: Some(f64::MAX), gradient_clip: largest, ..Recipe::default() },
        Recipe { learning_rate: smallest, gradient_clip: smallest, kl_weight: 0.0, ..Recipe::default() },
    ] {
        recipe.check::<f32>(IMAGES).unwrap_or_else(|error| panic!("{recipe:?}: {error}"));
    }
}

#[test]
fn every_value_out_of_range_is_named() {
    let default = Recipe::default;
    let mut cases = vec![
        (Recipe { epochs: 0, ..default() }, ["epochs", "at least 1", "0"]),
        (Recipe { batch_size: 0, ..default() }, ["batch-size", "1 to 1000", "0"]),
        (Recipe { batch_size: 1001, ..default() }, ["batch-size", "1 to 1000", "1001"]),
        (Recipe { batch_size: usize::MAX, ..default() }, ["batch-size", "1 to 1000", "18446744073709551615"]),
        (Recipe { batch_size: 500, epochs: 2_147_483_648, ..default() }, ["epochs", "4294967295", "4294967296"]),
    ];
    for (value, seen) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf"), (-0.1, "-0.1")] {
        cases.extend([
            (Recipe { learning_rate: value, ..default() }, ["learning-rate", "positive", seen]),
            (Recipe { gradient_clip: value, ..default() }, ["gradient-clip", "positive", seen]),
            (Recipe { level_rate: value, ..default() }, ["level-rate", "at least 0", seen]),
            (Recipe { level_gap: value, ..default() }, ["level-gap", "at least 0", seen]),
            (Recipe { kl_weight: value, ..default() }, ["kl-weight", "at least 0", seen]),
            (Recipe { weight_decay: value, ..default() }, ["weight-decay", "at least 0", seen]),
            (Recipe { kl_warmup: Some(value), ..default() }, ["kl-warmup", "at least 0", seen]),
        ]);
    }
    for (value, seen) in [(1.0, "1"), (-0.1, "-0.1"), (f64::NAN, "NaN")] {
        cases.push((Recipe { warmup: value, ..default() }, ["warmup", "0 to below 1", seen]));
        cases.push((Recipe { decay_from: Some(value), ..default() }, ["decay-from", "0 to below 1", seen]));
    }
    for (value, seen) in [(0, "0"), (17, "17"), (u32::MAX, "4294967295")] {
        cases.push((Recipe { kl_warmup_power: value, ..default() }, ["kl-warmup-power", "1 to 16", seen]));
    }
    cases.push((Recipe { learning_rate: 0.0, ..default() }, ["learning-rate", "positive", "0"]));
    cases.push((Recipe { gradient_clip: -0.0, ..default() }, ["gradient-clip", "positive", "-0"]));
    // In f32 these numbers are infinite or 0; in f64 they are in range.
    for (recipe, parts) in [
        (Recipe { learning_rate: 1e39, ..default() }, ["learning-rate", "positive", "in F32 inf"]),
        (Recipe { learning_rate: 1e-46, ..default() }, ["learning-rate", "positive", "in F32 0"]),
        (Recipe { gradient_clip: 1e-46, ..default() }, ["gradient-clip", "positive", "in F32 0"]),
        (Recipe { level_rate: 1e300, ..default() }, ["level-rate", "at least 0", "in F32 inf"]),
        (Recipe { kl_weight: 1e39, ..default() }, ["kl-weight", "at least 0", "in F32 inf"]),
    ] {
        recipe.check::<f64>(IMAGES).unwrap();
        cases.push((recipe, parts));
    }
    for (recipe, parts) in cases {
        assert_error(recipe.check::<f32>(IMAGES), &parts);
    }
    assert_error(Recipe { batch_size: 1, ..default() }.check::<f32>(0), &["batch-size", "1 to 0"]);
}

#[test]
fn a_last_smaller_batch_is_dropped() {
    for (images, batch_size, steps) in [(1000, 128, 7), (1024, 128, 8), (128, 128, 1), (255, 128, 1), (10, 1, 10)] {
        assert_eq!(Recipe { batch_size, ..Recipe::default() }.steps_per_epoch(images), steps);
    }
}

#[test]
fn the_rate_falls_linearly_to_zero() {
    let recipe = Recipe { learning_rate: 0.5, ..Recipe::default() };
    for (progress, rate) in [(0.0, 0.5), (0.25, 0.375), (0.5, 0.25), (0.875, 0.0625), (1.0, 0.0)] {
        assert_eq!(recipe.learning_rate_at(progress), rate, "{progress}");
    }
    let late = Recipe { decay_from: Some(0.5), ..recipe };
    for (progress, rate) in [(0.0, 0.5), (0.25, 0.5), (0.5, 0.5), (0.75, 0.25), (0.875, 0.125), (1.0, 0.0)] {
        assert_eq!(late.learning_rate_at(progress), rate, "{progress}");
    }
}

#[test]
fn kl_weight_rises_linearly_and_stays() {
    let recipe = Recipe { kl_weight: 0.5, kl_warmup: Some(4.0), ..Recipe::default() };
    for (epochs, weight) in [(0.0, 0.0), (1.0, 0.125), (2.5, 0.3125), (4.0, 0.5), (100.0, 0.5)] {
        assert_eq!(recipe.kl_weight_at(epochs), weight, "{epochs}");
    }
    let at_once = Recipe { kl_warmup: Some(0.0), ..recipe };
    assert_eq!([0.0, 0.1, 3.0].map(|epochs| at_once.kl_weight_at(epochs)), [0.5; 3]);
}

#[test]
fn kl_weight_rises_with_a_power_of_the_share_of_the_warmup() {
    let recipe = Recipe { kl_weight: 32.0, kl_warmup: Some(8.0), kl_warmup_power: 3, ..Recipe::default() };
    for (epochs, weight) in [(0.0, 0.0), (2.0, 0.5), (4.0, 4.0), (6.0, 13.5), (8.0, 32.0), (9.0, 32.0)] {
        assert_eq!(recipe.kl_weight_at(epochs), weight, "{epochs}");
    }
    let steepest = Recipe { kl_warmup_power: 16, ..recipe };
    assert_eq!(steepest.kl_weight_at(4.0), 32.0 / 65536.0);
}

#[test]
fn a_batch_size_of_zero_gives_no_steps_and_is_refused() {
    let recipe = Recipe { batch_size: 0, ..Recipe::default() };
    assert_eq!(recipe.steps_per_epoch(60_000), 0);
    assert_error(recipe.check::<f32>(60_000), &["batch-size", "1 to 60000", "0"]);
}

#[test]
fn after_a_first_phase_the_rate_falls_and_kl_weight_rises_over_the_rest() {
    let recipe = Recipe { learning_rate: 0.5, warmup: 0.75, epochs: 8, kl_weight: 3.0, ..Recipe::default() };
    // Each phase has a step if there are two.
    assert_eq!([100, 2, 1, 0].map(|steps| recipe.first_phase_steps(steps)), [75, 1, 0, 0]);
    let short = Recipe { warmup: 0.001, ..recipe.clone() };
    assert_eq!([100, 2, 1].map(|steps| short.first_phase_steps(steps)), [1, 1, 0]);
    assert_eq!((recipe.decay_from(), recipe.kl_warmup()), (0.75, 2.0));
    for (progress, rate) in [(0.0, 0.5), (0.75, 0.5), (0.875, 0.25), (1.0, 0.0)] {
        assert_eq!(recipe.learning_rate_at(progress), rate, "{progress}");
    }
    let given = Recipe { decay_from: Some(0.0), kl_warmup: Some(1.0), ..recipe };
    assert_eq!((given.decay_from(), given.kl_warmup(), given.learning_rate_at(0.5)), (0.0, 1.0, 0.25));
}

#[test]
fn each_forward_has_its_priors_and_fitted_levels_have_no_zero() {
    let with = |prior, forward, init_levels| Recipe { prior, forward, init_levels, ..Recipe::default() };
    let given = InitLevels::Given;
    for (recipe, parts) in [
        (with(PriorName::None, Forward::Hard, given), ["prior", "one with noise", "none"]),
        (with(PriorName::Nearest, Forward::StraightThrough, given), ["prior", "none for --forward", "nearest"]),
        (with(PriorName::Gaussian, Forward::StraightThrough, given), ["prior", "none for --forward", "gaussian"]),
        (with(PriorName::Vnq, Forward::Hard, InitLevels::Kmeans), ["init-levels", "a level at 0", "kmeans"]),
    ] {
        assert_error(recipe.check::<f32>(IMAGES), &parts);
    }
    for recipe in [
        with(PriorName::None, Forward::StraightThrough, InitLevels::Kmeans),
        with(PriorName::Gaussian, Forward::Hard, given),
        with(PriorName::Vnq, Forward::Hard, given),
        with(PriorName::Windows, Forward::Sampled, InitLevels::Kmeans),
    ] {
        recipe.check::<f32>(IMAGES).unwrap();
    }
}

#[test]
fn weight_decay_is_of_theta_alone() {
    let recipe = Recipe { weight_decay: 0.5, gradient_clip: 3.0, ..Recipe::default() };
    for role in [Role::Theta, Role::LogSigma2, Role::Levels, Role::Bias, Role::Gamma, Role::Beta] {
        let adam = recipe.adam(role);
        assert_eq!((adam.weight_decay, adam.clip), (if role == Role::Theta { 0.5 } else { 0.0 }, 3.0), "{role:?}");
    }
    let whole = Recipe { weight_decay: 2.0, learning_rate: 0.5, ..Recipe::default() };
    assert_error(whole.check::<f32>(IMAGES), &["weight-decay", "less than 1 / 0.5", "2"]);
}

#[test]
fn few_images_get_more_epochs_and_a_smaller_batch() {
    let of = |images: usize| {
        let recipe = Recipe::default().with_enough_steps(images);
        (recipe.epochs, recipe.batch_size)
    };
    // With 46 steps per epoch, 87 epochs are needed; from 125 steps per epoch on, 32 epochs are enough.
    assert_eq!(of(6000), (87, 128));
    assert_eq!((of(124 * 128), of(125 * 128)), ((33, 128), (32, 128)));
    assert_eq!((of(128), of(100), of(1), of(0)), ((4000, 128), (4000, 100), (4000, 1), (4000, 1)));
}
