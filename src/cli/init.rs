//! `--init`: the weights that a training begins with.

use super::output::note;
use super::source::{check_there, load_run};
use crate::error::{Error, Result};
use crate::export::safetensors;
use crate::export::safetensors::About;
use crate::files::read::{SMALL, read};
use crate::nets::{Graph, Network};
use crate::packed::format;
use crate::prior::Codebook;
use crate::train::Run;
use crate::train::data::{Dataset, Standardization};
use crate::train::init::{Init, SAME_NETWORK, copy, pytorch, unfold};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The record of `--init`, `--init-names` and `--init-except` for the configuration of a run of `graph`. The excepted
/// lines are recorded in the order of the network's text.
pub(super) fn of(path: &Path, names: Option<&Path>, except: &[String], graph: &Graph) -> Result<Init> {
    let lines = graph.nodes.iter().filter(|node| node.has_parameters());
    let lines: Vec<&str> = lines.map(|node| &node.name[..]).collect();
    if let Some(odd) = except.iter().find(|line| !lines.contains(&&line[..])) {
        let expected = format!("lines of the network with parameters: {}", lines.join(", "));
        return Err(Error::option("init-except", expected, format!("{odd:?}")));
    }
    let except: Vec<String> = lines.iter().map(ToString::to_string).filter(|line| except.contains(line)).collect();
    let names = names.map_or(Ok(BTreeMap::new()), |file| {
        serde_json::from_slice(&read(file, SMALL)?)
            .map_err(|error| Error::file(file, "a JSON object of tensors' names by PyTorch's", error))
    })?;
    // Read before a directory is created, so that weights that do not fit leave none.
    let (network, unused) = load(path, &names, &except, graph)?;
    tell_unused(path, &unused);
    Init::new(path, names, except, &network)
}

/// Checks that the weights that a run begins with are still where its configuration says.
pub(super) fn check_is_there(init: &Init) -> Result<()> {
    check_there(&init.path, "the weights that the run begins with", "init")
}

/// Copies to a network the weights that its run begins with; `data` are the images that it is trained on.
pub(super) fn begin(init: &Init, network: &mut Network<f32>, data: &Dataset) -> Result<()> {
    check_is_there(init)?;
    let (from, _) = load(&init.path, &init.names, &init.except, network.graph())?;
    init.copy(&from, network)?;
    unfold(network, data, &init.except)
}

/// The network of `graph` with the weights at `path`, a run, a packed model or a file of tensors, but for those of the
/// lines `except`; and the names of the tensors that are not used.
pub(super) fn load(
    path: &Path,
    names: &BTreeMap<String, String>,
    except: &[String],
    graph: &Graph,
) -> Result<(Network<f32>, Vec<String>)> {
    let is_file_of_tensors = !path.is_dir() && !is_packed(path)?;
    if !is_file_of_tensors && !names.is_empty() {
        return Err(Error::option("init-names", "a safetensors file to begin with", path.display()));
    }
    let from = match (path.is_dir(), is_file_of_tensors) {
        (true, _) => load_run(path)?.1.network,
        (_, true) => return pytorch::read(path, names, except, graph),
        _ => format::load(path)?.decode(),
    };
    let mut network = Network::new(graph.clone(), &Codebook::symmetric(2)?);
    let unused = copy(&from, &mut network, except).map_err(|error| Error::file(path, SAME_NETWORK, error))?;
    Ok((network, unused))
}

/// What the weights at `path` record about the images of their network; none if they do not, as a file from PyTorch.
pub(super) fn about(path: &Path) -> Result<Option<About>> {
    if path.is_dir() {
        let config = Run::config(path)?;
        let classes = config.trained_on.map(|data| data.classes).unwrap_or_default();
        return Ok(Some(About { standardization: config.standardization, classes }));
    }
    if is_packed(path)? {
        let model = format::load(path)?;
        let classes = model.trained_on.as_ref().map(|data| data.classes.clone()).unwrap_or_default();
        return Ok(Some(About { standardization: model.standardization.clone(), classes }));
    }
    safetensors::about(path)
}

/// How to standardize the images `data` in a training of `graph` that begins with the weights at `path` but for those of
/// the lines `except`.
pub(super) fn standardizing(path: &Path, data: &Dataset, graph: &Graph, except: &[String]) -> Result<Standardizing> {
    let is_free = first_layers_begin_at_random(graph, except);
    let Some(mut about) = about(path)? else {
        return Ok(if is_free { Standardizing::AsFromRandom } else { Standardizing::Unknown });
    };
    if is_free {
        about.standardization = None;
    }
    if has_own_classes(graph, except) {
        about.classes.clear();
    }
    check_about(path, &about, data)?;
    Ok(if is_free { Standardizing::AsFromRandom } else { Standardizing::AsRecorded(about.standardization) })
}

/// How a training standardizes its images where its weights come from another.
pub(super) enum Standardizing {
    /// As the weights record it.
    AsRecorded(Option<Standardization>),
    /// As in a training from random weights, since every layer that reads the images is excepted.
    AsFromRandom,
    /// The weights do not record it.
    Unknown,
}

/// Whether every layer and normalization that reads the images is among the lines `except`: then no weight that is
/// taken over depends on how the images are standardized.
fn first_layers_begin_at_random(graph: &Graph, except: &[String]) -> bool {
    // Value 0 is the images, and value i + 1 the result of node i.
    let mut depends = vec![true];
    for node in &graph.nodes {
        let reads = node.inputs.iter().any(|input| depends[*input]);
        let begins_anew = except.contains(&node.name);
        if reads && node.has_parameters() && !begins_anew {
            return false;
        }
        depends.push(reads && !begins_anew);
    }
    true
}

/// Whether the last layer of a network and every normalization after it are among the lines `except`: then no parameter
/// that is taken over belongs to a class.
fn has_own_classes(graph: &Graph, except: &[String]) -> bool {
    let Some(last) = graph.nodes.iter().rposition(|node| node.layer().is_some()) else { return false };
    graph.nodes[last..].iter().filter(|node| node.has_parameters()).all(|node| except.contains(&node.name))
}

/// Checks that images fit what the weights at `path` record about the images of their network: the standardization must
/// have as many channels as the images, and classes of the same names must be in the same order.
pub(super) fn check_about(path: &Path, about: &About, data: &Dataset) -> Result<()> {
    if let Some(figures) = &about.standardization {
        let expected = "the standardization of images of its shape";
        figures.check(data.shape()[0]).map_err(|error| Error::file(path, expected, error))?;
    }
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names
    };
    let (seen, wanted) = (&about.classes[..], data.class_names());
    if seen != wanted && sorted(seen) == sorted(wanted) {
        let expected = format!("weights for the classes in the order {}", wanted.join(", "));
        return Err(Error::file(path, expected, seen.join(", ")));
    }
    if let Some((i, (seen, wanted))) = seen.iter().zip(wanted).enumerate().find(|(_, (seen, wanted))| seen != wanted) {
        note(&format!("{}: its class {i} is {seen}, and that of this training {wanted}", path.display()));
    }
    Ok(())
}

/// Prints that a source of weights does not say how the images of its network were standardized, where those of this
/// training are.
pub(super) fn tell_unknown(path: &Path, standardized: bool) {
    if standardized {
        note(&format!(
            "{}: it does not say how its images were standardized; the standardization of this training is used",
            path.display()
        ));
    }
}

/// Prints which tensors of a file are not used.
pub(super) fn tell_unused(path: &Path, unused: &[String]) {
    if !unused.is_empty() {
        note(&format!("{}: not used: {}", path.display(), unused.join(", ")));
    }
}

/// Whether a file is a packed model.
pub(super) fn is_packed(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let mut file = File::open(path).map_err(|source| Error::io(path, source))?;
    file.by_ref().take(8).read_to_end(&mut start).map_err(|source| Error::io(path, source))?;
    Ok(start == format::MAGIC)
}
