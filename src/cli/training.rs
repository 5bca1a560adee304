//! Training in a run directory: from the initial weights or the checkpoint to the figures, the packed model and the
//! result.

use super::device::{Gpu, on};
use super::figures;
use super::init;
use super::intervals::Intervals;
use super::output::{count, line, note};
use super::progress::Progress;
use super::signals::{self, asked_to_end};
use super::source::{own_data, packed};
use super::teacher::Student;
use super::{Failure, Outcome, table};
use crate::error::{Error, Result};
use crate::nets::{Graph, Network};
use crate::packed::{PackedModel, format};
use crate::prior::codebook::LEVELS;
use crate::prior::{Codebook, Prior};
use crate::report::formats::Formats;
use crate::report::{self, Accuracies, LayerPicture};
use crate::train::checkpoint::{Checkpoint, Origin};
use crate::train::config::Config;
use crate::train::data::{Dataset, Split};
use crate::train::evaluate::{Weights, accuracy_on_some, quantized_loss, share_at_levels};
use crate::train::fit::{Control, EpochMetrics, Position, fit};
use crate::train::objective::Forward;
use crate::train::recipe::{InitLevels, PriorName, Recipe};
use crate::train::{Run, RunResult, Trainer, Training, checkpoint};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The number of training images on which the accuracy of a teacher and of given weights is measured.
const SOME_IMAGES: usize = 500;
/// Draws of the weights in the final table.
pub(super) const SAMPLES: u32 = 10;

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
    finish(run, &model, training.as_ref(), &data, &observer.metrics, formats)?;
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

/// Writes the figures, the packed model and the result, and prints the final table. The trainer's network must be
/// current.
fn finish(
    run: &Run,
    model: &PackedModel,
    training: &dyn Training<f32>,
    data: &Split,
    metrics: &[EpochMetrics],
    formats: &Formats,
) -> std::result::Result<(), Failure> {
    let network = &training.trainer().network;
    let values = |position: usize| network.slice(position);
    let pictures: Vec<LayerPicture<'_>> = report::pictured(network.graph())
        .into_iter()
        .map(|layer| LayerPicture {
            name: &layer.name,
            theta: values(layer.theta),
            log_sigma2: values(layer.log_sigma2),
            // An unquantized layer has levels that nothing is drawn to.
            levels: if layer.unquantized { &[] } else { values(layer.levels) },
        })
        .collect();
    let accuracies = Accuracies {
        mean: metrics.iter().map(|epoch| epoch.accuracy_mean).collect(),
        quantized: metrics.iter().map(|epoch| epoch.accuracy_quantized).collect(),
        nll: metrics.iter().map(|epoch| epoch.nll).collect(),
    };
    let losses: Vec<f64> = metrics.iter().map(|epoch| epoch.quantized_loss).collect();
    // Where there is no noise, ln σ² has no meaning: in an unquantized layer, and in a run without a posterior.
    let has_noise = training.trainer().recipe().prior.has_noise();
    let with_noise: Vec<LayerPicture<'_>> = pictures.iter().filter(|layer| !layer.levels.is_empty()).cloned().collect();
    let figures = [
        Some(("histogram", report::histogram(&pictures))),
        has_noise.then(|| ("funnel", report::funnel(&with_noise))),
        Some(("quantized-loss", report::quantized_loss(&losses))),
        Some(("accuracy", report::accuracy(&accuracies))),
    ];
    for (name, figure) in figures.into_iter().flatten() {
        run.write_figure(&formats.files(name, &figure)?)?;
    }
    let packed = format::checked_bytes(&Run::packed_path(run.dir()), model)?;
    run.write_packed(&packed)?;

    let recipe = training.trainer().recipe();
    let score = |weights| training.score(&data.test, weights);
    let mean = score(Weights::Mean)?;
    let sampled = has_noise.then(|| score(Weights::Sampled { samples: SAMPLES, seed: recipe.seed })).transpose()?;
    let quantized = score(Weights::Quantized)?;
    let loss = quantized_loss(network);
    run.write_result(&RunResult {
        epoch: recipe.epochs,
        n: data.test.len(),
        accuracy_mean: mean.accuracy,
        nll_mean: mean.nll,
        samples: sampled.map(|_| SAMPLES),
        accuracy_sample: sampled.map(|score| score.accuracy),
        nll_sample: sampled.map(|score| score.nll),
        accuracy_quantized: quantized.accuracy,
        nll_quantized: quantized.nll,
        quantized_loss: loss,
        packed_bytes: packed.len(),
    })?;
    line("")?;
    line(&format!("on {}:", count(data.test.len() as u64, "test image")))?;
    let sampled = sampled.map(|score| (table::sampled(SAMPLES), score));
    let [first, last] = [("mean", mean), ("quantized", quantized)].map(|(name, score)| Some((name.to_string(), score)));
    table::scores(&[first, sampled, last].into_iter().flatten().collect::<Vec<_>>())?;
    line(&table::quantized_loss(loss))?;
    line("")?;
    table::layers(model)?;
    line("")?;
    table::bytes(model, packed.len())?;
    line("")?;
    line(&format!(
        "in {}: metrics.jsonl, checkpoint.safetensors, model.packed, result.json, {}",
        run.dir().display(),
        figures::names("figures/*", formats)
    ))?;
    match advice(training.trainer(), data.train.len(), 100.0 * (mean.accuracy - quantized.accuracy)) {
        Some(advice) => line(&advice),
        None => Ok(()),
    }
}

/// The loss of accuracy by quantizing, in points, and the share of the weights that are not at a level, above which
/// advice is printed.
const NOTABLE_LOSS: f64 = 1.0;
const NOTABLE_SHARE: f64 = 0.02;
/// If κ ends below this share of `kl_weight`, that explains why weights are not at their levels.
const KL_SHARE: f64 = 0.9;

/// Advice for a run whose weights lose accuracy as they are quantized, or are not at their levels; `loss` is the
/// accuracy lost by quantizing, in points. `images` is the number of training images.
fn advice(trainer: &Trainer<f32>, images: usize, loss: f64) -> Option<String> {
    let recipe = trainer.recipe();
    let share = 1.0 - share_at_levels(&trainer.network);
    if !matches!(recipe.prior(), Prior::MultiSpike(_)) {
        let is_notable = recipe.forward == Forward::Sampled && loss > NOTABLE_LOSS;
        let advice = "no prior pulled the weights to levels: quantize --kmeans M fits levels to them";
        return is_notable.then(|| format!("quantizing costs {loss:.2} points of accuracy; {advice}"));
    }
    if loss <= NOTABLE_LOSS && share <= NOTABLE_SHARE {
        return None;
    }
    let costs = if loss > 0.0 { format!("quantizing costs {loss:.2} points of accuracy, and ") } else { String::new() };
    if share <= NOTABLE_SHARE {
        let levels = trainer.network.layers().map(|layer| trainer.network.slice(layer.levels).len()).max()?;
        // vnq needs a level at 0, which the default codebooks of odd numbers have; windows must not have one.
        let more = match recipe.prior {
            PriorName::Vnq => levels + 1 + levels % 2,
            PriorName::Windows => levels + 2 - levels % 2,
            _ => levels + 1,
        };
        let more = (more <= *LEVELS.end()).then(|| format!("more levels (--levels {more})"));
        let can_be_fitted = recipe.prior != PriorName::Vnq && recipe.init_levels == InitLevels::Given;
        let fitted =
            can_be_fitted.then(|| "levels that fit the weights (--warmup 0.8 --init-levels kmeans)".to_string());
        let ways: Vec<String> = more.into_iter().chain(fitted).collect();
        return (!ways.is_empty())
            .then(|| format!("{costs}the weights are at their levels: try {}", ways.join(" or ")));
    }
    let second_phase = f64::from(recipe.epochs) * (1.0 - recipe.warmup);
    let last = recipe.kl_weight_at(second_phase);
    if last < KL_SHARE * recipe.kl_weight {
        return Some(format!(
            "{costs}{:.1} % of the weights are not at a level, since κ rose only to {last:.1e} of {:?}: try --kl-warmup \
             {}",
            100.0 * share,
            recipe.kl_weight,
            second_phase as f32,
        ));
    }
    let stronger =
        if recipe.kl_weight > 0.0 { (5.0 * recipe.kl_weight) as f32 } else { Recipe::default().kl_weight as f32 };
    let stronger =
        if stronger.is_finite() { format!(", a stronger prior (--kl-weight {stronger})") } else { String::new() };
    // This prior needs a level at 0, which k-means does not give.
    let levels = if recipe.prior == PriorName::Vnq { "" } else { " --init-levels kmeans" };
    let two_phases = match recipe.warmup {
        0.0 => format!(" or two phases (--warmup 0.8 --forward hard{levels})"),
        _ => String::new(),
    };
    // A run of fewer epochs than the default is first of all short.
    let default = Recipe { epochs: Recipe::default().epochs, ..recipe.clone() }.with_enough_steps(images).epochs;
    Some(format!(
        "{costs}{:.1} % of the weights are not at a level: try more steps (--epochs {}){stronger}{two_phases}",
        100.0 * share,
        (2 * u64::from(recipe.epochs)).max(default.into()),
    ))
}
