//! Networks on the device: the same plans, see [`nets`](crate::nets).

pub mod network;

pub use network::{Gradients, Network, Tape, WeightMode};
