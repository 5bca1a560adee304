//! `spikeslab explain --all`.

use crate::cli::Outcome;
use crate::cli::output::line;
use crate::course::page::page;
use crate::files::write::{create_dir_all, write};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn command(out: &Path) -> Outcome {
    create_dir_all(out)?;
    let path = out.join("index.html");
    write(&path, page().as_bytes())?;
    line(&format!("in {}: open it in a browser", path.display()))?;
    Ok(ExitCode::SUCCESS)
}
