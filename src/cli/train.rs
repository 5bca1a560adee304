//! `spikeslab train`.

use super::Outcome;
use super::device::DeviceOption;
use super::figures::{self, FigureFormats};
use super::intervals::Intervals;
use super::options::{FIXED_ON_RESUME, TrainingOptions};
use super::threads::Threads;
use super::training::{self, Changes};
use crate::error::Result;
use crate::escape::is_unprintable;
use crate::files::held::make_free;
use crate::train::Run;
use crate::train::config::describe;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = "\
Without --data it trains on 6,000 MNIST images embedded in the program and tests on 1,000.
The run directory holds config.json, metrics.jsonl, checkpoint.safetensors, model.packed,
result.json (the scores on the test images, under the names of `eval --json`) and, in figures/,
histogram, quantized-loss, accuracy and, with noise, funnel.
Ctrl-C, SIGTERM and SIGHUP stop after the step at hand; --resume continues the run and reaches the
same result, bit for bit. After a crash it continues from the last checkpoint. A run may be
continued on another device: the noise is the same there, but sums are rounded in another order.
With --resume, --epochs gives the run another number of epochs, whether it was stopped or has
ended; a run of two phases keeps its number once the second has begun. From there on the learning
rate and the weight of the KL follow the new number. config.json keeps the earlier number of epochs,
and the step at which it changed. Until the new end, model.packed, result.json and figures/ are
those of the earlier end. With --resume, --data, --init and --teacher give the present paths of the
data, the initial weights and the teacher; their checksums must be those recorded.
--figure-formats, --checkpoint-every and --evaluate-every are not kept: give them again.
The defaults of --kl-scale and --kl-weight are those that trained best; the defaults of `oracle`
(dataset, 1) are the definitions. With these, --spike exact, --prior nearest or mixture, and dense
layers only, the loss times the number of training images estimates an upper bound on -ln evidence,
up to a constant. --spike fit is the published function.

Examples:
  spikeslab train lenet5
  spikeslab train lenet-caffe --data mnist --seed 1
  spikeslab train lenet5 --data cifar10 --augment --limit 10000
  spikeslab train mlp --levels 8 --epochs 4 --out runs/eight
  spikeslab train lenet-caffe --data mnist --checkpoint-every 100steps
  spikeslab train densenet:depth=22,growth=8 --data cifar10 --device cuda
  spikeslab train vgg.net --data cifar10                 a network's text of your own
  spikeslab train lenet5 --codebook=-0.2,0,0.2 --prior mixture --kl-scale dataset
  spikeslab train resnet20 --data cifar10 --augment --warmup 0.8 --forward hard --init-levels kmeans
  spikeslab train resnet20 --data cifar10 --augment --init runs/none --forward straight-through
  spikeslab train resnet20 --data cifar10 --augment --init runs/none --teacher runs/none
  spikeslab train --resume runs/eight
  spikeslab train --resume runs/eight --epochs 8          more epochs than it was begun with
  spikeslab train --resume runs/eight --data /mnt/mnist   its data have moved")]
pub(super) struct TrainArguments {
    /// A preset, with its sizes after a colon, or the file of a network's text: see `spikeslab network --help`
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    network: Option<String>,
    #[command(flatten)]
    options: TrainingOptions,
    /// Run directory, new or empty [default: the next free runs/NETWORK-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in this directory, with the options it was begun with; --epochs may change,
    /// and --data, --init and --teacher may give the new paths of the same data and weights
    #[arg(long, value_name = "DIR", conflicts_with = "out", conflicts_with_all = FIXED_ON_RESUME)]
    resume: Option<PathBuf>,
    #[command(flatten)]
    figure_formats: FigureFormats,
    #[command(flatten)]
    intervals: Intervals,
    #[command(flatten)]
    device: DeviceOption,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    download: super::download::Download,
}

pub(super) fn run(arguments: &TrainArguments) -> Outcome {
    arguments.threads.run(|| command(arguments))
}

fn command(arguments: &TrainArguments) -> Outcome {
    let device = arguments.device.device;
    // Opened before anything is written.
    let gpu = device.open()?;
    let formats = arguments.figure_formats.load()?;
    arguments.intervals.check(arguments.resume.is_some())?;
    let mut changes = Changes::default();
    let mut run = match (&arguments.resume, &arguments.network) {
        (Some(dir), _) => {
            arguments.download.fetch(arguments.options.data.as_deref())?;
            changes = arguments.options.changes()?;
            Run::open(dir)?
        }
        (None, network) => {
            let network = describe(network.as_deref().unwrap_or_default())?;
            arguments.download.fetch(arguments.options.data.as_deref())?;
            arguments.options.check_outside_data(arguments.out.as_deref().unwrap_or(Path::new(RUNS)))?;
            let config = arguments.options.config(&network)?;
            match &arguments.out {
                Some(dir) => Run::create(dir, &config)?,
                None => in_free_directory(network.short_name(), |dir| Run::create(dir, &config))?,
            }
        }
    };
    let again = device.argument() + &arguments.intervals.argument() + &figures::argument(&formats);
    let resume = resume_command("train", run.dir()) + &again;
    training::train(&mut run, &arguments.intervals, &changes, gpu.as_ref(), &formats, &resume)
}

/// The command that continues the run or comparison in `dir`, as it is typed.
pub(super) fn resume_command(command: &str, dir: &Path) -> String {
    format!("spikeslab {command} --resume {}", shell_quoted(dir))
}

/// A path quoted so that a shell reads it as one word, on one line.
fn shell_quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    // Without `./` it would be parsed as an option.
    let path = if path.starts_with('-') { format!("./{path}").into() } else { path };
    if path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        return path.into_owned();
    }
    if !path.chars().any(is_unprintable) {
        return format!("'{}'", path.replace('\'', "'\\''"));
    }
    let escaped = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if is_unprintable(c) => c.to_string().bytes().map(|byte| format!("\\{byte:03o}")).collect(),
        c => c.to_string(),
    };
    format!("$'{}'", path.chars().map(escaped).collect::<String>())
}

/// The directory in which a run gets its own, if the command line does not name one.
pub(super) const RUNS: &str = "runs";

/// Calls `begin` with the first directory of runs/NAME-1, runs/NAME-2, … that does not exist; removes the directory if
/// `begin` fails.
pub(super) fn in_free_directory<T>(name: &str, begin: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let dir = make_free(Path::new(RUNS), name)?;
    begin(&dir).inspect_err(|_| {
        // The first error is the one to report.
        let _ = std::fs::remove_dir(&dir);
    })
}
