//! The model as tensors for programs that compute in Python.
//!
//! ```text
//! layer.levels       F32  ℓ (M), ascending
//! layer.indices      U8   the level of each weight, of θ's shape:
//!                         dense (I, O), conv (O, C/groups, kh, kw)
//! layer.weight       F32  of an unquantized layer, and of every
//!                         layer if dequantized: of PyTorch's shape,
//!                         dense (O, I)
//! layer.bias         F32  (O), where the layer has one
//! norm.weight, .bias, .running_mean, .running_var     F32  (C)
//! ```
//!
//! The last six are PyTorch's names: its `load_state_dict` accepts the dequantized tensors. In a packed model the
//! normalizations are folded: the running mean is then 0, and the running variance 1 − ε_n, so that PyTorch computes the
//! scale and the shift alone. [`mean_to_bytes`] writes θ itself as `layer.weight`, in F32 or F16.
//!
//! The metadata entry `spikeslab` is a JSON object: `name`; `network`, the lines of the network's text;
//! `standardization`, the mean and deviation by which pixels in [0, 1] are to be standardized, or null; `classes`, the
//! names of the classes. [`about`] reads the last two.

use super::check_finite;
use crate::error::{Error, Result};
use crate::files::read::{HEADER, TENSORS, read_tensors};
use crate::layers::batch_norm::EPSILON;
use crate::nets::Network;
use crate::packed::PackedModel;
use crate::packed::model::PackedLayer;
use crate::train::data::Standardization;
use crate::train::init::{is_taken_over, pytorch};
use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;

/// Whether weights are written as levels and indices, or as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightEncoding {
    /// Levels and indices.
    Indices,
    /// The weights that a quantized layer computes with.
    Dequantized,
}

/// The type of the numbers of a file of mean weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits, exact.
    F32,
    /// 16 bits, rounded to the nearest.
    F16,
}

/// The name, type, shape and bytes of a tensor.
type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// The bytes of the model's file. The normalizations are those of `network`, from which the model was made, if it is
/// given; else the folded ones.
///
/// # Errors
/// [`Error::Tensor`] if a number of the model is not finite, or the file would be too large.
pub fn to_bytes(model: &PackedModel, network: Option<&Network<f32>>, weights: WeightEncoding) -> Result<Vec<u8>> {
    check_finite(model)?;
    let mut tensors: Vec<Tensor> = Vec::new();
    for node in &model.graph().nodes {
        if let Some(layer) = node.layer() {
            of_layer(&model.layers()[layer.index], weights, &mut tensors);
        }
        if let Some(of) = node.norm() {
            let learned = |position: usize| network.map(|network| network.slice(position).to_vec());
            let norm = &model.norms()[of.index];
            let channels = norm.scale.len();
            for (suffix, position, folded) in [
                ("weight", of.gamma, norm.scale.clone()),
                ("bias", of.beta, norm.shift.clone()),
                ("running_mean", of.running_mean, vec![0.0; channels]),
                ("running_var", of.running_var, vec![1.0 - EPSILON as f32; channels]),
            ] {
                let values = learned(position).unwrap_or(folded);
                tensors.push(floats(format!("{}.{suffix}", node.name), vec![channels], values));
            }
        }
    }
    serialize(model, tensors)
}

/// The bytes of a file of the weights θ of `network`, with its biases, normalizations and their statistics: what
/// [`pytorch::read`] reads, and with it `--init` and `--teacher`. `model` is the packed model of `network`.
///
/// # Errors
/// [`Error::Tensor`] if a number is not finite in this precision, or the file would be too large.
pub fn mean_to_bytes(model: &PackedModel, network: &Network<f32>, precision: Precision) -> Result<Vec<u8>> {
    let mut tensors: Vec<Tensor> = Vec::new();
    for parameter in network.parameters().iter().filter(|parameter| is_taken_over(parameter, &[])) {
        let is_transposed = pytorch::is_transposed(parameter);
        let value = if is_transposed { parameter.value.t() } else { parameter.value.view() };
        let name = pytorch::name(parameter);
        let is_representable = |value: f32| match precision {
            Precision::F32 => value.is_finite(),
            Precision::F16 => f16::from_f32(value).is_finite(),
        };
        if let Some(odd) = value.iter().find(|value| !is_representable(**value)) {
            return Err(Error::tensor(&name, format!("finite numbers of {precision:?}"), odd));
        }
        let shape = value.shape().to_vec();
        let values = value.iter().copied().collect();
        tensors.push(match precision {
            Precision::F32 => floats(name, shape, values),
            Precision::F16 => {
                let bytes = values.iter().flat_map(|value: &f32| f16::from_f32(*value).to_le_bytes()).collect();
                (name, Dtype::F16, shape, bytes)
            }
        });
    }
    serialize(model, tensors)
}

/// What a file says about the images that its network was trained on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct About {
    /// The mean and deviation by which pixels in [0, 1] are to be standardized; null in the file if they are not.
    #[serde(deserialize_with = "Option::deserialize")]
    // without it, an entry that is missing would be read as null
    pub standardization: Option<Standardization>,
    /// The names of the classes.
    pub classes: Vec<String>,
}

/// What the metadata entry `spikeslab` of a file says; none if there is no such entry.
///
/// # Errors
/// [`Error::File`] if it is not a safetensors file, or the entry is not one that this module writes; [`Error::Io`] if
/// a system call fails.
pub fn about(path: &Path) -> Result<Option<About>> {
    let bytes = read_tensors(path)?;
    let (_, header) =
        SafeTensors::read_metadata(&bytes).map_err(|error| Error::file(path, "a safetensors file", error))?;
    let Some(entry) = header.metadata().as_ref().and_then(|entries| entries.get("spikeslab")) else { return Ok(None) };
    let expected = "standardization and classes in the metadata entry spikeslab";
    serde_json::from_str(entry).map(Some).map_err(|error| Error::file(path, expected, error))
}

/// The bytes of a file of these tensors, with the metadata of the model.
fn serialize(model: &PackedModel, tensors: Vec<Tensor>) -> Result<Vec<u8>> {
    let text = model.graph().to_string();
    let metadata = json!({
        "name": model.name,
        "network": text.lines().collect::<Vec<_>>(),
        "standardization": model.standardization,
        "classes": model.class_names(),
    });
    let metadata = HashMap::from([("spikeslab".to_string(), metadata.to_string())]);
    let too_many = |seen: String| {
        Error::tensor("weights", format!("a file of at most {TENSORS} bytes, with a header of at most {HEADER}"), seen)
    };
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as elements"))
    });
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| too_many(error.to_string()))?;
    let header_len = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if header_len > HEADER || bytes.len() as u64 > TENSORS {
        return Err(too_many(format!("{} bytes, a header of {header_len}", bytes.len())));
    }
    Ok(bytes)
}

/// The tensors of a layer.
fn of_layer(layer: &PackedLayer, weights: WeightEncoding, tensors: &mut Vec<Tensor>) {
    let name = |suffix: &str| format!("{}.{suffix}", layer.name);
    if layer.is_quantized() && weights == WeightEncoding::Indices {
        tensors.push(floats(name("levels"), vec![layer.levels().len()], layer.levels().to_vec()));
        let indices = layer.indices().map(|index| index as u8).collect();
        tensors.push((name("indices"), Dtype::U8, layer.shape.clone(), indices));
    } else {
        let weights = layer.decode();
        // A dense layer's weights are (I, O), PyTorch's (O, I).
        let weights = if weights.ndim() == 2 { weights.reversed_axes() } else { weights };
        tensors.push(floats(name("weight"), weights.shape().to_vec(), weights.iter().copied().collect()));
    }
    if let Some(bias) = &layer.bias {
        tensors.push(floats(name("bias"), vec![bias.len()], bias.clone()));
    }
}

fn floats(name: String, shape: Vec<usize>, values: Vec<f32>) -> Tensor {
    (name, Dtype::F32, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}
