//! What the topics share: checks of the numbers given, printed numbers, and the topic's figure.

use crate::cli::Failure;
use crate::cli::figures::{FigureFormats, names, save};
use crate::cli::output::line;
use crate::error::{Error, Result};
use crate::report::axes::label;
use crate::report::formats::Formats;
use clap::Args;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Nothing, or why it failed.
pub(super) type Done = std::result::Result<(), Failure>;

/// The options of a topic's figures.
#[derive(Debug, Args)]
pub(super) struct FigureOptions {
    /// Directory for the topic's figures
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    formats: FigureFormats,
}

/// Where and how a topic saves its figures; nowhere, if they are not asked for.
pub(super) struct Figures<'a> {
    out: Option<&'a Path>,
    formats: Formats,
}

/// Prints the equations of a topic, then an empty line, if its figures can be saved as the options say.
pub(super) fn begin<'a>(text: &str, options: &'a FigureOptions) -> std::result::Result<Figures<'a>, Failure> {
    options.formats.check("out", options.out.is_some())?;
    let formats = options.formats.load()?;
    text.lines().try_for_each(line)?;
    line("")?;
    Ok(Figures { out: options.out.as_deref(), formats })
}

impl Figures<'_> {
    /// Saves the figures that `draw` returns with their names and says where, if they are asked for.
    pub(super) fn save<const N: usize>(&self, draw: impl FnOnce() -> Result<[(&'static str, String); N]>) -> Done {
        let Some(out) = self.out else { return Ok(()) };
        let drawn = draw()?;
        drawn.iter().try_for_each(|(name, svg)| save(out, name, svg, &self.formats))?;
        let names: Vec<String> = drawn.iter().map(|(name, _)| names(name, &self.formats)).collect();
        line("")?;
        line(&format!("in {}: {}", out.display(), names.join(", ")))
    }
}

/// Prints a name and a value, to six digits.
pub(super) fn value(name: &str, value: f64) -> Done {
    let pad = 44usize.saturating_sub(name.chars().count());
    line(&format!("{name}{:pad$}{:>14}", "", six(value)))
}

/// A number to six digits.
pub(super) fn six(value: f64) -> String {
    label(value, 6)
}

/// Numbers to three digits, in columns.
pub(super) fn columns(values: impl IntoIterator<Item = f64>) -> String {
    values.into_iter().map(|value| format!("{:>13}", label(value, 4))).collect()
}

pub(super) fn positive(option: &str, value: f64) -> Result<()> {
    in_range(option, "a positive number", value, |value| value > 0.0)
}

pub(super) fn finite(option: &str, values: &[f64]) -> Result<()> {
    values.iter().try_for_each(|value| in_range(option, "finite numbers", *value, |_| true))
}

pub(super) fn in_range(option: &str, expected: &str, value: f64, is_right: impl Fn(f64) -> bool) -> Result<()> {
    if value.is_finite() && is_right(value) { Ok(()) } else { Err(Error::option(option, expected, value)) }
}

/// Checks that `option` has as many numbers as `other` has.
pub(super) fn same_count(option: &str, values: &[f64], other: &str, others: &[f64]) -> Result<()> {
    check_count(option, values.len(), others.len(), format_args!("as many numbers as --{other}, {}", others.len()))
}

pub(super) fn check_count(option: &str, seen: usize, expected: usize, told: impl Display) -> Result<()> {
    if seen == expected { Ok(()) } else { Err(Error::option(option, told.to_string(), seen)) }
}

/// `count` evenly spaced numbers from `low` to `high`.
pub(super) fn evenly(low: f64, high: f64, count: usize) -> Vec<f64> {
    (0..count).map(|i| low + (high - low) * i as f64 / (count - 1) as f64).collect()
}

/// The points (x, f(x)).
pub(super) fn curve(x: &[f64], f: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    x.iter().map(|x| (*x, f(*x))).collect()
}

/// The density of N(mean, variance) at x.
pub(super) fn density(x: f64, mean: f64, variance: f64) -> f64 {
    (-0.5 * (x - mean).powi(2) / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
}
