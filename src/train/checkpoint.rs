//! `checkpoint.safetensors`: a run between two steps.
//!
//! The tensors, all F32, are the parameters by their names and Adam's moments, `adam.m.<parameter>` and
//! `adam.v.<parameter>`. The one metadata entry, `spikeslab`, is a JSON object: format version, network, input shape,
//! widths, and the position of the run. The same run gives the same bytes.

use super::fit::Position;
use super::objective::Loss;
use super::read::read_tensors;
use super::trainer::Trainer;
use super::write::write;
use crate::error::{Error, Result};
use crate::nets::{Architecture, Network, Role};
use crate::prior::Codebook;
use ndarray::ArrayD;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

const VERSION: u32 = 1;
const METADATA_KEY: &str = "spikeslab";

/// The metadata entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Of the format.
    pub version: u32,
    /// The network's name.
    pub network: String,
    /// (C, H, W).
    pub input: [usize; 3],
    /// Outputs of each layer.
    pub widths: Vec<usize>,
    /// Levels a layer.
    pub levels: usize,
    /// Optimizer steps taken.
    pub steps: u64,
    /// Epochs completed.
    pub epoch: u32,
    /// Steps of the next epoch already taken.
    pub epoch_step: u64,
    /// Their losses, summed: loss, NLL, KL.
    pub epoch_sums: [f64; 3],
}

/// A checkpoint read back.
#[derive(Debug)]
pub struct Checkpoint {
    /// Which network.
    pub architecture: Architecture,
    /// Outputs of each layer.
    pub widths: Vec<usize>,
    /// The network with its parameters.
    pub network: Network<f32>,
    /// Adam's moments, as in [`Trainer::moments`].
    pub moments: Vec<[ArrayD<f32>; 2]>,
    /// Optimizer steps taken.
    pub steps: u64,
    /// Where the run stands.
    pub position: Position,
}

/// Writes the state of a run.
///
/// # Errors
/// [`Error::Io`] if the system refuses; the file is then as before.
pub fn save(
    path: &Path,
    architecture: Architecture,
    widths: &[usize],
    trainer: &Trainer<f32>,
    position: &Position,
) -> Result<()> {
    write(path, &to_bytes(architecture, widths, trainer, position))
}

/// The bytes of the file that holds the state of a run.
pub fn to_bytes(architecture: Architecture, widths: &[usize], trainer: &Trainer<f32>, position: &Position) -> Vec<u8> {
    let parameters = trainer.network.parameters();
    let levels = trainer.network.layers().next().map_or(0, |layer| parameters[layer.levels].value.len());
    let header = Header {
        version: VERSION,
        network: architecture.name().to_string(),
        input: trainer.network.plan().input,
        widths: widths.to_vec(),
        levels,
        steps: trainer.step,
        epoch: position.epoch,
        epoch_step: position.step,
        epoch_sums: [position.sum.loss, position.sum.nll, position.sum.kl],
    };
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut push = |name: String, value: &ArrayD<f32>| {
        let bytes = value.iter().flat_map(|element| element.to_le_bytes()).collect();
        tensors.push((name, value.shape().to_vec(), bytes));
    };
    for (parameter, [first, second]) in parameters.iter().zip(&trainer.moments) {
        push(parameter.name.clone(), &parameter.value);
        if parameter.role.is_trained() {
            push(moment_name(0, &parameter.name), first);
            push(moment_name(1, &parameter.name), second);
        }
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("four bytes an element");
        (name.as_str(), view)
    });
    let header = serde_json::to_string(&header).expect("numbers and strings");
    let metadata = HashMap::from([(METADATA_KEY.to_string(), header)]);
    safetensors::serialize(views, Some(metadata)).expect("views of known size")
}

/// Reads a checkpoint, strictly: exactly the tensors of its network, of their shapes, all finite, variances and second
/// moments not negative.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::File`] if it is not a checkpoint of this version.
pub fn load(path: &Path) -> Result<Checkpoint> {
    from_bytes(path, &read_tensors(path)?)
}

/// The checkpoint whose file holds `bytes`; errors call the file `path`.
///
/// # Errors
/// [`Error::File`] if they are not a checkpoint of this version.
pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Checkpoint> {
    let not_safetensors = |error: safetensors::SafeTensorError| Error::file(path, "a safetensors file", error);
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
    let header = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(METADATA_KEY))
        .ok_or_else(|| Error::file(path, format!("a metadata entry {METADATA_KEY:?}"), "none"))?;
    let header: Header =
        serde_json::from_str(header).map_err(|error| Error::file(path, "the header of a checkpoint", error))?;
    if header.version != VERSION {
        return Err(Error::file(path, format!("format version {VERSION}"), header.version));
    }
    let in_file = |error: Error| Error::file(path, "a checkpoint", error);
    let architecture = Architecture::from_name(&header.network).map_err(in_file)?;
    let codebook = Codebook::symmetric(header.levels).map_err(in_file)?;
    let plan = architecture.plan(header.input, &header.widths).map_err(in_file)?;

    // Every tensor's shape is compared with the plan's before the network takes memory.
    let mut expected = BTreeSet::new();
    for parameter in &plan.parameters {
        let levels = [header.levels];
        let shape = if parameter.shape.is_empty() { &levels[..] } else { &parameter.shape };
        let names = [parameter.name.clone(), moment_name(0, &parameter.name), moment_name(1, &parameter.name)];
        let stored = if parameter.role.is_trained() { 3 } else { 1 };
        for (kind, name) in names.into_iter().take(stored).enumerate() {
            // A root is taken of variances and second moments.
            let least = if kind == 2 || parameter.role == Role::RunningVar { 0.0 } else { f32::MIN };
            check(path, &tensors, &name, shape, least)?;
            expected.insert(name);
        }
    }
    if let Some(odd) = tensors.names().into_iter().find(|name| !expected.contains(*name)) {
        return Err(Error::file(path, format!("the tensors of {}", header.network), format!("{odd} as well")));
    }

    let mut network = Network::new(plan, &codebook);
    let mut moments = Vec::new();
    for parameter in network.parameters_mut() {
        parameter.value = values(&tensors, &parameter.name);
        moments.push(if parameter.role.is_trained() {
            [0, 1].map(|moment| values(&tensors, &moment_name(moment, &parameter.name)))
        } else {
            [ArrayD::zeros(&[0][..]), ArrayD::zeros(&[0][..])]
        });
    }
    for layer in network.layers() {
        let levels = &network.parameters()[layer.levels];
        Codebook::new(levels.as_slice().to_vec())
            .map_err(|error| Error::file(path, format!("a codebook in {}", levels.name), error))?;
    }
    let [loss, nll, kl] = header.epoch_sums;
    let position = Position { epoch: header.epoch, step: header.epoch_step, sum: Loss { loss, nll, kl } };
    Ok(Checkpoint { architecture, widths: header.widths, network, moments, steps: header.steps, position })
}

fn moment_name(moment: usize, parameter: &str) -> String {
    format!("adam.{}.{parameter}", ["m", "v"][moment])
}

/// Checks type, shape and that every number is finite and at least `least`.
fn check(path: &Path, tensors: &SafeTensors<'_>, name: &str, shape: &[usize], least: f32) -> Result<()> {
    let expected = format!("tensor {name} of F32, shape {shape:?}");
    let Ok(tensor) = tensors.tensor(name) else { return Err(Error::file(path, expected, "none")) };
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        return Err(Error::file(path, expected, format!("{:?}, shape {:?}", tensor.dtype(), tensor.shape())));
    }
    match floats(tensor.data()).find(|element| !(element.is_finite() && *element >= least)) {
        Some(odd) if odd.is_finite() => Err(Error::file(path, format!("numbers of at least {least} in {name}"), odd)),
        Some(odd) => Err(Error::file(path, format!("finite numbers in {name}"), odd)),
        None => Ok(()),
    }
}

/// A tensor that [`check`] has passed.
fn values(tensors: &SafeTensors<'_>, name: &str) -> ArrayD<f32> {
    let tensor = tensors.tensor(name).expect("checked");
    ArrayD::from_shape_vec(tensor.shape(), floats(tensor.data()).collect()).expect("checked")
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
