//! The training loop: epochs of steps over shuffled images. An epoch ends with an evaluation if the observer asks for
//! one; the last epoch always does.

use super::data::augment::augment;
use super::data::{Dataset, Split};
use super::evaluate::{Weights, quantized_loss, share_at_levels};
use super::objective::Loss;
use super::trainer::{Trainer, Training};
use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::tensor::noise::{Philox, Purpose};
use ndarray_rand::rand::seq::SliceRandom;
use std::collections::BTreeMap;
use std::time::Instant;

/// The position of a run between two steps. Together with the [`Trainer`] it determines the rest of the run on the same
/// data.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// Epochs completed.
    pub epoch: u32,
    /// Steps of the next epoch already taken.
    pub epoch_step: u64,
    /// The sum of the losses of these steps.
    pub sum: Loss,
}

/// The metrics of an epoch.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct EpochMetrics {
    /// The number of the epoch, from 1.
    pub epoch: u32,
    /// The mean loss over the epoch's steps, nats.
    pub loss: f64,
    /// The mean negative log-likelihood over the epoch's steps, nats.
    pub nll: f64,
    /// The mean over the epoch's steps of the KL of all layers, unscaled, nats.
    pub kl: f64,
    /// κ at the epoch's last step.
    pub kl_weight: f64,
    /// Σ (θ − Q(θ))² at the epoch's end.
    pub quantized_loss: f64,
    /// The share of the weights at a level at the epoch's end, see [`share_at_levels`]; none in the
    /// metrics of earlier versions of the program.
    #[cfg_attr(feature = "files", serde(default, skip_serializing_if = "Option::is_none"))]
    pub share_at_level: Option<f64>,
    /// The accuracy with mean weights on the images of [`Split::watched`]; none in an epoch that was not evaluated.
    pub accuracy_mean: Option<f64>,
    /// The accuracy with quantized weights on the same images; none in an epoch that was not evaluated.
    pub accuracy_quantized: Option<f64>,
    /// The levels of each quantized layer at the epoch's end, by the layer's name.
    pub levels: BTreeMap<String, Vec<f32>>,
    /// The duration of the epoch, seconds; of an epoch in which the run was resumed, the duration since then.
    pub seconds: f64,
}

/// Whether the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Take the next step.
    Continue,
    /// Stop here; the run can be resumed from this position.
    Stop,
}

/// Watches a run: it may save, print, or stop it.
pub trait Observer<F: Real> {
    /// Whether the network is evaluated at the end of this epoch, numbered from 1. After the last epoch it always is.
    fn evaluates(&self, epoch: u32) -> bool {
        let _ = epoch;
        true
    }

    /// Called after each step except the last step of an epoch. To save the network, get it with [`Training::fetch`].
    ///
    /// # Errors
    /// An error ends the run.
    fn after_step(&mut self, training: &mut dyn Training<F>, position: &Position, loss: &Loss) -> Result<Control>;

    /// Called after each epoch; `position` is the beginning of the next epoch.
    ///
    /// # Errors
    /// An error ends the run.
    fn after_epoch(&mut self, trainer: &Trainer<F>, position: &Position, metrics: EpochMetrics) -> Result<Control>;
}

/// Watches nothing: the run goes on to its end.
impl<F: Real> Observer<F> for () {
    fn after_step(&mut self, _: &mut dyn Training<F>, _: &Position, _: &Loss) -> Result<Control> {
        Ok(Control::Continue)
    }

    fn after_epoch(&mut self, _: &Trainer<F>, _: &Position, _: EpochMetrics) -> Result<Control> {
        Ok(Control::Continue)
    }
}

/// Trains from `position` to the last epoch of the recipe, or until the observer stops it.
///
/// # Errors
/// If the number of training images is not the one that the trainer was made for, there is no image to evaluate on, the
/// images or classes do not fit the network, a number is not finite, or the observer fails.
pub fn fit<F: Real>(
    training: &mut dyn Training<F>,
    data: &Split,
    mut position: Position,
    observer: &mut impl Observer<F>,
) -> Result<Control> {
    let (expected, seen) = (training.trainer().objective.train_size, data.train.len());
    if seen != expected {
        return Err(Error::tensor("images", format!("{expected}, as many as the trainer is for"), seen));
    }
    let graph = training.trainer().network.graph();
    if data.watched().is_empty() {
        return Err(Error::tensor("images", "at least one test or validation image", "none"));
    }
    for images in [&data.train, data.watched()] {
        let [channels, height, width] = images.shape();
        graph.check_images(&[images.len(), channels, height, width])?;
        if images.classes() != graph.classes() {
            return Err(Error::tensor("labels", format!("{} classes", graph.classes()), images.classes()));
        }
    }
    let recipe = training.trainer().recipe().clone();
    let (batch_size, steps) = (recipe.batch_size, training.trainer().steps_per_epoch());
    while position.epoch < recipe.epochs {
        let mut order: Vec<usize> = (0..data.train.len()).collect();
        order.shuffle(&mut Philox::new(recipe.seed, Purpose::Shuffling, position.epoch));
        let start = Instant::now();
        let mut kl_weight = training.trainer().kl_weight();
        while position.epoch_step < steps {
            let first = position.epoch_step as usize * batch_size;
            let (mut x, labels) = data.train.batch(&order[first..first + batch_size]);
            if recipe.augment {
                let stream = Philox::new(recipe.seed, Purpose::Augmentation, training.trainer().steps_taken as u32);
                x = augment(x.view(), &stream, recipe.mirror);
            }
            kl_weight = training.trainer().kl_weight();
            let loss = training.step(x, &labels)?;
            position.epoch_step += 1;
            position.sum.loss += loss.loss;
            position.sum.nll += loss.nll;
            position.sum.kl += loss.kl;
            if position.epoch_step < steps && observer.after_step(training, &position, &loss)? == Control::Stop {
                return Ok(Control::Stop);
            }
        }
        let epoch = position.epoch + 1;
        let watched = (epoch == recipe.epochs || observer.evaluates(epoch)).then(|| data.watched());
        let mut metrics = measure(training, watched, &position, kl_weight)?;
        metrics.seconds = start.elapsed().as_secs_f64();
        position = Position { epoch, ..Position::default() };
        if observer.after_epoch(training.fetch()?, &position, metrics)? == Control::Stop {
            return Ok(Control::Stop);
        }
    }
    Ok(Control::Continue)
}

/// The metrics of an epoch whose last step was taken, with the accuracy on the images `watched`, if any.
fn measure<F: Real>(
    training: &mut dyn Training<F>,
    watched: Option<&Dataset>,
    position: &Position,
    kl_weight: f64,
) -> Result<EpochMetrics> {
    let accuracy = |weights| match watched.map(|images| training.score(images, weights)).transpose() {
        Err(Error::Tensor { tensor, expected, seen }) => {
            Err(Error::tensor(tensor, format!("{expected} {}", training.trainer().after_step()), seen))
        }
        score => score.map(|score| score.map(|score| score.accuracy)),
    };
    let (accuracy_mean, accuracy_quantized) = (accuracy(Weights::Mean)?, accuracy(Weights::Quantized)?);
    let network = &training.fetch()?.network;
    let steps = position.epoch_step as f64;
    let levels = network.quantized_layers().map(|layer| {
        let levels = network.slice(layer.levels);
        (layer.name.clone(), levels.iter().map(|level| level.as_f64() as f32).collect())
    });
    Ok(EpochMetrics {
        epoch: position.epoch + 1,
        loss: position.sum.loss / steps,
        nll: position.sum.nll / steps,
        kl: position.sum.kl / steps,
        kl_weight,
        quantized_loss: quantized_loss(network),
        share_at_level: Some(share_at_levels(network)),
        accuracy_mean,
        accuracy_quantized,
        levels: levels.collect(),
        seconds: 0.0,
    })
}
