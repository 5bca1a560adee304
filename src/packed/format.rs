//! The file of a packed model. All numbers are little-endian.
//!
//! ```text
//! magic      8 bytes   "spikslab"
//! version    u32       4
//! name       u8 length, the network's name, UTF-8
//! about      u32 length, a block compressed by zlib (RFC 1950):
//!   data       u8      1 if the training data are known, else 0
//!     then     u8 length, the data set's name, UTF-8; u32 checksum;
//!              u16 number of classes (the network's outputs),
//!              for each u8 length, its name, UTF-8
//!   network    the network's text (see crate::nets::text), UTF-8,
//!              to the end of the block
//! pixels     u8        1 if the model standardizes them, else 0
//!   then     C × f32 mean, C × f32 deviation
//! then for each layer and normalization of the network, in order:
//!   layer      u8 M − 1, M × f32 levels
//!     then     (M − 1) × u number of weights at each level but the
//!              last, u number of words,
//!              words × u32 (see super::entropy);
//!              u has the fewest bytes for the layer's number of
//!              weights: 1 up to 255, 2 up to 65,535,
//!              3 up to 16,777,215, else 4
//!   unquantized layer, in place of these: its weights in f32
//!   then       O × f32 bias, if the layer has one
//!   norm       C × f32 scale, C × f32 shift
//! checksum   u32       CRC-32 (IEEE) of everything before it
//! ```
//!
//! Weights are in the order of θ: (I, O) of a dense layer, (O, C/groups, kh, kw) of a convolution, with the last index
//! varying fastest. A layer whose weights are all at one level has only a few words, however many weights it has. A
//! model has at most 2²² weights, and 1,024 more for each byte of its file, so that a small file cannot make the reader
//! allocate much memory.
//!
//! zlib may compress the block about the model in several ways. Apart from this block, each model has exactly one file:
//! writing a model that was read gives the same bytes.
//!
//! In files before version 4 the indices of levels are base-M digits (see super::digits) instead of the numbers of
//! weights and the words. Version 3 has, in place of the block about the model,
//!
//! ```text
//! network    u32 length, the network's text in UTF-8,
//!            compressed by zlib
//! ```
//!
//! Version 1, and version 2, whose models standardize, have in place of the fields from name to pixels:
//!
//! ```text
//! network    u8 length, mlp, lenet5, lenet-caffe, densenet or
//!            densenet-bottleneck
//! input      3 × u32   C, H, W
//! widths     u8 count, count × u32: the outputs of each layer
//! ```

mod about;
mod layer;
mod parts;

use super::model::PackedModel;
use crate::error::{Error, Result};
use crate::files::read::{self, read};
use crate::files::write::write;
use crate::kernels::packed::epilogue::Affine;
use crate::nets::{Description, Given, Graph};
use crate::train::data::{Standardization, TrainedOn};
use parts::{Reader, push_floats, push_short_text, push_word};
use std::path::Path;

/// The first bytes of the file.
pub const MAGIC: [u8; 8] = *b"spikslab";
/// The version of the files that [`save`] writes.
const VERSION: usize = 4;
/// The oldest version whose files hold the network's text.
const WITH_TEXT: usize = 3;
/// The older version whose models standardize pixels.
const STANDARDIZING: usize = 2;
/// The number of weights that a model may have however short its file is.
const FREE_WEIGHTS: usize = 1 << 22;
/// The number of weights that a model may have in addition for each byte of its file.
const WEIGHTS_A_BYTE: usize = 1024;

/// The bytes of a model's file.
pub fn to_bytes(model: &PackedModel) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    push_word(&mut bytes, VERSION);
    push_short_text(&mut bytes, &model.name);
    let about = about::to_bytes(model.trained_on.as_ref(), &model.graph.to_string());
    push_word(&mut bytes, about.len());
    bytes.extend(about);
    bytes.push(model.standardization.is_some().into());
    if let Some(Standardization { mean, deviation }) = &model.standardization {
        push_floats(&mut bytes, mean);
        push_floats(&mut bytes, deviation);
    }
    for node in &model.graph.nodes {
        if let Some(layer) = node.layer() {
            layer::push(&mut bytes, &model.layers[layer.index]);
        }
        if let Some(norm) = node.norm() {
            let norm = &model.norms[norm.index];
            push_floats(&mut bytes, &norm.scale);
            push_floats(&mut bytes, &norm.shift);
        }
    }
    let checksum = crc32fast::hash(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// Writes a model's file.
///
/// # Errors
/// [`Error::File`] if the written file could not be read (see [`checked_bytes`]), [`Error::Io`] if the system refuses;
/// an existing file is then unchanged.
pub fn save(path: &Path, model: &PackedModel) -> Result<()> {
    write(path, &checked_bytes(path, model)?)
}

/// The bytes of a model's file; errors name the file `path`.
///
/// # Errors
/// [`Error::File`] if the file could not be read: folding a normalization may overflow, the data may have another
/// number of classes than the network outputs, and weights that are all at one level may be too many for the file's
/// length.
pub fn checked_bytes(path: &Path, model: &PackedModel) -> Result<Vec<u8>> {
    let bytes = to_bytes(model);
    from_bytes(path, &bytes)?;
    Ok(bytes)
}

/// Reads a model's file.
///
/// # Errors
/// [`Error::Io`] if the system cannot read it, [`Error::File`] if it is not a complete and unchanged packed model of
/// this version or an earlier one, [`Error::Memory`] if there is too little memory for the model.
pub fn load(path: &Path) -> Result<PackedModel> {
    from_bytes(path, &read(path, read::LARGE)?)
}

/// The model whose file holds `bytes`; errors name the file `path`.
///
/// # Errors
/// [`Error::File`] if the bytes are not a complete and unchanged packed model of this version or an earlier one,
/// [`Error::Memory`] if there is too little memory for the model.
pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<PackedModel> {
    let mut reader = Reader { path, rest: bytes };
    if reader.take(8, "magic")? != MAGIC {
        return Err(reader.error("a packed model", "other magic bytes"));
    }
    let version = reader.word("version")?;
    if !(1..=VERSION).contains(&version) {
        return Err(reader.error(format!("format version 1 to {VERSION}"), version));
    }
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else {
        return Err(reader.error("a checksum", "the end of the file"));
    };
    let (stored, computed) = (u32::from_le_bytes(*checksum), crc32fast::hash(body));
    if stored != computed {
        return Err(reader.error(format!("checksum {stored:08x}"), format!("{computed:08x}")));
    }
    reader.rest = &reader.rest[..reader.rest.len() - 4];

    let (name, graph, trained_on) = network(&mut reader, version)?;
    let most = FREE_WEIGHTS + WEIGHTS_A_BYTE * bytes.len();
    let weights: usize = graph.layers().map(|layer| graph.layer_weights(layer)).sum();
    if weights > most {
        return Err(reader.error(format!("at most {most} weights in a file of {} bytes", bytes.len()), weights));
    }
    let standardizes = if version < WITH_TEXT { version == STANDARDIZING } else { reader.flag("pixels")? };
    let standardization = if standardizes { Some(standardization(&mut reader, graph.input[0])?) } else { None };

    let (mut layers, mut norms) = (Vec::new(), Vec::new());
    for node in &graph.nodes {
        if let Some(layer) = node.layer() {
            layers.push(layer::read(&mut reader, &graph, layer, version < VERSION)?);
        }
        if let Some(norm) = node.norm() {
            let gamma = &graph.parameters[norm.gamma];
            let scale = reader.floats(gamma.shape[0], &gamma.name)?;
            let shift = reader.floats(gamma.shape[0], &gamma.name)?;
            norms.push(Affine { scale, shift });
        }
    }
    if !reader.rest.is_empty() {
        return Err(reader.error("the end of the file", format!("{} more bytes", reader.rest.len())));
    }
    Ok(PackedModel::of_parts(name, graph, standardization, layers, norms).with_trained_on(trained_on))
}

/// Reads the network's name, its graph, and the data that the model was trained on.
fn network(reader: &mut Reader<'_>, version: usize) -> Result<(String, Graph, Option<TrainedOn>)> {
    let name = reader.short_text("name")?;
    let in_file = |error: Error| Error::file(reader.path, "a packed model", error);
    if version < WITH_TEXT {
        let input = [reader.word("input")?, reader.word("input")?, reader.word("input")?];
        let count = reader.number(1, "widths")?;
        let widths = (0..count).map(|_| reader.word("widths")).collect::<Result<Vec<_>>>()?;
        let graph = Description::with_widths(&name, input, &widths).map_err(in_file)?;
        return Ok((name, graph, None));
    }
    let len = reader.word("network")?;
    let block = reader.take(len, "network")?;
    let (trained_on, text) = match version {
        WITH_TEXT => (None, about::read_text(reader.path, block)?),
        _ => about::read(reader.path, block)?,
    };
    let graph = Graph::parse(&name, &text, Given::default()).map_err(in_file)?;
    if let Some(TrainedOn { classes, .. }) = &trained_on
        && classes.len() != graph.classes()
    {
        return Err(reader.error(format!("{} classes, as many as the network outputs", graph.classes()), classes.len()));
    }
    Ok((name, graph, trained_on))
}

fn standardization(reader: &mut Reader<'_>, channels: usize) -> Result<Standardization> {
    let [mean, deviation] = [reader.floats(channels, "mean")?, reader.floats(channels, "deviation")?];
    let standardization = Standardization { mean, deviation };
    standardization.check(channels).map_err(|error| reader.error("a packed model", error))?;
    Ok(standardization)
}
