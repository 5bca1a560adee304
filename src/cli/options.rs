//! The options that `train` and `compare` share.

use super::{Failure, training};
use crate::error::{Error, Result};
use crate::nets::{Architecture, Densenet};
use crate::prior::Codebook;
use crate::prior::codebook::check_levels;
use crate::reserve::reserve;
use crate::scalar::spike_kl::Spike;
use crate::train::config::{Config, PriorName, VERSION};
use crate::train::data::{Split, Standardization, directory};
use crate::train::objective::KlScale;
use crate::train::recipe::Recipe;
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::num::ParseFloatError;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A tenth of the images needs more passes.
const EMBEDDED_EPOCHS: u32 = 40;

/// Where the data come from that are not in the program, and how to get them.
const ADVICE: &str = if cfg!(feature = "download") {
    "They are published at https://www.cs.toronto.edu/~kriz/cifar.html; --data cifar10 --download cifar-10 fetches them."
} else {
    "They are published at https://www.cs.toronto.edu/~kriz/cifar.html: unpack cifar-10-binary.tar.gz, and give --data \
     cifar-10-batches-bin. A build with --features download fetches them: --data cifar10 --download cifar-10."
};

/// What to train, on what, how.
#[derive(Debug, Args)]
pub(super) struct TrainingOptions {
    /// Directory with the files of MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100, raw or .gz [default: embedded images]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Train on the 20 coarse labels of CIFAR-100, not the 100 fine ones
    #[arg(long)]
    coarse: bool,
    /// Train on the first N training images only
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<usize>,
    /// Move each training image by up to 4 pixels, and mirror half of them, at random
    #[arg(long)]
    augment: bool,
    /// Number of levels, 2 to 256 [default: 3, and 4 under windows]
    #[arg(long, value_name = "M", conflicts_with = "codebook", allow_negative_numbers = true)]
    levels: Option<usize>,
    /// The levels to begin with, ascending
    #[arg(long, value_name = "LEVELS", value_delimiter = ',', allow_hyphen_values = true)]
    codebook: Option<Vec<Level>>,
    /// The prior that draws weights to levels
    #[arg(long, value_enum, default_value = "nearest")]
    pub(super) prior: PriorName,
    /// KL to one spike: the published fit, or exact
    #[arg(long, value_enum, default_value = "fit")]
    spike: Spike,
    /// What a layer's KL is divided by: the training images, or its weights
    #[arg(long, value_enum, default_value = "per-weight")]
    kl_scale: KlScale,
    /// Weight of the KL in the objective [default: 0.2, and 20 for densenet]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    kl_weight: Option<f64>,
    /// Epochs over which that weight rises from 0 [default: all of them]
    #[arg(long, value_name = "EPOCHS", allow_negative_numbers = true)]
    kl_warmup: Option<f64>,
    /// Power it rises with: the higher, the later [default: 1, and 6 for densenet]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    kl_warmup_power: Option<u32>,
    /// Passes over the training images [default: 32, and 40 over the embedded ones]
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    epochs: Option<u32>,
    /// Images a step [default: 128, and 64 for densenet]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    batch_size: Option<usize>,
    /// Adam's rate at the beginning; it falls linearly to 0
    #[arg(long, value_name = "R", default_value_t = Recipe::default().learning_rate, allow_negative_numbers = true)]
    learning_rate: f64,
    /// Seed of all noise
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    #[command(flatten)]
    densenet: DensenetOptions,
}

/// A level, as it was given and as it is used.
#[derive(Clone, Copy, Debug)]
struct Level {
    given: f64,
    used: f32,
}

impl FromStr for Level {
    type Err = ParseFloatError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseFloatError> {
        // Rounded once.
        Ok(Self { given: text.parse()?, used: text.parse()? })
    }
}

/// The levels given, if they are still levels once rounded.
fn given(levels: &[Level]) -> Result<Vec<f32>> {
    check_levels("codebook", &levels.iter().map(|level| level.given).collect::<Vec<_>>())?;
    if let Some(level) = levels.iter().find(|level| !level.used.is_finite()) {
        return Err(Error::option(
            "codebook",
            format!("finite levels, of at most {:e}", f32::MAX),
            format!("{:e}", level.given),
        ));
    }
    match levels.windows(2).find(|pair| pair[0].used >= pair[1].used) {
        Some(pair) => {
            let seen = format!("{:?} before {:?}, both {:?}", pair[0].given, pair[1].given, pair[0].used);
            Err(Error::option("codebook", "levels that differ in F32", seen))
        }
        None => Ok(levels.iter().map(|level| level.used).collect()),
    }
}

/// Where `--help` lists them: a heading of the whole structure would be that of all that follows it.
const OF_DENSENET: &str = "Options of densenet";

/// The sizes of a DenseNet.
#[derive(Debug, Args)]
pub(super) struct DensenetOptions {
    /// Bayesian layers: 3n + 4, with bottleneck 6n + 4 [default: 40]
    #[arg(long, value_name = "L", allow_negative_numbers = true, help_heading = OF_DENSENET)]
    depth: Option<usize>,
    /// Channels that each unit appends [default: 12]
    #[arg(long, value_name = "K", allow_negative_numbers = true, help_heading = OF_DENSENET)]
    growth: Option<usize>,
    /// Put 1×1 convolutions of 4K outputs before the 3×3 ones
    #[arg(long, help_heading = OF_DENSENET)]
    bottleneck: bool,
    /// Share of the channels that a transition keeps [default: 1]
    #[arg(long, value_name = "C", allow_negative_numbers = true, help_heading = OF_DENSENET)]
    compression: Option<f64>,
}

impl DensenetOptions {
    /// None for another network of which no such sizes are asked.
    pub(super) fn sizes(&self, network: &str) -> Option<Densenet> {
        let given = self.bottleneck || self.depth.is_some() || self.growth.is_some() || self.compression.is_some();
        let default = Densenet::default();
        (given || network == Architecture::Densenet { bottleneck: false }.name()).then(|| Densenet {
            depth: self.depth.unwrap_or(default.depth),
            growth: self.growth.unwrap_or(default.growth),
            bottleneck: self.bottleneck,
            compression: self.compression.unwrap_or(default.compression),
        })
    }
}

/// The names of the networks; a DenseNet's bottleneck is an option.
pub(super) fn network_names() -> PossibleValuesParser {
    let named = |architecture: &Architecture| *architecture != Architecture::Densenet { bottleneck: true };
    PossibleValuesParser::new(Architecture::ALL.into_iter().filter(named).map(Architecture::name))
}

impl TrainingOptions {
    /// The configuration of a run of `network` on the data asked for, checked.
    pub(super) fn config(&self, network: &str) -> std::result::Result<Config, Failure> {
        let data = self.load_data(network)?;
        let source = self.data.as_deref().unwrap_or(Path::new("embedded images"));
        let standardization = Standardization::for_training(&data.train)
            .map_err(|error| Error::file(source, "images that can be standardized", error))?;
        let codebook = match &self.codebook {
            Some(levels) => given(levels)?,
            None => {
                let default = if self.prior == PriorName::Windows { 4 } else { 3 };
                Codebook::symmetric(self.levels.unwrap_or(default))?.levels().to_vec()
            }
        };
        let densenet = self.densenet.sizes(network);
        let default = if densenet.is_some() { Recipe::densenet() } else { Recipe::default() };
        let epochs = self.epochs.unwrap_or(if self.data.is_none() { EMBEDDED_EPOCHS } else { default.epochs });
        let config = Config {
            version: VERSION,
            network: network.to_string(),
            densenet,
            data: self.data.as_deref().map(absolute).transpose()?,
            data_checksum: data.train.checksum(),
            coarse: self.coarse,
            limit: self.limit,
            standardization,
            augment: self.augment,
            codebook,
            prior: self.prior,
            spike: self.spike,
            kl_scale: self.kl_scale,
            kl_weight: self.kl_weight.unwrap_or(default.kl_weight),
            kl_warmup: self.kl_warmup.unwrap_or(f64::from(epochs)),
            kl_warmup_power: self.kl_warmup_power.unwrap_or(default.kl_warmup_power),
            epochs,
            batch_size: self.batch_size.unwrap_or(default.batch_size),
            learning_rate: self.learning_rate,
            seed: self.seed,
        };
        let checked = config.check(data.train.len())?;
        let plan = checked
            .architecture
            .plan(data.train.shape(), &training::widths(&checked.hidden_widths, &data))
            .map_err(|error| Error::file(source, format!("images large enough for {network}"), error))?;
        // Each weight has a value, two moments and a gradient. Better no run than one that dies when it has begun.
        let sizes = plan.parameters.iter().map(|parameter| parameter.shape.iter().product());
        reserve::<[f32; 4]>(sizes.fold(0, usize::saturating_add), || format!("training {network}"))?;
        Ok(config)
    }

    /// The images to train and test on.
    fn load_data(&self, network: &str) -> std::result::Result<Split, Failure> {
        if self.data.is_none() && !Architecture::from_name(network)?.takes_embedded_images() {
            let expected = format!("--data DIR with CIFAR-10 or CIFAR-100 to train {network} on");
            return Err(Failure::Advised(Error::option("data", expected, "none"), ADVICE));
        }
        let mut data = directory::load(self.data.as_deref(), self.coarse)?;
        self.limit.map_or(Ok(()), |images| data.limit(images))?;
        Ok(data)
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|source| Error::io(path, source))
}
