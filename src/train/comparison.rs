//! The directory of a comparison: several runs on the same data, side by side.
//!
//! | file             | written          | what it is                                                      |
//! |------------------|------------------|-----------------------------------------------------------------|
//! | `compare.json`   | first, once      | the name of each run, and the configuration it begins with      |
//! | `<name>/`        | after it         | the directory of that run: see [`run`](super::run)              |
//! | `comparison.*`   | at the end       | the figure of all runs: see [`report`](crate::report)           |
//!
//! `compare.json` is complete before the first run is created, so that a comparison can be continued wherever it was
//! killed: runs that do not exist yet are created from it.

use super::config::{Config, to_json};
use super::run::Run;
use crate::error::{Error, Result};
use crate::files::held::{COMPARISON, Held, check_free, none_of};
use crate::files::read::read;
use crate::files::write::{PATIENCE, write_in};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;

/// The name of the figure of all its runs, without an ending.
pub const FIGURE: &str = "comparison";
const VERSION: u32 = 1;
/// The largest size of `compare.json`, in bytes: a few configurations, each with the text of a network.
const LARGEST: u64 = 1 << 24;

/// A run of a comparison, with its first configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The name of its directory: lower-case letters, digits and hyphens.
    pub name: String,
    /// The configuration that it begins with.
    pub config: Config,
}

/// The contents of `compare.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    runs: Vec<Named>,
}

/// The directory of a comparison, locked by this process.
#[derive(Debug)]
pub struct Comparison {
    held: Held,
    runs: Vec<Named>,
}

impl Comparison {
    /// Creates the directory and writes `compare.json`; no run is created yet. The directory may exist already if it is
    /// empty.
    ///
    /// # Errors
    /// [`Error::Option`] if there is no run, two runs have the same name, or a name is not valid; [`Error::File`] if
    /// `dir` exists and is not an empty directory; [`Error::Io`] if a system call fails. A directory that did not exist
    /// before is then removed.
    pub fn create(dir: &Path, runs: Vec<Named>) -> Result<Self> {
        check_free(COMPARISON, dir)?;
        check_names(&runs).map_err(|(expected, seen)| Error::option("runs", expected, seen))?;
        let contents = Contents { version: VERSION, runs };
        let path = contents.runs.iter().find_map(|run| run.config.path_json_cannot_hold()).unwrap_or(dir);
        let held = Held::begin(COMPARISON, dir, &to_json(path, &contents, LARGEST)?)?;
        Ok(Self { held, runs: contents.runs })
    }

    /// Locks the directory of a comparison in order to continue it.
    ///
    /// # Errors
    /// [`Error::File`] if `dir` is not such a directory or another process has locked it, [`Error::Io`] if a system
    /// call fails.
    pub fn open(dir: &Path) -> Result<Self> {
        let held = Held::open(COMPARISON, dir)?;
        let runs = runs(dir).map_err(|error| match error {
            Error::Io { source, .. } => none_of(COMPARISON, dir, source),
            other => other,
        })?;
        Ok(Self { held, runs })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.held.dir()
    }

    /// The names of the comparison's runs, in the order of `compare.json`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().map(|run| run.name.as_str())
    }

    /// The comparison's runs, each locked by this process; runs that do not exist yet are created.
    ///
    /// # Errors
    /// [`Error::File`] if another process has locked a run, or something else has its name; [`Error::Io`] if a system
    /// call fails.
    pub fn runs(&self) -> Result<Vec<Run>> {
        self.held.check_in_place()?;
        let run = |Named { name, config }: &Named| {
            let dir = self.dir().join(name);
            if Run::is_run(&dir)? { Run::open(&dir) } else { Run::create(&dir, config) }
        };
        self.runs.iter().map(run).collect()
    }

    /// Writes the files of the figure of all runs, each with its name, [`FIGURE`] and an ending, and its bytes.
    ///
    /// # Errors
    /// The errors of [`Held::check_in_place`], and [`Error::Io`] if a system call fails.
    pub fn write_figure(&self, files: &[(String, Vec<u8>)]) -> Result<()> {
        self.held.check_in_place()?;
        files.iter().try_for_each(|(name, bytes)| {
            write_in(self.held.place(), OsStr::new(name), bytes, &self.dir().join(name), PATIENCE).map(drop)
        })
    }
}

/// The names of the runs of the comparison in `dir`; none if there is no comparison.
///
/// # Errors
/// [`Error::File`] if `compare.json` is not as [`Comparison::create`] writes it, [`Error::Io`] if a system call fails.
pub fn names(dir: &Path) -> Result<Option<Vec<String>>> {
    match runs(dir) {
        Ok(runs) => Ok(Some(runs.into_iter().map(|run| run.name).collect())),
        Err(Error::Io { source, .. }) if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The runs in `compare.json`.
fn runs(dir: &Path) -> Result<Vec<Named>> {
    let path = dir.join(COMPARISON.first);
    let Contents { version, runs } = serde_json::from_slice(&read(&path, LARGEST)?)
        .map_err(|error| Error::file(&path, "the runs of a comparison", error))?;
    if version != VERSION {
        return Err(Error::file(&path, format!("format version {VERSION}"), version));
    }
    check_names(&runs).map_err(|(expected, seen)| Error::file(&path, expected, seen))?;
    Ok(runs)
}

/// Checks that there is at least one run, and that the names of all runs are valid and different.
fn check_names(runs: &[Named]) -> std::result::Result<(), (String, String)> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut names = BTreeSet::new();
    match runs.iter().find(|run| run.name.is_empty() || !run.name.chars().all(plain) || !names.insert(&run.name)) {
        Some(run) => Err(("a name of lower-case letters, digits and hyphens for each run".into(), run.name.clone())),
        None if runs.is_empty() => Err(("at least one run".into(), "none".into())),
        None => Ok(()),
    }
}
