//! What the topics share: checks of the numbers given, printed numbers, and the topic's figure.

use crate::cli::Failure;
use crate::cli::figures::{FigureFormats, names, save};
use crate::cli::output::line;
use crate::error::{Error, Result};
use crate::files::write::create_dir_all;
use crate::prior::Codebook;
use crate::report::formats::Formats;
use clap::Args;
use std::path::{Path, PathBuf};

/// Nothing, or why it failed.
pub(super) type Done = std::result::Result<(), Failure>;

/// The options of a topic's figures.
#[derive(Debug, Args)]
pub(super) struct FigureOptions {
    /// Directory for the topic's figures; files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    formats: FigureFormats,
}

/// The option of a codebook.
#[derive(Debug, Args)]
pub(super) struct CodebookOption {
    /// The levels, ascending
    #[arg(
        long,
        value_name = "LEVELS",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "-0.2,0,0.2"
    )]
    codebook: Vec<f64>,
}

impl CodebookOption {
    pub(super) fn codebook(&self) -> Result<Codebook<f64>> {
        moderate("codebook", &self.codebook)?;
        Codebook::new(self.codebook.clone())
    }
}

/// Where and how a topic saves its figures; nowhere, if they are not asked for.
pub(super) struct Figures<'a> {
    out: Option<&'a Path>,
    formats: Formats,
}

/// Creates the directory for a topic's figures, if they are asked for, and prints the topic's equations and an empty
/// line.
pub(super) fn begin<'a>(text: &str, options: &'a FigureOptions) -> std::result::Result<Figures<'a>, Failure> {
    options.formats.check("out", options.out.is_some())?;
    let formats = options.formats.load()?;
    options.out.as_deref().map_or(Ok(()), create_dir_all)?;
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
    digits(value, 6)
}

/// Numbers to four digits, in columns.
pub(super) fn columns(values: impl IntoIterator<Item = f64>) -> String {
    values.into_iter().map(|value| format!("{:>13}", digits(value, 4))).collect()
}

/// Numbers to six digits, in columns.
pub(super) fn long_columns(values: impl IntoIterator<Item = f64>) -> String {
    values.into_iter().map(|value| format!("{:>13}", six(value))).collect()
}

/// `value` to this many significant digits, without trailing zeros, as a program reads it: 0.346571, -8.2, 1.5e-9.
fn digits(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let (Ok(rounded), Some((mantissa, power))) = (scientific.parse::<f64>(), scientific.split_once('e')) else {
        return value.to_string();
    };
    let power: i32 = power.parse().unwrap_or(0);
    if rounded == 0.0 || (-4..7).contains(&power) {
        return (rounded + 0.0).to_string();
    }
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    format!("{mantissa}e{power}")
}

/// The largest magnitude of a number that a topic computes with: the square of such a number is finite.
const LARGEST: f64 = 1e6;

/// Checks that each number is of a size that the topics compute with.
pub(super) fn moderate(option: &str, values: &[f64]) -> Result<()> {
    values
        .iter()
        .try_for_each(|value| in_range(option, "numbers of size up to 1e6", *value, |value| value.abs() <= LARGEST))
}

/// Checks that a deviation, or another positive number, is of a size that the topics compute with.
pub(super) fn moderate_positive(option: &str, value: f64) -> Result<()> {
    in_range(option, "a number from 1e-6 to 1e6", value, |value| (1.0 / LARGEST..=LARGEST).contains(&value))
}

pub(super) fn in_range(option: &str, expected: &str, value: f64, is_right: impl Fn(f64) -> bool) -> Result<()> {
    if value.is_finite() && is_right(value) { Ok(()) } else { Err(Error::option(option, expected, value)) }
}

/// Checks that `option` has a number for each number of the option `other`.
pub(super) fn same_count(option: &str, values: &[f64], other: &str, others: &[f64]) -> Result<()> {
    if values.len() == others.len() {
        return Ok(());
    }
    let expected = format!("{} numbers, one for each of --{other}", others.len());
    Err(Error::option(option, expected, values.len()))
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
