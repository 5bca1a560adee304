//! Which files a command may write.

use super::comparison::FIGURE;
use super::run::{CHECKPOINT, FIGURES, METRICS, PACKED, RESULT};
use crate::error::{Error, Result};
use crate::files::dir::is_there;
use crate::files::held::{COMPARISON, RUN};
use crate::files::write::destination;
use std::path::Path;

/// The endings of the files of a figure.
const ENDINGS: [&str; 3] = ["svg", "png", "pdf"];

/// Checks that a command may write to `path`, after links are resolved. It may not write a file that a run or a
/// comparison reads, a figure of one of them, or the packed model of a run; but it may replace the packed model of the
/// run in `own`.
///
/// # Errors
/// [`Error::File`] if it may not.
pub fn check_may_write(own: Option<&Path>, path: &Path) -> Result<()> {
    // A file that does not exist yet may be one that a run will read later.
    let Some(file) = destination(path) else { return Ok(()) };
    let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else { return Ok(()) };
    let is_run = |dir: &Path| is_there(&dir.join(RUN.first)).unwrap_or(true);
    let is_own = own.and_then(|own| own.canonicalize().ok()).is_some_and(|own| own == dir);
    let of_run = [RUN.first, CHECKPOINT, METRICS, RESULT].iter().any(|needed| name == *needed);
    let of_run = of_run || (name == PACKED && !is_own);
    let is_figure = ENDINGS.iter().any(|ending| *name == *format!("{FIGURE}.{ending}"));
    let first = dir.join(COMPARISON.first);
    let of_comparison = (name == COMPARISON.first || is_figure) && is_there(&first).unwrap_or(true);
    let figure = dir.file_name().is_some_and(|name| name == FIGURES) && dir.parent().is_some_and(is_run);
    if figure || of_comparison || (of_run && is_run(dir)) {
        let run = if figure { dir.parent().unwrap_or(dir) } else { dir };
        let what = if of_comparison { COMPARISON.name } else { RUN.name };
        let seen = format!("{} of the {what} in {}", name.display(), run.display());
        return Err(Error::file(path, "a file that no run needs", seen));
    }
    Ok(())
}
