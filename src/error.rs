//! The one error type: what was wrong, where, what was expected and what was seen.

use crate::escape::Escaped;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// `Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Every message is one line of bounded length; unprintable characters in it, for example in
/// a path, are escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option or hyperparameter lies outside its domain.
    #[error("{}: expected {} (saw: {})", part(option), part(expected), part(seen))]
    Option {
        /// The option or hyperparameter, as its user writes it.
        option: String,
        /// The domain.
        expected: String,
        /// The value given.
        seen: String,
    },
    /// A line of a network's text violates the rules of the language.
    #[error(
        "{}, line {line}{}{}: expected {} (saw: {})",
        part(network), if word.is_empty() { "" } else { ", " }, part(word), part(expected), part(seen)
    )]
    Network {
        /// The name of the text: its file, or a preset.
        network: String,
        /// The number of the line, from 1.
        line: usize,
        /// The wrong word; empty if the whole line is wrong.
        word: String,
        /// What the language demands.
        expected: String,
        /// What the text holds.
        seen: String,
    },
    /// A tensor is missing, misshapen, of the wrong type, or has a forbidden value.
    #[error("tensor {}: expected {} (saw: {})", part(tensor), part(expected), part(seen))]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// The shape, type or range that the tensor must have.
        expected: String,
        /// The shape, type or value that it has.
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
        /// What the memory is needed for.
        purpose: String,
        /// The number of bytes needed.
        bytes: usize,
    },
    /// A device is not there, cannot be used, or failed.
    #[error("device {}: expected {} (saw: {})", part(device), part(expected), part(seen))]
    Device {
        /// The device, as `--device` names it.
        device: String,
        /// What is needed.
        expected: String,
        /// What there is, or the driver's error.
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

    /// The error when reading `expected` from a file failed after `read` bytes: [`Error::Io`] for an error of the
    /// operating system; any other error comes from a decoder, and becomes [`Error::File`].
    pub(crate) fn unreadable(path: &Path, read: u64, expected: impl Into<String>, source: std::io::Error) -> Self {
        if source.raw_os_error().is_some() {
            return Self::io(path, source);
        }
        Self::file(path, expected, format!("{read} bytes, then: {source}"))
    }

    /// The process's exit code: 2 for wrong usage (an option out of range, or an error in a network's text), else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Option { .. } | Self::Network { .. } => 2,
            Self::Tensor { .. } | Self::File { .. } | Self::Io { .. } | Self::Memory { .. } | Self::Device { .. } => 1,
        }
    }
}

/// A part of a message, cut to 1000 characters.
fn part<T: Display>(text: T) -> Escaped<T> {
    Escaped { text, most: 1000 }
}

/// A path in a message, cut to 4096 characters; no system accepts longer paths.
fn place(path: &Path) -> Escaped<std::path::Display<'_>> {
    Escaped { text: path.display(), most: 4096 }
}
