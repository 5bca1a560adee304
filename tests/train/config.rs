use crate::common::assert_error;
use serde_json::{Value, json};
use spikeslab::nets::Description;
use spikeslab::prior::{Form, Gaussian, MultiSpike, Prior};
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::train::config::{EarlierEpochs, VERSION, describe};
use spikeslab::train::data::{Dataset, Standardization, TrainedOn};
use spikeslab::train::recipe::{InitLevels, PriorName};
use spikeslab::train::{Config, Forward, KlScale, Recipe};
use std::path::{Path, PathBuf};

const TEXT: [&str; 4] = ["input 3x8x8", "global-avg-pool", "flatten", "fc dense classes bias"];

pub(super) fn config() -> Config {
    Config {
        version: VERSION,
        network: "mine".into(),
        text: Some(TEXT.map(str::to_string).to_vec()),
        data: Some(PathBuf::from("/data/of mine")),
        trained_on: Some(TrainedOn { name: "mine".into(), checksum: 5, classes: vec!["a".into(), "b".into()] }),
        validation: Some(0.1),
        data_checksum: 0xffff_ffff,
        coarse: true,
        limit: Some(7),
        init: None,
        teacher: None,
        standardization: Some(Standardization { mean: vec![0.1, 0.5, 1.0], deviation: vec![0.25, 1e-9, 0.3] }),
        codebook: vec![-0.1, 0.0, 0.3],
        recipe: recipe(),
        earlier_epochs: Vec::new(),
    }
}

fn recipe() -> Recipe {
    Recipe {
        prior: PriorName::Mixture,
        spike: Spike::Exact,
        kl_scale: KlScale::Dataset,
        kl_weight: 0.1,
        kl_warmup: Some(1.0 / 3.0),
        kl_warmup_power: 4,
        warmup: 0.125,
        forward: Forward::Hard,
        init_levels: InitLevels::Kmeans,
        epochs: 5,
        batch_size: 100,
        learning_rate: 1e-45,
        decay_from: Some(0.25),
        level_rate: 0.5,
        level_gap: 0.01,
        gradient_clip: 2.0,
        weight_decay: 0.75,
        augment: true,
        mirror: false,
        seed: u64::MAX,
    }
}

/// The contents of the file of a run of version 1 with the options of `config`.
fn older() -> Value {
    json!({
        "version": 1, "network": "lenet5", "data": "/data/of mine", "data_checksum": 4_294_967_295_u32,
        "coarse": true, "limit": 7, "augment": true,
        "standardization": { "mean": [0.1_f32, 0.5_f32, 1.0_f32], "deviation": [0.25_f32, 1e-9_f32, 0.3_f32] },
        "codebook": [-0.1_f32, 0.0_f32, 0.3_f32], "prior": "mixture", "spike": "exact", "kl_scale": "dataset",
        "kl_weight": 0.1, "kl_warmup": 1.0 / 3.0, "kl_warmup_power": 4, "epochs": 5, "batch_size": 100,
        "learning_rate": 1e-45, "seed": u64::MAX,
    })
}

fn read(value: &Value) -> spikeslab::Result<Config> {
    Config::from_json(Path::new("config.json"), value.to_string().as_bytes())
}

#[test]
fn the_file_has_the_names_of_the_options_and_comes_back_the_same() {
    let value = serde_json::to_value(config()).unwrap();
    let expected = json!({
        "version": 2, "network": "mine", "text": TEXT, "data": "/data/of mine", "data_checksum": 4_294_967_295_u32,
        "coarse": true, "limit": 7,
        "standardization": { "mean": [0.1_f32, 0.5_f32, 1.0_f32], "deviation": [0.25_f32, 1e-9_f32, 0.3_f32] },
        "trained_on": { "name": "mine", "checksum": 5, "classes": ["a", "b"] }, "validation": 0.1,
        "codebook": [-0.1_f32, 0.0_f32, 0.3_f32],
        "recipe": {
            "prior": "mixture", "spike": "exact", "kl_scale": "dataset", "kl_weight": 0.1, "kl_warmup": 1.0 / 3.0,
            "kl_warmup_power": 4, "warmup": 0.125, "forward": "hard", "init_levels": "kmeans", "epochs": 5,
            "batch_size": 100, "learning_rate": 1e-45, "decay_from": 0.25, "level_rate": 0.5, "level_gap": 0.01,
            "gradient_clip": 2.0, "weight_decay": 0.75, "augment": true, "mirror": false,
            "seed": u64::MAX,
        },
    });
    assert_eq!(value, expected);
    let text = serde_json::to_string_pretty(&config()).unwrap();
    assert_eq!(Config::from_json(Path::new("config.json"), text.as_bytes()).unwrap(), config());
    let embedded = Config { data: None, ..config() };
    assert_eq!(read(&serde_json::to_value(&embedded).unwrap()).unwrap(), embedded);
}

/// Checks that `value` is refused if one of its entries is missing, except those of `may_be_missing`, or has another
/// type.
fn assert_strict(value: &Value, entries: &str, may_be_missing: &[&str]) {
    let names: Vec<String> = value.pointer(entries).unwrap().as_object().unwrap().keys().cloned().collect();
    for name in &names {
        let mut other_type = value.clone();
        other_type.pointer_mut(entries).unwrap()[name] = json!({});
        assert_error(read(&other_type), &["config.json", "the configuration of a run"]);
        let mut without = value.clone();
        without.pointer_mut(entries).unwrap().as_object_mut().unwrap().remove(name);
        if !may_be_missing.contains(&name.as_str()) {
            assert_error(read(&without), &[&format!("missing field `{name}`")]);
        }
    }
    let mut unknown = value.clone();
    unknown.pointer_mut(entries).unwrap()["momentum"] = json!(0.9);
    assert_error(read(&unknown), &["unknown field `momentum`"]);
    for (name, odd) in [("prior", json!("spike")), ("epochs", json!(-1)), ("seed", json!(1e30))] {
        let mut value = value.clone();
        let pointer = if value.get("recipe").is_some() { "/recipe" } else { "" };
        value.pointer_mut(pointer).unwrap()[name] = odd;
        assert_error(read(&value), &["config.json", "the configuration of a run"]);
    }
    for (version, expected) in
        [(json!(0.5), "the configuration of a run"), (json!(0), "format version 1 or 2"), (json!(3), "(saw: 3)")]
    {
        let mut value = value.clone();
        value["version"] = version;
        assert_error(read(&value), &["config.json", expected]);
    }
}

#[test]
fn a_field_unknown_missing_or_of_another_type_is_an_error() {
    let whole = serde_json::to_value(config()).unwrap();
    // A missing directory means the embedded images, as null does; the rest are options with a default.
    assert_strict(&whole, "", &["text", "data", "trained_on", "limit", "validation", "standardization"]);
    assert_strict(
        &whole,
        "/recipe",
        &["kl_warmup", "decay_from", "warmup", "forward", "init_levels", "weight_decay", "mirror"],
    );
    let later = ["data", "coarse", "limit", "standardization", "augment", "kl_warmup_power"];
    assert_strict(&older(), "", &later);
}

#[test]
fn checking_gives_the_codebook() {
    assert_eq!(config().check(1000).unwrap().levels(), [-0.1, 0.0, 0.3]);
    assert_eq!(config().recipe.prior(), Prior::MultiSpike(MultiSpike::new(Form::Mixture, Spike::Exact)));
}

#[test]
fn the_network_is_that_of_the_text_for_the_images_of_the_data() {
    let images = Dataset::new(vec![0; 2 * 3 * 64], vec![0, 1], [3, 8, 8], 7).unwrap();
    let graph = config().graph(&images).unwrap();
    assert_eq!((graph.input, graph.classes(), graph.weights()), ([3, 8, 8], 7, 3 * 7));
    let grey = Dataset::new(vec![0; 64], vec![0], [1, 8, 8], 7).unwrap();
    assert_error(config().graph(&grey), &["mine, line 1, input", "1x8x8, the shape of the images", "3x8x8"]);
    let odd = Config { text: Some(vec!["relu".into(), "sigmoid".into()]), ..config() };
    assert_error(odd.graph(&images), &["mine, line 2, sigmoid", "an operation"]);
}

#[test]
fn a_file_of_version_1_has_the_preset_and_the_same_options() {
    let images = Dataset::new(vec![0; 2 * 28 * 28], vec![0, 1], [1, 28, 28], 10).unwrap();
    let config = read(&older()).unwrap();
    let default = Recipe::default();
    let recipe = Recipe {
        decay_from: default.decay_from,
        level_rate: default.level_rate,
        level_gap: default.level_gap,
        gradient_clip: default.gradient_clip,
        warmup: default.warmup,
        forward: default.forward,
        init_levels: default.init_levels,
        weight_decay: default.weight_decay,
        mirror: default.mirror,
        ..recipe()
    };
    let network = "lenet5".into();
    assert_eq!(config, Config { network, text: None, trained_on: None, validation: None, recipe, ..self::config() });
    config.check(1000).unwrap();
    assert_eq!(config.graph(&images).unwrap().weights(), 44_190);
    // Levels that are less than the default gap of 0.001 apart.
    let mut narrow = older();
    narrow["codebook"] = json!([-0.0005, 0.0, 0.0005]);
    assert!((read(&narrow).unwrap().recipe.level_gap / 2.5e-6 - 1.0).abs() < 1e-6);
    // The configuration that was read is written in the present version, still without a text.
    assert_eq!(read(&serde_json::to_value(&config).unwrap()).unwrap(), config);
}

#[test]
fn a_densenet_of_version_1_has_its_sizes() {
    let images = Dataset::new(vec![0; 2 * 3 * 32 * 32], vec![0, 1], [3, 32, 32], 10).unwrap();
    let densenet = |sizes: Value| {
        let mut value = older();
        (value["network"], value["densenet"]) = (json!("densenet"), sizes);
        read(&value)
    };
    let sizes = json!({"depth": 10, "growth": 3, "bottleneck": true, "compression": 0.5});
    let config = densenet(sizes.clone()).unwrap();
    assert_eq!(config.network, "densenet:depth=10,growth=3,bottleneck=true,compression=0.5");
    let expected = Description::preset(&config.network).unwrap();
    assert_eq!(config.graph(&images).unwrap(), expected.graph(spikeslab::nets::Given::default()).unwrap());

    let mut odd = sizes.clone();
    odd["depth"] = json!(11);
    assert_error(densenet(odd).unwrap().graph(&images), &["depth of densenet", "6n + 4", "11"]);
    let mut unknown = sizes.clone();
    unknown["width"] = json!(3);
    assert_error(densenet(unknown), &["unknown field `width`"]);
    let mut lenet = older();
    lenet["densenet"] = sizes;
    assert_error(read(&lenet).unwrap().graph(&images), &["lenet5", "no sizes", "depth"]);
    let mut stranger = older();
    stranger["network"] = json!("densenet-bottleneck");
    assert_error(read(&stranger).unwrap().graph(&images), &["network", "densenet", "densenet-bottleneck"]);
}

#[test]
fn a_file_without_the_later_options_is_one_of_grey_images_and_a_linear_warmup() {
    let mut value = older();
    for name in ["coarse", "limit", "standardization", "augment", "kl_warmup_power"] {
        value.as_object_mut().unwrap().remove(name);
    }
    let whole = read(&older()).unwrap();
    let recipe = Recipe { augment: false, kl_warmup_power: 1, ..whole.recipe.clone() };
    let expected = Config { coarse: false, limit: None, standardization: None, recipe, ..whole };
    assert_eq!(read(&value).unwrap(), expected);
}

#[test]
fn every_prior_has_its_name() {
    let multi_spike = |form| Prior::MultiSpike(MultiSpike::new(form, Spike::Exact));
    let priors = [
        (PriorName::Nearest, "nearest", multi_spike(Form::Nearest)),
        (PriorName::Mixture, "mixture", multi_spike(Form::Mixture)),
        (PriorName::Vnq, "vnq", multi_spike(Form::Vnq)),
        (PriorName::Windows, "windows", multi_spike(Form::Windows)),
        (PriorName::Gaussian, "gaussian", Prior::Gaussian(Gaussian::default())),
        (PriorName::None, "none", Prior::None),
    ];
    for (name, text, prior) in priors {
        assert_eq!(serde_json::to_value(name).unwrap(), json!(text));
        assert_eq!(name.name(), text);
        assert_eq!(name.prior(Spike::Exact), prior);
    }
}

#[test]
fn every_value_out_of_range_is_named() {
    let with = |recipe| Config { recipe, ..config() };
    let cases: [(Config, &[&str]); 9] = [
        (Config { version: 1, ..config() }, &["version", "2", "1"]),
        (Config { codebook: vec![0.1], ..config() }, &["codebook", "2 to 256", "1"]),
        (Config { codebook: vec![0.1, 0.1], ..config() }, &["codebook", "ascending", "0.1 before 0.1"]),
        (with(Recipe { prior: PriorName::Windows, ..recipe() }), &["windows", "without a zero level"]),
        (
            Config { codebook: vec![-0.1, 0.1], ..with(Recipe { prior: PriorName::Vnq, ..recipe() }) },
            &["vnq", "with a zero level"],
        ),
        (with(Recipe { learning_rate: 0.0, ..recipe() }), &["learning-rate", "positive", "0"]),
        (with(Recipe { batch_size: 1001, ..recipe() }), &["batch-size", "1 to 1000", "1001"]),
        (with(Recipe { epochs: 0, ..recipe() }), &["epochs", "at least 1", "0"]),
        (with(Recipe { kl_warmup_power: 0, ..recipe() }), &["kl-warmup-power", "1 to 16", "0"]),
    ];
    for (config, parts) in cases {
        assert_error(config.check(1000), parts);
    }
}

#[test]
fn a_network_is_a_preset_or_the_file_of_a_text() {
    assert_error(describe("lenet6"), &["network", "the file of a network's text, or one of mlp, lenet5", "lenet6"]);
    assert_error(describe(""), &["network", "mlp, lenet5"]);
    assert!(describe("densenet:depth=7").unwrap().is_preset());
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("mine.net");
    std::fs::write(&path, TEXT.join("\n")).unwrap();
    let description = describe(path.to_str().unwrap()).unwrap();
    assert_eq!((description.is_preset(), description.short_name()), (false, "mine"));
    assert_eq!(description.text(), TEXT.join("\n"));
    std::fs::write(&path, b"\xff").unwrap();
    assert_error(describe(path.to_str().unwrap()), &["mine.net", "the text of a network in UTF-8"]);
}

#[test]
fn earlier_numbers_of_epochs_are_kept_with_the_steps_they_held_for() {
    let (first, second) = (config(), config().with_epochs(9, 40));
    assert_eq!(
        (second.recipe.epochs, &second.earlier_epochs[..]),
        (9, &[EarlierEpochs { epochs: 5, until_step: 40 }][..])
    );
    assert_eq!(
        Config { recipe: recipe(), earlier_epochs: Vec::new(), ..second.clone() },
        first,
        "nothing else changes"
    );
    assert_eq!(second.with_epochs(9, 41), second, "no change");
    let third = second.with_epochs(5, 40);
    let fourth = third.with_epochs(7, 60);
    assert_eq!(fourth.earlier_epochs.iter().map(|earlier| earlier.epochs).collect::<Vec<_>>(), [5, 9, 5]);
    let value = serde_json::to_value(&fourth).unwrap();
    assert_eq!(value["earlier_epochs"][2], json!({ "epochs": 5, "until_step": 60 }));
    assert_eq!(read(&value).unwrap(), fourth);

    let at = |config: &Config, steps| config.at_step(steps).collect::<Vec<_>>();
    assert_eq!(at(&first, 40), std::slice::from_ref(&first));
    assert_eq!(at(&third, 40), [third.clone(), second.clone(), first]);
    assert_eq!(at(&third, 39), std::slice::from_ref(&third));
    assert_eq!(at(&fourth, 60), [fourth.clone(), third]);
    assert_eq!(at(&fourth, 40), [fourth]);
}

#[test]
fn a_path_that_json_cannot_hold_and_a_text_without_end_are_no_configuration() {
    let bytes = config().to_json(Path::new("dir")).unwrap();
    assert!(bytes.ends_with(b"}\n"));
    assert_eq!(Config::from_json(Path::new("dir"), &bytes).unwrap(), config());
    let long = Config { text: Some(vec!["x".repeat(1 << 20)]), data: None, ..config() };
    assert_error(long.to_json(Path::new("dir")), &["dir: expected a configuration of at most 1048576 bytes"]);
}
