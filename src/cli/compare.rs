//! `spikeslab compare`.

use super::checkpoints::Checkpoints;
use super::device::DeviceOption;
use super::options::{TRAINING_OPTIONS, TrainingOptions};
use super::output::line;
use super::threads::Threads;
use super::train::{in_free_directory, resume_command};
use super::{Failure, Outcome, training};
use crate::error::{Error, Result};
use crate::report::{self, Curve};
use crate::train::Run;
use crate::train::config::{Config, describe};
use crate::train::recipe::{PriorName, Recipe};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
The directory holds two runs, gaussian/ and multi-spike/, and comparison.svg: quantized loss and accuracy by epoch for
both priors in one picture. Options and their defaults are those of `train`.

Examples:
  spikeslab compare lenet5
  spikeslab compare lenet5 --data mnist --levels 4 --out runs/four
  spikeslab compare --resume runs/four")]
pub(super) struct CompareArguments {
    /// A preset, with its sizes after a colon, or the file of a network's text
    #[arg(required_unless_present = "resume")]
    network: Option<String>,
    #[command(flatten)]
    options: TrainingOptions,
    /// Directory, new or empty [default: the next free runs/compare-NETWORK-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the comparison in this directory, with the options it was begun with
    #[arg(long, value_name = "DIR", conflicts_with_all = ["network", "out"], conflicts_with_all = TRAINING_OPTIONS)]
    resume: Option<PathBuf>,
    #[command(flatten)]
    checkpoints: Checkpoints,
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    threads: Threads,
}

const RUNS: [&str; 2] = ["gaussian", "multi-spike"];

pub(super) fn run(arguments: &CompareArguments) -> Outcome {
    arguments.threads.run(|| command(arguments))
}

fn command(arguments: &CompareArguments) -> Outcome {
    let device = arguments.device.device;
    // Before anything is written.
    let gpu = device.open()?;
    let dir = match &arguments.resume {
        Some(dir) => dir.clone(),
        None => begin(arguments)?,
    };
    let resume = resume_command("compare", &dir) + &device.argument();
    for name in RUNS {
        let run = Run::open(&dir.join(name))?;
        let code = training::train(&run, &arguments.checkpoints, gpu.as_ref(), &resume)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
        line("")?;
    }
    let curves = RUNS.map(|name| curve(&dir.join(name))).into_iter().collect::<Result<Vec<_>>>()?;
    let figure = dir.join("comparison.svg");
    crate::files::write::write(&figure, report::comparison(&curves).as_bytes())?;
    line(&format!("{:<32}{:>16}{:>12}{:>12}", "prior", "quantized loss", "accuracy", "quantized"))?;
    for curve in &curves {
        let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        line(&format!(
            "{:<32}{:>16.4}{:>11.2}%{:>11.2}%",
            curve.label,
            last(&curve.quantized_loss),
            100.0 * last(&curve.accuracy_mean),
            100.0 * last(&curve.accuracy_quantized),
        ))?;
    }
    line("")?;
    line(&format!("in {}: comparison.svg, gaussian/, multi-spike/", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the directory with both runs in it, neither yet trained.
fn begin(arguments: &CompareArguments) -> std::result::Result<PathBuf, Failure> {
    let network = describe(arguments.network.as_deref().unwrap_or_default())?;
    let config = arguments.options.config(&network)?;
    if matches!(config.recipe.prior, PriorName::Gaussian | PriorName::None) {
        let seen = config.recipe.prior.name();
        return Err(Error::option("prior", "a multi-spike prior to compare with the Gaussian", seen).into());
    }
    let gaussian = Config { recipe: Recipe { prior: PriorName::Gaussian, ..config.recipe.clone() }, ..config.clone() };
    let begin = |dir: &Path| {
        Run::check_free(dir)?;
        Run::create(&dir.join(RUNS[0]), &gaussian)?;
        Run::create(&dir.join(RUNS[1]), &config)?;
        Ok(dir.to_path_buf())
    };
    Ok(match &arguments.out {
        Some(dir) => begin(dir)?,
        None => in_free_directory(&format!("compare-{}", network.short_name()), begin)?,
    })
}

fn curve(dir: &Path) -> Result<Curve> {
    let config = Run::config(dir)?;
    let metrics = Run::open(dir)?.metrics(config.recipe.epochs)?;
    let label = match config.recipe.prior {
        PriorName::Gaussian => "Gaussian prior".to_string(),
        _ => format!("multi-spike prior, M = {}", config.codebook.len()),
    };
    Ok(Curve {
        label,
        quantized_loss: metrics.iter().map(|epoch| epoch.quantized_loss).collect(),
        accuracy_mean: metrics.iter().map(|epoch| epoch.accuracy_mean).collect(),
        accuracy_quantized: metrics.iter().map(|epoch| epoch.accuracy_quantized).collect(),
    })
}
