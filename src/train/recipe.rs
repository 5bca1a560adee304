//! The recipe of a training run, checked before use.
//!
//! | name              | default             | DenseNets | range                              |
//! |-------------------|---------------------|-----------|------------------------------------|
//! | `prior`           | `nearest`, fitted D |           |                                    |
//! | `kl_scale`        | per weight          |           |                                    |
//! | `kl_weight` κ     | 0.2                 | 20        | ≥ 0                                |
//! | `kl_warmup`       | 32                  |           | ≥ 0 epochs; the command: all       |
//! | `kl_warmup_power` | 1                   | 6         | 1 to 16                            |
//! | `epochs`          | 32                  |           | ≥ 1                                |
//! | `batch_size`      | 128                 | 64        | 1 to the number of training images |
//! | `learning_rate`   | 0.005               |           | > 0                                |
//! | `decay_from`      | 0                   |           | 0 to below 1                       |
//! | `level_rate`      | 0.004               |           | ≥ 0                                |
//! | `gradient_clip`   | 1                   |           | > 0                                |
//! | `augment`         | no                  |           |                                    |
//! | `seed`            | 0                   |           |                                    |
//!
//! The learning rate falls linearly to 0 from `decay_from` of the steps on; the levels' rate is `level_rate` times it.
//! κ rises from 0 over `kl_warmup` epochs: early on the network learns to classify, in the end to be quantized. A DenseNet
//! learns slowly, and once the prior has drawn a weight to a level it stays there: with a linear rise the choice of levels
//! is over after two epochs, hence the power.
//! Every layer is followed by a normalization that undoes a common factor of its weights, so levels that move freely shrink
//! until the smallest allowed σ blurs them: at a `level_rate` of 0.01 and this learning rate, to a tenth.

use super::objective::KlScale;
use crate::error::{Error, Result};
use crate::prior::{Form, MultiSpike, Prior};
use crate::scalar::spike_kl::Spike;

/// How to train: see the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The prior of every layer's weights.
    pub prior: Prior,
    /// What the KL is divided by.
    pub kl_scale: KlScale,
    /// κ after the warm-up.
    pub kl_weight: f64,
    /// Epochs over which κ rises from 0.
    pub kl_warmup: f64,
    /// The power of the share of the warm-up that is over, which κ rises with.
    pub kl_warmup_power: u32,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images a step.
    pub batch_size: usize,
    /// Adam's rate for the weights.
    pub learning_rate: f64,
    /// The share of the steps, from 0 to below 1, after which the rate begins to fall.
    pub decay_from: f64,
    /// The levels' rate over the weights'.
    pub level_rate: f64,
    /// Entries of the gradient are clipped to ± this.
    pub gradient_clip: f64,
    /// Whether training images are moved and mirrored: see [`augment`](super::data::augment).
    pub augment: bool,
    /// The seed of all noise.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            prior: Prior::MultiSpike(MultiSpike::new(Form::Nearest, Spike::Fit)),
            kl_scale: KlScale::PerWeight,
            kl_weight: 0.2,
            kl_warmup: 32.0,
            kl_warmup_power: 1,
            epochs: 32,
            batch_size: 128,
            learning_rate: 0.005,
            decay_from: 0.0,
            level_rate: 0.004,
            gradient_clip: 1.0,
            augment: false,
            seed: 0,
        }
    }
}

/// The largest [`kl_warmup_power`](Recipe::kl_warmup_power): κ is below half of its last value for 96 % of the warm-up.
const STEEPEST_WARMUP: u32 = 16;

impl Recipe {
    /// The defaults for DenseNets.
    pub fn densenet() -> Self {
        Self { kl_weight: 20.0, kl_warmup_power: 6, batch_size: 64, ..Self::default() }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the first value outside its range.
    pub fn check(&self, train_size: usize) -> Result<()> {
        let positive = |name: &str, value: f64| {
            if value > 0.0 && value.is_finite() { Ok(()) } else { Err(Error::option(name, "a positive number", value)) }
        };
        let non_negative = |name: &str, value: f64| {
            if value >= 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(Error::option(name, "a number of at least 0", value))
            }
        };
        positive("learning-rate", self.learning_rate)?;
        positive("gradient-clip", self.gradient_clip)?;
        if !(0.0..1.0).contains(&self.decay_from) {
            return Err(Error::option("decay-from", "a number from 0 to below 1", self.decay_from));
        }
        non_negative("level-rate", self.level_rate)?;
        non_negative("kl-weight", self.kl_weight)?;
        non_negative("kl-warmup", self.kl_warmup)?;
        if !(1..=STEEPEST_WARMUP).contains(&self.kl_warmup_power) {
            return Err(Error::option("kl-warmup-power", format!("1 to {STEEPEST_WARMUP}"), self.kl_warmup_power));
        }
        if self.epochs == 0 {
            return Err(Error::option("epochs", "at least 1", self.epochs));
        }
        if !(1..=train_size).contains(&self.batch_size) {
            return Err(Error::option(
                "batch-size",
                format!("1 to {train_size}, the training images"),
                self.batch_size,
            ));
        }
        let steps = self.steps_per_epoch(train_size) as u64 * u64::from(self.epochs);
        if steps > u64::from(u32::MAX) {
            return Err(Error::option("epochs", "at most 4294967295 steps in all", format!("{steps} steps")));
        }
        Ok(())
    }

    /// Full batches an epoch; a last, smaller one is dropped. Of batches of no images, which [`check`](Self::check) refuses,
    /// there are none.
    pub fn steps_per_epoch(&self, train_size: usize) -> usize {
        train_size.checked_div(self.batch_size).unwrap_or(0)
    }

    /// The learning rate of a step, `progress` = step / steps in all, in [0, 1).
    pub fn learning_rate_at(&self, progress: f64) -> f64 {
        self.learning_rate * ((1.0 - progress) / (1.0 - self.decay_from)).min(1.0)
    }

    /// κ after `epochs` epochs, which need not be whole.
    pub fn kl_weight_at(&self, epochs: f64) -> f64 {
        if epochs >= self.kl_warmup {
            return self.kl_weight;
        }
        // The first factor apart: a linear rise is exact where κ · epochs / warm-up is.
        let rest = (epochs / self.kl_warmup).powi(self.kl_warmup_power as i32 - 1);
        self.kl_weight * epochs / self.kl_warmup * rest
    }
}
