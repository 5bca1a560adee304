//! `spikeslab summarize`.

use super::options::shortest;
use super::output::{json, line, note};
use super::{Failure, Outcome};
use crate::error::{Error, Result};
use crate::escape::Escaped;
use crate::nets::Given;
use crate::train::config::Config;
use crate::train::fit::EpochMetrics;
use crate::train::{Run, RunResult, comparison};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json as value};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
A row for each run, in the order given; of a comparison, for each of its runs. A run that was \
stopped has the figures of its last whole epoch, without accuracies if that was not evaluated; one \
that has none yet has its options alone. Accuracies are of the images that the column `on` names: \
the test images, or those held out with --validation. For a run with --validation that has ended, \
further columns have the accuracies on the test images. The table also has the options in which the \
runs differ; CSV and JSON have them all, except the text of the network. What is not a run is left \
out and named at the end, with exit code 1.

Examples:
  spikeslab summarize runs/*
  spikeslab summarize runs/seed-* --format csv > seeds.csv
  spikeslab summarize runs/* --format json")]
pub(super) struct SummarizeArguments {
    /// Directories of runs or comparisons
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// How to print the runs: columns for a terminal, CSV, or one JSON object per line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

pub(super) fn run(arguments: &SummarizeArguments) -> Outcome {
    let (mut rows, mut odd) = (Vec::new(), Vec::new());
    for dir in &arguments.runs {
        match runs_of(dir) {
            Ok(runs) => runs.iter().map(|dir| row(dir)).for_each(|row| match row {
                Ok(row) => rows.push(row),
                Err(error) => odd.push(error),
            }),
            Err(error) => odd.push(error),
        }
    }
    match arguments.format {
        Format::Table if rows.is_empty() => {}
        Format::Table => table(&rows)?,
        Format::Csv => {
            line(&COLUMNS.map(|(name, ..)| name).join(","))?;
            rows.iter().try_for_each(|row| line(&cells(row).map(csv_field).collect::<Vec<_>>().join(",")))?;
        }
        Format::Json => rows.into_iter().try_for_each(|row| json(&Value::Object(row).to_string()))?,
    }
    let last = odd.pop();
    odd.iter().for_each(|error| note(&format!("error: {error}")));
    last.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}

/// The directory itself, or the runs that exist of a comparison in it.
fn runs_of(dir: &Path) -> Result<Vec<PathBuf>> {
    match comparison::names(dir)? {
        None => Ok(vec![dir.to_path_buf()]),
        Some(names) => Ok(names.iter().map(|name| dir.join(name)).filter(|run| run.is_dir()).collect()),
    }
}

/// What is known about a run.
struct Facts {
    dir: PathBuf,
    config: Config,
    /// The metrics of its last whole epoch, if there is one.
    metrics: Option<EpochMetrics>,
    /// Its result, if it has ended with that epoch.
    result: Option<RunResult>,
    packed_bytes: Option<u64>,
}

impl Facts {
    fn of(dir: &Path) -> Result<Self> {
        let config = Run::config(dir)?;
        let metrics = Run::last_metrics(dir)?;
        // Until the end of a run with more epochs, the result is that of the earlier end.
        let result = Run::result(dir)?.filter(|result| metrics.as_ref().is_some_and(|last| last.epoch == result.epoch));
        let packed = Run::packed_path(dir);
        let packed_bytes = match std::fs::metadata(&packed) {
            Ok(metadata) => Some(metadata.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(Error::io(&packed, source)),
        };
        Ok(Self { dir: dir.to_path_buf(), config, metrics, result, packed_bytes })
    }

    /// The name of the run's data set, or its path if it has no name.
    fn data(&self) -> String {
        match (&self.config.trained_on, &self.config.data) {
            (Some(data), _) => data.name.clone(),
            (None, Some(path)) => path.display().to_string(),
            (None, None) => "MNIST".to_string(),
        }
    }

    /// The number of layers that stay in full precision; none if the configuration has no text of the network.
    fn unquantized_layers(&self) -> Option<usize> {
        let graph = self.config.graph_of(Given::default()).ok().filter(|_| self.config.text.is_some())?;
        Some(graph.layers().filter(|layer| layer.unquantized).count())
    }

    fn in_metrics<T>(&self, value: impl Fn(&EpochMetrics) -> T) -> Option<T> {
        self.metrics.as_ref().map(value)
    }

    fn in_result<T>(&self, value: impl Fn(&RunResult) -> T) -> Option<T> {
        self.result.as_ref().map(value)
    }
}

/// A column: its name, its number of decimals in the table, and the value of a run. Without a number of decimals the
/// table shows the column only where the runs differ in it. Of the columns that begin with `test_`, accuracies are shown
/// if a run has `--validation`, NLLs never.
type Column = (&'static str, Option<usize>, fn(&Facts) -> Value);

#[rustfmt::skip]
const COLUMNS: [Column; 43] = [
    ("run", Some(0), |of| value!(of.dir.display().to_string())),
    ("network", Some(0), |of| value!(of.config.network)),
    ("data", Some(0), |of| value!(of.data())),
    ("images", None, |of| value!(of.config.limit)),
    ("prior", Some(0), |of| value!(of.config.recipe.prior.name())),
    ("forward", None, |of| value!(of.config.recipe.forward.name())),
    ("levels", Some(0), |of| value!(of.config.codebook.len())),
    ("kl_weight", None, |of| value!(of.config.recipe.kl_weight)),
    ("learning_rate", None, |of| value!(of.config.recipe.learning_rate)),
    ("batch_size", None, |of| value!(of.config.recipe.batch_size)),
    ("seed", Some(0), |of| value!(of.config.recipe.seed)),
    ("epochs", None, |of| value!(of.config.recipe.epochs)),
    ("epochs_done", Some(0), |of| value!(of.in_metrics(|last| last.epoch).unwrap_or(0))),
    ("on", Some(0), |of| value!(if of.config.validation.is_some() { "validation" } else { "test" })),
    ("accuracy_mean", Some(4), |of| value!(of.in_metrics(|last| last.accuracy_mean))),
    ("accuracy_quantized", Some(4), |of| value!(of.in_metrics(|last| last.accuracy_quantized))),
    ("test_accuracy_mean", None, |of| value!(of.in_result(|result| result.accuracy_mean))),
    ("test_accuracy_quantized", None, |of| value!(of.in_result(|result| result.accuracy_quantized))),
    ("test_nll_mean", None, |of| value!(of.in_result(|result| result.nll_mean))),
    ("test_nll_quantized", None, |of| value!(of.in_result(|result| result.nll_quantized))),
    ("quantized_loss", Some(2), |of| value!(of.in_metrics(|last| last.quantized_loss))),
    ("packed_bytes", Some(0), |of| value!(of.packed_bytes)),
    ("spike", None, |of| value!(of.config.recipe.spike)),
    ("kl_scale", None, |of| value!(of.config.recipe.kl_scale)),
    ("weight_decay", None, |of| value!(of.config.recipe.weight_decay)),
    ("augment", None, |of| value!(of.config.recipe.augment)),
    ("mirror", None, |of| value!(of.config.recipe.mirror)),
    ("warmup", None, |of| value!(of.config.recipe.warmup)),
    ("codebook", None, |of| value!(of.config.codebook.iter().copied().map(shortest).collect::<Vec<_>>())),
    ("init_levels", None, |of| value!(of.config.recipe.init_levels)),
    ("unquantized_layers", None, |of| value!(of.unquantized_layers())),
    ("init", None, |of| value!(of.config.init.as_ref().map(|init| init.path.display().to_string()))),
    ("init_except", None, |of| value!(of.config.init.as_ref().map(|init| &init.except))),
    ("teacher", None, |of| value!(of.config.teacher.as_ref().map(|teacher| teacher.path.display().to_string()))),
    ("teacher_share", None, |of| value!(of.config.teacher.as_ref().map(|teacher| teacher.share))),
    ("validation", None, |of| value!(of.config.validation)),
    ("kl_warmup", None, |of| value!(of.config.recipe.kl_warmup)),
    ("kl_warmup_power", None, |of| value!(of.config.recipe.kl_warmup_power)),
    ("decay_from", None, |of| value!(of.config.recipe.decay_from)),
    ("level_rate", None, |of| value!(of.config.recipe.level_rate)),
    ("level_gap", None, |of| value!(of.config.recipe.level_gap)),
    ("gradient_clip", None, |of| value!(of.config.recipe.gradient_clip)),
    ("coarse", None, |of| value!(of.config.coarse)),
];

/// The values of the run in `dir`, by the names of the columns.
fn row(dir: &Path) -> Result<Map<String, Value>> {
    let facts = Facts::of(dir)?;
    Ok(COLUMNS.iter().map(|(name, _, value)| (name.to_string(), value(&facts))).collect())
}

/// The cells of a row as text, in the order of the columns; empty where the run has no value.
fn cells(row: &Map<String, Value>) -> impl Iterator<Item = String> {
    COLUMNS.iter().map(|(name, ..)| match &row[*name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// A field of CSV (RFC 4180).
fn csv_field(text: String) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Prints the columns that the table shows, each as wide as its widest cell.
fn table(rows: &[Map<String, Value>]) -> std::result::Result<(), Failure> {
    // Runs with other numbers of levels have other codebooks in any case.
    let is_other_codebook = |row: &Map<String, Value>| {
        let first = rows.iter().find(|first| first["levels"] == row["levels"]);
        first.is_some_and(|first| first["codebook"] != row["codebook"])
    };
    let differ = |name: &str| match name {
        "codebook" => rows.iter().any(is_other_codebook),
        name => rows.iter().any(|row| row[name] != rows[0][name]),
    };
    let has_validation = rows.iter().any(|row| row["on"] == "validation");
    let shown = |(name, digits, _): &Column| {
        let digits = match name.strip_prefix("test_") {
            Some(what) => (has_validation && what.starts_with("accuracy")).then_some(4)?,
            None => digits.or_else(|| differ(name).then_some(0))?,
        };
        Some((*name, digits))
    };
    let shown: Vec<(&str, usize)> = COLUMNS.iter().filter_map(shown).collect();
    let cell = |row: &Map<String, Value>, name: &str, digits: usize| match &row[name] {
        Value::Null => "-".to_string(),
        Value::Number(number) if digits > 0 => format!("{:.digits$}", number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Escaped::whole(text).to_string(),
        other => other.to_string(),
    };
    let head = |name: &str| name.replace("accuracy_", "").replace('_', " ");
    let mut lines = vec![shown.iter().map(|(name, _)| head(name)).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| shown.iter().map(|(name, digits)| cell(row, name, *digits)).collect()));
    let widths: Vec<usize> = (0..shown.len())
        .map(|column| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0))
        .collect();
    let is_text = columns_of_text(rows, &shown);
    for cells in &lines {
        let padded = cells.iter().zip(&widths).zip(&is_text).map(|((cell, width), is_text)| {
            if *is_text { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        line(padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Whether each column shown holds text, which is aligned to the left.
fn columns_of_text(rows: &[Map<String, Value>], shown: &[(&str, usize)]) -> Vec<bool> {
    shown.iter().map(|(name, _)| rows.iter().all(|row| row[*name].is_string())).collect()
}
