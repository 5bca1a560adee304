//! The weights of a layer in a packed model's file.

use super::parts::{Reader, push_floats, words};
use crate::error::Result;
use crate::nets::Graph;
use crate::nets::graph::BayesLayer;
use crate::packed::digits::{digit, first_invalid, packed_len};
use crate::packed::entropy::{decode, encode};
use crate::packed::model::{PackedLayer, PackedModel};
use crate::prior::codebook::check_levels;
use crate::reserve::reserve;

impl PackedLayer {
    /// The number of bytes in the file for levels and codes, or for the weights of an unquantized layer.
    pub fn weight_bytes(&self) -> usize {
        self.code_bytes() + 4 * self.levels().len()
    }

    /// The number of bytes in the file that code the indices of the weights' levels, or that hold the weights of an
    /// unquantized layer.
    pub fn code_bytes(&self) -> usize {
        if self.is_quantized() { codes(self).len() } else { 4 * self.weights() }
    }
}

impl PackedModel {
    /// The number of bytes in the file for the weights of all layers.
    pub fn weight_bytes(&self) -> usize {
        self.layers().iter().map(PackedLayer::weight_bytes).sum()
    }
}

/// Writes the weights and the bias of a layer.
pub(super) fn push(bytes: &mut Vec<u8>, layer: &PackedLayer) {
    if layer.is_quantized() {
        bytes.push((layer.levels().len() - 1) as u8);
        push_floats(bytes, layer.levels());
        bytes.extend(codes(layer));
    } else {
        push_floats(bytes, &layer.theta().collect::<Vec<_>>());
    }
    push_floats(bytes, layer.bias.as_deref().unwrap_or(&[]));
}

/// The coded indices of a quantized layer: the number of weights at each level, and the words.
fn codes(layer: &PackedLayer) -> Vec<u8> {
    let counts = layer.occupancy();
    let indices: Vec<u8> = layer.indices().map(|index| index as u8).collect();
    let words = encode(&indices, &counts);
    let len = number_len(layer.weights());
    let numbers = counts[..counts.len() - 1].iter().copied().chain([words.len()]);
    let mut bytes: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes().into_iter().take(len)).collect();
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// The length in bytes of an integer of at most `most`. The number of a layer's words is written in the length of its
/// number of weights, which is never smaller.
fn number_len(most: usize) -> usize {
    (1..4).find(|len| most >> (8 * len) == 0).unwrap_or(4)
}

/// Reads the weights and the bias of `layer`, whose indices of levels are digits in older files.
pub(super) fn read(
    reader: &mut Reader<'_>,
    graph: &Graph,
    layer: &BayesLayer,
    are_digits: bool,
) -> Result<PackedLayer> {
    let (shape, name) = (graph.parameters[layer.theta].shape.clone(), &layer.name);
    let weights = graph.layer_weights(layer);
    let bias = |reader: &mut Reader<'_>| {
        layer.bias.map(|bias| reader.floats(graph.parameters[bias].shape[0], name)).transpose()
    };
    if layer.unquantized {
        let theta = reader.floats(weights, name)?;
        return Ok(PackedLayer::unquantized(name, shape, &theta, bias(reader)?));
    }
    let level_count = reader.number(1, name)? + 1;
    let levels = reader.floats(level_count, name)?;
    check_levels(name, &levels).map_err(|error| reader.error("a packed model", error))?;
    if are_digits {
        let codes = reader.take(packed_len(weights, level_count), name)?;
        if let Some(odd) = first_invalid(codes, level_count, weights) {
            let expected = format!("digits below {level_count} in {name}");
            return Err(reader.error(expected, format!("byte {}", codes[odd])));
        }
        let index = |i: usize| digit(codes, level_count, i);
        return Ok(PackedLayer::new(name, shape, levels, index, bias(reader)?));
    }
    let indices = indices(reader, weights, level_count, name)?;
    Ok(PackedLayer::new(name, shape, levels, |i| indices[i].into(), bias(reader)?))
}

/// Reads the index of each weight's level.
fn indices(reader: &mut Reader<'_>, weights: usize, level_count: usize, name: &str) -> Result<Vec<u8>> {
    let len = number_len(weights);
    let mut counts = (1..level_count).map(|_| reader.number(len, name)).collect::<Result<Vec<_>>>()?;
    let seen: usize = counts.iter().sum();
    let Some(last) = weights.checked_sub(seen) else {
        return Err(reader.error(format!("at most {weights} weights at the levels of {name}"), seen));
    };
    counts.push(last);
    let count = reader.number(len, name)?;
    let words = words(reader.take(4 * count, name)?).collect();
    let mut indices = reserve(weights, || format!("weights of {name}"))?;
    if decode(words, &counts, &mut indices) {
        Ok(indices)
    } else {
        Err(reader.error(format!("codes of {name} that fit its numbers of weights at each level"), "others"))
    }
}
