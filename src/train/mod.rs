//! Training: data, objective, optimizer, loop, metrics, and the files of a run.

pub mod adam;
#[cfg(feature = "files")]
pub mod checkpoint;
#[cfg(feature = "files")]
pub mod comparison;
#[cfg(feature = "files")]
pub mod config;
pub mod data;
pub mod evaluate;
pub mod fit;
pub mod objective;
pub mod projection;
pub mod recalibrate;
pub mod recipe;
#[cfg(feature = "files")]
pub mod run;
pub mod trainer;

#[cfg(feature = "files")]
pub use comparison::Comparison;
#[cfg(feature = "files")]
pub use config::Config;
pub use fit::{EpochMetrics, Observer, Position, fit};
pub use objective::{KlScale, Loss, Objective};
pub use recipe::Recipe;
#[cfg(feature = "files")]
pub use run::Run;
pub use trainer::{Trainer, Training};
