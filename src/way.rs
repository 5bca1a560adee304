//! Whether an operation is computed by its definition or by its kernel.

use crate::error::{Error, Result};
use std::sync::OnceLock;

/// The environment variable that names the way for the whole process; an operation may be given another way.
const VARIABLE: &str = "SPIKESLAB_KERNELS";
const NAMES: [(&str, Way); 2] = [("definition", Way::Definition), ("fast", Way::Kernel)];

/// The way to compute an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The definition, slow: of a layer the array expressions in `layers`, of a KL one weight after another.
    Definition,
    /// The kernel, fast: of a layer in `kernels`, of a KL a vector of weights at a time.
    Kernel,
}

impl Way {
    /// The way that `SPIKESLAB_KERNELS` names, `definition` or `fast`. The kernels if it is not set; also if it has
    /// another value, which [`check_environment`] reports.
    pub fn in_use() -> Self {
        static IN_USE: OnceLock<Way> = OnceLock::new();
        *IN_USE.get_or_init(|| Self::forced().unwrap_or(Self::Kernel))
    }

    /// The way that `SPIKESLAB_KERNELS` names, if it is set.
    pub(crate) fn forced() -> Option<Self> {
        named().ok().flatten()
    }

    /// `definition` or `fast`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, way)| *way == self).map_or("", |(name, _)| name)
    }
}

/// Checks that `SPIKESLAB_KERNELS` is not set, or names a way.
///
/// # Errors
/// [`Error::Option`] if its value is not the name of a way.
pub fn check_environment() -> Result<()> {
    named().map(drop)
}

fn named() -> Result<Option<Way>> {
    let Some(name) = std::env::var_os(VARIABLE) else { return Ok(None) };
    match NAMES.iter().find(|(known, _)| name == *known) {
        Some((_, way)) => Ok(Some(*way)),
        None => Err(Error::option(VARIABLE, "definition or fast", name.to_string_lossy())),
    }
}
