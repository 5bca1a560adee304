//! The one error type: what was wrong, where, what was expected and what was seen.

use crate::escape::Escaped;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Every message is one line of bounded length: what is unprintable in it, in a path for
/// one, is escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option or hyperparameter lies outside its domain.
    #[error("{}: expected {} (saw: {})", part(option), part(expected), part(seen))]
    Option {
        /// The option or hyperparameter, as its user writes it.
        option: String,
        /// Its domain.
        expected: String,
        /// The value given.
        seen: String,
    },
    /// A line of a network's text is not as its language demands.
    #[error(
        "{}, line {line}{}{}: expected {} (saw: {})",
        part(network), if word.is_empty() { "" } else { ", " }, part(word), part(expected), part(seen)
    )]
    Network {
        /// What the text is called: its file, or a preset.
        network: String,
        /// The number of the line, from 1.
        line: usize,
        /// The word at fault; empty if it is the line as a whole.
        word: String,
        /// What the language demands.
        expected: String,
        /// What the text holds.
        seen: String,
    },
    /// A tensor is missing, misshapen, of the wrong type, or holds a value it must not.
    #[error("tensor {}: expected {} (saw: {})", part(tensor), part(expected), part(seen))]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// The shape, type or range it must have.
        expected: String,
        /// What it has.
        seen: String,
    },
    /// A file's contents are not what its format demands.
    #[error("{}: expected {} (saw: {})", place(path), part(expected), part(seen))]
    File {
        /// The file.
        path: PathBuf,
        /// What the format demands.
        expected: String,
        /// What the file holds.
        seen: String,
    },
    /// The operating system refused.
    #[error("{}: {}", place(path), part(source))]
    Io {
        /// The file or directory concerned.
        path: PathBuf,
        /// The system's own reason.
        source: std::io::Error,
    },
    /// There is too little memory.
    #[error("{}: expected {bytes} bytes of memory (saw: fewer)", part(purpose))]
    Memory {
        /// What it is needed for.
        purpose: String,
        /// How much of it.
        bytes: usize,
    },
    /// A device is not there, cannot be used, or failed.
    #[error("device {}: expected {} (saw: {})", part(device), part(expected), part(seen))]
    Device {
        /// The device, as `--device` names it.
        device: String,
        /// What is needed.
        expected: String,
        /// What there is, or what its driver said.
        seen: String,
    },
}

impl Error {
    /// An option outside its domain.
    pub fn option(option: impl Into<String>, expected: impl Into<String>, seen: impl ToString) -> Self {
        Self::Option { option: option.into(), expected: expected.into(), seen: seen.to_string() }
    }

    /// A tensor that cannot be used.
    pub fn tensor(tensor: impl Into<String>, expected: impl Into<String>, seen: impl ToString) -> Self {
        Self::Tensor { tensor: tensor.into(), expected: expected.into(), seen: seen.to_string() }
    }

    /// A file with the wrong contents.
    pub fn file(path: &Path, expected: impl Into<String>, seen: impl ToString) -> Self {
        Self::File { path: path.into(), expected: expected.into(), seen: seen.to_string() }
    }

    /// A refusal of the operating system.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// Too little memory.
    pub fn memory(purpose: impl Into<String>, bytes: usize) -> Self {
        Self::Memory { purpose: purpose.into(), bytes }
    }

    /// A device that cannot be used.
    pub fn device(device: impl Into<String>, expected: impl Into<String>, seen: impl ToString) -> Self {
        Self::Device { device: device.into(), expected: expected.into(), seen: seen.to_string() }
    }

    /// Reading broke off after `read` bytes of what was `expected`: an error of the operating system is its own reason; any
    /// other comes from a decoder, and the file is at fault.
    pub(crate) fn unreadable(path: &Path, read: u64, expected: impl Into<String>, source: std::io::Error) -> Self {
        if source.raw_os_error().is_some() {
            return Self::io(path, source);
        }
        Self::file(path, expected, format!("{read} bytes, then: {source}"))
    }

    /// The process's exit code: 2 for usage (unknown or out-of-range options), 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Option { .. } | Self::Network { .. } => 2,
            Self::Tensor { .. } | Self::File { .. } | Self::Io { .. } | Self::Memory { .. } | Self::Device { .. } => 1,
        }
    }
}

/// What nobody would read to its end is cut.
fn part<T: Display>(text: T) -> Escaped<T> {
    Escaped { text, most: 1000 }
}

/// No system takes longer paths.
fn place(path: &Path) -> Escaped<std::path::Display<'_>> {
    Escaped { text: path.display(), most: 4096 }
}
