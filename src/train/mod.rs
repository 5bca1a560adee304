//! Training: data, objective, optimizer, loop, metrics, and the files of a run.

pub mod adam;
#[cfg(feature = "files")]
pub mod checkpoint;
#[cfg(feature = "files")]
pub mod comparison;
#[cfg(feature = "files")]
pub mod config;
pub mod data;
pub mod draw;
pub mod evaluate;
pub mod fit;
#[cfg(feature = "files")]
pub mod init;
pub mod objective;
pub mod phase;
pub mod projection;
pub mod recalibrate;
pub mod recipe;
#[cfg(feature = "files")]
pub mod run;
pub mod teacher;
pub mod trainer;
pub mod uncertainty;

#[cfg(feature = "files")]
pub use comparison::Comparison;
#[cfg(feature = "files")]
pub use config::Config;
pub use fit::{EpochMetrics, Observer, Position, fit};
pub use objective::{Forward, KlScale, Loss, Objective};
pub use recipe::Recipe;
#[cfg(feature = "files")]
pub use run::Run;
pub use teacher::Teacher;
pub use trainer::{Trainer, Training};
