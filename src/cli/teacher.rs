//! `--teacher`: the trained network whose predictions a training learns from.

use super::init;
use super::source::{Source, check_images, check_there};
use crate::error::{Error, Result};
use crate::export::safetensors::About;
use crate::nets::{Graph, Network};
use crate::train::Teacher;
use crate::train::data::Dataset;
use crate::train::init::checksum;
use crate::train::teacher::TeacherOrigin;
use std::collections::BTreeMap;
use std::path::Path;

/// A training that a teacher must fit.
pub(super) struct Student<'a> {
    /// The graph of its network.
    pub(super) graph: &'a Graph,
    /// Its training images.
    pub(super) data: &'a Dataset,
    /// Whether its images are standardized.
    pub(super) standardized: bool,
}

impl Student<'_> {
    /// The record of `--teacher` and `--teacher-share` for the configuration of the run, and what the teacher records
    /// about the images that it was trained on, if anything: it and the student compute with pixels standardized alike.
    ///
    /// # Errors
    /// If the teacher cannot be read or does not fit, or the share is out of range.
    pub(super) fn begin(&self, path: &Path, share: f64) -> Result<(TeacherOrigin, Option<About>)> {
        let Read { network, unused, images } = self.read(path)?;
        init::tell_unused(path, &unused);
        match &images {
            Some(about) => init::check_about(path, about, self.data)?,
            None => init::tell_unknown(path, self.standardized),
        }
        let checksum = checksum(&network, &[]);
        Teacher::new(network, share)?.check(self.graph)?;
        let path = path.canonicalize().map_err(|source| Error::io(path, source))?;
        Ok((TeacherOrigin { path, checksum, share }, images))
    }

    /// The teacher of a run.
    ///
    /// # Errors
    /// If the teacher cannot be read, or is not the one that the run was begun with.
    pub(super) fn teacher(&self, origin: &TeacherOrigin) -> Result<Teacher<f32>> {
        check_there(&origin.path, "the teacher of the run", "teacher")?;
        let Read { network, .. } = self.read(&origin.path)?;
        let seen = checksum(&network, &[]);
        if seen != origin.checksum {
            let expected = format!("the teacher that a run was begun with, checksum {:08x}", origin.checksum);
            return Err(Error::file(&origin.path, expected, format!("{seen:08x}")));
        }
        Teacher::new(network, origin.share)
    }

    /// The network at `path`: a run, a packed model, or a file of PyTorch's tensors of the student's own network.
    fn read(&self, path: &Path) -> Result<Read> {
        if !path.is_dir() && !init::is_packed(path)? {
            let (network, unused) = init::load(path, &BTreeMap::new(), &[], self.graph)?;
            let images = init::about(path)?;
            if let Some(images) = images.as_ref().filter(|images| images.classes != self.data.class_names()) {
                let expected = format!("{EXPECTED}, of the classes {}", self.data.class_names().join(", "));
                return Err(Error::file(path, expected, images.classes.join(", ")));
            }
            return Ok(Read { network, unused, images });
        }
        let (network, trained_on) = match Source::load(path)? {
            Source::Run(config, checkpoint) => (checkpoint.network, config.trained_on),
            Source::Packed(model) => (model.decode(), model.trained_on.clone()),
        };
        check_images(self.data, network.graph(), trained_on.as_ref())
            .map_err(|error| Error::file(path, EXPECTED, error))?;
        Ok(Read { network, unused: Vec::new(), images: init::about(path)? })
    }
}

/// A teacher as it was read.
struct Read {
    network: Network<f32>,
    /// The tensors of its file that it does not use.
    unused: Vec<String>,
    /// What is known of the images that it was trained on; none if its file does not tell it.
    images: Option<About>,
}

/// What is expected of a teacher, in errors.
const EXPECTED: &str = "a teacher for the images of this training";
