//! Training: data, objective, optimizer, loop, metrics, and the files of a run.

pub mod adam;
pub mod data;
pub mod evaluate;
pub mod fit;
pub mod objective;
pub mod projection;
pub mod recipe;
pub mod trainer;

pub use fit::{EpochMetrics, Observer, Position, fit};
pub use objective::{KlScale, Loss, Objective};
pub use recipe::Recipe;
pub use trainer::Trainer;
