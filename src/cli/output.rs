//! Standard output and standard error, without the panics of `println!`.

use super::Failure;
use crate::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Writes a line to standard output.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|source| match source.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Error::io(Path::new("standard output"), source).into(),
    })
}

/// Writes an error to standard error, in one line.
pub(super) fn complain(message: &str) {
    let message: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut line = String::new();
    for c in message.join(" ").chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    note(&format!("error: {line}"));
}

/// Writes a remark to standard error. If nobody reads it, so be it.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
