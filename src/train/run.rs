//! A run directory.
//!
//! | file                     | written                    | what it is                                          |
//! |--------------------------|----------------------------|-----------------------------------------------------|
//! | `config.json`            | first, and when changed    | [`Config`]                                          |
//! | `checkpoint.safetensors` | each epoch, when stopped   | [`checkpoint`](super::checkpoint)                   |
//! | `metrics.jsonl`          | each epoch                 | one [`EpochMetrics`] object a line, from epoch 1    |
//! | `model.packed`           | at the end                 | the quantized model: see [`packed`](crate::packed)  |
//! | `figures/*`              | at the end                 | see [`report`](crate::report)                       |
//! | `result.json`            | at the end                 | [`RunResult`]                                       |
//!
//! Each file is replaced as a whole. The user can choose another interval for checkpoints, in epochs or in steps. After
//! a crash `metrics.jsonl` may have more epochs than the checkpoint; resuming drops them.

use super::config::{Config, to_json};
use super::fit::EpochMetrics;
use super::result::RunResult;
use crate::error::{Error, Result};
use crate::files::dir::is_there;
use crate::files::held::{Held, RUN, check_free, none_of};
use crate::files::read::{self, read};
use crate::files::write::{PATIENCE, write, write_in};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// A run directory, locked by this process: no other process can train in it.
#[derive(Debug)]
pub struct Run {
    held: Held,
}

impl Run {
    /// Creates the directory and writes its configuration. The directory may exist already if it is empty.
    ///
    /// # Errors
    /// [`Error::File`] if `dir` exists and is not an empty directory, [`Error::Io`] if a system call fails. A directory
    /// that did not exist before is then removed.
    pub fn create(dir: &Path, config: &Config) -> Result<Self> {
        Self::check_free(dir)?;
        Ok(Self { held: Held::begin(RUN, dir, &config.to_json(dir)?)? })
    }

    /// Checks that `dir` does not exist, or is a directory that is empty except for the unfinished `config.json` of a
    /// run that was killed while it wrote it.
    ///
    /// # Errors
    /// [`Error::File`] if `dir` is anything else, [`Error::Io`] if a system call fails.
    pub fn check_free(dir: &Path) -> Result<()> {
        check_free(RUN, dir)
    }

    /// Locks a run directory in order to continue its run.
    ///
    /// # Errors
    /// [`Error::File`] if `dir` is not a run directory or another process has locked it, [`Error::Io`] if a system call
    /// fails.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self { held: Held::open(RUN, dir)? })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.held.dir()
    }

    /// Checks that the path still leads to the directory that this process has locked: see [`Held::check_in_place`].
    ///
    /// # Errors
    /// [`Error::File`] if the directory was removed, or another is in its place.
    pub fn check_in_place(&self) -> Result<()> {
        self.held.check_in_place()
    }

    /// The path of the checkpoint in a run directory.
    pub fn checkpoint_path(dir: &Path) -> PathBuf {
        dir.join(CHECKPOINT)
    }

    /// Whether a run directory has a checkpoint, even one that cannot be read.
    ///
    /// # Errors
    /// [`Error::Io`] if the system cannot tell whether the file exists.
    pub fn has_checkpoint(dir: &Path) -> Result<bool> {
        let path = Self::checkpoint_path(dir);
        is_there(&path).map_err(|source| Error::io(&path, source))
    }

    /// The path of the packed model in a run directory.
    pub fn packed_path(dir: &Path) -> PathBuf {
        dir.join(PACKED)
    }

    fn config_path(dir: &Path) -> PathBuf {
        dir.join(RUN.first)
    }

    /// Whether a run was begun in `dir`.
    ///
    /// # Errors
    /// [`Error::Io`] if the system cannot tell whether the configuration exists.
    pub fn is_run(dir: &Path) -> Result<bool> {
        let path = Self::config_path(dir);
        match is_there(&path) {
            // `dir` is a file: creating a run there will fail with an error that says so.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
            answer => answer.map_err(|source| Error::io(&path, source)),
        }
    }

    /// The configuration of the run in `dir`.
    ///
    /// # Errors
    /// [`Error::File`] if `dir` is not a run directory or the file is not a configuration, [`Error::Io`] if a system
    /// call fails.
    pub fn config(dir: &Path) -> Result<Config> {
        let path = Self::config_path(dir);
        let json = read(&path, read::SMALL).map_err(|error| match error {
            Error::Io { source, .. } => none_of(RUN, dir, source),
            other => other,
        })?;
        Config::from_json(&path, &json)
    }

    /// Replaces the configuration; the directory stays locked meanwhile.
    ///
    /// # Errors
    /// The errors of [`Run::check_in_place`] and [`Config::to_json`], and [`Error::Io`] if a system call fails.
    pub fn write_config(&mut self, config: &Config) -> Result<()> {
        self.held.replace_first(&config.to_json(self.dir())?)
    }

    /// The metrics of the first `epochs` epochs.
    ///
    /// # Errors
    /// [`Error::File`] if there are fewer, they are not numbered from 1, or a line is not an object of metrics;
    /// [`Error::Io`] if a system call fails.
    pub fn metrics(&self, epochs: u32) -> Result<Vec<EpochMetrics>> {
        if epochs == 0 {
            return Ok(Vec::new());
        }
        let path = Self::metrics_path(self.dir());
        let metrics = read_metrics(&path, epochs as usize)?;
        let seen = match metrics.iter().zip(1..).find(|(metrics, line)| metrics.epoch != *line) {
            Some((metrics, line)) => format!("epoch {} in line {line}", metrics.epoch),
            None if metrics.len() < epochs as usize => format!("{} of them", metrics.len()),
            None => return Ok(metrics),
        };
        Err(Error::file(&path, format!("epochs 1 to {epochs}"), seen))
    }

    /// The metrics of the last epoch of the run in `dir`; none before its first epoch has ended.
    ///
    /// # Errors
    /// [`Error::File`] if a line is not an object of metrics, [`Error::Io`] if a system call fails.
    pub fn last_metrics(dir: &Path) -> Result<Option<EpochMetrics>> {
        let path = Self::metrics_path(dir);
        match is_there(&path).map_err(|source| Error::io(&path, source))? {
            true => Ok(read_metrics(&path, usize::MAX)?.pop()),
            false => Ok(None),
        }
    }

    /// Replaces the metrics.
    ///
    /// # Errors
    /// The errors of [`Run::check_in_place`], and [`Error::Io`] if a system call fails.
    pub fn write_metrics(&self, metrics: &[EpochMetrics]) -> Result<()> {
        let path = Self::metrics_path(self.dir());
        let mut lines = String::new();
        for epoch in metrics {
            lines += &serde_json::to_string(epoch).map_err(|error| Error::file(&path, "numbers", error))?;
            lines.push('\n');
        }
        self.write(METRICS, lines.as_bytes())
    }

    /// The result of the run in `dir`; none before it has ended.
    ///
    /// # Errors
    /// [`Error::File`] if the file is not a result, [`Error::Io`] if a system call fails.
    pub fn result(dir: &Path) -> Result<Option<RunResult>> {
        let path = dir.join(RESULT);
        if !is_there(&path).map_err(|source| Error::io(&path, source))? {
            return Ok(None);
        }
        let result = serde_json::from_slice(&read(&path, read::SMALL)?);
        result.map(Some).map_err(|error| Error::file(&path, "the result of a run", error))
    }

    /// Replaces the result.
    ///
    /// # Errors
    /// The errors of [`Run::check_in_place`], and [`Error::Io`] if a system call fails.
    pub fn write_result(&self, result: &RunResult) -> Result<()> {
        self.write(RESULT, &to_json(&self.dir().join(RESULT), result, read::SMALL)?)
    }

    /// Writes the files of a figure, each with its name and its bytes, to `figures/`.
    ///
    /// # Errors
    /// The errors of [`Run::check_in_place`], and [`Error::Io`] if a system call fails.
    pub fn write_figure(&self, files: &[(String, Vec<u8>)]) -> Result<()> {
        self.check_in_place()?;
        let dir = self.dir().join(FIGURES);
        let place = self.held.place().make_dir(OsStr::new(FIGURES)).map_err(|source| Error::io(&dir, source))?;
        files.iter().try_for_each(|(name, bytes)| {
            write_in(&place, OsStr::new(name), bytes, &dir.join(name), PATIENCE).map(drop)
        })
    }

    /// Replaces the file `name` or, if it is a link, the file that it leads to.
    ///
    /// # Errors
    /// The errors of [`Run::check_in_place`], and [`Error::Io`] if a system call fails.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.check_in_place()?;
        let (path, name) = (self.dir().join(name), OsStr::new(name));
        if self.held.place().is_link(name).map_err(|source| Error::io(&path, source))? {
            return write(&path, bytes);
        }
        write_in(self.held.place(), name, bytes, &path, PATIENCE).map(drop)
    }

    /// Replaces the checkpoint by one with these bytes.
    ///
    /// # Errors
    /// The errors of [`Run::check_in_place`], and [`Error::Io`] if a system call fails.
    pub fn write_checkpoint(&self, bytes: &[u8]) -> Result<()> {
        self.write(CHECKPOINT, bytes)
    }

    /// Replaces the packed model by one with these bytes.
    ///
    /// # Errors
    /// The errors of [`Run::check_in_place`], and [`Error::Io`] if a system call fails.
    pub fn write_packed(&self, bytes: &[u8]) -> Result<()> {
        self.write(PACKED, bytes)
    }

    fn metrics_path(dir: &Path) -> PathBuf {
        dir.join(METRICS)
    }
}

/// The metrics in the first `most` lines of a file.
fn read_metrics(path: &Path, most: usize) -> Result<Vec<EpochMetrics>> {
    let text = read(path, read::LARGE)?;
    let lines = text.split_inclusive(|byte| *byte == b'\n').take(most);
    let metrics = lines.map(serde_json::from_slice).collect::<std::result::Result<_, _>>();
    metrics.map_err(|error| Error::file(path, "one object of metrics a line", error))
}

pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";
pub(super) const METRICS: &str = "metrics.jsonl";
pub(super) const PACKED: &str = "model.packed";
pub(super) const RESULT: &str = "result.json";
pub(super) const FIGURES: &str = "figures";
