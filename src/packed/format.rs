//! The file of a packed model. All numbers are little-endian.
//!
//! ```text
//! magic      8 bytes   "spikslab"
//! version    u32       1, or 2 with a standardization
//! network    u8 length, name in ASCII
//! input      3 × u32   C, H, W
//! widths     u8 count, count × u32
//! in version 2:
//!   standardization   C × f32 mean, C × f32 deviation
//! then for all in the network that has parameters, in order:
//!   layer      u8 M − 1, M × f32 levels, codes (see super::digits), O × f32 bias where the layer has one
//!   norm       C × f32 scale, C × f32 shift
//! checksum   u32       CRC-32 (IEEE) of everything before it
//! ```

use super::digits::{digit, first_invalid, pack, packed_len};
use super::inference::Workspaces;
use super::model::{Affine, PackedLayer, PackedModel};
use crate::error::{Error, Result};
use crate::nets::Architecture;
use crate::nets::plan::Layer;
use crate::prior::codebook::check_levels;
use crate::train::data::Standardization;
use crate::train::read::{self, read};
use crate::train::write::write;
use std::path::Path;

/// The first bytes of the file.
pub const MAGIC: [u8; 8] = *b"spikslab";
/// Of a model that takes pixels as they are, and of one that standardizes them.
const VERSIONS: [usize; 2] = [1, 2];

/// The bytes of a model's file.
pub fn to_bytes(model: &PackedModel) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let word = |bytes: &mut Vec<u8>, value: usize| bytes.extend((value as u32).to_le_bytes());
    word(&mut bytes, VERSIONS[usize::from(model.standardization.is_some())]);
    bytes.push(model.architecture.name().len() as u8);
    bytes.extend(model.architecture.name().as_bytes());
    model.input().iter().for_each(|size| word(&mut bytes, *size));
    bytes.push(u8::try_from(model.widths.len()).expect("at most 255 layers"));
    model.widths.iter().for_each(|width| word(&mut bytes, *width));
    let floats = |bytes: &mut Vec<u8>, values: &[f32]| bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    if let Some(Standardization { mean, deviation }) = &model.standardization {
        floats(&mut bytes, mean);
        floats(&mut bytes, deviation);
    }
    let (mut layers, mut norms) = (model.layers.iter(), model.norms.iter());
    for part in model.plan.with_parameters() {
        match part {
            Layer::Bayes(_) => {
                let layer = layers.next().expect("one a layer");
                bytes.push((layer.levels.len() - 1) as u8);
                floats(&mut bytes, &layer.levels);
                bytes.extend(pack(layer.indices(), layer.levels.len()));
                floats(&mut bytes, layer.bias.as_deref().unwrap_or(&[]));
            }
            Layer::Norm(_) => {
                let norm = norms.next().expect("one a normalization");
                floats(&mut bytes, &norm.scale);
                floats(&mut bytes, &norm.shift);
            }
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
    if !VERSIONS.contains(&version) {
        return Err(Error::file(path, format!("format version {} or {}", VERSIONS[0], VERSIONS[1]), version));
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
    let name_len = reader.byte("network")?;
    let name = String::from_utf8_lossy(reader.take(name_len, "network")?).into_owned();
    let architecture = Architecture::from_name(&name).map_err(in_file)?;
    let input = [reader.word("input")?, reader.word("input")?, reader.word("input")?];
    let count = reader.byte("widths")?;
    let widths = (0..count).map(|_| reader.word("widths")).collect::<Result<Vec<_>>>()?;
    let plan = architecture.plan(input, &widths).map_err(in_file)?;
    let standardization = if version == VERSIONS[1] {
        let [mean, deviation] = [reader.floats(input[0], "mean")?, reader.floats(input[0], "deviation")?];
        let standardization = Standardization { mean, deviation };
        standardization.check(input[0]).map_err(in_file)?;
        Some(standardization)
    } else {
        None
    };

    let (mut layers, mut norms) = (Vec::new(), Vec::new());
    for part in plan.with_parameters() {
        match part {
            Layer::Bayes(layer) => {
                let shape = plan.parameters[layer.theta].shape.clone();
                let weights = shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
                let weights = weights.ok_or_else(|| Error::file(path, "a model that fits into memory", &name))?;
                let level_count = reader.byte(&layer.name)? + 1;
                let levels = reader.floats(level_count, &layer.name)?;
                check_levels(&layer.name, &levels).map_err(in_file)?;
                let codes = reader.take(packed_len(weights, level_count), &layer.name)?;
                if let Some(odd) = first_invalid(codes, level_count, weights) {
                    let expected = format!("digits below {level_count} in {}", layer.name);
                    return Err(Error::file(path, expected, format!("byte {}", codes[odd])));
                }
                let bias = layer.bias.map(|bias| reader.floats(plan.parameters[bias].shape[0], &layer.name));
                let bias = bias.transpose()?;
                let index = |i: usize| digit(codes, level_count, i);
                layers.push(PackedLayer::new(&layer.name, shape, levels, index, bias));
            }
            Layer::Norm(norm) => {
                let gamma = &plan.parameters[norm.gamma];
                let scale = reader.floats(gamma.shape[0], &gamma.name)?;
                let shift = reader.floats(gamma.shape[0], &gamma.name)?;
                norms.push(Affine { scale, shift });
            }
        }
    }
    if !reader.rest.is_empty() {
        return Err(Error::file(path, "the end of the file", format!("{} more bytes", reader.rest.len())));
    }
    Ok(PackedModel { architecture, widths, standardization, plan, layers, norms, workspaces: Workspaces::default() })
}

/// What is still to be read.
struct Reader<'a> {
    path: &'a Path,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
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
