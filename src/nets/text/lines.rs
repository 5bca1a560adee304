//! Splits a text into lines of words, and reads the arguments of an operation.

use super::{
    LARGEST_SIZE, LONGEST_NAME, LONGEST_TEXT, MOST_LINES, OPERATIONS, RESERVED, RESERVED_PREFIXES, SHOWN, by_x,
};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// A line that is not empty.
pub(super) struct Line<'a> {
    pub(super) place: Place<'a>,
    pub(super) words: Vec<&'a str>,
}

/// A line of a text, for errors.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) source: &'a str,
    /// The number of the line, from 1.
    pub(super) number: usize,
}

impl Place<'_> {
    pub(super) fn error(&self, word: &str, expected: impl Into<String>, seen: impl ToString) -> Error {
        let short = |text: String| match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        Error::Network {
            network: short(self.source.to_string()),
            line: self.number,
            word: short(word.to_string()),
            expected: expected.into(),
            seen: short(seen.to_string()),
        }
    }
}

/// The lines that are not empty, without their comments.
pub(super) fn lines<'a>(source: &'a str, text: &'a str) -> Result<Vec<Line<'a>>> {
    if text.len() > LONGEST_TEXT {
        let expected = format!("a text of at most {LONGEST_TEXT} bytes");
        return Err(Place { source, number: 1 }.error("", expected, text.len()));
    }
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let place = Place { source, number };
        if lines.len() == MOST_LINES && !words.is_empty() {
            return Err(place.error("", format!("at most {MOST_LINES} operations"), "one more"));
        }
        if !words.is_empty() {
            lines.push(Line { place, words });
        }
    }
    Ok(lines)
}

/// The names in the text, each with the number of its line.
pub(super) fn names<'a>(lines: &[Line<'a>]) -> Result<HashMap<&'a str, usize>> {
    let mut names = HashMap::new();
    for line in lines {
        let (Some(name), _) = line.operation()? else { continue };
        let first_is_letter = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !first_is_letter || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
            let expected = "a name of letters, digits, _, - and ., that begins with a letter or _";
            return Err(line.place.error(name, expected, name));
        }
        if name.len() > LONGEST_NAME {
            return Err(line.place.error(name, format!("a name of at most {LONGEST_NAME} letters"), name.len()));
        }
        if RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            let expected = format!("a name other than {}, {}…", RESERVED.join(", "), RESERVED_PREFIXES.join("…, "));
            return Err(line.place.error(name, expected, name));
        }
        if let Some(before) = names.insert(name, line.place.number) {
            return Err(line.place.error(name, "a name of its own for each line", format!("that of line {before}")));
        }
    }
    Ok(names)
}

impl<'a> Line<'a> {
    /// The name, if there is one, and the words from the operation on.
    pub(super) fn operation(&self) -> Result<(Option<&'a str>, &[&'a str])> {
        let is_operation = |word: Option<&&str>| word.is_some_and(|word| OPERATIONS.contains(word));
        match &self.words[..] {
            words if is_operation(words.first()) => Ok((None, words)),
            [name, rest @ ..] if is_operation(rest.first()) => Ok((Some(name), rest)),
            words => {
                let expected = format!("an operation, after a name or without one: {}", OPERATIONS.join(", "));
                let seen = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
                Err(self.place.error(words[0], expected, seen))
            }
        }
    }

    /// The shape in a line `input`, which must equal `given` if there is one.
    pub(super) fn input(&self, given: Option<[usize; 3]>) -> Result<[usize; 3]> {
        let seen = self.words[1..].join(" ");
        let sizes: Option<Vec<usize>> = seen.split('x').map(|size| size.parse().ok()).collect();
        let Some([channels, height, width]) = sizes.as_deref() else {
            return Err(self.place.error("input", "the shape of an image, as in 3x32x32, or no such line", seen));
        };
        let input = [*channels, *height, *width];
        match given {
            Some(given) if given != input => {
                Err(self.place.error("input", format!("{}, the shape of the images", by_x(&given)), seen))
            }
            _ => Ok(input),
        }
    }
}

/// The arguments of an operation, read one after another.
pub(super) struct Arguments<'a, 'b> {
    pub(super) place: Place<'a>,
    pub(super) operation: &'a str,
    pub(super) words: std::slice::Iter<'b, &'a str>,
}

impl<'a> Arguments<'a, '_> {
    pub(super) fn error(&self, word: &str, expected: impl Into<String>, seen: impl ToString) -> Error {
        self.place.error(word, expected, seen)
    }

    /// Reads the next word, which an error describes as `what`.
    pub(super) fn next(&mut self, what: &str) -> Result<&'a str> {
        let operation = self.operation;
        self.words.next().copied().ok_or_else(|| self.error(operation, what, "the end of the line"))
    }

    /// The word as a number of at least `least`.
    pub(super) fn number(&self, word: &str, what: &str, least: usize) -> Result<usize> {
        match word.parse() {
            Ok(number) if (least..=LARGEST_SIZE).contains(&number) => Ok(number),
            _ => Err(self.error(what, format!("a number from {least} to {LARGEST_SIZE}"), word)),
        }
    }

    /// Reads a number, or two numbers with an x between them.
    pub(super) fn pair(&mut self, what: &str, least: usize) -> Result<[usize; 2]> {
        let word = self.next(&format!("{what}: a number, or two as in 3x1"))?;
        let [vertical, horizontal] =
            word.split_once('x').map_or([word; 2], |(vertical, horizontal)| [vertical, horizontal]);
        match [vertical, horizontal].map(str::parse) {
            [Ok(vertical), Ok(horizontal)]
                if [vertical, horizontal].iter().all(|n| (least..=LARGEST_SIZE).contains(n)) =>
            {
                Ok([vertical, horizontal])
            }
            _ => {
                let expected = format!("a number from {least} to {LARGEST_SIZE}, or two as in 3x1");
                Err(self.error(what, expected, word))
            }
        }
    }
}
