//! The file of a packed model. All numbers are little-endian.
//!
//! ```text
//! magic      8 bytes   "spikslab"
//! version    u32       3
//! name       u8 length, what the network is called, UTF-8
//! network    u32 length, its text (see crate::nets::text) in UTF-8, compressed by zlib (RFC 1950)
//! pixels     u8        1 where the model standardizes them, else 0
//!   then     C × f32 mean, C × f32 deviation
//! then for all in the network that has parameters, in order:
//!   layer      u8 M − 1, M × f32 levels, codes (see super::digits); of an unquantized layer its weights in f32 instead
//!   then       O × f32 bias where the layer has one
//!   norm       C × f32 scale, C × f32 shift
//! checksum   u32       CRC-32 (IEEE) of everything before it
//! ```
//!
//! Files of version 1, and of version 2 where the model standardizes, have in place of the fields from name to pixels:
//!
//! ```text
//! network    u8 length, mlp, lenet5, lenet-caffe, densenet or densenet-bottleneck
//! input      3 × u32   C, H, W
//! widths     u8 count, count × u32: the outputs of each layer
//! ```

use super::digits::{digit, first_invalid, pack, packed_len};
use super::model::{Affine, PackedLayer, PackedModel};
use crate::error::{Error, Result};
use crate::files::read::{self, read};
use crate::files::write::write;
use crate::nets::text::LONGEST_TEXT;
use crate::nets::{Description, Given, Graph};
use crate::prior::codebook::check_levels;
use crate::train::data::Standardization;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// The first bytes of the file.
pub const MAGIC: [u8; 8] = *b"spikslab";
/// Of the files that [`save`] writes.
const VERSION: usize = 3;
/// Of older files whose model standardizes pixels.
const STANDARDIZING: usize = 2;
/// The longest name, in bytes.
pub const LONGEST_NAME: usize = 255;

/// The bytes of a model's file.
pub fn to_bytes(model: &PackedModel) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let word = |bytes: &mut Vec<u8>, value: usize| bytes.extend((value as u32).to_le_bytes());
    let floats = |bytes: &mut Vec<u8>, values: &[f32]| bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    word(&mut bytes, VERSION);
    let name_len = (0..=LONGEST_NAME.min(model.name.len())).rev().find(|len| model.name.is_char_boundary(*len));
    let name = &model.name[..name_len.unwrap_or(0)];
    bytes.push(name.len() as u8);
    bytes.extend(name.as_bytes());
    let text = compress(&model.graph.to_string());
    word(&mut bytes, text.len());
    bytes.extend(text);
    bytes.push(model.standardization.is_some().into());
    if let Some(Standardization { mean, deviation }) = &model.standardization {
        floats(&mut bytes, mean);
        floats(&mut bytes, deviation);
    }
    for node in &model.graph.nodes {
        if let Some(layer) = node.layer() {
            let layer = &model.layers[layer.index];
            if layer.is_quantized() {
                bytes.push((layer.levels.len() - 1) as u8);
                floats(&mut bytes, &layer.levels);
                bytes.extend(pack(layer.indices(), layer.levels.len()));
            } else {
                floats(&mut bytes, &layer.theta().collect::<Vec<_>>());
            }
            floats(&mut bytes, layer.bias.as_deref().unwrap_or(&[]));
        }
        if let Some(norm) = node.norm() {
            let norm = &model.norms[norm.index];
            floats(&mut bytes, &norm.scale);
            floats(&mut bytes, &norm.shift);
        }
    }
    let checksum = crc32fast::hash(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// Writes a model's file.
///
/// # Errors
/// [`Error::File`] if a number in the model is not finite, [`Error::Io`] if the system refuses; the file is then as before.
pub fn save(path: &Path, model: &PackedModel) -> Result<()> {
    write(path, &checked_bytes(path, model)?)
}

/// The bytes of a model's file; errors call the file `path`.
///
/// # Errors
/// [`Error::File`] if it could not be read again: folding a normalization may overflow.
pub fn checked_bytes(path: &Path, model: &PackedModel) -> Result<Vec<u8>> {
    let bytes = to_bytes(model);
    from_bytes(path, &bytes)?;
    Ok(bytes)
}

/// Reads a model's file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::File`] if it is not a packed model of this version, whole and unchanged.
pub fn load(path: &Path) -> Result<PackedModel> {
    from_bytes(path, &read(path, read::LARGE)?)
}

/// The model whose file holds `bytes`; errors call the file `path`.
///
/// # Errors
/// [`Error::File`] if they are not a packed model of this version, whole and unchanged.
pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<PackedModel> {
    let mut reader = Reader { path, rest: bytes };
    if reader.take(8, "magic")? != MAGIC {
        return Err(Error::file(path, "a packed model", "other magic bytes"));
    }
    let version = reader.word("version")?;
    if !(1..=VERSION).contains(&version) {
        return Err(Error::file(path, format!("format version 1 to {VERSION}"), version));
    }
    let Some((body, checksum)) = bytes.split_last_chunk::<4>() else {
        return Err(Error::file(path, "a checksum", "the end of the file"));
    };
    let (stored, computed) = (u32::from_le_bytes(*checksum), crc32fast::hash(body));
    if stored != computed {
        return Err(Error::file(path, format!("checksum {stored:08x}"), format!("{computed:08x}")));
    }
    reader.rest = &reader.rest[..reader.rest.len() - 4];

    let in_file = |error: Error| Error::file(path, "a packed model", error);
    let (name, graph) = if version == VERSION { reader.network()? } else { reader.network_by_widths()? };
    let standardizes = match version {
        VERSION => match reader.byte("pixels")? {
            0 => false,
            1 => true,
            odd => return Err(Error::file(path, "a byte pixels of 0 or 1", odd)),
        },
        older => older == STANDARDIZING,
    };
    let channels = graph.input[0];
    let standardization = if standardizes {
        let [mean, deviation] = [reader.floats(channels, "mean")?, reader.floats(channels, "deviation")?];
        let standardization = Standardization { mean, deviation };
        standardization.check(channels).map_err(in_file)?;
        Some(standardization)
    } else {
        None
    };

    let (mut layers, mut norms) = (Vec::new(), Vec::new());
    for node in &graph.nodes {
        if let Some(layer) = node.layer() {
            let (shape, weights) = (graph.parameters[layer.theta].shape.clone(), graph.layer_weights(layer));
            let bias = layer.bias.map(|bias| graph.parameters[bias].shape[0]);
            if layer.unquantized {
                let theta = reader.floats(weights, &layer.name)?;
                let bias = bias.map(|outputs| reader.floats(outputs, &layer.name)).transpose()?;
                layers.push(PackedLayer::unquantized(&layer.name, shape, &theta, bias));
                continue;
            }
            let level_count = reader.byte(&layer.name)? + 1;
            let levels = reader.floats(level_count, &layer.name)?;
            check_levels(&layer.name, &levels).map_err(in_file)?;
            let codes = reader.take(packed_len(weights, level_count), &layer.name)?;
            if let Some(odd) = first_invalid(codes, level_count, weights) {
                let expected = format!("digits below {level_count} in {}", layer.name);
                return Err(Error::file(path, expected, format!("byte {}", codes[odd])));
            }
            let bias = bias.map(|outputs| reader.floats(outputs, &layer.name)).transpose()?;
            let index = |i: usize| digit(codes, level_count, i);
            layers.push(PackedLayer::new(&layer.name, shape, levels, index, bias));
        }
        if let Some(norm) = node.norm() {
            let gamma = &graph.parameters[norm.gamma];
            let scale = reader.floats(gamma.shape[0], &gamma.name)?;
            let shift = reader.floats(gamma.shape[0], &gamma.name)?;
            norms.push(Affine { scale, shift });
        }
    }
    if !reader.rest.is_empty() {
        return Err(Error::file(path, "the end of the file", format!("{} more bytes", reader.rest.len())));
    }
    Ok(PackedModel::of_parts(name, graph, standardization, layers, norms))
}

/// A text compressed by zlib.
fn compress(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).expect("a vector takes all")
}

/// The text, or as much of it as is one byte too long.
///
/// # Errors
/// If the bytes are not one text compressed, and nothing after it.
fn decompress(bytes: &[u8]) -> std::io::Result<String> {
    let (mut text, mut decoder) = (String::new(), ZlibDecoder::new(bytes));
    decoder.by_ref().take(LONGEST_TEXT as u64 + 1).read_to_string(&mut text)?;
    if text.len() <= LONGEST_TEXT && decoder.total_in() != bytes.len() as u64 {
        let more = bytes.len() as u64 - decoder.total_in();
        return Err(std::io::Error::new(ErrorKind::InvalidData, format!("{more} bytes after it")));
    }
    Ok(text)
}

/// What is still to be read.
struct Reader<'a> {
    path: &'a Path,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The name and the graph that the network's text describes.
    fn network(&mut self) -> Result<(String, Graph)> {
        let name_len = self.byte("name")?;
        let name = self.text(name_len, "name")?.to_string();
        let text_len = self.word("network")?;
        let text = decompress(self.take(text_len, "network")?);
        let text = text.map_err(|error| Error::file(self.path, "a network's text, compressed by zlib", error))?;
        let graph = Graph::parse(&name, &text, Given::default());
        Ok((name, graph.map_err(|error| Error::file(self.path, "a packed model", error))?))
    }

    /// The name and the graph of a file before version 3, which holds the outputs of each layer.
    fn network_by_widths(&mut self) -> Result<(String, Graph)> {
        let name_len = self.byte("network")?;
        let name = self.text(name_len, "network")?.to_string();
        let input = [self.word("input")?, self.word("input")?, self.word("input")?];
        let count = self.byte("widths")?;
        let widths = (0..count).map(|_| self.word("widths")).collect::<Result<Vec<_>>>()?;
        let graph = Description::with_widths(&name, input, &widths);
        Ok((name, graph.map_err(|error| Error::file(self.path, "a packed model", error))?))
    }

    fn text(&mut self, len: usize, what: &str) -> Result<&'a str> {
        let bytes = self.take(len, what)?;
        str::from_utf8(bytes).map_err(|error| Error::file(self.path, format!("{what} in UTF-8"), error))
    }

    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8]> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else {
            let seen = format!("{} before the end of the file", self.rest.len());
            return Err(Error::file(self.path, format!("{count} bytes of {what}"), seen));
        };
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self, what: &str) -> Result<usize> {
        Ok(self.take(1, what)?[0].into())
    }

    fn word(&mut self, what: &str) -> Result<usize> {
        let bytes = self.take(4, what)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }

    fn floats(&mut self, count: usize, what: &str) -> Result<Vec<f32>> {
        let bytes = self.take(count.saturating_mul(4), what)?;
        let floats: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        match floats.iter().find(|value| !value.is_finite()) {
            Some(odd) => Err(Error::file(self.path, format!("finite numbers in {what}"), odd)),
            None => Ok(floats),
        }
    }
}
