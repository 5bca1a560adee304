use crate::common::assert_error;
use serde_json::{Value, json};
use spikeslab::nets::{Architecture, Densenet};
use spikeslab::prior::{Form, Gaussian, MultiSpike, Prior};
use spikeslab::scalar::spike_kl::Spike;
use spikeslab::train::config::{Checked, PriorName, VERSION};
use spikeslab::train::data::Standardization;
use spikeslab::train::{Config, KlScale, Recipe};
use std::path::PathBuf;

pub(super) fn config() -> Config {
    Config {
        version: VERSION,
        network: "lenet5".into(),
        densenet: None,
        data: Some(PathBuf::from("/data/of mine")),
        data_checksum: 0xffff_ffff,
        coarse: true,
        limit: Some(7),
        standardization: Some(Standardization { mean: vec![0.1, 0.5, 1.0], deviation: vec![0.25, 1e-9, 0.3] }),
        augment: true,
        codebook: vec![-0.1, 0.0, 0.3],
        prior: PriorName::Mixture,
        spike: Spike::Exact,
        kl_scale: KlScale::Dataset,
        kl_weight: 0.1,
        kl_warmup: 1.0 / 3.0,
        kl_warmup_power: 4,
        epochs: 5,
        batch_size: 100,
        learning_rate: 1e-45,
        seed: u64::MAX,
    }
}

#[test]
fn the_file_has_the_names_of_the_options_and_comes_back_the_same() {
    let value = serde_json::to_value(config()).unwrap();
    let expected = json!({
        "version": 1, "network": "lenet5", "data": "/data/of mine", "data_checksum": 4_294_967_295_u32,
        "coarse": true, "limit": 7, "augment": true,
        "standardization": { "mean": [0.1_f32, 0.5_f32, 1.0_f32], "deviation": [0.25_f32, 1e-9_f32, 0.3_f32] },
        "codebook": [-0.1_f32, 0.0_f32, 0.3_f32], "prior": "mixture", "spike": "exact", "kl_scale": "dataset",
        "kl_weight": 0.1, "kl_warmup": 1.0 / 3.0, "kl_warmup_power": 4, "epochs": 5, "batch_size": 100,
        "learning_rate": 1e-45, "seed": u64::MAX,
    });
    assert_eq!(value, expected);
    let text = serde_json::to_string_pretty(&config()).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config());
    let embedded = Config { data: None, ..config() };
    assert_eq!(serde_json::from_value::<Config>(serde_json::to_value(&embedded).unwrap()).unwrap(), embedded);
}

#[test]
fn a_field_unknown_missing_or_of_another_type_is_an_error() {
    let whole = serde_json::to_value(config()).unwrap();
    let refused = |value: Value| serde_json::from_value::<Config>(value).unwrap_err().to_string();
    for name in whole.as_object().unwrap().keys() {
        let mut other_type = whole.clone();
        other_type[name] = json!({});
        refused(other_type);
        let mut without = whole.clone();
        without.as_object_mut().unwrap().remove(name);
        // A missing directory means the embedded images, as null does; the rest are options with a default.
        if !["data", "coarse", "limit", "standardization", "augment", "kl_warmup_power"].contains(&name.as_str()) {
            assert!(refused(without).contains(&format!("missing field `{name}`")));
        }
    }
    let mut unknown = whole.clone();
    unknown["momentum"] = json!(0.9);
    assert!(refused(unknown).contains("unknown field `momentum`"));
    for (name, value) in
        [("prior", json!("spike")), ("epochs", json!(-1)), ("seed", json!(1e30)), ("version", json!(0.5))]
    {
        let mut odd = whole.clone();
        odd[name] = value;
        refused(odd);
    }
}

#[test]
fn checking_gives_network_codebook_and_recipe() {
    let Checked { architecture, hidden_widths, codebook, recipe } = config().check(1000).unwrap();
    assert_eq!((architecture, hidden_widths), (Architecture::Lenet5, vec![6, 16, 120, 84]));
    assert_eq!(codebook.levels(), [-0.1, 0.0, 0.3]);
    let expected = Recipe {
        prior: Prior::MultiSpike(MultiSpike::new(Form::Mixture, Spike::Exact)),
        kl_scale: KlScale::Dataset,
        kl_weight: 0.1,
        kl_warmup: 1.0 / 3.0,
        kl_warmup_power: 4,
        epochs: 5,
        batch_size: 100,
        learning_rate: 1e-45,
        augment: true,
        seed: u64::MAX,
        ..Recipe::default()
    };
    assert_eq!(recipe, expected);
}

#[test]
fn a_densenet_has_its_sizes() {
    let sizes = Densenet { depth: 10, growth: 3, bottleneck: true, compression: 0.5 };
    let densenet = |sizes| Config { network: "densenet".into(), densenet: sizes, ..config() };
    let config = densenet(Some(sizes));
    let text = serde_json::to_value(&config).unwrap();
    assert_eq!(text["densenet"], json!({"depth": 10, "growth": 3, "bottleneck": true, "compression": 0.5}));
    assert_eq!(serde_json::from_value::<Config>(text).unwrap(), config);
    let checked = config.check(1000).unwrap();
    assert_eq!(checked.architecture, Architecture::Densenet { bottleneck: true });
    assert_eq!(checked.hidden_widths, sizes.hidden_widths().unwrap());

    assert_error(densenet(None).check(1000), &["network", "densenet, with its sizes", "none"]);
    let odd = Densenet { depth: 11, ..sizes };
    assert_error(densenet(Some(odd)).check(1000), &["depth", "6n + 4", "11"]);
    let mut lenet = super::config::config();
    lenet.densenet = Some(sizes);
    assert_error(lenet.check(1000), &["network", "densenet, for a depth", "lenet5"]);
    let bottleneck = Config { network: "densenet-bottleneck".into(), ..densenet(Some(sizes)) };
    assert_error(bottleneck.check(1000), &["network", "densenet, with its sizes", "densenet-bottleneck"]);
}

#[test]
fn a_file_without_the_later_options_is_one_of_grey_images_and_a_linear_warmup() {
    let mut value = serde_json::to_value(config()).unwrap();
    for name in ["coarse", "limit", "standardization", "augment", "kl_warmup_power"] {
        value.as_object_mut().unwrap().remove(name);
    }
    let plain = Config { coarse: false, limit: None, standardization: None, augment: false, ..config() };
    let expected = Config { kl_warmup_power: 1, ..plain };
    assert_eq!(serde_json::from_value::<Config>(value).unwrap(), expected);
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
        assert_eq!(name.prior(Spike::Exact), prior);
    }
}

#[test]
fn every_value_out_of_range_is_named() {
    let cases: [(Config, &[&str]); 10] = [
        (Config { version: 2, ..config() }, &["version", "1", "2"]),
        (Config { network: "lenet6".into(), ..config() }, &["network", "mlp, lenet5, lenet-caffe", "lenet6"]),
        (Config { codebook: vec![0.1], ..config() }, &["codebook", "2 to 256", "1"]),
        (Config { codebook: vec![0.1, 0.1], ..config() }, &["codebook", "ascending", "0.1 before 0.1"]),
        (Config { prior: PriorName::Windows, ..config() }, &["windows", "without a zero level"]),
        (Config { prior: PriorName::Vnq, codebook: vec![-0.1, 0.1], ..config() }, &["vnq", "with a zero level"]),
        (Config { learning_rate: 0.0, ..config() }, &["learning-rate", "positive", "0"]),
        (Config { batch_size: 1001, ..config() }, &["batch-size", "1 to 1000", "1001"]),
        (Config { epochs: 0, ..config() }, &["epochs", "at least 1", "0"]),
        (Config { kl_warmup_power: 0, ..config() }, &["kl-warmup-power", "1 to 16", "0"]),
    ];
    for (config, parts) in cases {
        assert_error(config.check(1000), parts);
    }
}
