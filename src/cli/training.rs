//! Training in a run directory, from the initial weights or the checkpoint to the last step.

pub(super) mod results;

use super::device::{Gpu, on};
use super::init;
use super::intervals::Intervals;
use super::output::{count, line, note};
use super::progress::Progress;
use super::signals::{self, asked_to_end};
use super::source::{own_data, packed};
use super::teacher::Student;
use super::{Failure, Outcome};
use crate::error::{Error, Result};
use crate::nets::{Graph, Network};
use crate::prior::Codebook;
use crate::report::formats::Formats;
use crate::train::checkpoint::{Checkpoint, Origin};
use crate::train::config::Config;
use crate::train::data::{Dataset, Split};
use crate::train::evaluate::accuracy_on_some;
use crate::train::fit::{Control, EpochMetrics, Position, fit};
use crate::train::objective::Forward;
use crate::train::{Run, Trainer, checkpoint};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The number of training images on which the accuracy of a teacher and of given weights is measured.
const SOME_IMAGES: usize = 500;

/// What `--resume` changes about a run.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Another number of epochs.
    pub(super) epochs: Option<u32>,
    /// The present path of the run's data.
    pub(super) data: Option<PathBuf>,
    /// The present path of the weights that the run begins with.
    pub(super) init: Option<PathBuf>,
    /// The present path of the run's teacher.
    pub(super) teacher: Option<PathBuf>,
}

impl Changes {
    /// Whether nothing is changed.
    pub(super) fn is_none(&self) -> bool {
        self.epochs.is_none() && self.data.is_none() && self.init.is_none() && self.teacher.is_none()
    }
}

/// A run that is ready to go on.
struct Ready {
    config: Config,
    data: Split,
    origin: Origin,
    trainer: Trainer<f32>,
    position: Position,
    metrics: Vec<EpochMetrics>,
}

/// Changes a run: checks that all its files fit, then replaces its configuration. The checkpoint stays as it is, and
/// the run goes on from it: [`Config::at_step`] returns the configuration that it was written under.
pub(super) fn change(run: &mut Run, intervals: &Intervals, changes: &Changes) -> Result<()> {
    ready(run, intervals, changes).map(drop)
}

/// Reads what a run begins or goes on with, its checkpoint if it has one, and applies the changes.
fn ready(run: &mut Run, intervals: &Intervals, changes: &Changes) -> Result<Ready> {
    let written = Run::config(run.dir())?;
    let mut config = written.clone();
    if let Some(data) = &changes.data {
        config.data = Some(data.clone());
    }
    let begun_with = [
        ("init", &changes.init, config.init.as_mut().map(|init| &mut init.path)),
        ("teacher", &changes.teacher, config.teacher.as_mut().map(|teacher| &mut teacher.path)),
    ];
    for (option, now, path) in begun_with {
        match (now, path) {
            (Some(now), Some(path)) => path.clone_from(now),
            (Some(now), None) => {
                return Err(Error::option(option, "none, as the run was begun without one", now.display()));
            }
            (None, _) => {}
        }
    }
    let data = load_data(run, &config)?;
    let path = Run::checkpoint_path(run.dir());
    let state = Run::has_checkpoint(run.dir())?.then(|| checkpoint::load(&path)).transpose()?;
    let (steps, position) = state.as_ref().map_or_else(Default::default, |state| (state.steps_taken, state.position));
    if let Some(epochs) = changes.epochs {
        let begun = position.epoch + u32::from(position.epoch_step > 0);
        if epochs < begun {
            let expected = format!("at least {begun}, as many as the run in {} has begun", run.dir().display());
            return Err(Error::option("epochs", expected, epochs));
        }
        // Without a step to come, the weights would stay between the levels that the layers compute with.
        let is_over = epochs == begun && position.epoch_step == 0;
        if is_over && epochs != config.recipe.epochs && config.recipe.forward != Forward::Sampled {
            let expected = format!("at least {}: the last step of a run quantizes its weights", begun + 1);
            return Err(Error::option("epochs", expected, epochs));
        }
        check_phases(&config, epochs, steps, data.train.len())?;
        config = config.with_epochs(epochs, steps);
    }

    let in_range = |error: Error| match changes.epochs {
        // The value out of range is an option of this command.
        Some(_) => error,
        None => Error::file(run.dir(), "a run whose configuration is in range", error),
    };
    let codebook = config.check(data.train.len()).map_err(in_range)?;
    let graph = config.graph(&data.train).map_err(in_range)?;
    // Other weights at a new path of --init are refused also where the run goes on.
    let reads_init = state.is_none() || changes.init.is_some();
    let mut trainer = trainer(&config, graph, &codebook, &data.train, reads_init)?;
    if let Some(teacher) = &config.teacher {
        let standardized = config.standardization.is_some();
        let student = Student { graph: trainer.network.graph(), data: &data.train, standardized };
        let teacher = student.teacher(teacher)?;
        trainer = trainer.with_teacher(teacher)?;
    }
    let origin = Origin::new(&config, data.test.checksum());
    if let Some(state) = state {
        check_origin(&path, &origin, &state, intervals.other_vectors)?;
        (trainer, _) = state.resume(&path, trainer)?;
    }
    let metrics = run.metrics(position.epoch)?;
    if config != written {
        run.write_config(&config)?;
    }
    Ok(Ready { config, data, origin, trainer, position, metrics })
}

/// The trainer of a run at its first step, without its teacher. The weights of `--init` are read if `reads_init`: where
/// the run goes on, its checkpoint replaces them.
pub(super) fn trainer(
    config: &Config,
    graph: Graph,
    codebook: &Codebook<f32>,
    data: &Dataset,
    reads_init: bool,
) -> Result<Trainer<f32>> {
    let mut network = Network::new(graph, codebook);
    network.initialize(config.recipe.seed);
    let init = config.init.as_ref().filter(|_| reads_init);
    init.map_or(Ok(()), |init| init::begin(init, &mut network, data))?;
    let mut trainer = Trainer::new(network, config.recipe.clone(), data.len())?;
    if init.is_some() && trainer.first_phase_steps() == 0 {
        trainer.begin_second_phase()?;
    }
    Ok(trainer)
}

/// Checks that another number of epochs does not move the beginning of a second phase that has already begun.
fn check_phases(config: &Config, epochs: u32, steps: u64, images: usize) -> Result<()> {
    let recipe = &config.recipe;
    let begins = |epochs: u32| recipe.first_phase_steps(recipe.steps_per_epoch(images) as u64 * u64::from(epochs));
    let (before, after) = (begins(recipe.epochs), begins(epochs));
    if before != after && steps >= before.min(after) {
        let expected = format!(
            "{}, as the run's second phase has begun, at step {before}; for more epochs begin a new run with --init",
            recipe.epochs
        );
        return Err(Error::option("epochs", expected, format!("{epochs}, which begin it at step {after}")));
    }
    Ok(())
}

/// Trains the run, with these changes, to its end or until a signal asks to end, and prints its results. `resume` is
/// the command that continues the run, which is printed if the run was stopped.
pub(super) fn train(
    run: &mut Run,
    intervals: &Intervals,
    changes: &Changes,
    gpu: Option<&Gpu>,
    formats: &Formats,
    resume: &str,
) -> Outcome {
    let Ready { config, data, origin, trainer, position, metrics } = ready(run, intervals, changes)?;
    let run = &*run;
    line(&format!("{} on {}", config.network, data.source))?;
    let forward = match config.recipe.forward {
        Forward::Sampled => String::new(),
        other => format!(", forward {}", other.name()),
    };
    line(&format!(
        "{} weights, prior {}{forward}, {} levels, {} of {}, in {}",
        trainer.network.weights(),
        config.recipe.prior.name(),
        config.codebook.len(),
        count(config.recipe.epochs, "epoch"),
        count(trainer.steps_per_epoch(), "step"),
        run.dir().display()
    ))?;
    line(&settings(&config))?;
    if let Some(classes) = classes(data.train.class_names()) {
        line(&format!("classes: {classes}"))?;
    }
    match trainer.first_phase_steps() {
        0 => {}
        steps => line(&format!("the first {} without noise, KL or levels", count(steps, "step")))?,
    }
    let begins = position == Position::default();
    if !begins {
        line(&format!("goes on after step {} of {}", trainer.steps_taken, trainer.total_steps()))?;
    }
    if let Some(init) = config.init.as_ref().filter(|_| begins) {
        let path = init.path.display();
        if init.is_whole() {
            let right = in_words(accuracy_on_some(&trainer.network, &data.train, SOME_IMAGES)?);
            line(&format!("begins with the weights of {path}: {right}"))?;
        } else {
            line(&format!("begins with the weights of {path}, except {}", init.except.join(", ")))?;
        }
    }
    if let (Some(origin), Some(teacher), true) = (&config.teacher, &trainer.teacher, begins) {
        let right = in_words(teacher.accuracy(&data.train, SOME_IMAGES)?);
        line(&format!("teacher {}: {right}", origin.path.display()))?;
    }

    signals::listen();
    let mut observer = Progress::new(run, origin, metrics, intervals, &trainer);
    let mut training = on(gpu, trainer)?;
    let control = fit(training.as_mut(), &data, position, &mut observer);
    observer.clear();
    let stopped = || note(&format!("stopped; go on with: {resume}"));
    match observer.failure {
        Some(Failure::OutputClosed) => {
            stopped();
            return Ok(ExitCode::FAILURE);
        }
        Some(failure) => return Err(failure),
        None => {}
    }
    if control? == Control::Stop {
        stopped();
        return Ok(asked_to_end().map_or(ExitCode::FAILURE, ExitCode::from));
    }
    observer.complete(training.as_ref(), data.watched())?;
    let model = packed(&config, &training.fetch()?.network);
    results::finish(run, &model, training.as_ref(), &data, &observer.metrics, formats)?;
    Ok(ExitCode::SUCCESS)
}

/// The settings of a run that decide its result most.
fn settings(config: &Config) -> String {
    let recipe = &config.recipe;
    let kl_weight = recipe.prior.has_noise().then(|| format!("κ {}", recipe.kl_weight));
    let decay = (recipe.weight_decay > 0.0).then(|| format!("weight decay {}", recipe.weight_decay));
    let first = [format!("batches of {}", recipe.batch_size), format!("learning rate {}", recipe.learning_rate)];
    let augmented =
        recipe.augment.then(|| if recipe.mirror { "augmented" } else { "augmented without mirror" }.to_string());
    let standardized = config.standardization.as_ref().map(|_| "standardized".to_string());
    let others = [decay, kl_weight, Some(format!("seed {}", recipe.seed)), augmented, standardized];
    first.into_iter().chain(others.into_iter().flatten()).collect::<Vec<_>>().join(", ")
}

/// The names of classes in their order, of many the first; none if they are only numbered.
fn classes(names: &[String]) -> Option<String> {
    const MOST: usize = 10;
    let is_numbered = names.iter().enumerate().all(|(class, name)| *name == class.to_string());
    let more = if names.len() > MOST { ", …" } else { "" };
    (!is_numbered).then(|| names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ") + more)
}

/// An accuracy on some training images, in words.
fn in_words((accuracy, images): (f64, usize)) -> String {
    format!("{:.2}% of {images} training images right", 100.0 * accuracy)
}

/// The data that the run was begun on.
pub(super) fn load_data(run: &Run, config: &Config) -> Result<Split> {
    let expected = |error: Error| match error {
        // The option comes from the run's configuration, not from this command.
        Error::Option { .. } => Error::file(run.dir(), "the data it was begun on", error),
        other => other,
    };
    let mut data = own_data(config, config.coarse).map_err(expected)?;
    config.limit.map_or(Ok(()), |images| data.limit(images)).map_err(expected)?;
    if data.train.checksum() != config.data_checksum {
        let expected = format!("the data it was begun on, checksum {:08x}", config.data_checksum);
        return Err(Error::file(run.dir(), expected, format!("{:08x}", data.train.checksum())));
    }
    config.validation.map_or(Ok(()), |share| data.hold_out(share)).map_err(expected)?;
    data.standardize(config.standardization.as_ref())
        .map_err(|error| Error::file(run.dir(), "a run whose configuration fits its data", error))?;
    Ok(data)
}

/// Checks that a checkpoint with an origin is of the run that goes on from it, and that it was computed with the same
/// vector instructions unless `other_vectors`.
pub(super) fn check_origin(path: &Path, run: &Origin, checkpoint: &Checkpoint, other_vectors: bool) -> Result<()> {
    let Some(origin) = &checkpoint.origin else { return Ok(()) };
    let differences = run.differences(origin, checkpoint.steps_taken);
    match differences.iter().find(|(name, ..)| !(other_vectors && name == "vectors")) {
        None => Ok(()),
        Some((name, ..)) if name == "vectors" => {
            let expected = format!("a checkpoint computed with {}, as here, or --other-vectors", run.vectors);
            Err(Error::file(path, expected, &origin.vectors))
        }
        Some((name, own, seen)) => {
            let expected = format!("a checkpoint of this run, whose {name} is {own}");
            Err(Error::file(path, expected, seen))
        }
    }
}
