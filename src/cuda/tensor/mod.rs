//! Basic operations on arrays on the device: see [`tensor`](crate::tensor).

pub mod noise;
pub mod sum;
