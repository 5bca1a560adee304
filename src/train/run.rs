//! A run directory.
//!
//! | file                     | written                    | what it is                                          |
//! |--------------------------|----------------------------|-----------------------------------------------------|
//! | `config.json`            | at the beginning           | [`Config`]                                          |
//! | `checkpoint.safetensors` | each epoch, when stopped   | [`checkpoint`](super::checkpoint)                   |
//! | `metrics.jsonl`          | each epoch                 | one [`EpochMetrics`] object a line, from epoch 1    |
//! | `model.packed`           | at the end                 | the quantized model: see [`packed`](crate::packed)  |
//! | `figures/*.svg`          | at the end                 | see [`report`](crate::report)                       |
//!
//! Each is replaced as a whole. A checkpoint may be asked for at other intervals, of epochs or of steps. `metrics.jsonl` may
//! be ahead of the checkpoint after a crash; resuming drops what the checkpoint does not cover.

use super::config::Config;
use super::fit::EpochMetrics;
use super::read::{self, read};
use super::write::{create_dir_all, is_at, write, write_new};
use crate::error::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A run directory, held by this process: no other may train in it.
#[derive(Debug)]
pub struct Run {
    dir: PathBuf,
    /// `config.json`, locked; dropping it releases the directory.
    lock: File,
}

impl Run {
    /// Makes the directory and writes its configuration. An empty directory may be there already.
    ///
    /// # Errors
    /// [`Error::File`] if there is something else of that name, [`Error::Io`] if the system refuses; a directory that was
    /// not there is not there then.
    pub fn create(dir: &Path, config: &Config) -> Result<Self> {
        Self::check_free(dir)?;
        let data = config.data.as_deref().unwrap_or(dir);
        let mut json = serde_json::to_string_pretty(config)
            .map_err(|error| Error::file(data, "a path that JSON can hold", error))?;
        json.push('\n');
        let is_new = !dir.exists();
        create_dir_all(dir)?;
        match write_new(&Self::config_path(dir), json.as_bytes()) {
            Ok(Some(lock)) => Ok(Self { dir: dir.to_path_buf(), lock }),
            Ok(None) => Err(Error::file(dir, FREE, "one with files in it")),
            Err(error) => {
                if is_new {
                    // The first error is the one to report.
                    let _ = fs::remove_dir(dir);
                }
                Err(error)
            }
        }
    }

    /// Checks that `dir` is not there yet, or an empty directory, but for what is left of a run that was killed before it
    /// had a configuration.
    ///
    /// # Errors
    /// [`Error::File`] if it is something else, [`Error::Io`] if the system refuses.
    pub fn check_free(dir: &Path) -> Result<()> {
        let left =
            |entry: std::io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() == "config.json.part");
        match fs::read_dir(dir).map(|mut entries| entries.all(left)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::file(dir, FREE, "one with files in it")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotADirectory => Err(Error::file(dir, FREE, "a file")),
            Err(source) => Err(Error::io(dir, source)),
        }
    }

    /// Takes hold of a directory to go on with its run.
    ///
    /// # Errors
    /// [`Error::File`] if it is no run directory or another process holds it, [`Error::Io`] if the system refuses.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = Self::config_path(dir);
        let lock = File::open(&path).map_err(|source| no_run(dir, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_path_buf(), lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::file(dir, "a run that no other process is training", "one in training"))
            }
            Err(TryLockError::Error(source)) => Err(Error::io(&path, source)),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Checks that the directory is still the one taken hold of: its files are written by name.
    ///
    /// # Errors
    /// [`Error::File`] if it was removed, or another was put in its place.
    pub fn check_in_place(&self) -> Result<()> {
        let path = Self::config_path(&self.dir);
        match is_at(&self.lock, &path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::file(&self.dir, "the directory of the run in training", "none, or another run's")),
            Err(source) => Err(Error::io(&path, source)),
        }
    }

    /// Where a run directory has its checkpoint.
    pub fn checkpoint_path(dir: &Path) -> PathBuf {
        dir.join("checkpoint.safetensors")
    }

    /// Where a run directory has its packed model.
    pub fn packed_path(dir: &Path) -> PathBuf {
        dir.join("model.packed")
    }

    /// Checks that `path` is not, by any name, the configuration, the checkpoint or the metrics of the run in `dir`.
    ///
    /// # Errors
    /// [`Error::File`] if it is one.
    pub fn check_not_needed(dir: &Path, path: &Path) -> Result<()> {
        let Ok(file) = path.canonicalize() else { return Ok(()) };
        let needed = [Self::config_path(dir), Self::checkpoint_path(dir), Self::metrics_path(dir)];
        if needed.iter().any(|needed| needed.canonicalize().is_ok_and(|needed| needed == file)) {
            return Err(Error::file(path, "a file that the run does not need", "one that it does"));
        }
        Ok(())
    }

    fn config_path(dir: &Path) -> PathBuf {
        dir.join("config.json")
    }

    /// The configuration of the run in `dir`.
    ///
    /// # Errors
    /// [`Error::File`] if it is no run directory or the file is not a configuration, [`Error::Io`] if the system refuses.
    pub fn config(dir: &Path) -> Result<Config> {
        let path = Self::config_path(dir);
        let json = read(&path, read::SMALL).map_err(|error| match error {
            Error::Io { source, .. } => no_run(dir, source),
            other => other,
        })?;
        Config::from_json(&path, &json)
    }

    /// The metrics of the first `epochs` epochs.
    ///
    /// # Errors
    /// [`Error::File`] if there are fewer or a line is not an object of metrics, [`Error::Io`] if the system refuses.
    pub fn metrics(&self, epochs: u32) -> Result<Vec<EpochMetrics>> {
        if epochs == 0 {
            return Ok(Vec::new());
        }
        let path = Self::metrics_path(&self.dir);
        let text = read(&path, read::LARGE)?;
        let metrics: Vec<EpochMetrics> = text
            .split_inclusive(|byte| *byte == b'\n')
            .take(epochs as usize)
            .map(serde_json::from_slice)
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| Error::file(&path, "one object of metrics a line", error))?;
        let numbered = metrics.iter().zip(1..).all(|(metrics, epoch)| metrics.epoch == epoch);
        if metrics.len() == epochs as usize && numbered {
            Ok(metrics)
        } else {
            Err(Error::file(&path, format!("epochs 1 to {epochs}"), format!("{} lines", metrics.len())))
        }
    }

    /// Replaces the metrics.
    ///
    /// # Errors
    /// Those of [`Run::check_in_place`], and [`Error::Io`] if the system refuses.
    pub fn write_metrics(&self, metrics: &[EpochMetrics]) -> Result<()> {
        self.check_in_place()?;
        let path = Self::metrics_path(&self.dir);
        let mut lines = String::new();
        for epoch in metrics {
            lines += &serde_json::to_string(epoch).map_err(|error| Error::file(&path, "numbers", error))?;
            lines.push('\n');
        }
        write(&path, lines.as_bytes())
    }

    /// Writes `figures/<name>.svg`.
    ///
    /// # Errors
    /// Those of [`Run::check_in_place`], and [`Error::Io`] if the system refuses.
    pub fn write_figure(&self, name: &str, svg: &str) -> Result<()> {
        self.check_in_place()?;
        let dir = self.dir.join("figures");
        create_dir_all(&dir)?;
        write(&dir.join(name).with_extension("svg"), svg.as_bytes())
    }

    fn metrics_path(dir: &Path) -> PathBuf {
        dir.join("metrics.jsonl")
    }
}

/// Where a run may begin.
const FREE: &str = "a directory that is new or empty";

fn no_run(dir: &Path, source: std::io::Error) -> Error {
    match source.kind() {
        ErrorKind::NotFound => Error::file(dir, "a run directory", "none, or one without config.json"),
        ErrorKind::NotADirectory => Error::file(dir, "a run directory", "a file"),
        _ => Error::io(dir, source),
    }
}
