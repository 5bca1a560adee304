//! Standard output and standard error, without the panics of `println!`.

use super::Failure;
use crate::error::Error;
use crate::escape::{Escaped, is_unprintable};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Writes a line to standard output; unprintable characters, which file names may have, are escaped.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let line = Escaped::whole(text);
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|source| match source.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Error::io(Path::new("standard output"), source).into(),
    })
}

/// A number of things, with the plural's s unless it is 1.
pub(super) fn count(number: impl Into<u64>, thing: &str) -> String {
    let number = number.into();
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Writes JSON to standard output, in one line; unprintable characters, which only strings have, are escaped as in
/// JSON.
pub(super) fn json(text: &str) -> Result<(), Failure> {
    let escaped = |c: char| if is_unprintable(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    line(&text.chars().map(escaped).collect::<String>())
}

/// Writes an error to standard error, in one line of bounded length.
pub(super) fn complain(message: &str) {
    let message: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // `Error` itself cuts its parts to a length; clap's messages about arguments are not cut.
    note(&format!("error: {}", Escaped { text: message.join(" "), most: 10_000 }));
}

/// The first names of a list, and three dots if there are more.
pub(super) fn the_first(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 5;
    let first: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    first.join(", ") + if names.len() > MOST { ", …" } else { "" }
}

/// Writes a remark to standard error, in one line. Errors of writing are ignored.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", Escaped::whole(text));
}
