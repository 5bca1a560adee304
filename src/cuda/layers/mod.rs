//! The layers on the device: see [`layers`](crate::layers) for their mathematics.

pub mod relu;
