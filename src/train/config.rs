//! `config.json`: all that determines a run, as the command line gave it.

use super::data::Standardization;
use super::objective::KlScale;
use super::recipe::Recipe;
use crate::error::{Error, Result};
use crate::nets::{Architecture, Densenet};
use crate::prior::{Codebook, Form, Gaussian, MultiSpike, Prior};
use crate::scalar::spike_kl::Spike;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Of the format of a run directory.
pub const VERSION: u32 = 1;

/// A prior by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum PriorName {
    /// Multi-spike-and-slab, hard assignment.
    Nearest,
    /// Multi-spike-and-slab, soft assignment.
    Mixture,
    /// Multi-spike-and-slab, the published form for codebooks with a zero level.
    Vnq,
    /// Multi-spike-and-slab, the published form for codebooks without one.
    Windows,
    /// Gaussian; the codebook only quantizes.
    Gaussian,
    /// No noise and no KL; the codebook only quantizes.
    None,
}

impl PriorName {
    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Mixture => "mixture",
            Self::Vnq => "vnq",
            Self::Windows => "windows",
            Self::Gaussian => "gaussian",
            Self::None => "none",
        }
    }

    /// The prior, built on `spike`.
    pub fn prior(self, spike: Spike) -> Prior {
        let multi_spike = |form| Prior::MultiSpike(MultiSpike::new(form, spike));
        match self {
            Self::Nearest => multi_spike(Form::Nearest),
            Self::Mixture => multi_spike(Form::Mixture),
            Self::Vnq => multi_spike(Form::Vnq),
            Self::Windows => multi_spike(Form::Windows),
            Self::Gaussian => Prior::Gaussian(Gaussian::default()),
            Self::None => Prior::None,
        }
    }
}

/// The contents of `config.json`; the numbers are those of [`Recipe`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Of the format.
    pub version: u32,
    /// The network's name, as on the command line.
    pub network: String,
    /// Its sizes, if it is a DenseNet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub densenet: Option<Densenet>,
    /// The directory of the data; none for the embedded images.
    pub data: Option<PathBuf>,
    /// CRC-32 of the training images and labels.
    pub data_checksum: u32,
    /// Whether the labels are the coarse ones of CIFAR-100.
    #[serde(default)]
    pub coarse: bool,
    /// How many of the training images are trained on, from the first; none for all.
    #[serde(default)]
    pub limit: Option<usize>,
    /// The figures of the images trained on, by which all images are standardized; none for pixels in [0, 1].
    #[serde(default)]
    pub standardization: Option<Standardization>,
    /// Whether training images are moved and mirrored.
    #[serde(default)]
    pub augment: bool,
    /// The levels that every layer begins with.
    pub codebook: Vec<f32>,
    /// The prior.
    pub prior: PriorName,
    /// The D that a multi-spike prior is built on.
    pub spike: Spike,
    /// What the KL is divided by.
    pub kl_scale: KlScale,
    /// κ after the warm-up.
    pub kl_weight: f64,
    /// Epochs over which κ rises from 0.
    pub kl_warmup: f64,
    /// The power it rises with.
    #[serde(default = "linear")]
    pub kl_warmup_power: u32,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images a step.
    pub batch_size: usize,
    /// Adam's rate for the weights.
    pub learning_rate: f64,
    /// The seed of all noise.
    pub seed: u64,
}

/// The warm-up of a file that names no power.
fn linear() -> u32 {
    Recipe::default().kl_warmup_power
}

/// What a configuration stands for, in range.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Which network.
    pub architecture: Architecture,
    /// The outputs of each of its layers but the last.
    pub hidden_widths: Vec<usize>,
    /// The levels that every layer begins with.
    pub codebook: Codebook<f32>,
    /// How it is trained.
    pub recipe: Recipe,
}

impl Config {
    /// The configuration that `json` holds; errors call its file `path`.
    ///
    /// # Errors
    /// [`Error::File`] if it is no configuration, or one of another version.
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self> {
        let config: Self =
            serde_json::from_slice(json).map_err(|error| Error::file(path, "the configuration of a run", error))?;
        if config.version != VERSION {
            return Err(Error::file(path, format!("format version {VERSION}"), config.version));
        }
        Ok(config)
    }

    /// Which network, and the outputs of each of its layers but the last.
    ///
    /// # Errors
    /// If there is no such network, or it has other sizes.
    pub fn network(&self) -> Result<(Architecture, Vec<usize>)> {
        Architecture::from_name(&self.network)?.with_sizes(self.densenet)
    }

    /// What it stands for, checked for `train_size` images.
    ///
    /// # Errors
    /// Names the first value that is out of range.
    pub fn check(&self, train_size: usize) -> Result<Checked> {
        if self.version != VERSION {
            return Err(Error::option("version", VERSION.to_string(), self.version));
        }
        let (architecture, hidden_widths) = self.network()?;
        let codebook = Codebook::new(self.codebook.clone())?;
        let prior = self.prior.prior(self.spike);
        if let Prior::MultiSpike(prior) = &prior {
            prior.check(codebook.levels())?;
        }
        let recipe = Recipe {
            prior,
            kl_scale: self.kl_scale,
            kl_weight: self.kl_weight,
            kl_warmup: self.kl_warmup,
            kl_warmup_power: self.kl_warmup_power,
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            augment: self.augment,
            seed: self.seed,
            ..Recipe::default()
        };
        recipe.check::<f32>(train_size)?;
        Ok(Checked { architecture, hidden_widths, codebook, recipe })
    }
}
