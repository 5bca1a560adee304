//! `--teacher`: the trained network whose predictions a training learns from.

use super::init;
use super::source::{Source, check_images};
use crate::error::{Error, Result};
use crate::nets::{Graph, Network};
use crate::train::Teacher;
use crate::train::data::{Dataset, Standardization};
use crate::train::init::checksum;
use crate::train::teacher::TeacherOrigin;
use std::collections::BTreeMap;
use std::path::Path;

/// A training that a teacher must fit.
pub(super) struct Student<'a> {
    /// The graph of its network.
    pub(super) graph: &'a Graph,
    /// The standardization of its images.
    pub(super) standardization: Option<&'a Standardization>,
    /// Its training images.
    pub(super) data: &'a Dataset,
}

impl Student<'_> {
    /// The record of `--teacher` and `--teacher-share` for the configuration of the run.
    ///
    /// # Errors
    /// If the teacher cannot be read or does not fit, or the share is out of range.
    pub(super) fn begin(&self, path: &Path, share: f64) -> Result<TeacherOrigin> {
        let network = self.read(path)?;
        let checksum = checksum(&network);
        Teacher::new(network, share)?.check(self.graph)?;
        Ok(TeacherOrigin { path: path.canonicalize().map_err(|source| Error::io(path, source))?, checksum, share })
    }

    /// The teacher of a run.
    ///
    /// # Errors
    /// If the teacher cannot be read, or is not the one that the run was begun with.
    pub(super) fn teacher(&self, origin: &TeacherOrigin) -> Result<Teacher<f32>> {
        let network = self.read(&origin.path)?;
        let seen = checksum(&network);
        if seen != origin.checksum {
            let expected = format!("the teacher that a run was begun with, checksum {:08x}", origin.checksum);
            return Err(Error::file(&origin.path, expected, format!("{seen:08x}")));
        }
        Teacher::new(network, origin.share)
    }

    /// The network at `path`: a run, a packed model, or a file of PyTorch's tensors of the student's own network.
    fn read(&self, path: &Path) -> Result<Network<f32>> {
        if !path.is_dir() && !init::is_packed(path)? {
            let (network, unused) = init::load(path, &BTreeMap::new(), self.graph)?;
            init::tell_unused(path, &unused);
            return Ok(network);
        }
        let (network, standardization, trained_on) = match Source::load(path)? {
            Source::Run(config, checkpoint) => (checkpoint.network, config.standardization, config.trained_on),
            Source::Packed(model) => (model.decode(), model.standardization.clone(), model.trained_on.clone()),
        };
        let expected = "a teacher for the images of this training";
        check_images(self.data, network.graph(), trained_on.as_ref())
            .map_err(|error| Error::file(path, expected, error))?;
        if standardization.as_ref() != self.standardization {
            let expected = format!("{expected}, standardized by {}", of(self.standardization));
            return Err(Error::file(path, expected, of(standardization.as_ref())));
        }
        Ok(network)
    }
}

fn of(standardization: Option<&Standardization>) -> String {
    standardization.map_or("none".into(), |own| format!("means {:?} and deviations {:?}", own.mean, own.deviation))
}
