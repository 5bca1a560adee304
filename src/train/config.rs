//! `config.json`: all that determines a run, as the command line gave it.

mod version1;

use super::data::{Dataset, Standardization, TrainedOn};
use super::init::Init;
use super::recipe::Recipe;
use crate::error::{Error, Result};
use crate::files::read::{SMALL, read};
use crate::nets::presets::names_preset;
use crate::nets::{Description, Given, Graph};
use crate::prior::{Codebook, Prior};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Of the format of a run directory.
pub const VERSION: u32 = 2;

/// The contents of `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Of the format.
    pub version: u32,
    /// What the network is called: a preset with its sizes, or the file of its text, without its folder.
    pub network: String,
    /// The lines of the network's text, the shape of the images and the number of classes filled in. None in a run of version 1,
    /// whose network is a preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<String>>,
    /// Where the data are; none for the embedded images.
    pub data: Option<PathBuf>,
    /// Which data they are; none in a run begun before configurations had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<TrainedOn>,
    /// CRC-32 of the training images and labels, those held out among them.
    pub data_checksum: u32,
    /// Whether the labels are the coarse ones of CIFAR-100.
    pub coarse: bool,
    /// How many of the training images are trained on, from the first; none for all.
    pub limit: Option<usize>,
    /// The share of these that is held out to watch the training by; none where it is watched by the test images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// The figures of the images trained on, by which all images are standardized; none for pixels in [0, 1].
    pub standardization: Option<Standardization>,
    /// The run whose weights it begins with; none if they are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
    /// The levels that every layer begins with.
    pub codebook: Vec<f32>,
    /// How it is trained.
    pub recipe: Recipe,
    /// The numbers of epochs it was to be trained for before it was given another, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_epochs: Vec<EarlierEpochs>,
}

/// What a run's schedules followed until it was given another number of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierEpochs {
    /// How many it was to be.
    pub epochs: u32,
    /// How many steps it had taken when they became others.
    pub until_step: u64,
}

/// The network that an argument asks for: a preset, with its sizes if it has some, or the file of a text.
///
/// # Errors
/// [`Error::Option`] if it is neither, [`Error::File`] if the file is not a text, [`Error::Io`] if it cannot be read.
pub fn describe(argument: &str) -> Result<Description> {
    let path = Path::new(argument);
    if names_preset(argument) || !path.try_exists().unwrap_or(true) {
        return Description::preset(argument).map_err(|error| match error {
            Error::Option { option, expected, seen } if option == "network" => {
                Error::option(option, format!("the file of a network's text, or one of {expected}"), seen)
            }
            other => other,
        });
    }
    let text = String::from_utf8(read(path, SMALL)?)
        .map_err(|error| Error::file(path, "the text of a network in UTF-8", error))?;
    Ok(Description::new(argument, &text))
}

impl Config {
    /// The configuration that `json` holds; errors call its file `path`.
    ///
    /// # Errors
    /// [`Error::File`] if it is no configuration, or one of another version.
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let not_one = |error: serde_json::Error| Error::file(path, "the configuration of a run", error);
        let Version { version } = serde_json::from_slice(json).map_err(not_one)?;
        match version {
            1 => serde_json::from_slice(json).map(version1::Config::upgrade).map_err(not_one),
            VERSION => serde_json::from_slice(json).map_err(not_one),
            _ => Err(Error::file(path, format!("format version 1 or {VERSION}"), version)),
        }
    }

    /// The bytes of the file; errors call its data, or if it has none the directory `dir`.
    ///
    /// # Errors
    /// [`Error::File`] if JSON cannot hold the path of the data, or there are more bytes than [`from_json`](Self::from_json) is
    /// given by whoever reads them.
    pub fn to_json(&self, dir: &Path) -> Result<Vec<u8>> {
        to_json(self.data.as_deref().unwrap_or(dir), self, SMALL)
    }

    /// The same run with another number of epochs from now on, when it has taken so many steps. Rate and κ then follow the new
    /// number. What it was before is kept in [`earlier_epochs`](Self::earlier_epochs).
    #[must_use]
    pub fn with_epochs(&self, epochs: u32, steps: u64) -> Self {
        let mut config = self.clone();
        if epochs != self.recipe.epochs {
            config.earlier_epochs.push(EarlierEpochs { epochs: self.recipe.epochs, until_step: steps });
            config.recipe.epochs = epochs;
        }
        config
    }

    /// The configurations that a checkpoint of so many steps may have been written under: this one, and those that it was changed
    /// from when the run had taken just these steps. A checkpoint is not written anew when the configuration changes.
    pub fn at_step(&self, steps: u64) -> impl Iterator<Item = Self> {
        let before = move |config: &Self| {
            let mut before = config.clone();
            let earlier = before.earlier_epochs.pop().filter(|earlier| earlier.until_step == steps)?;
            before.recipe.epochs = earlier.epochs;
            Some(before)
        };
        std::iter::successors(Some(self.clone()), before)
    }

    /// The network, for data of the shape and the classes of `images`.
    ///
    /// # Errors
    /// As [`Description::graph`].
    pub fn graph(&self, images: &Dataset) -> Result<Graph> {
        self.graph_of(Given { input: Some(images.shape()), classes: Some(images.classes()), outputs: None })
    }

    /// The network, for what is given.
    ///
    /// # Errors
    /// As [`Description::graph`].
    pub fn graph_of(&self, given: Given<'_>) -> Result<Graph> {
        match &self.text {
            Some(lines) => Graph::parse(&self.network, &lines.join("\n"), given),
            None => Description::preset(&self.network)?.graph(given),
        }
    }

    /// The codebook that every layer begins with. The recipe is checked as well, for `train_size` images.
    ///
    /// # Errors
    /// Names the first value that is out of range.
    pub fn check(&self, train_size: usize) -> Result<Codebook<f32>> {
        if self.version != VERSION {
            return Err(Error::option("version", VERSION.to_string(), self.version));
        }
        let codebook = Codebook::new(self.codebook.clone())?;
        if let Prior::MultiSpike(prior) = self.recipe.prior() {
            prior.check(codebook.levels())?;
        }
        self.recipe.check::<f32>(train_size)?;
        Ok(codebook)
    }
}

/// What JSON holds of `contents`, at most so many bytes; errors call it `path`.
pub(super) fn to_json(path: &Path, contents: &impl Serialize, most: u64) -> Result<Vec<u8>> {
    let mut json =
        serde_json::to_vec_pretty(contents).map_err(|error| Error::file(path, "a path that JSON can hold", error))?;
    json.push(b'\n');
    if json.len() as u64 > most {
        return Err(Error::file(path, format!("a configuration of at most {most} bytes"), json.len()));
    }
    Ok(json)
}
