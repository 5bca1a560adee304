//! A training that begins with the weights of another: θ, biases, normalizations and their running statistics. Levels,
//! variances and the optimizer's state are not taken over. Lines of the network's text may be excepted, such as the
//! last layer of a network for other classes: their parameters begin as in any training.
//!
//! The weights come from a run, a packed model, or a file of PyTorch tensors (see [`pytorch`]).

pub mod pytorch;

use super::data::Dataset;
use crate::error::{Error, Result};
use crate::layers::batch_norm::EPSILON;
use crate::nets::graph::NormLayer;
use crate::nets::{Network, Normalization, Parameter, Role, WeightMode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is expected of weights, in errors.
pub const SAME_NETWORK: &str = "weights of the same network, but for the lines that --init-except leaves out";

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
    /// The lines of the network's text whose parameters are not taken over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// CRC-32 of the values that are taken over.
    pub checksum: u32,
}

impl Init {
    /// The record of the weights of `from`, which were read from `path`, without those of the lines `except`.
    ///
    /// # Errors
    /// [`Error::Io`] if the path cannot be resolved.
    pub fn new(path: &Path, names: BTreeMap<String, String>, except: Vec<String>, from: &Network<f32>) -> Result<Self> {
        let absolute = path.canonicalize().map_err(|source| Error::io(path, source))?;
        let checksum = checksum(from, &except);
        Ok(Self { path: absolute, names, except, checksum })
    }

    /// Whether no line is excepted, so that every weight is that of another training.
    pub fn is_whole(&self) -> bool {
        self.except.is_empty()
    }

    /// Copies the weights of `from`, which was read again from the recorded path, into a network with the same layers
    /// but for the excepted ones.
    ///
    /// # Errors
    /// [`Error::File`] if their checksum is not the recorded one, or [`copy`] refuses them.
    pub fn copy(&self, from: &Network<f32>, to: &mut Network<f32>) -> Result<()> {
        let seen = checksum(from, &self.except);
        if seen != self.checksum {
            let expected = format!("the weights that a run was begun with, checksum {:08x}", self.checksum);
            return Err(Error::file(&self.path, expected, format!("{seen:08x}")));
        }
        copy(from, to, &self.except).map_err(|error| Error::file(&self.path, SAME_NETWORK, error))?;
        Ok(())
    }
}

/// Copies all parameters except ln σ², levels and those of the lines `except` from one network to another. Every line of
/// `to` that is not excepted must be in `from`. Parameters of lines that only `from` has are not copied; their names are
/// returned.
///
/// # Errors
/// [`Error::Tensor`] for the first parameter of a line of `to` that differs in shape, or that one of the networks lacks;
/// `to` may then have been changed in part.
pub fn copy(from: &Network<f32>, to: &mut Network<f32>, except: &[String]) -> Result<Vec<String>> {
    let mut left: BTreeMap<&str, &Parameter<f32>> = from
        .parameters()
        .iter()
        .filter(|seen| is_taken_over(seen, except))
        .map(|seen| (&seen.name[..], seen))
        .collect();
    for wanted in to.parameters_mut().iter_mut().filter(|wanted| is_taken_over(wanted, except)) {
        let (name, shape) = (&wanted.name, wanted.value.shape());
        let Some(from) = left.remove(&name[..]) else {
            return Err(Error::tensor(name, format!("shape {shape:?}"), "no tensor of that name"));
        };
        if from.value.shape() != shape {
            return Err(Error::tensor(name, format!("shape {shape:?}"), format!("{:?}", from.value.shape())));
        }
        wanted.value.assign(&from.value);
    }
    let has_line = |line: &str| to.parameters().iter().any(|own| own.line() == line);
    if let Some(odd) = left.values().find(|odd| has_line(odd.line())) {
        return Err(Error::tensor(&odd.name, "no tensor of that name, as in this network", "one"));
    }
    Ok(left.into_keys().map(str::to_string).collect())
}

/// The number of images from which [`unfold`] estimates statistics.
const IMAGES: usize = 128;
/// A normalization is folded if its running means are 0 and its running variances differ from 1 by at most this: they
/// are 1 − ε_n in a packed model and in its export.
const FOLDED_TOLERANCE: f32 = 1e-4;

/// Restores running statistics to normalizations that were folded into a scale and a shift, as in a packed model; they
/// are recognized by a running mean of 0 and a running variance of 1. This call does not change what the network
/// computes with running statistics. It is needed before training, which uses batch statistics: only after this call
/// does the network compute nearly the same with both.
///
/// ```text
/// y = scale · x + shift = γ (x − μ)/√(s² + ε_n) + β
/// γ := scale √(s² + ε_n)
/// β := shift + scale · μ
/// ```
///
/// with μ and s² over up to 128 images of `data`, evenly spread; first for the normalization that is computed first,
/// since the statistics of a normalization depend on those before it. The normalizations in the lines `except`, which
/// have no statistics yet, stay as they are.
///
/// # Errors
/// [`Error::Option`] if there are too few images for a normalization; the errors of [`Network::forward`].
pub fn unfold(network: &mut Network<f32>, data: &Dataset, except: &[String]) -> Result<()> {
    let is_folded = |norm: &&NormLayer| {
        let [mean, variance] = [norm.running_mean, norm.running_var].map(|at| network.slice(at));
        is_taken_over(&network.parameters()[norm.gamma], except)
            && mean.iter().all(|mean| *mean == 0.0)
            && variance.iter().all(|variance| (variance - 1.0).abs() <= FOLDED_TOLERANCE)
    };
    let norms: Vec<NormLayer> = network.graph().norms().filter(is_folded).cloned().collect();
    if norms.is_empty() {
        return Ok(());
    }
    let images = data.spread(IMAGES);
    network.graph().check_batch(images.len())?;
    let (x, _) = data.batch(&images);
    let epsilon = EPSILON as f32;
    for norm in norms {
        let (_, tape) = network.forward(x.clone(), &WeightMode::Mean, Normalization::Batch)?;
        let mut of_batch = network.clone();
        of_batch.absorb_statistics(&tape, 1.0);
        for channel in 0..network.slice(norm.gamma).len() {
            let value = |of: &Network<f32>, position: usize| of.slice(position)[channel];
            let scale = value(network, norm.gamma) / (value(network, norm.running_var) + epsilon).sqrt();
            let shift = value(network, norm.beta);
            let [mean, variance] = [norm.running_mean, norm.running_var].map(|position| value(&of_batch, position));
            let new = [
                (norm.gamma, scale * (variance + epsilon).sqrt()),
                (norm.beta, shift + scale * mean),
                (norm.running_mean, mean),
                (norm.running_var, variance),
            ];
            for (position, value) in new {
                network.parameters_mut()[position].as_slice_mut()[channel] = value;
            }
        }
    }
    Ok(())
}

/// Whether a parameter is neither ln σ² nor levels, nor belongs to one of the lines `except`.
pub(crate) fn is_taken_over(parameter: &Parameter<f32>, except: &[String]) -> bool {
    let is_excepted = except.iter().any(|line| line == parameter.line());
    !is_excepted && !matches!(parameter.role, Role::LogSigma2 | Role::Levels)
}

/// CRC-32 of all parameters except ln σ², levels and those of the lines `except`.
pub fn checksum(network: &Network<f32>, except: &[String]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for parameter in network.parameters().iter().filter(|parameter| is_taken_over(parameter, except)) {
        parameter.value.iter().for_each(|value| hasher.update(&value.to_le_bytes()));
    }
    hasher.finalize()
}
