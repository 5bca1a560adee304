//! The exercises of the course, and the cases by which an answer is told right from wrong.

use super::CHAPTERS;
use crate::error::{Error, Result};
use serde::Deserialize;
use std::path::Path;

/// An exercise, which asks for a function.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Exercise {
    /// The module of its chapter.
    #[serde(skip)]
    pub chapter: &'static str,
    /// The name of the function.
    pub name: String,
    /// The names of its arguments.
    pub arguments: Vec<String>,
    /// An answer, in Python.
    pub python: String,
    /// Arguments and values, from the definition and not from the answer.
    pub cases: Vec<Case>,
}

/// What the function is of some arguments.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Case {
    /// One JSON value for each argument.
    pub arguments: Vec<serde_json::Value>,
    /// The function's value, to 12 digits.
    pub value: f64,
}

/// All exercises, in the order of the chapters.
///
/// # Errors
/// [`Error::File`] if a file of exercises cannot be read, which the tests exclude.
pub fn exercises() -> Result<Vec<Exercise>> {
    let mut all = Vec::new();
    for chapter in CHAPTERS {
        let of_chapter: Vec<Exercise> = serde_json::from_str(chapter.exercises)
            .map_err(|error| Error::file(Path::new(chapter.name), "a list of exercises", error))?;
        all.extend(of_chapter.into_iter().map(|exercise| Exercise { chapter: chapter.name, ..exercise }));
    }
    Ok(all)
}
