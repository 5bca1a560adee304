//! Training: what the networks learn from.
pub mod data;
