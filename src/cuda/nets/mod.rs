//! Networks on the device, with the same graphs and schedules: see [`nets`](crate::nets).

pub mod network;

pub use network::{Gradients, Network, Tape, WeightMode};
