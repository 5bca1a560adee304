//! `config.json`: everything that determines a run, as given on the command line.

mod version1;

use super::data::{Dataset, Standardization, TrainedOn};
use super::init::Init;
use super::recipe::Recipe;
use super::teacher::TeacherOrigin;
use crate::error::{Error, Result};
use crate::files::read::{SMALL, read};
use crate::nets::presets::names_preset;
use crate::nets::{Description, Given, Graph};
use crate::prior::{Codebook, Prior};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of the format of a run directory.
pub const VERSION: u32 = 2;

/// The contents of `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of the format.
    pub version: u32,
    /// The name of the network: a preset's name without sizes, or the name of the file with the network's text, without
    /// folder and extension. In a run of version 1: a preset's name with its sizes.
    pub network: String,
    /// The lines of the network's text, with the shape of the images and the number of classes filled in. None in a run
    /// of version 1, whose network is a preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<String>>,
    /// The path of the data; none for the embedded images.
    pub data: Option<PathBuf>,
    /// The identity of the data; none in a run begun before configurations had this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<TrainedOn>,
    /// CRC-32 of the training images and labels, including those held out.
    pub data_checksum: u32,
    /// Whether the labels are the coarse ones of CIFAR-100.
    pub coarse: bool,
    /// The number of training images that are used, from the first on; none for all.
    pub limit: Option<usize>,
    /// The share of these images that is held out for validation; none if epochs are evaluated on the test images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// The means and deviations by which all images are standardized: those of the training images or, with a teacher
    /// or initial weights, those that these were trained with; none for pixels in [0, 1].
    pub standardization: Option<Standardization>,
    /// The origin of the initial weights; none if they are drawn at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
    /// The origin of the teacher; none if the labels are those of the data alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherOrigin>,
    /// The levels that every layer begins with.
    pub codebook: Vec<f32>,
    /// The recipe of the training.
    pub recipe: Recipe,
    /// The earlier numbers of epochs of the run, each of which was replaced by another, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_epochs: Vec<EarlierEpochs>,
}

/// A number of epochs that a run's schedules followed until it was replaced by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierEpochs {
    /// The earlier number of epochs.
    pub epochs: u32,
    /// The number of steps that the run had taken when the number was replaced.
    pub until_step: u64,
}

/// The network that an argument names: a preset, with its sizes if it has some, or the file of a network's text.
///
/// # Errors
/// [`Error::Option`] if it is neither, [`Error::File`] if the file is not a text, [`Error::Io`] if the file cannot be
/// read.
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
    /// [`Error::File`] if it is not a configuration, or its version is neither 1 nor [`VERSION`].
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

    /// The bytes of `config.json`; errors name the path that JSON cannot hold or, if it can hold all, the directory
    /// `dir`.
    ///
    /// # Errors
    /// [`Error::File`] if JSON cannot hold a path, or there are more bytes than are read of a configuration.
    pub fn to_json(&self, dir: &Path) -> Result<Vec<u8>> {
        to_json(self.path_json_cannot_hold().unwrap_or(dir), self, SMALL)
    }

    /// The first path that is not UTF-8, so that JSON cannot hold it: of the data, of `--init` or of the teacher.
    pub(super) fn path_json_cannot_hold(&self) -> Option<&Path> {
        let init = self.init.as_ref().map(|init| &*init.path);
        let teacher = self.teacher.as_ref().map(|teacher| &*teacher.path);
        [self.data.as_deref(), init, teacher].into_iter().flatten().find(|path| path.to_str().is_none())
    }

    /// The configuration with another number of epochs, for a run that has taken `steps` steps. From then on the
    /// learning rate and κ follow the new number. The old number is appended to
    /// [`earlier_epochs`](Self::earlier_epochs).
    #[must_use]
    pub fn with_epochs(&self, epochs: u32, steps: u64) -> Self {
        let mut config = self.clone();
        if epochs != self.recipe.epochs {
            config.earlier_epochs.push(EarlierEpochs { epochs: self.recipe.epochs, until_step: steps });
            config.recipe.epochs = epochs;
        }
        config
    }

    /// The configurations under which a checkpoint of `steps` steps may have been written: this one, and the earlier
    /// ones that were changed when the run had taken exactly `steps` steps. A change of the configuration does not
    /// write a new checkpoint.
    pub fn at_step(&self, steps: u64) -> impl Iterator<Item = Self> {
        let before = move |config: &Self| {
            let mut before = config.clone();
            let earlier = before.earlier_epochs.pop().filter(|earlier| earlier.until_step == steps)?;
            before.recipe.epochs = earlier.epochs;
            Some(before)
        };
        std::iter::successors(Some(self.clone()), before)
    }

    /// The graph of the network, for images and classes as in `images`.
    ///
    /// # Errors
    /// The errors of [`Description::graph`].
    pub fn graph(&self, images: &Dataset) -> Result<Graph> {
        self.graph_of(Given { input: Some(images.shape()), classes: Some(images.classes()), outputs: None })
    }

    /// The graph of the network, for the input shape, classes and outputs in `given`.
    ///
    /// # Errors
    /// The errors of [`Description::graph`].
    pub fn graph_of(&self, given: Given<'_>) -> Result<Graph> {
        match &self.text {
            Some(lines) => Graph::parse(&self.network, &lines.join("\n"), given),
            None => Description::preset(&self.network)?.graph(given),
        }
    }

    /// Checks codebook and recipe, for `train_size` images, and returns the codebook that every layer begins with.
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

/// `contents` as JSON, of at most `most` bytes; errors name `path`.
pub(super) fn to_json(path: &Path, contents: &impl Serialize, most: u64) -> Result<Vec<u8>> {
    let mut json =
        serde_json::to_vec_pretty(contents).map_err(|error| Error::file(path, "a path that JSON can hold", error))?;
    json.push(b'\n');
    if json.len() as u64 > most {
        return Err(Error::file(path, format!("a configuration of at most {most} bytes"), json.len()));
    }
    Ok(json)
}
