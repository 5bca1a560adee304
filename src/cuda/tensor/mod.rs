//! Plumbing on the device: see [`tensor`](crate::tensor).

pub mod matmul;
pub mod noise;
pub mod sum;
