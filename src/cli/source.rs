//! What `eval` and `inspect` take: a run directory or a packed model.

use crate::error::{Error, Result};
use crate::nets::Network;
use crate::packed::{PackedModel, format};
use crate::prior::kmeans::kmeans;
use crate::train::Run;
use crate::train::checkpoint::{self, Checkpoint};
use crate::train::config::Config;
use crate::train::data::Dataset;
use std::path::Path;

/// A run or a packed model.
#[derive(Debug)]
pub(super) enum Source {
    Run(Box<Config>, Box<Checkpoint>),
    Packed(Box<PackedModel>),
}

impl Source {
    /// Reads a run directory or a packed model's file.
    pub(super) fn load(path: &Path) -> Result<Self> {
        if path.is_dir() {
            let (config, checkpoint) = load_run(path)?;
            Ok(Self::Run(Box::new(config), Box::new(checkpoint)))
        } else {
            Ok(Self::Packed(Box::new(format::load(path)?)))
        }
    }
}

/// The configuration and the checkpoint of a run.
pub(super) fn load_run(dir: &Path) -> Result<(Config, Checkpoint)> {
    let config = Run::config(dir)?;
    let path = Run::checkpoint_path(dir);
    if !Run::has_checkpoint(dir)? {
        return Err(Error::file(dir, "a run with a checkpoint", "none"));
    }
    let checkpoint = checkpoint::load(&path)?;
    let (architecture, _) =
        config.network().map_err(|error| Error::file(dir, "a run whose configuration is in range", error))?;
    if checkpoint.architecture != architecture {
        let expected = format!("a checkpoint of {}", architecture.name());
        return Err(Error::file(&path, expected, checkpoint.architecture.name()));
    }
    if let Some(standardization) = &config.standardization {
        let channels = checkpoint.network.plan().input[0];
        let expected = "a run whose configuration fits its checkpoint";
        standardization.check(channels).map_err(|error| Error::file(dir, expected, error))?;
    }
    Ok((config, checkpoint))
}

/// Those of a data set's training images that a run learned from, standardized as they were.
pub(super) fn training_images(config: &Config, mut images: Dataset) -> Result<Dataset> {
    images.keep_first(config.limit.unwrap_or(usize::MAX));
    images.standardize(config.standardization.as_ref())?;
    Ok(images)
}

/// Replaces the levels of every layer by the `levels` means of k-means on its θ.
pub(super) fn refit_levels(network: &mut Network<f32>, levels: usize) -> Result<()> {
    for layer in network.layers().cloned().collect::<Vec<_>>() {
        let means = kmeans(network.parameters()[layer.theta].as_slice(), levels)?;
        network.parameters_mut()[layer.levels].value = ndarray::Array1::from(means).into_dyn();
    }
    Ok(())
}
