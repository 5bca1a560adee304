//! [`train::teacher`] on the device.

use crate::cuda::nets::{Network, WeightMode};
use crate::cuda::{Buffer, Device, Real};
use crate::error::Result;
use crate::train;

/// A trained network on the device, and the share of the labels that it gives.
#[derive(Debug)]
pub struct Teacher<F> {
    network: Network<F>,
    share: f64,
}

impl<F: Real> Teacher<F> {
    /// A copy of a teacher on the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn from_host(device: &Device, teacher: &train::Teacher<F>) -> Result<Self> {
        Ok(Self { network: Network::from_host(device, teacher.network())?, share: teacher.share() })
    }

    /// λ.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The teacher's logits (B, K) of images `x` (B, C, H, W), with its mean weights and its running statistics.
    ///
    /// # Errors
    /// If the images do not have the shape that the teacher's network takes, or the device fails.
    pub fn logits(&self, x: Buffer<F>) -> Result<Buffer<F>> {
        self.network.predict(x, &WeightMode::Mean)
    }
}
