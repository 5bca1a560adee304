//! A training that begins with the weights of another: θ, biases, normalizations and their running statistics. Levels,
//! variances and the optimizer's state are not taken over.
//!
//! The weights come from a run, a packed model, or a file of PyTorch tensors (see [`pytorch`]).

pub mod pytorch;

use super::checkpoint;
use super::run::Run;
use crate::error::{Error, Result};
use crate::nets::{Network, Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a run's first weights come from, as its configuration records it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Init {
    /// The directory of the run, or the file of the packed model or of the PyTorch tensors.
    #[serde(rename = "run")]
    pub path: PathBuf,
    /// For the tensors whose name in the file is not PyTorch's: PyTorch's name, and the name in the file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// CRC-32 of the values that are taken over.
    pub checksum: u32,
}

impl Init {
    /// The record of the weights of `from`, which were read from `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if the path cannot be resolved.
    pub fn new(path: &Path, names: BTreeMap<String, String>, from: &Network<f32>) -> Result<Self> {
        let absolute = path.canonicalize().map_err(|source| Error::io(path, source))?;
        Ok(Self { path: absolute, names, checksum: checksum(from) })
    }

    /// Copies the weights of `from`, which was read from the path again, to a network of the same layers.
    ///
    /// # Errors
    /// [`Error::File`] if their checksum is not the recorded one, or `from` has other layers.
    pub fn copy(&self, from: &Network<f32>, to: &mut Network<f32>) -> Result<()> {
        let seen = checksum(from);
        if seen != self.checksum {
            let expected = format!("the weights that a run was begun with, checksum {:08x}", self.checksum);
            return Err(Error::file(&self.path, expected, format!("{seen:08x}")));
        }
        copy(from, to).map_err(|error| Error::file(&self.path, "weights of the same network", error))
    }
}

/// Copies all parameters except ln σ² and levels from one network to another of the same layers.
///
/// # Errors
/// Names the first parameter that differs in name or shape.
pub fn copy(from: &Network<f32>, to: &mut Network<f32>) -> Result<()> {
    if from.parameters().len() != to.parameters().len() {
        let expected = format!("{} tensors", to.parameters().len());
        return Err(Error::tensor("the network", expected, from.parameters().len()));
    }
    for (from, to) in from.parameters().iter().zip(to.parameters_mut()).filter(|(_, to)| is_taken_over(to.role)) {
        if from.name != to.name || from.value.shape() != to.value.shape() {
            let seen = format!("{} {:?}", from.name, from.value.shape());
            return Err(Error::tensor(&to.name, format!("shape {:?}", to.value.shape()), seen));
        }
        to.value.assign(&from.value);
    }
    Ok(())
}

/// The network in the checkpoint of the run in `dir`.
///
/// # Errors
/// If there is no such run, or it has no checkpoint.
pub fn of_run(dir: &Path) -> Result<Network<f32>> {
    Run::config(dir)?;
    if !Run::has_checkpoint(dir)? {
        return Err(Error::file(dir, "a run with a checkpoint", "none"));
    }
    Ok(checkpoint::load(&Run::checkpoint_path(dir))?.network)
}

fn is_taken_over(role: Role) -> bool {
    !matches!(role, Role::LogSigma2 | Role::Levels)
}

fn checksum(network: &Network<f32>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for parameter in network.parameters().iter().filter(|parameter| is_taken_over(parameter.role)) {
        parameter.value.iter().for_each(|value| hasher.update(&value.to_le_bytes()));
    }
    hasher.finalize()
}
