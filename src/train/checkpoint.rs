//! A checkpoint: the whole state of a run between two steps, in one safetensors file.
//!
//! | tensor                         | shape               | what it is                                               |
//! |--------------------------------|---------------------|----------------------------------------------------------|
//! | `<parameter>`                  | the parameter's     | its value                                                |
//! | `adam.m.<parameter>`, `.v.`    | the parameter's     | Adam's moments; running statistics have none             |
//!
//! All tensors are F32. The metadata entry `spikeslab` is a CRC-32 in eight hexadecimal digits, a space, and the JSON
//! object that the CRC-32 is computed from. This object is the [`Header`]: format version, the network's text, the
//! position of the run, a CRC-32 of each tensor's bytes, and the [`Origin`], which identifies the run. The same run
//! writes the same bytes.
//!
//! A file of version 1 has a preset and its widths in place of the text, no origin and no checksums.

mod version1;

use super::config::Config;
use super::fit::Position;
use super::objective::Loss;
use super::trainer::Trainer;
use crate::error::{Error, Result};
use crate::files::read::{HEADER, TENSORS, read_tensors};
use crate::files::write::write;
use crate::nets::{Given, Graph, Network, Role};
use crate::prior::Codebook;
use crate::prior::multi_spike::zero_level;
use crate::simd;
use ndarray::ArrayD;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

const VERSION: u32 = 2;
const METADATA_KEY: &str = "spikeslab";

/// The JSON object of the metadata entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the format.
    pub version: u32,
    /// The lines of the network's text.
    pub network: Vec<String>,
    /// Optimizer steps taken.
    pub steps: u64,
    /// Epochs completed.
    pub epoch: u32,
    /// Steps of the next epoch already taken.
    pub epoch_step: u64,
    /// The sums of loss, NLL and KL over these steps.
    pub epoch_sums: [f64; 3],
    /// The run that the checkpoint is of; none for a network trained by the library outside of a run.
    pub origin: Option<Origin>,
    /// CRC-32 of the bytes of each tensor.
    pub checksums: BTreeMap<String, u32>,
}

/// What the bits of a run depend on, besides the device and `SPIKESLAB_KERNELS`, which may differ when a run goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The run's configuration.
    pub config: Config,
    /// CRC-32 of the test images and labels; that of the training images is in the configuration.
    pub test_checksum: u32,
    /// The vector instructions that the run was computed with: see [`simd::in_use`].
    pub vectors: String,
}

impl Origin {
    /// The origin of a run with this configuration and these test images in this process.
    pub fn new(config: &Config, test_checksum: u32) -> Self {
        Self { config: config.clone(), test_checksum, vectors: simd::in_use().to_string() }
    }

    /// The entries in which this origin differs from that of a checkpoint of `steps` steps: the name of the entry, for
    /// example `config.recipe.seed`, its value here, and its value in the checkpoint. The paths of the data, the initial
    /// weights and the teacher are not compared, since their checksums are. If the configuration was changed when the run
    /// had taken exactly `steps` steps, the configuration before the change is compared: see [`Config::at_step`].
    pub fn differences(&self, checkpoint: &Self, steps: u64) -> Vec<(String, String, String)> {
        let json = |origin: &Self| serde_json::to_value(origin).unwrap_or_default();
        let epochs = |config: &Config| (config.recipe.epochs, config.earlier_epochs.clone());
        let then = self.config.at_step(steps).find(|config| epochs(config) == epochs(&checkpoint.config));
        let own = Self { config: then.unwrap_or_else(|| self.config.clone()), ..self.clone() };
        let mut differences = Vec::new();
        compare("", &json(&own), &json(checkpoint), &mut differences);
        differences
            .retain(|(name, ..)| !["config.data", "config.init.run", "config.teacher.path"].contains(&name.as_str()));
        differences
    }
}

/// Appends the entries in which two JSON values differ, objects entry by entry.
fn compare(
    name: &str,
    own: &serde_json::Value,
    other: &serde_json::Value,
    differences: &mut Vec<(String, String, String)>,
) {
    use serde_json::Value::{Null, Object};
    match (own, other) {
        (Object(own), Object(other)) => {
            let names: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
            for key in names {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                compare(&name, own.get(key).unwrap_or(&Null), other.get(key).unwrap_or(&Null), differences);
            }
        }
        _ if own == other => {}
        _ => differences.push((name.to_string(), own.to_string(), other.to_string())),
    }
}

/// A checkpoint read back.
#[derive(Debug)]
pub struct Checkpoint {
    /// The network with its parameters.
    pub network: Network<f32>,
    /// Adam's moments, as in [`Trainer::moments`].
    pub moments: Vec<[ArrayD<f32>; 2]>,
    /// Optimizer steps taken.
    pub steps_taken: u64,
    /// The position of the run.
    pub position: Position,
    /// The run that the checkpoint is of; none in a file of version 1, or of a network trained outside of a run.
    pub origin: Option<Origin>,
}

impl Checkpoint {
    /// Goes on with a training: the trainer in this state, and its position. `begun` is the trainer with which the training
    /// began, at step 0: [`Trainer::new`] with a network of the same graph and codebook, and the same recipe and number of
    /// images. Errors call the checkpoint's file `path`.
    ///
    /// # Errors
    /// [`Error::File`] if the state is not one of this training: another graph, other zero levels, or more steps.
    pub fn resume(self, path: &Path, begun: Trainer<f32>) -> Result<(Trainer<f32>, Position)> {
        check_state(&self, &begun).map_err(|(expected, seen)| Error::file(path, expected, seen))?;
        let mut trainer = begun;
        (trainer.network, trainer.moments, trainer.steps_taken) = (self.network, self.moments, self.steps_taken);
        Ok((trainer, self.position))
    }
}

/// Checks that a checkpoint fits the trainer's network, levels and steps; the error is what was expected and what was
/// seen.
fn check_state(state: &Checkpoint, trainer: &Trainer<f32>) -> std::result::Result<(), (String, String)> {
    let (graph, seen) = (trainer.network.graph(), state.network.graph());
    if graph.input != seen.input || graph.parameters != seen.parameters {
        let shape = |graph: &Graph| {
            let outputs = graph.parameters.iter().filter(|parameter| parameter.role == Role::Theta);
            format!("weights {:?} on images {:?}", outputs.map(|theta| &theta.shape).collect::<Vec<_>>(), graph.input)
        };
        return Err((format!("a checkpoint of this run, with {}", shape(graph)), shape(seen)));
    }
    if graph != seen {
        return Err((
            "a checkpoint of this run".into(),
            "one of a network with the same weights and another text".into(),
        ));
    }
    let levels = |network: &Network<f32>, position: usize| network.slice(position).to_vec();
    for (layer, zero) in graph.layers().zip(&trainer.zero_levels) {
        let (own, seen) = (levels(&trainer.network, layer.levels), levels(&state.network, layer.levels));
        if own.len() != seen.len() {
            return Err((format!("a checkpoint of this run, with {} levels", own.len()), seen.len().to_string()));
        }
        // Levels that are fitted to weights need no level at 0.
        if zero.is_some() && *zero != zero_level(&seen) {
            return Err((format!("a zero level in {} where the codebook has it", layer.name), format!("{seen:?}")));
        }
    }
    let (steps, position) = (trainer.steps_per_epoch(), &state.position);
    let counted = (u64::from(position.epoch) * steps).saturating_add(position.epoch_step);
    if position.epoch_step >= steps || counted > trainer.total_steps() || counted != state.steps_taken {
        let seen =
            format!("step {} in epoch {} after {} steps", position.epoch_step, position.epoch, state.steps_taken);
        return Err((
            format!("a checkpoint of this run, of {} steps an epoch and {} in all", steps, trainer.total_steps()),
            seen,
        ));
    }
    Ok(())
}

/// Writes the state of a training, with its origin.
///
/// # Errors
/// The errors of [`checked_bytes`], and [`Error::Io`] if a system call fails; the file is then as before.
pub fn save(path: &Path, trainer: &Trainer<f32>, position: &Position, origin: Option<&Origin>) -> Result<()> {
    write(path, &checked_bytes(path, trainer, position, origin)?)
}

/// The bytes of the file that holds the state of a training, with its origin; errors name the file `path`.
///
/// # Errors
/// [`Error::File`] if the file could not be read again: a number is not finite, or there are more bytes than [`load`]
/// accepts.
pub fn checked_bytes(
    path: &Path,
    trainer: &Trainer<f32>,
    position: &Position,
    origin: Option<&Origin>,
) -> Result<Vec<u8>> {
    let parameters = trainer.network.parameters();
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
    let header = Header {
        version: VERSION,
        network: trainer.network.graph().to_string().lines().map(str::to_string).collect(),
        steps: trainer.steps_taken,
        epoch: position.epoch,
        epoch_step: position.epoch_step,
        epoch_sums: [position.sum.loss, position.sum.nll, position.sum.kl],
        origin: origin.cloned(),
        checksums: tensors.iter().map(|(name, _, bytes)| (name.clone(), crc32fast::hash(bytes))).collect(),
    };
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("four bytes an element");
        (name.as_str(), view)
    });
    let header = serde_json::to_string(&header).map_err(|error| Error::file(path, "a header of JSON", error))?;
    let sealed = format!("{:08x} {header}", crc32fast::hash(header.as_bytes()));
    let metadata = HashMap::from([(METADATA_KEY.to_string(), sealed)]);
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|error| Error::file(path, "tensors that safetensors can hold", error))?;
    let header_len = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if header_len > HEADER {
        return Err(Error::file(path, format!("a checkpoint with a header of at most {HEADER} bytes"), header_len));
    }
    if bytes.len() as u64 > TENSORS {
        return Err(Error::file(path, format!("a checkpoint of at most {TENSORS} bytes"), bytes.len()));
    }
    // A checkpoint that could not be read again is not written.
    from_bytes(path, &bytes)?;
    Ok(bytes)
}

/// Reads a checkpoint and checks that it has exactly the tensors of its network, with the right shapes, all numbers
/// finite, variances and second moments not negative, and all checksums right.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::File`] if it is not a checkpoint of this version or the one before.
pub fn load(path: &Path) -> Result<Checkpoint> {
    from_bytes(path, &read_tensors(path)?)
}

/// The checkpoint in the bytes of a file; errors name the file `path`.
///
/// # Errors
/// [`Error::File`] if they are not a checkpoint of this version or the one before.
pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Checkpoint> {
    let not_safetensors = |error: safetensors::SafeTensorError| Error::file(path, "a safetensors file", error);
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
    let entry = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(METADATA_KEY))
        .ok_or_else(|| Error::file(path, format!("a metadata entry {METADATA_KEY:?}"), "none"))?;
    let (header, graph) = if entry.starts_with('{') { version1::header(path, entry)? } else { header(path, entry)? };

    // Every tensor's shape is compared with the graph's before the network takes memory.
    let mut expected = BTreeSet::new();
    for parameter in &graph.parameters {
        let names = [parameter.name.clone(), moment_name(0, &parameter.name), moment_name(1, &parameter.name)];
        let stored = if parameter.role.is_trained() { 3 } else { 1 };
        // The moments of a layer's levels have the length of its codebook.
        let levels = tensors.tensor(&parameter.name).map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
        let is_codebook = parameter.role == Role::Levels && levels.len() == 1;
        let shape = if is_codebook { &levels } else { &parameter.shape };
        for (kind, name) in names.into_iter().take(stored).enumerate() {
            // The square root of variances and second moments is taken.
            let least = if kind == 2 || parameter.role == Role::RunningVar { 0.0 } else { f32::MIN };
            let checksum = header.checksums.get(&name).copied();
            if checksum.is_none() && header.version == VERSION {
                return Err(Error::file(path, format!("a checksum of {name}"), "none"));
            }
            check(path, &tensors, &name, shape, least, checksum)?;
            expected.insert(name);
        }
    }
    if let Some(odd) = tensors.names().into_iter().find(|name| !expected.contains(*name)) {
        return Err(Error::file(path, "the tensors of its network", format!("{odd} as well")));
    }

    // The loop below replaces these levels by those in the file.
    let mut network = Network::new(graph, &Codebook::symmetric(2)?);
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
    let position = Position { epoch: header.epoch, epoch_step: header.epoch_step, sum: Loss { loss, nll, kl } };
    Ok(Checkpoint { network, moments, steps_taken: header.steps, position, origin: header.origin })
}

/// The header and the graph in a metadata entry with a checksum.
fn header(path: &Path, entry: &str) -> Result<(Header, Graph)> {
    let (seal, text) = entry.split_once(' ').unwrap_or((entry, ""));
    let computed = format!("{:08x}", crc32fast::hash(text.as_bytes()));
    if seal != computed {
        return Err(Error::file(path, format!("a header of checksum {seal}"), computed));
    }
    let header: Header =
        serde_json::from_str(text).map_err(|error| Error::file(path, "the header of a checkpoint", error))?;
    if header.version != VERSION {
        return Err(Error::file(path, format!("format version 1 or {VERSION}"), header.version));
    }
    let graph = Graph::parse("the network", &header.network.join("\n"), Given::default())
        .map_err(|error| Error::file(path, "a checkpoint", error))?;
    Ok((header, graph))
}

fn moment_name(moment: usize, parameter: &str) -> String {
    format!("adam.{}.{parameter}", ["m", "v"][moment])
}

/// Checks type, shape, that every number is finite and at least `least`, and the checksum where there is one.
fn check(
    path: &Path,
    tensors: &SafeTensors<'_>,
    name: &str,
    shape: &[usize],
    least: f32,
    checksum: Option<u32>,
) -> Result<()> {
    let expected = format!("tensor {name} of F32, shape {shape:?}");
    let Ok(tensor) = tensors.tensor(name) else { return Err(Error::file(path, expected, "none")) };
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        return Err(Error::file(path, expected, format!("{:?}, shape {:?}", tensor.dtype(), tensor.shape())));
    }
    let computed = crc32fast::hash(tensor.data());
    if let Some(checksum) = checksum.filter(|checksum| *checksum != computed) {
        let expected = format!("tensor {name} as it was written, checksum {checksum:08x}");
        return Err(Error::file(path, expected, format!("{computed:08x}")));
    }
    match floats(tensor.data()).find(|element| !(element.is_finite() && *element >= least)) {
        Some(odd) if odd.is_finite() => Err(Error::file(path, format!("numbers of at least {least} in {name}"), odd)),
        Some(odd) => Err(Error::file(path, format!("finite numbers in {name}"), odd)),
        None => Ok(()),
    }
}

/// The values of a tensor that has passed [`check`].
fn values(tensors: &SafeTensors<'_>, name: &str) -> ArrayD<f32> {
    let tensor = tensors.tensor(name).expect("checked");
    ArrayD::from_shape_vec(tensor.shape(), floats(tensor.data()).collect()).expect("checked")
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
