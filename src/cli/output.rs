//! Standard output and standard error, without the panics of `println!`.

use super::Failure;
use std::io::{self, Write};

/// Writes a line to standard output.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|_| Failure::OutputClosed)
}

/// Writes an error to standard error, in one line.
pub(super) fn complain(message: &str) {
    let message: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    note(&format!("error: {}", message.join(" ")));
}

/// Writes a remark to standard error. If nobody reads it, so be it.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
