//! Training on the device: see [`train`](crate::train).

pub mod adam;
pub mod evaluate;
pub mod objective;
pub mod phase;
pub mod projection;
pub mod teacher;
pub mod trainer;

pub use trainer::Trainer;
