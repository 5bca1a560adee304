//! How often `train` and `compare` save a checkpoint and evaluate the network, and from which checkpoints they go on.
//! The intervals change no weight, so no configuration records them.

use crate::error::Error;
use clap::Args;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

#[derive(Debug, Args)]
pub(super) struct Intervals {
    /// How often to save a checkpoint, in steps or epochs: 100steps, 2epochs; the results do not depend on it
    #[arg(long = "checkpoint-every", value_name = "INTERVAL", default_value = "1epoch", allow_hyphen_values = true)]
    pub(super) checkpoint: Interval,
    /// Evaluate only every Nth epoch and the last; an evaluation runs the network twice over the test images, or over
    /// those held out with --validation
    #[arg(long = "evaluate-every", value_name = "EPOCHS", default_value = "1", allow_negative_numbers = true)]
    pub(super) evaluate: NonZeroU32,
    /// Go on from a checkpoint that another processor computed with other vector instructions: last bits then differ
    /// from those of a run on one processor
    #[arg(long)]
    pub(super) other_vectors: bool,
}

impl Intervals {
    /// Checks that `--other-vectors` is given only to go on with a run; `resumes` tells whether the command does.
    pub(super) fn check(&self, resumes: bool) -> Result<(), Error> {
        if self.other_vectors && !resumes {
            return Err(Error::option("other-vectors", "a run to go on with, --resume", "a new run"));
        }
        Ok(())
    }

    /// The options that a command which goes on with the run needs to save and to evaluate as often; empty if they are
    /// the defaults.
    pub(super) fn argument(&self) -> String {
        let checkpoint = match self.checkpoint {
            Interval::Epochs(every) if every.get() == 1 => String::new(),
            Interval::Epochs(every) => format!(" --checkpoint-every {every}epochs"),
            Interval::Steps(every) => format!(" --checkpoint-every {every}steps"),
        };
        let evaluate = match self.evaluate.get() {
            1 => String::new(),
            every => format!(" --evaluate-every {every}"),
        };
        checkpoint + &evaluate
    }
}

/// Steps or epochs between two checkpoints, counted from the beginning of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interval {
    Steps(NonZeroU64),
    Epochs(NonZeroU32),
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, unit) = text.split_at(unit);
        let interval = match unit.trim_start() {
            "step" | "steps" => count.parse().ok().map(Self::Steps),
            "epoch" | "epochs" => count.parse().ok().map(Self::Epochs),
            _ => None,
        };
        interval.ok_or_else(|| "expected a whole number of at least 1 and steps or epochs, as in 100steps".to_string())
    }
}

impl Interval {
    /// Whether a checkpoint is due when the run has taken `steps` steps, within an epoch.
    pub(super) fn is_due_after_step(self, steps: u64) -> bool {
        matches!(self, Self::Steps(every) if steps.is_multiple_of(every.get()))
    }

    /// Whether a checkpoint is due when the run has completed `epochs` epochs, in `steps` steps.
    pub(super) fn is_due_after_epoch(self, epochs: u32, steps: u64) -> bool {
        match self {
            Self::Steps(_) => self.is_due_after_step(steps),
            Self::Epochs(every) => epochs.is_multiple_of(every.get()),
        }
    }
}
