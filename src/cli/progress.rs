//! The progress of a training: what it saves, and the table of its epochs.

use super::Failure;
use super::intervals::{Interval, Intervals};
use super::output::line;
use super::signals::asked_to_end;
use crate::error::Result;
use crate::train::checkpoint::Origin;
use crate::train::config::Config;
use crate::train::fit::{Control, EpochMetrics, Observer, Position};
use crate::train::objective::Forward;
use crate::train::recipe::PriorName;
use crate::train::{Dataset, KlScale, Loss, Run, Trainer, Training, Weights, checkpoint};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::num::NonZeroU32;

/// Saves and shows the progress of a run.
pub(super) struct Progress<'a> {
    run: &'a Run,
    origin: Origin,
    /// The metrics of all epochs so far.
    pub(super) metrics: Vec<EpochMetrics>,
    checkpoint_every: Interval,
    evaluate_every: NonZeroU32,
    epochs: u32,
    /// The number of weights that have a KL, at least 1.
    weights: f64,
    bar: ProgressBar,
    /// Whether standard error is a terminal: a progress bar is then drawn, and each epoch's line is printed above it.
    on_terminal: bool,
    /// Whether the head of the table of epochs has been printed.
    has_head: bool,
    /// The step after which the second phase begins, if its line in the table has not been printed.
    second_phase: Option<u64>,
    /// The error of the last print, which stops the run; none if it succeeded.
    pub(super) failure: Option<Failure>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(
        run: &'a Run,
        origin: Origin,
        metrics: Vec<EpochMetrics>,
        intervals: &Intervals,
        trainer: &Trainer<f32>,
    ) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if on_terminal { ProgressBar::new(trainer.total_steps()) } else { ProgressBar::hidden() };
        let template = "{bar:32} {pos}/{len} steps  {per_sec}  {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(trainer.steps_taken);
        bar.reset_eta();
        let epochs = trainer.recipe().epochs;
        let epoch_began = trainer.steps_taken - trainer.steps_taken % trainer.steps_per_epoch();
        let graph = trainer.network.graph();
        let quantized = graph.quantized_layers();
        let weights = quantized.map(|layer| graph.layer_weights(layer)).sum::<usize>().max(1) as f64;
        Self {
            run,
            origin,
            metrics,
            checkpoint_every: intervals.checkpoint,
            evaluate_every: intervals.evaluate,
            epochs,
            weights,
            bar,
            on_terminal,
            has_head: false,
            // The row of the epoch in which a run was stopped is still to be printed.
            second_phase: Some(trainer.first_phase_steps()).filter(|begins| *begins > 0 && *begins >= epoch_began),
            failure: None,
        }
    }

    /// Removes the progress bar.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Evaluates the last epoch if it has not been: the run may have been cut to it by another number of epochs.
    pub(super) fn complete(&mut self, training: &dyn Training<f32>, images: &Dataset) -> Result<()> {
        let Some(last) = self.metrics.last_mut().filter(|last| last.accuracy_mean.is_none()) else { return Ok(()) };
        last.accuracy_mean = Some(training.score(images, Weights::Mean)?.accuracy);
        last.accuracy_quantized = Some(training.score(images, Weights::Quantized)?.accuracy);
        self.run.write_metrics(&self.metrics)
    }

    fn save(&self, trainer: &Trainer<f32>, position: &Position) -> Result<()> {
        let path = Run::checkpoint_path(self.run.dir());
        self.run.write_checkpoint(&checkpoint::checked_bytes(&path, trainer, position, Some(&self.origin))?)
    }

    /// Prints an epoch's row of a table and, above the first row, what its columns are; above the row of an epoch with
    /// steps of the second phase, where that phase began. `steps` have been taken. Up to 999 epochs, all lines are at most
    /// 80 columns wide.
    fn show(&mut self, metrics: &EpochMetrics, steps: u64) {
        let epoch = format!("epoch {:>3}/{}", metrics.epoch, self.epochs);
        let mut lines = Vec::new();
        if !self.has_head {
            let names = |[nll, kappa, kl, loss, at]: [&str; 5], accuracy: &str, seconds: &str| {
                let width = epoch.len();
                format!("{:width$}{nll:>8}{kappa:>8}{kl:>8}{loss:>10}{at:>7}{accuracy:>18}{seconds:>8}", "")
            };
            lines.push(scale(&self.origin.config).to_string());
            lines.extend(COLUMNS.map(str::to_string));
            let on = if self.origin.config.validation.is_some() { "images held out" } else { "test images" };
            lines.push(format!("Accuracy: on the {on}."));
            if self.origin.config.recipe.forward != Forward::Sampled {
                lines.push("The last step replaces each weight by its level.".to_string());
            }
            lines.push(names(["", "", "KL per", "quantized", "at"], "accuracy     ", "").trim_end().to_string());
            lines.push(names(["NLL", "κ", "weight", "loss", "level"], "mean quantized", "seconds"));
        }
        self.has_head = true;
        if let Some(begins) = self.second_phase.take_if(|begins| *begins < steps) {
            lines.push(format!("second phase after step {begins}"));
        }
        let percent = |accuracy: Option<f64>| accuracy.map_or("-".to_string(), |a| format!("{:.2}%", 100.0 * a));
        let at_level = metrics.share_at_level.map_or_else(String::new, |share| format!("{:.1}%", 100.0 * share));
        lines.push(format!(
            "{epoch}{:>8}{:>8}{:>8}{:>10}{at_level:>7}{:>8}{:>10}{:>8.1}",
            figure(metrics.nll),
            figure(metrics.kl_weight),
            figure(metrics.kl / self.weights),
            figure(metrics.quantized_loss),
            percent(metrics.accuracy_mean),
            percent(metrics.accuracy_quantized),
            metrics.seconds,
        ));
        let shown = self.bar.suspend(|| lines.iter().try_for_each(|text| line(text)));
        self.failure = shown.err();
    }
}

/// What the columns of the table of epochs are.
const COLUMNS: [&str; 2] = [
    "At level: weights within a quarter of the distance to the neighbouring level.",
    "Quantized loss: squared distance of the weights to their levels, Σ(θ − Q(θ))².",
];

/// What NLL and KL are, and how the KL enters the loss.
fn scale(config: &Config) -> &'static str {
    match (config.recipe.prior, config.recipe.kl_scale, &config.teacher) {
        (PriorName::None, _, None) => "NLL: epoch mean, nats.",
        (PriorName::None, _, Some(_)) => "NLL of the labels: epoch mean, nats; the loss is that with the teacher.",
        (_, KlScale::PerWeight, None) => {
            "NLL, KL: epoch means, nats; the KL is per weight, and κ its factor in the loss."
        }
        (_, KlScale::PerWeight, Some(_)) => "NLL of the labels, KL per weight: epoch means, nats; the loss has κ · KL.",
        (_, KlScale::Dataset, None) => "NLL, KL per weight: epoch means, nats; the loss has κ · ΣKL / training images.",
        (_, KlScale::Dataset, Some(_)) => {
            "NLL of the labels, KL per weight: means, nats; the loss has κ · ΣKL / images."
        }
    }
}

/// A number in at most eight characters: with the decimals that fit, up to four, or in powers of ten.
fn figure(value: f64) -> String {
    let digits = value.abs().max(1.0).log10() as usize;
    let is_tiny = value != 0.0 && value.abs() < 1e-3;
    if digits < 6 && !is_tiny { format!("{value:.0$}", 4_usize.saturating_sub(digits)) } else { format!("{value:.1e}") }
}

impl Observer<f32> for Progress<'_> {
    fn evaluates(&self, epoch: u32) -> bool {
        epoch.is_multiple_of(self.evaluate_every.get())
    }

    fn after_step(&mut self, training: &mut dyn Training<f32>, position: &Position, loss: &Loss) -> Result<Control> {
        let step = training.trainer().steps_taken;
        if self.on_terminal {
            self.bar.set_message(format!("loss {:.4}", loss.loss));
            self.bar.set_position(step);
        }
        let stop = asked_to_end().is_some();
        if stop || self.checkpoint_every.is_due_after_step(step) {
            self.save(training.fetch()?, position)?;
        }
        Ok(if stop { Control::Stop } else { Control::Continue })
    }

    fn after_epoch(&mut self, trainer: &Trainer<f32>, position: &Position, metrics: EpochMetrics) -> Result<Control> {
        self.bar.set_position(trainer.steps_taken);
        // The metrics are written first: they may have more epochs than the checkpoint, never fewer. Only what is on
        // disk is shown.
        self.metrics.push(metrics.clone());
        self.run.write_metrics(&self.metrics)?;
        let last = position.epoch == trainer.recipe().epochs;
        let interrupted = asked_to_end().is_some() && !last;
        let saved =
            interrupted || last || self.checkpoint_every.is_due_after_epoch(position.epoch, trainer.steps_taken);
        if saved {
            self.save(trainer, position)?;
        }
        self.show(&metrics, trainer.steps_taken);
        let stop = interrupted || self.failure.is_some();
        if stop && !saved {
            self.save(trainer, position)?;
        }
        Ok(if stop { Control::Stop } else { Control::Continue })
    }
}
