//! `config.json`: all that determines a run, as the command line gave it.

mod version1;

use super::data::{Dataset, Standardization};
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
    /// The directory of the data; none for the embedded images.
    pub data: Option<PathBuf>,
    /// CRC-32 of the training images and labels.
    pub data_checksum: u32,
    /// Whether the labels are the coarse ones of CIFAR-100.
    pub coarse: bool,
    /// How many of the training images are trained on, from the first; none for all.
    pub limit: Option<usize>,
    /// The figures of the images trained on, by which all images are standardized; none for pixels in [0, 1].
    pub standardization: Option<Standardization>,
    /// The levels that every layer begins with.
    pub codebook: Vec<f32>,
    /// How it is trained.
    pub recipe: Recipe,
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
