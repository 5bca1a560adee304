//! Weights in a safetensors file by PyTorch's names.
//!
//! | here | there | |
//! |---|---|---|
//! | `<layer>.theta` | `<layer>.weight` | that of a dense layer is transposed: (O, I) there, (I, O) here |
//! | `<layer>.bias` | `<layer>.bias` | |
//! | `<norm>.gamma`, `.beta` | `<norm>.weight`, `.bias` | |
//! | `<norm>.running_mean`, `.running_var` | the same | |
//!
//! If all these names have one prefix in the file, as `module.` or `net.`, it is recognized. `num_batches_tracked`, a
//! counter of PyTorch's normalizations, is ignored. If the file has a bias b for a layer without a bias here, and a
//! normalization follows the layer, b is subtracted from the running mean: y + b − μ = y − (μ − b).

use super::is_taken_over;
use crate::error::{Error, Result};
use crate::files::numbers::to_f32;
use crate::files::read::read_tensors;
use crate::nets::{Graph, Network, Parameter, Role};
use crate::prior::Codebook;
use ndarray::ArrayD;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// PyTorch's name for a parameter of a layer or a normalization.
pub fn name(parameter: &Parameter<f32>) -> String {
    let own = match parameter.role {
        Role::Theta | Role::Gamma => "weight",
        Role::Beta => "bias",
        role => role.suffix(),
    };
    format!("{}.{own}", parameter.line())
}

/// Whether PyTorch's tensor is the transpose of the parameter: (O, I) of a dense θ (I, O).
pub(crate) fn is_transposed(parameter: &Parameter<f32>) -> bool {
    parameter.role == Role::Theta && parameter.value.ndim() == 2
}

/// The network of `graph` with the weights in the file `path`, and the names of the file's tensors that it does not
/// use. `names` maps PyTorch's name of a tensor to its name in the file, where the two differ. The parameters of the
/// lines `except` are not read, and the file's tensors of their names are not among those that are not used.
///
/// # Errors
/// [`Error::File`] if it is not a safetensors file; if it lacks tensors, all of which the error names; if a tensor has
/// another type or shape, is not finite, or holds a negative variance; if it has a bias of a layer that has none in the
/// graph and that another operation than a normalization reads; or if `names` has a name that no parameter has.
/// [`Error::Io`] if a system call fails.
pub fn read(
    path: &Path,
    names: &BTreeMap<String, String>,
    except: &[String],
    graph: &Graph,
) -> Result<(Network<f32>, Vec<String>)> {
    let bytes = read_tensors(path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| Error::file(path, "a safetensors file", error))?;
    let mut network = Network::new(graph.clone(), &Codebook::symmetric(2).expect("two levels"));
    let prefix =
        prefix(&network, &tensors, names, except).map_err(|(expected, seen)| Error::file(path, expected, seen))?;
    let in_file = |own: &String| names.get(own).cloned().unwrap_or_else(|| format!("{prefix}{own}"));
    let mut unused: BTreeSet<String> = tensors.names().into_iter().map(str::to_string).collect();
    unused.retain(|name| !name.ends_with("num_batches_tracked"));
    let (mut missing, mut known) = (Vec::new(), BTreeSet::new());
    for parameter in network.parameters_mut().iter_mut().filter(|parameter| is_taken_over(parameter, &[])) {
        let own = name(parameter);
        let there = in_file(&own);
        unused.remove(&there);
        known.insert(own);
        if !is_taken_over(parameter, except) {
            continue;
        }
        match tensors.tensor(&there) {
            Ok(tensor) => {
                let is_transposed = is_transposed(parameter);
                let mut shape = parameter.value.shape().to_vec();
                if is_transposed {
                    shape.reverse();
                }
                let values = finite_numbers(path, &there, &tensor, &shape)?;
                if parameter.role == Role::RunningVar
                    && let Some(odd) = values.iter().find(|value| **value < 0.0)
                {
                    return Err(Error::file(path, format!("numbers of at least 0 in {there}"), odd));
                }
                let values = ArrayD::from_shape_vec(shape, values).expect("numbers of that shape");
                parameter.value.assign(&if is_transposed { values.t() } else { values.view() });
            }
            Err(_) => missing.push(there),
        }
    }
    for node in graph.nodes.iter().filter(|node| node.layer().is_some_and(|layer| layer.bias.is_none())) {
        let own = format!("{}.bias", node.name);
        // If `names` has the layer's weight alone, the bias has the same name but for its ending.
        let weight = names.get(&format!("{}.weight", node.name)).and_then(|there| there.strip_suffix("weight"));
        let there = match weight {
            Some(owner) if !names.contains_key(&own) => format!("{owner}bias"),
            _ => in_file(&own),
        };
        if except.contains(&node.name) {
            unused.remove(&there);
        } else if let Ok(tensor) = tensors.tensor(&there) {
            let bias = finite_numbers(path, &there, &tensor, &[node.shape[0]])?;
            fold_bias(&mut network, &node.name, &bias).map_err(|(expected, seen)| Error::file(path, expected, seen))?;
            unused.remove(&there);
        } else if names.contains_key(&own) {
            missing.push(there);
        }
        known.insert(own);
    }
    if let Some(odd) = names.keys().find(|name| !known.contains(*name)) {
        let expected = format!("names of the network's tensors: {}", list(&known));
        return Err(Error::file(path, expected, odd));
    }
    if !missing.is_empty() {
        let unused = if unused.is_empty() { String::new() } else { format!("; tensors not used: {}", list(&unused)) };
        let expected = format!(
            "the tensors {}; for --init, --init-names maps other names, and --init-except leaves lines out",
            list(&missing)
        );
        return Err(Error::file(path, expected, format!("none of these{unused}")));
    }
    Ok((network, unused.into_iter().collect()))
}

/// The prefix that the network's names have in the file, for example `module.`; names in `names` and those of the
/// lines `except` are not considered.
/// Empty if the file has the names without a prefix, or if no prefix is common to all. If several prefixes fit, the
/// error is what was expected and what was seen.
fn prefix(
    network: &Network<f32>,
    tensors: &SafeTensors<'_>,
    names: &BTreeMap<String, String>,
    except: &[String],
) -> std::result::Result<String, (String, String)> {
    let taken_over = network.parameters().iter().filter(|parameter| is_taken_over(parameter, except));
    let wanted: Vec<String> = taken_over.map(name).filter(|own| !names.contains_key(own)).collect();
    let before = |there: &&str| Some(there.strip_suffix(wanted.first()?)?.to_string());
    let has_all = |prefix: &String| wanted.iter().all(|own| tensors.tensor(&format!("{prefix}{own}")).is_ok());
    let found: BTreeSet<String> = tensors.names().iter().filter_map(before).filter(has_all).collect();
    // The empty prefix is the first in this order.
    match (found.first(), found.len()) {
        (Some(first), 2..) if !first.is_empty() => {
            let expected = "one prefix of the network's names, or --init-names".to_string();
            Err((expected, list(&found)))
        }
        (first, _) => Ok(first.cloned().unwrap_or_default()),
    }
}

/// The numbers of the tensor `name`, which must have this shape.
fn finite_numbers(path: &Path, name: &str, tensor: &TensorView<'_>, shape: &[usize]) -> Result<Vec<f32>> {
    if tensor.shape() != shape {
        let expected = format!("{name} of shape {shape:?}; for --init, --init-except leaves its line out");
        return Err(Error::file(path, expected, format!("{:?}", tensor.shape())));
    }
    let values = to_f32(tensor).ok_or_else(|| {
        Error::file(path, format!("{name} of F64, F32, F16 or BF16"), format!("{:?}", tensor.dtype()))
    })?;
    match values.iter().find(|value| !value.is_finite()) {
        Some(odd) => Err(Error::file(path, format!("finite numbers in {name}"), odd)),
        None => Ok(values),
    }
}

/// Subtracts the bias (O) of the layer `name`, which has none in this network, from the running means of the
/// normalizations that read the layer. If another operation reads it, the error is what was expected and what was seen.
fn fold_bias(network: &mut Network<f32>, name: &str, bias: &[f32]) -> std::result::Result<(), (String, String)> {
    let without_bias = || (format!("a network with a bias in {name}: add bias to its line"), "none".to_string());
    let graph = network.graph().clone();
    let value = 1 + graph.nodes.iter().position(|node| node.name == name).expect("a node of the graph");
    for reader in graph.nodes.iter().filter(|node| node.inputs.contains(&value)) {
        let Some(norm) = reader.norm() else {
            return Err(without_bias());
        };
        let mean = network.parameters_mut()[norm.running_mean].as_slice_mut();
        mean.iter_mut().zip(bias).for_each(|(mean, bias)| *mean -= bias);
    }
    // The last line of a text is read by no other.
    match value == graph.nodes.len() {
        true => Err(without_bias()),
        false => Ok(()),
    }
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().cloned().collect::<Vec<_>>().join(", ")
}
