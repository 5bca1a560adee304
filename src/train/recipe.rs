//! The recipe of a training run, checked before use.
//!
//! | name              | default             | deep, two phases | range                              |
//! |-------------------|---------------------|------------------|------------------------------------|
//! | `prior`           | `nearest`           |                  |                                    |
//! | `spike`           | `exact`             |                  |                                    |
//! | `kl_scale`        | per weight          |                  |                                    |
//! | `kl_weight` κ     | 0.2                 | 0.1              | ≥ 0                                |
//! | `kl_warmup`       | the second phase    |                  | ≥ 0 epochs                         |
//! | `kl_warmup_power` | 1                   | 6                | 1 to 16                            |
//! | `warmup`          | 0                   | 0.8              | 0 to below 1                       |
//! | `forward`         | sampled             | hard             |                                    |
//! | `init_levels`     | given               | k-means          |                                    |
//! | `epochs`          | 32; see below       |                  | ≥ 1                                |
//! | `batch_size`      | 128                 |                  | 1 to the number of training images |
//! | `learning_rate`   | 0.005               | 0.001            | > 0                                |
//! | `decay_from`      | `warmup`            |                  | 0 to below 1                       |
//! | `level_rate`      | 0.004               | 0.1              | ≥ 0                                |
//! | `level_gap`       | 0.001               |                  | ≥ 0; the command: see below        |
//! | `gradient_clip`   | 1                   |                  | > 0                                |
//! | `weight_decay`    | 0                   | 0.1              | ≥ 0; rate · decay below 1          |
//! | `augment`         | no                  |                  |                                    |
//! | `mirror`          | yes                 |                  |                                    |
//! | `seed`            | 0                   |                  |                                    |
//!
//! An empty cell of the column `deep, two phases` means the value of the column `default`. `warmup` is the length of the
//! first phase, `kl_warmup` the time in which κ then rises.
//!
//! A network with six or more Bayesian layers is deep. In two phases the command leaves its first and its last layer in
//! full precision; with a `forward` other than sampled it also gives a network that is not deep a first phase, of half
//! of the steps, and levels fitted by k-means. In one phase a deep network has κ = 20, the power 6 and batches of 64;
//! all other values are those of the column `default`.
//!
//! - **Gaps.** Levels are kept at least `level_gap` apart, levels fitted by k-means at least the smaller of `level_gap`
//!   and a 200th of their mean distance. The command's default is a 200th of the smallest spacing of its codebook
//!   ([`level_gap`](super::projection::level_gap)), 0.001 for the levels −0.2, 0, 0.2.
//! - **Epochs.** How near weights come to their levels depends on the number of steps, not of epochs. Where 32 epochs are
//!   fewer than 4,000 steps, the default is the number of epochs that takes 4,000 steps
//!   ([`with_enough_steps`](Recipe::with_enough_steps)); the command's default on the embedded images is 40 epochs, which
//!   is enough for the networks that fit them.
//! - **Rates.** After a share `decay_from` of the steps the learning rate falls linearly to 0; the levels' rate is
//!   `level_rate` times it. In the networks of the crate every layer but the last is followed by a normalization, so a
//!   common factor of the layer's weights does not change the output. In one phase, levels with a high rate therefore
//!   shrink, until their distances are no longer much larger than the smallest allowed σ: at a `level_rate` of 0.01 and a
//!   learning rate of 0.005, to a tenth of their first values.
//! - **κ** rises from 0 over `kl_warmup` epochs: the network first learns to classify, then the prior pulls its weights
//!   to levels. A deep network learns slowly, and a weight that the prior has pulled to a level stays there. If κ rises
//!   linearly in one phase, all weights of a deep network settle on their final levels within two epochs; its κ
//!   therefore rises as the 6th power of the time. With the per-weight scale, from about κ = 0.1 on the KL keeps weights
//!   from changing their levels. In two phases κ ends at 0.1: in one training of ResNet-20 each, ending at 20 cost 0.9
//!   points of quantized accuracy, and ending at 1 cost 0.2, less than the standard error of a difference (0.4).
//!
//! The rise of κ and the fall of the learning rate are derived in [chapter 6 of the course](crate::course::objective).

use super::adam::Adam;
use super::objective::{Forward, KlScale};
use crate::error::{Error, Result};
use crate::nets::Role;
use crate::prior::{Form, Gaussian, MultiSpike, Prior};
use crate::scalar::Real;
use crate::scalar::real::seen_in;
use crate::scalar::spike_kl::Spike;

/// A prior by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum PriorName {
    /// Multi-spike-and-slab, hard assignment.
    Nearest,
    /// Multi-spike-and-slab, soft assignment.
    Mixture,
    /// Multi-spike-and-slab, the published form for codebooks with a zero level.
    Vnq,
    /// Multi-spike-and-slab, the published form for codebooks without one.
    Windows,
    /// Gaussian; the codebook only quantizes.
    Gaussian,
    /// No noise and no KL; the codebook only quantizes.
    None,
}

impl PriorName {
    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self.prior(Spike::Exact) {
            Prior::MultiSpike(prior) => prior.form.name(),
            Prior::Gaussian(_) => "gaussian",
            Prior::None => "none",
        }
    }

    /// Whether the weights of the layers have noise. Without it a training learns no posterior, only θ.
    pub fn has_noise(self) -> bool {
        self != Self::None
    }

    /// The prior, built on `spike`.
    pub fn prior(self, spike: Spike) -> Prior {
        let multi_spike = |form| Prior::MultiSpike(MultiSpike::new(form, spike));
        match self {
            Self::Nearest => multi_spike(Form::Nearest),
            Self::Mixture => multi_spike(Form::Mixture),
            Self::Vnq => multi_spike(Form::Vnq),
            Self::Windows => multi_spike(Form::Windows),
            Self::Gaussian => Prior::Gaussian(Gaussian::default()),
            Self::None => Prior::None,
        }
    }
}

/// A set of defaults by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum RecipeName {
    /// What was measured to be best; for a deep network two phases, and the first and the last layer in full precision
    #[default]
    Best,
    /// The prior from the first step on, all layers quantized
    OnePhase,
    /// As one-phase, with the published forms of the KL: vnq or, without a zero level, windows; the fitted D
    Published,
}

/// The levels that the second phase begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum InitLevels {
    /// The levels of the codebook, in every layer.
    #[default]
    Given,
    /// In each layer the M levels of least quantized loss of its θ, which k-means finds.
    Kmeans,
}

/// How to train: see the [module](self). Each field is an option of the command and an entry of `config.json`; the
/// first line of its documentation is the option's help. The defaults in brackets are those of the command, which knows
/// data and codebook. [`Recipe::default`] has the values of the module's column `default`;
/// [`Recipe::with_enough_steps`] and [`projection::level_gap`](super::projection::level_gap) adapt it to data and
/// codebook.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Recipe {
    /// The prior that pulls every layer's weights to levels [default: nearest]
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub prior: PriorName,
    /// KL to one spike: the exact function, or the published fit [default: exact]
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub spike: Spike,
    /// What a layer's KL is divided by: the number of training images, or of the layer's weights [default: per-weight]
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    pub kl_scale: KlScale,
    /// Weight κ of the KL in the objective [default: 0.2, and for deep networks 0.1, or 20 in one
    /// phase]
    #[cfg_attr(feature = "cli", arg(long, value_name = "K", allow_negative_numbers = true))]
    pub kl_weight: f64,
    /// Epochs over which κ rises from 0 [default: all after the --warmup steps]
    #[cfg_attr(feature = "cli", arg(long, value_name = "EPOCHS", allow_negative_numbers = true))]
    pub kl_warmup: Option<f64>,
    /// κ rises as this power of the share of the --kl-warmup epochs that is over; a higher power makes it rise later
    /// [default: 1, and 6 for deep networks]
    #[cfg_attr(feature = "cli", arg(long, value_name = "P", allow_negative_numbers = true))]
    pub kl_warmup_power: u32,
    /// Share of the steps, from 0 to below 1, in the first phase, without noise, prior and levels [default: 0;
    /// with --recipe best 0.8 for deep networks, and 0.5 for others with --forward hard or straight-through, but 0 where
    /// --init gives all weights, and for --prior none or gaussian with no other --forward than sampled]
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHARE", allow_negative_numbers = true))]
    #[cfg_attr(feature = "files", serde(default))]
    pub warmup: f64,
    /// What the layers compute with after the --warmup steps [default: sampled, and hard for deep networks]
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    #[cfg_attr(feature = "files", serde(default))]
    pub forward: Forward,
    /// The levels that the layers begin with after the --warmup steps [default: given, and kmeans for deep
    /// networks and with --forward hard or straight-through]
    #[cfg_attr(feature = "cli", arg(long, value_enum))]
    #[cfg_attr(feature = "files", serde(default))]
    pub init_levels: InitLevels,
    /// Passes over the training images [default: 32, or as many as take 4000 steps if that is more; 40 over the
    /// embedded images]
    #[cfg_attr(feature = "cli", arg(long, value_name = "E", allow_negative_numbers = true))]
    pub epochs: u32,
    /// Images per step [default: 128, and 64 for deep networks in one phase; at most the training images]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", allow_negative_numbers = true))]
    pub batch_size: usize,
    /// Adam's rate for the weights; it falls linearly to 0 in the end [default: 0.005, and 0.001 for deep networks]
    #[cfg_attr(feature = "cli", arg(long, value_name = "R", allow_negative_numbers = true))]
    pub learning_rate: f64,
    /// Share of the steps, from 0 to below 1, after which the rate begins to fall [default: the share of --warmup]
    #[cfg_attr(feature = "cli", arg(long, value_name = "SHARE", allow_negative_numbers = true))]
    pub decay_from: Option<f64>,
    /// The levels' rate divided by the weights' [default: 0.004, and 0.1 for deep networks]
    #[cfg_attr(feature = "cli", arg(long, value_name = "R", allow_negative_numbers = true))]
    pub level_rate: f64,
    /// The smallest distance between neighbouring levels of a layer; with --init-levels kmeans at most a 200th of their
    /// mean distance [default: a 200th of the smallest distance in the codebook]
    #[cfg_attr(feature = "cli", arg(long, value_name = "G", allow_negative_numbers = true))]
    pub level_gap: f64,
    /// Entries of the gradient are clipped to ± this [default: 1]
    #[cfg_attr(feature = "cli", arg(long, value_name = "G", allow_negative_numbers = true))]
    pub gradient_clip: f64,
    /// Decoupled weight decay: each step shrinks every θ by this times the learning rate [default: 0, and 0.1 for
    /// deep networks]
    #[cfg_attr(feature = "cli", arg(long, value_name = "D", allow_negative_numbers = true))]
    #[cfg_attr(feature = "files", serde(default))]
    pub weight_decay: f64,
    /// Move each training image by up to 4 pixels, and mirror half of them, at random
    #[cfg_attr(feature = "cli", arg(long))]
    pub augment: bool,
    /// Whether --augment also mirrors images; false for digits, letters and other images whose class a mirror changes
    /// [default: true]
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", action = clap::ArgAction::Set))]
    #[cfg_attr(feature = "files", serde(default = "mirrors"))]
    pub mirror: bool,
    /// Seed of initialization, shuffling, augmentation and noise [default: 0]
    #[cfg_attr(feature = "cli", arg(long, value_name = "S", allow_negative_numbers = true))]
    pub seed: u64,
}

/// The value of `mirror` in a configuration without this entry.
#[cfg(feature = "files")]
fn mirrors() -> bool {
    true
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            prior: PriorName::Nearest,
            spike: Spike::Exact,
            kl_scale: KlScale::PerWeight,
            kl_weight: 0.2,
            kl_warmup: None,
            kl_warmup_power: 1,
            warmup: 0.0,
            forward: Forward::Sampled,
            init_levels: InitLevels::Given,
            epochs: 32,
            batch_size: 128,
            learning_rate: 0.005,
            decay_from: None,
            level_rate: 0.004,
            level_gap: 1e-3,
            gradient_clip: 1.0,
            weight_decay: 0.0,
            augment: false,
            mirror: true,
            seed: 0,
        }
    }
}

/// The smallest number of Bayesian layers of a deep network, which is trained in two phases.
pub const DEEP: usize = 6;
/// The smallest number of steps of a training whose number of epochs is the default, except on the embedded images. On
/// 2,000 images of Fashion-MNIST, quantizing cost `mlp` 2.7 points of accuracy after 1,840 steps and 0.4 after 4,000.
pub const LEAST_STEPS: u32 = 4000;
/// The largest [`kl_warmup_power`](Recipe::kl_warmup_power): κ is below half of its last value for 96 % of its
/// rise.
const STEEPEST_WARMUP: u32 = 16;

impl Recipe {
    /// The defaults for a network of `layers` Bayesian layers. A deep one is trained in two phases: see
    /// [`phase`](super::phase).
    pub fn for_layers(layers: usize) -> Self {
        if layers < DEEP {
            return Self::default();
        }
        Self {
            kl_weight: 0.1,
            warmup: 0.8,
            forward: Forward::Hard,
            init_levels: InitLevels::Kmeans,
            batch_size: 128,
            learning_rate: 0.001,
            level_rate: 0.1,
            weight_decay: 0.1,
            ..Self::in_one_phase(layers)
        }
    }

    /// The defaults of [`RecipeName::OnePhase`]: the prior pulls the weights from the first step on.
    pub fn in_one_phase(layers: usize) -> Self {
        if layers < DEEP {
            return Self::default();
        }
        Self { kl_weight: 20.0, kl_warmup_power: 6, batch_size: 64, ..Self::default() }
    }

    /// The defaults of [`RecipeName::Published`] for a codebook with or without a zero level. The sources do not give κ
    /// or the epochs over which it rises; they are those of [`in_one_phase`](Self::in_one_phase).
    pub fn published(layers: usize, has_zero_level: bool) -> Self {
        let prior = if has_zero_level { PriorName::Vnq } else { PriorName::Windows };
        Self { prior, spike: Spike::Fit, ..Self::in_one_phase(layers) }
    }

    /// The recipe with a batch size of at most `images`, the number of training images, and with enough epochs for at
    /// least [`LEAST_STEPS`] steps.
    #[must_use]
    pub fn with_enough_steps(self, images: usize) -> Self {
        let batch_size = self.batch_size.min(images.max(1));
        let recipe = Self { batch_size, ..self };
        let epochs = LEAST_STEPS.div_ceil(recipe.steps_per_epoch(images).max(1) as u32);
        Self { epochs: recipe.epochs.max(epochs), ..recipe }
    }

    /// The prior.
    pub fn prior(&self) -> Prior {
        self.prior.prior(self.spike)
    }

    /// Epochs over which κ rises from 0; by default all epochs after the first phase.
    pub fn kl_warmup(&self) -> f64 {
        self.kl_warmup.unwrap_or(f64::from(self.epochs) * (1.0 - self.warmup))
    }

    /// Checks the range of every value; numbers are first rounded to the precision `F` of the training.
    ///
    /// # Errors
    /// Names the first value outside its range.
    pub fn check<F: Real>(&self, train_size: usize) -> Result<()> {
        check_positive::<F>("learning-rate", self.learning_rate)?;
        check_positive::<F>("gradient-clip", self.gradient_clip)?;
        for (name, share) in [("warmup", self.warmup), ("decay-from", self.decay_from())] {
            if !(0.0..1.0).contains(&share) {
                return Err(Error::option(name, "a number from 0 to below 1", share));
            }
        }
        self.check_forward()?;
        check_not_negative::<F>("weight-decay", self.weight_decay)?;
        if self.learning_rate * self.weight_decay >= 1.0 {
            let expected = format!("less than 1 / {}, the learning rate", self.learning_rate);
            return Err(Error::option("weight-decay", expected, self.weight_decay));
        }
        check_not_negative::<F>("level-rate", self.level_rate)?;
        check_not_negative::<F>("level-gap", self.level_gap)?;
        check_not_negative::<F>("kl-weight", self.kl_weight)?;
        // Not rounded to `F`: only κ, which is computed from it, is.
        check_not_negative::<f64>("kl-warmup", self.kl_warmup())?;
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

    /// Checks that the prior is one for which `forward` and `init_levels` are defined.
    fn check_forward(&self) -> Result<()> {
        let has_noise = self.prior.has_noise();
        match self.forward {
            Forward::Hard if !has_noise => Err(Error::option(
                "prior",
                "one with noise for --forward hard; straight-through has none",
                self.prior.name(),
            )),
            Forward::StraightThrough if has_noise => {
                Err(Error::option("prior", "none for --forward straight-through", self.prior.name()))
            }
            _ if self.init_levels == InitLevels::Kmeans && self.prior == PriorName::Vnq => {
                Err(Error::option("init-levels", "given for --prior vnq, which needs a level at 0", "kmeans"))
            }
            _ => Ok(()),
        }
    }

    /// The number of steps of the first phase, out of `steps` steps in all: see [`phase`](super::phase). If `warmup` is
    /// above 0 and there are at least two steps, each phase has at least one.
    pub fn first_phase_steps(&self, steps: u64) -> u64 {
        if self.warmup == 0.0 {
            return 0;
        }
        let rounded = (self.warmup * steps as f64).round() as u64;
        rounded.max(1).min(steps.saturating_sub(1))
    }

    /// Share of the steps after which the rate begins to fall.
    pub fn decay_from(&self) -> f64 {
        self.decay_from.unwrap_or(self.warmup)
    }

    /// The optimizer for a parameter of this role.
    pub fn adam(&self, role: Role) -> Adam {
        let weight_decay = if role == Role::Theta { self.weight_decay } else { 0.0 };
        Adam { clip: self.gradient_clip, weight_decay, ..Adam::default() }
    }

    /// Full batches per epoch; a last, smaller batch is dropped. 0 if the batch size is 0, which [`check`](Self::check)
    /// rejects.
    pub fn steps_per_epoch(&self, train_size: usize) -> usize {
        train_size.checked_div(self.batch_size).unwrap_or(0)
    }

    /// The learning rate of a step, `progress` = steps taken before it / steps in all; from 1 on it is 0.
    pub fn learning_rate_at(&self, progress: f64) -> f64 {
        self.learning_rate * ((1.0 - progress) / (1.0 - self.decay_from())).clamp(0.0, 1.0)
    }

    /// κ after `epochs` epochs (not necessarily whole) of the second phase: `kl_weight` · min(1, epochs /
    /// `kl_warmup`)^p, p = `kl_warmup_power`.
    pub fn kl_weight_at(&self, epochs: f64) -> f64 {
        let rise = self.kl_warmup();
        if epochs >= rise {
            return self.kl_weight;
        }
        // κ · epochs / rise is computed before the power: where it is exact, a linear rise is exact.
        let rest = (epochs / rise).powi(self.kl_warmup_power as i32 - 1);
        self.kl_weight * epochs / rise * rest
    }
}

fn check_positive<F: Real>(name: &str, value: f64) -> Result<()> {
    check_number(name, value, "a positive number", |value: F| value > F::zero())
}

fn check_not_negative<F: Real>(name: &str, value: f64) -> Result<()> {
    check_number(name, value, "a number of at least 0", |value: F| value >= F::zero())
}

/// Checks that `value`, rounded to `F`, is finite and that `holds` returns true for it.
fn check_number<F: Real>(name: &str, value: f64, expected: &str, holds: impl Fn(F) -> bool) -> Result<()> {
    let rounded = F::of(value);
    if rounded.is_finite() && holds(rounded) {
        return Ok(());
    }
    Err(Error::option(name, expected, seen_in::<F>(value)))
}
