//! `spikeslab compare`.

use super::device::DeviceOption;
use super::figures::{self, FigureFormats};
use super::init;
use super::intervals::Intervals;
use super::options::{FIXED_ON_RESUME, TrainingOptions};
use super::output::line;
use super::table::number;
use super::threads::Threads;
use super::train::{RUNS, in_free_directory, resume_command};
use super::training::{self, Changes};
use super::{Failure, Outcome};
use crate::error::{Error, Result};
use crate::report::{self, Curve};
use crate::train::comparison::{FIGURE, Named};
use crate::train::config::{Config, describe};
use crate::train::init::Init;
use crate::train::objective::Forward;
use crate::train::recipe::{InitLevels, PriorName, Recipe};
use crate::train::{Comparison, Run, RunResult};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
The directory holds two runs, gaussian/ and multi-spike/, and comparison.svg: quantized loss and error by epoch in one \
picture; compare.json tells how the runs begin. With --warmup, the default of deep networks, or --init without \
--init-except there are two more, hard/ and straight-through/, which compute with quantized weights once the network \
has learned. All have one schedule and seed, and the options and defaults of `train`. The levels of hard/ and \
straight-through/ are fitted by k-means, also where those of the first two are not, unless --codebook or --init-levels \
is given, a layer has fewer weights than levels, or, for hard/, the prior is vnq.

The table has the accuracies on the test images, and the NLL of the quantized weights on them; with --validation the \
errors in the figure are those on the images held out. --resume continues a comparison that was stopped or killed. Add \
--data, --init or --teacher if the data, the initial weights or the teacher have moved.

Examples:
  spikeslab compare lenet5
  spikeslab compare lenet5 --data mnist --levels 4 --out runs/four
  spikeslab compare lenet5 --warmup 0.5 --init-levels kmeans
  spikeslab compare --resume runs/four
  spikeslab compare --resume runs/four --data /mnt/mnist")]
pub(super) struct CompareArguments {
    /// A preset, with its sizes after a colon, or the file of a network's text
    #[arg(required_unless_present = "resume")]
    network: Option<String>,
    #[command(flatten)]
    options: TrainingOptions,
    /// Directory, new or empty [default: the next free runs/compare-NETWORK-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the comparison in this directory, with the options it was begun with; --data, --init and
    /// --teacher may give the new paths of the same data and weights
    #[arg(
        long, value_name = "DIR",
        conflicts_with_all = ["network", "out", "epochs"], conflicts_with_all = FIXED_ON_RESUME
    )]
    resume: Option<PathBuf>,
    #[command(flatten)]
    figure_formats: FigureFormats,
    #[command(flatten)]
    intervals: Intervals,
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    threads: Threads,
}

pub(super) fn run(arguments: &CompareArguments) -> Outcome {
    arguments.threads.run(|| command(arguments))
}

fn command(arguments: &CompareArguments) -> Outcome {
    let device = arguments.device.device;
    // Opened before anything is written.
    let gpu = device.open()?;
    let formats = arguments.figure_formats.load()?;
    arguments.intervals.check(arguments.resume.is_some())?;
    let (comparison, changes) = match &arguments.resume {
        Some(dir) => (Comparison::open(dir)?, arguments.options.changes()?),
        None => (begin(arguments)?, Changes::default()),
    };
    let mut runs = comparison.runs()?;
    if !changes.is_none() {
        // All runs are changed before one goes on, so that a later `--resume` does not need the same options.
        runs.iter_mut().try_for_each(|run| training::change(run, &arguments.intervals, &changes))?;
    }
    // Each run reads the weights of --init as it begins, and the last run begins much later.
    for run in &runs {
        if !Run::has_checkpoint(run.dir())?
            && let Some(init) = Run::config(run.dir())?.init
        {
            init::check_is_there(&init)?;
        }
    }
    let epochs = runs.iter().map(|run| Ok(Run::config(run.dir())?.recipe.epochs)).collect::<Result<Vec<_>>>()?;
    if epochs.iter().any(|of_run| *of_run != epochs[0]) {
        let expected = "runs of the same number of epochs, which `train --resume RUN --epochs E` changes";
        let seen = epochs.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        return Err(Error::file(comparison.dir(), expected, seen).into());
    }
    let again = device.argument() + &arguments.intervals.argument() + &figures::argument(&formats);
    let resume = resume_command("compare", comparison.dir()) + &again;
    for run in &mut runs {
        let code = training::train(run, &arguments.intervals, &Changes::default(), gpu.as_ref(), &formats, &resume)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
        line("")?;
    }
    let outcomes = runs.iter().map(Outcomes::of).collect::<Result<Vec<_>>>()?;
    let curves: Vec<Curve> = outcomes.iter().map(|outcome| outcome.curve.clone()).collect();
    comparison.write_figure(&formats.files(FIGURE, &report::comparison(&curves))?)?;
    table(&outcomes)?;
    line("")?;
    let names: String = comparison.names().map(|name| format!(", {name}/")).collect();
    line(&format!("in {}: {}{names}", comparison.dir().display(), figures::names(FIGURE, &formats)))?;
    Ok(ExitCode::SUCCESS)
}

/// Creates the directory of a comparison, without its runs.
fn begin(arguments: &CompareArguments) -> std::result::Result<Comparison, Failure> {
    let network = describe(arguments.network.as_deref().unwrap_or_default())?;
    if let Some(forward) = arguments.options.forward().filter(|forward| *forward != Forward::Sampled) {
        let expected = "none, or sampled: `compare` trains with each in turn";
        return Err(Error::option("forward", expected, forward.name()).into());
    }
    let options = &arguments.options;
    options.check_outside_data(arguments.out.as_deref().unwrap_or(Path::new(RUNS)))?;
    let runs = options.configs(&network, |config, graph| {
        let quantized = options.levels_of_quantized(graph, &config.recipe);
        runs(&config, quantized)
    })?;
    let runs = runs.into_iter().map(|(name, config)| Named { name, config }).collect();
    let begin = |dir: &Path| Comparison::create(dir, runs);
    Ok(match &arguments.out {
        Some(dir) => begin(dir)?,
        None => in_free_directory(&format!("compare-{}", network.short_name()), begin)?,
    })
}

/// The runs to compare, with the same schedule and seed: the Gaussian baseline, and the run with the options' prior. If
/// there is a first phase or all weights come from `--init`, also the two runs that compute with Q(θ), whose levels are
/// `quantized` as in `train`; these learn little from random initial weights.
fn runs(config: &Config, quantized: InitLevels) -> Result<Vec<(String, Config)>> {
    if matches!(config.recipe.prior, PriorName::Gaussian | PriorName::None) {
        let seen = config.recipe.prior.name();
        return Err(Error::option("prior", "a multi-spike prior to compare with the Gaussian", seen));
    }
    let with = |prior: PriorName, forward: Forward| Config {
        recipe: Recipe { prior, forward, ..config.recipe.clone() },
        ..config.clone()
    };
    let mut runs = vec![
        ("gaussian", with(PriorName::Gaussian, Forward::Sampled)),
        ("multi-spike", with(config.recipe.prior, Forward::Sampled)),
    ];
    if config.recipe.warmup > 0.0 || config.init.as_ref().is_some_and(Init::is_whole) {
        let quantized = |prior: PriorName, forward: Forward| {
            // vnq needs a level at 0, which k-means does not give.
            let init_levels = if prior == PriorName::Vnq { config.recipe.init_levels } else { quantized };
            let config = with(prior, forward);
            Config { recipe: Recipe { init_levels, ..config.recipe.clone() }, ..config }
        };
        runs.push(("hard", quantized(config.recipe.prior, Forward::Hard)));
        runs.push(("straight-through", quantized(PriorName::None, Forward::StraightThrough)));
    }
    Ok(runs.into_iter().map(|(name, config)| (name.to_string(), config)).collect())
}

/// The results of a run.
struct Outcomes {
    curve: Curve,
    result: RunResult,
}

impl Outcomes {
    fn of(run: &Run) -> Result<Self> {
        let config = Run::config(run.dir())?;
        let metrics = run.metrics(config.recipe.epochs)?;
        let label = match (config.recipe.forward, config.recipe.prior) {
            (Forward::StraightThrough, _) => "straight-through".to_string(),
            (Forward::Hard, _) => "hard".to_string(),
            (Forward::Sampled, PriorName::Gaussian) => "Gaussian prior".to_string(),
            _ => format!("multi-spike prior, M = {}", config.codebook.len()),
        };
        let curve = Curve {
            label,
            quantized_loss: metrics.iter().map(|epoch| epoch.quantized_loss).collect(),
            accuracy_mean: metrics.iter().map(|epoch| epoch.accuracy_mean).collect(),
            accuracy_quantized: metrics.iter().map(|epoch| epoch.accuracy_quantized).collect(),
        };
        let result = Run::result(run.dir())?;
        let result = result.ok_or_else(|| Error::file(run.dir(), "the result of a run that has ended", "none"))?;
        Ok(Self { curve, result })
    }
}

/// Prints one row per run, at most 80 columns wide: the accuracy with mean weights on the test images, then the figures
/// of the quantized network.
fn table(outcomes: &[Outcomes]) -> std::result::Result<(), Failure> {
    line(&format!("{:<26}{:>10}{:>11}{:>9}{:>15}{:>9}", "", "mean", "quantized", "NLL", "quantized loss", "bytes"))?;
    for Outcomes { curve, result } in outcomes {
        line(&format!(
            "{:<26}{:>9.2}%{:>10.2}%{:>9}{:>15}{:>9}",
            curve.label,
            100.0 * result.accuracy_mean,
            100.0 * result.accuracy_quantized,
            number(result.nll_quantized),
            number(result.quantized_loss),
            result.packed_bytes,
        ))?;
    }
    Ok(())
}
