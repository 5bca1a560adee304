//! Standard output and standard error, without the panics of `println!`.

use super::Failure;
use crate::error::Error;
use crate::escape::{Escaped, is_unprintable};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Writes a line to standard output; what is unprintable in it, of a file's name, is escaped.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let line = Escaped::whole(text);
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|source| match source.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Error::io(Path::new("standard output"), source).into(),
    })
}

/// Writes JSON to standard output, in one line; what is unprintable in it, in strings alone, is escaped as JSON has it.
pub(super) fn json(text: &str) -> Result<(), Failure> {
    let escaped = |c: char| if is_unprintable(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    line(&text.chars().map(escaped).collect::<String>())
}

/// Writes an error to standard error, in one line of bounded length.
pub(super) fn complain(message: &str) {
    let message: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // Each part of an error has a limit of its own; what is wrong with the arguments has none.
    note(&format!("error: {}", Escaped { text: message.join(" "), most: 10_000 }));
}

/// Writes a remark to standard error, in one line. If nobody reads it, so be it.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", Escaped::whole(text));
}
