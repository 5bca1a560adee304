//! The figures that commands save, and the option that names their formats.

use crate::error::{Error, Result};
use crate::files::write::{create_dir_all, write};
use crate::report::formats::{Format, Formats};
use clap::Args;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct FigureFormats {
    /// Formats of the figures: svg, png, pdf; the latter two need a build with --features figures, and a font on this
    /// system [default: svg]
    #[arg(
        long = "figure-formats",
        value_enum,
        value_name = "FORMATS",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    formats: Option<Vec<Format>>,
}

impl FigureFormats {
    /// The formats. Call this before the figures are computed: it fails where they could not be saved.
    pub(super) fn load(&self) -> Result<Formats> {
        self.formats.as_deref().map_or_else(|| Ok(Formats::default()), Formats::new)
    }

    /// Checks that the option is given only with `option`, which asks for figures.
    pub(super) fn check(&self, option: &str, is_given: bool) -> Result<()> {
        match self.formats {
            Some(_) if !is_given => {
                Err(Error::option("figure-formats", format!("--{option} with it"), format!("no --{option}")))
            }
            _ => Ok(()),
        }
    }
}

/// The option as it is typed after a command, with a space before it; nothing if it has its default.
pub(super) fn argument(formats: &Formats) -> String {
    match formats.names().collect::<Vec<_>>().join(",") {
        names if names == Format::Svg.name() => String::new(),
        names => format!(" --figure-formats {names}"),
    }
}

/// Saves a figure as `name` with the ending of each format, in the directory `dir`, which is created if it does not
/// exist.
pub(super) fn save(dir: &Path, name: &str, svg: &str, formats: &Formats) -> Result<()> {
    create_dir_all(dir)?;
    formats.files(name, svg)?.iter().try_for_each(|(name, bytes)| write(&dir.join(name), bytes))
}

/// The names of a figure's files, for a line that tells what was written.
pub(super) fn names(name: &str, formats: &Formats) -> String {
    formats.names().map(|ending| format!("{name}.{ending}")).collect::<Vec<_>>().join(", ")
}
