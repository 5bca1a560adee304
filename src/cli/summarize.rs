//! `spikeslab summarize`.

use super::options::shortest;
use super::output::{json, line, note};
use super::{Failure, Outcome};
use crate::error::{Error, Result};
use crate::escape::Escaped;
use crate::nets::Given;
use crate::train::config::Config;
use crate::train::{Run, comparison};
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
            line(&COLUMNS.map(|(name, _)| name).join(","))?;
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

/// The columns, each with its number of decimals in the table; none if the table shows the column only where the runs
/// differ in it. Of the columns that begin with `test_`, accuracies are shown if a run has `--validation`, NLLs never.
const COLUMNS: [(&str, Option<usize>); 41] = [
    ("run", Some(0)),
    ("network", Some(0)),
    ("data", Some(0)),
    ("images", None),
    ("prior", Some(0)),
    ("forward", None),
    ("levels", Some(0)),
    ("kl_weight", None),
    ("learning_rate", None),
    ("batch_size", None),
    ("seed", Some(0)),
    ("epochs", None),
    ("epochs_done", Some(0)),
    ("on", Some(0)),
    ("accuracy_mean", Some(4)),
    ("accuracy_quantized", Some(4)),
    ("test_accuracy_mean", None),
    ("test_accuracy_quantized", None),
    ("test_nll_mean", None),
    ("test_nll_quantized", None),
    ("quantized_loss", Some(2)),
    ("packed_bytes", Some(0)),
    ("spike", None),
    ("kl_scale", None),
    ("weight_decay", None),
    ("augment", None),
    ("warmup", None),
    ("codebook", None),
    ("init_levels", None),
    ("unquantized_layers", None),
    ("init", None),
    ("teacher", None),
    ("teacher_share", None),
    ("validation", None),
    ("kl_warmup", None),
    ("kl_warmup_power", None),
    ("decay_from", None),
    ("level_rate", None),
    ("level_gap", None),
    ("gradient_clip", None),
    ("coarse", None),
];

/// The values of a run, by the names of the columns.
fn row(dir: &Path) -> Result<Map<String, Value>> {
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
    let data = config.trained_on.as_ref().map_or_else(
        || config.data.as_ref().map_or("MNIST".to_string(), |path| path.display().to_string()),
        |data| data.name.clone(),
    );
    let recipe = &config.recipe;
    let row = value!({
        "run": dir.display().to_string(),
        "network": config.network,
        "data": data,
        "images": config.limit,
        "prior": recipe.prior.name(),
        "forward": recipe.forward.name(),
        "levels": config.codebook.len(),
        "kl_weight": recipe.kl_weight,
        "learning_rate": recipe.learning_rate,
        "batch_size": recipe.batch_size,
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "epochs_done": metrics.as_ref().map_or(0, |metrics| metrics.epoch),
        "on": if config.validation.is_some() { "validation" } else { "test" },
        "accuracy_mean": metrics.as_ref().and_then(|metrics| metrics.accuracy_mean),
        "accuracy_quantized": metrics.as_ref().and_then(|metrics| metrics.accuracy_quantized),
        "test_accuracy_mean": result.as_ref().map(|result| result.accuracy_mean),
        "test_accuracy_quantized": result.as_ref().map(|result| result.accuracy_quantized),
        "test_nll_mean": result.as_ref().map(|result| result.nll_mean),
        "test_nll_quantized": result.as_ref().map(|result| result.nll_quantized),
        "quantized_loss": metrics.as_ref().map(|metrics| metrics.quantized_loss),
        "packed_bytes": packed_bytes,
        "spike": recipe.spike,
        "kl_scale": recipe.kl_scale,
        "weight_decay": recipe.weight_decay,
        "augment": recipe.augment,
        "warmup": recipe.warmup,
        "codebook": config.codebook.iter().copied().map(shortest).collect::<Vec<_>>(),
        "init_levels": recipe.init_levels,
        "unquantized_layers": unquantized_layers(&config),
        "init": config.init.as_ref().map(|init| init.path.display().to_string()),
        "teacher": config.teacher.as_ref().map(|teacher| teacher.path.display().to_string()),
        "teacher_share": config.teacher.as_ref().map(|teacher| teacher.share),
        "validation": config.validation,
        "kl_warmup": recipe.kl_warmup,
        "kl_warmup_power": recipe.kl_warmup_power,
        "decay_from": recipe.decay_from,
        "level_rate": recipe.level_rate,
        "level_gap": recipe.level_gap,
        "gradient_clip": recipe.gradient_clip,
        "coarse": config.coarse,
    });
    match row {
        Value::Object(row) => Ok(row),
        _ => Ok(Map::new()),
    }
}

/// The number of layers of a run that stay in full precision; none if the configuration has no text of the network.
fn unquantized_layers(config: &Config) -> Option<usize> {
    let graph = config.graph_of(Given::default()).ok().filter(|_| config.text.is_some())?;
    Some(graph.layers().filter(|layer| layer.unquantized).count())
}

/// The cells of a row as text, in the order of the columns; empty where the run has no value.
fn cells(row: &Map<String, Value>) -> impl Iterator<Item = String> {
    COLUMNS.iter().map(|(name, _)| match &row[*name] {
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
    let shown = |(name, digits): &(&'static str, Option<usize>)| {
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
