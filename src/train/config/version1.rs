//! `config.json` of version 1: the recipe's entries are at the top level, and a preset is in place of the network's
//! text.

use super::{Recipe, Standardization, VERSION};
use crate::scalar::spike_kl::Spike;
use crate::train::objective::KlScale;
use crate::train::projection::{level_gap, smallest_gap};
use crate::train::recipe::PriorName;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    #[serde(rename = "version")]
    _version: u32,
    network: String,
    #[serde(default)]
    densenet: Option<Densenet>,
    data: Option<PathBuf>,
    data_checksum: u32,
    #[serde(default)]
    coarse: bool,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    standardization: Option<Standardization>,
    #[serde(default)]
    augment: bool,
    codebook: Vec<f32>,
    prior: PriorName,
    spike: Spike,
    kl_scale: KlScale,
    kl_weight: f64,
    kl_warmup: f64,
    #[serde(default = "linear")]
    kl_warmup_power: u32,
    epochs: u32,
    batch_size: usize,
    learning_rate: f64,
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Densenet {
    depth: usize,
    growth: usize,
    bottleneck: bool,
    compression: f64,
}

fn linear() -> u32 {
    1
}

impl Config {
    /// This configuration in the present version.
    pub(super) fn upgrade(self) -> super::Config {
        let sizes = |Densenet { depth, growth, bottleneck, compression }| {
            format!(":depth={depth},growth={growth},bottleneck={bottleneck},compression={compression}")
        };
        let recipe = Recipe {
            prior: self.prior,
            spike: self.spike,
            kl_scale: self.kl_scale,
            kl_weight: self.kl_weight,
            kl_warmup: Some(self.kl_warmup),
            kl_warmup_power: self.kl_warmup_power,
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            augment: self.augment,
            seed: self.seed,
            // The default, which the configuration of version 1 does not have, unless the levels begin nearer together.
            level_gap: match Recipe::default().level_gap {
                default if smallest_gap(&self.codebook) < default => level_gap(&self.codebook),
                default => default,
            },
            ..Recipe::default()
        };
        super::Config {
            version: VERSION,
            network: self.network + &self.densenet.map(sizes).unwrap_or_default(),
            text: None,
            data: self.data,
            trained_on: None,
            validation: None,
            data_checksum: self.data_checksum,
            coarse: self.coarse,
            limit: self.limit,
            standardization: self.standardization,
            init: None,
            teacher: None,
            codebook: self.codebook,
            recipe,
            earlier_epochs: Vec::new(),
        }
    }
}
