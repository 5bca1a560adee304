//! `train --download`.

use crate::error::{Error, Result};
#[cfg(feature = "download")]
use crate::train::data::download::{CIFAR10, CIFAR100, Collection, FASHION_MNIST, MNIST, download};
use clap::Args;
#[cfg(feature = "download")]
use clap::ValueEnum;
use std::path::Path;

/// The options that fetch the data first.
#[cfg(feature = "download")]
#[derive(Debug, Args)]
pub(super) struct Download {
    /// Fetch the files of this data set, MNIST if none is named, into --data first; files already there are kept
    #[arg(long, value_name = "DATA SET", num_args = 0..=1, default_missing_value = "mnist", requires = "data")]
    download: Option<Name>,
    /// Where to fetch them from [default: the data set's usual address]
    #[arg(long, value_name = "URL", requires = "download")]
    base_url: Option<String>,
}

/// The same options in a build without downloads: they are hidden and refused.
#[cfg(not(feature = "download"))]
#[derive(Debug, Args)]
pub(super) struct Download {
    #[arg(long, hide = true, num_args = 0..=1)]
    download: Option<Option<String>>,
    #[arg(long, hide = true)]
    base_url: Option<String>,
}

#[cfg(feature = "download")]
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    Mnist,
    FashionMnist,
    #[value(name = "cifar-10", alias = "cifar10")]
    Cifar10,
    #[value(name = "cifar-100", alias = "cifar100")]
    Cifar100,
}

#[cfg(not(feature = "download"))]
impl Download {
    /// Refuses the options if they are given.
    pub(super) fn fetch(&self, _: Option<&Path>) -> Result<()> {
        let given = [("download", self.download.is_some()), ("base-url", self.base_url.is_some())];
        match given.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Error::option(name, "a build with --features download", "one without")),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "download")]
impl Download {
    /// Fetches the data set that `--download` names into `data`.
    pub(super) fn fetch(&self, data: Option<&Path>) -> Result<()> {
        let Some(name) = self.download else { return Ok(()) };
        let into = data.ok_or_else(|| Error::option("download", "--data DIR to store the files in", "none"))?;
        let collection: &Collection = match name {
            Name::Mnist => &MNIST,
            Name::FashionMnist => &FASHION_MNIST,
            Name::Cifar10 => &CIFAR10,
            Name::Cifar100 => &CIFAR100,
        };
        download(collection, self.base_url.as_deref().unwrap_or(collection.base_url), into)
    }
}
