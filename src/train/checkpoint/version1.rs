//! The header of version 1: a network's name, the shape of its images and the outputs of each layer.

use crate::error::{Error, Result};
use crate::nets::{Description, Graph};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    network: String,
    input: [usize; 3],
    widths: Vec<usize>,
    #[serde(rename = "levels")]
    _levels: usize,
    steps: u64,
    epoch: u32,
    epoch_step: u64,
    epoch_sums: [f64; 3],
}

/// The header in its present form, without origin and checksums, and the graph.
pub(super) fn header(path: &Path, entry: &str) -> Result<(super::Header, Graph)> {
    let header: Header =
        serde_json::from_str(entry).map_err(|error| Error::file(path, "the header of a checkpoint", error))?;
    if header.version != 1 {
        return Err(Error::file(path, "format version 1 in a header without checksum", header.version));
    }
    let graph = Description::with_widths(&header.network, header.input, &header.widths)
        .map_err(|error| Error::file(path, "a checkpoint", error))?;
    let header = super::Header {
        version: header.version,
        network: graph.to_string().lines().map(str::to_string).collect(),
        steps: header.steps,
        epoch: header.epoch,
        epoch_step: header.epoch_step,
        epoch_sums: header.epoch_sums,
        origin: None,
        checksums: BTreeMap::new(),
    };
    Ok((header, graph))
}
