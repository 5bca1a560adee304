//! Weights in a safetensors file by PyTorch's names.
//!
//! | here | there | |
//! |---|---|---|
//! | `<layer>.theta` | `<layer>.weight` | that of a dense layer is transposed: (O, I) there, (I, O) here |
//! | `<layer>.bias` | `<layer>.bias` | |
//! | `<norm>.gamma`, `.beta` | `<norm>.weight`, `.bias` | |
//! | `<norm>.running_mean`, `.running_var` | the same | |
//!
//! `num_batches_tracked`, a counter of PyTorch's normalizations, is ignored.

use super::is_taken_over;
use crate::error::{Error, Result};
use crate::files::numbers::to_f32;
use crate::files::read::read_tensors;
use crate::nets::{Graph, Network, Parameter, Role};
use crate::prior::Codebook;
use ndarray::ArrayD;
use safetensors::SafeTensors;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// PyTorch's name for a parameter of a layer or a normalization.
pub fn name(parameter: &Parameter<f32>) -> String {
    let owner = parameter.name.rsplit_once('.').map_or(&parameter.name[..], |(owner, _)| owner);
    let own = match parameter.role {
        Role::Theta | Role::Gamma => "weight",
        Role::Beta => "bias",
        role => role.suffix(),
    };
    format!("{owner}.{own}")
}

/// Whether PyTorch's tensor is the transpose of the parameter: (O, I) of a dense θ (I, O).
pub(crate) fn is_transposed(parameter: &Parameter<f32>) -> bool {
    parameter.role == Role::Theta && parameter.value.ndim() == 2
}

/// The network of `graph` with the weights in the file `path`, and the names of the file's tensors that it does not
/// use. `names` maps PyTorch's name of a tensor to its name in the file, where the two differ.
///
/// # Errors
/// [`Error::File`] if it is not a safetensors file; if it lacks tensors, all of which the error names; if a tensor has
/// another type or shape, is not finite, or holds a negative variance; or if `names` has a name that no parameter has.
/// [`Error::Io`] if a system call fails.
pub fn read(path: &Path, names: &BTreeMap<String, String>, graph: &Graph) -> Result<(Network<f32>, Vec<String>)> {
    let bytes = read_tensors(path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| Error::file(path, "a safetensors file", error))?;
    let mut network = Network::new(graph.clone(), &Codebook::symmetric(2).expect("two levels"));
    let mut unused: BTreeSet<String> = tensors.names().into_iter().map(str::to_string).collect();
    unused.retain(|name| !name.ends_with("num_batches_tracked"));
    let (mut missing, mut known) = (Vec::new(), BTreeSet::new());
    for parameter in network.parameters_mut().iter_mut().filter(|parameter| is_taken_over(parameter.role)) {
        let own = name(parameter);
        let there = names.get(&own).unwrap_or(&own).clone();
        unused.remove(&there);
        match tensors.tensor(&there) {
            Ok(tensor) => {
                let in_file = |expected: String, seen: String| Error::file(path, expected, seen);
                let is_transposed = is_transposed(parameter);
                let mut shape = parameter.value.shape().to_vec();
                if is_transposed {
                    shape.reverse();
                }
                if tensor.shape() != shape {
                    return Err(in_file(format!("{there} of shape {shape:?}"), format!("{:?}", tensor.shape())));
                }
                let values = to_f32(&tensor).ok_or_else(|| {
                    in_file(format!("{there} of F64, F32, F16 or BF16"), format!("{:?}", tensor.dtype()))
                })?;
                if let Some(odd) = values.iter().find(|value| !value.is_finite()) {
                    return Err(in_file(format!("finite numbers in {there}"), odd.to_string()));
                }
                if parameter.role == Role::RunningVar
                    && let Some(odd) = values.iter().find(|value| **value < 0.0)
                {
                    return Err(in_file(format!("numbers of at least 0 in {there}"), odd.to_string()));
                }
                let values = ArrayD::from_shape_vec(shape, values).expect("numbers of that shape");
                parameter.value.assign(&if is_transposed { values.t() } else { values.view() });
            }
            Err(_) => missing.push(there),
        }
        known.insert(own);
    }
    if let Some(odd) = names.keys().find(|name| !known.contains(*name)) {
        let expected = format!("names of the network's tensors: {}", list(&known));
        return Err(Error::file(path, expected, odd));
    }
    if !missing.is_empty() {
        let unused = if unused.is_empty() { "no others".to_string() } else { list(&unused) };
        return Err(Error::file(
            path,
            format!("the tensors {}", list(&missing)),
            format!("none of these, but {unused}"),
        ));
    }
    Ok((network, unused.into_iter().collect()))
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().cloned().collect::<Vec<_>>().join(", ")
}
