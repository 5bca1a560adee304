//! Training on the device: see [`train`](crate::train).

pub mod adam;
pub mod objective;
pub mod projection;
