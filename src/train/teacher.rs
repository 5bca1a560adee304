//! A teacher: a trained network whose predictions are part of the labels of another network's training.
//!
//! For each batch of training images the teacher computes its logits from the same images, after augmentation, with its
//! mean weights and its running statistics. The loss is that of [`distillation`](crate::layers::distillation). The
//! teacher's own parameters do not change.

use super::data::Dataset;
use super::evaluate::accuracy_on_some;
use crate::error::{Error, Result};
use crate::layers::distillation::check_share;
use crate::nets::{Graph, Network, WeightMode};
use crate::scalar::Real;
use ndarray::{Array2, Array4};

/// The origin of a run's teacher, as its configuration records it.
#[cfg(feature = "files")]
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherOrigin {
    /// The directory of its run, or the file of its packed model or of its PyTorch tensors.
    pub path: std::path::PathBuf,
    /// CRC-32 of its parameters: see [`init::checksum`](super::init::checksum).
    pub checksum: u32,
    /// λ.
    pub share: f64,
}

/// A trained network, and the share of the labels that it gives.
#[derive(Clone, Debug)]
pub struct Teacher<F> {
    network: Network<F>,
    share: f64,
}

impl<F: Real> Teacher<F> {
    /// The teacher `network` with the share λ, from 0 to 1, of the labels.
    ///
    /// # Errors
    /// If the share is out of range.
    pub fn new(network: Network<F>, share: f64) -> Result<Self> {
        check_share(share)?;
        Ok(Self { network, share })
    }

    /// The trained network.
    pub fn network(&self) -> &Network<F> {
        &self.network
    }

    /// λ.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The teacher's logits (B, K) of images `x` (B, C, H, W).
    ///
    /// # Errors
    /// If the images do not have the shape that the teacher's network takes.
    pub fn logits(&self, x: Array4<F>) -> Result<Array2<F>> {
        self.network.predict(x, &WeightMode::Mean)
    }

    /// The accuracy of the teacher on up to `images` images of `data`, evenly spread, and their number.
    ///
    /// # Errors
    /// As [`accuracy_on_some`].
    pub fn accuracy(&self, data: &Dataset, images: usize) -> Result<(f64, usize)> {
        accuracy_on_some(&self.network, data, images)
    }

    /// Checks that the teacher's network takes images of the shape that `graph` takes, and that both have the same
    /// number of classes.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, graph: &Graph) -> Result<()> {
        let own = self.network.graph();
        if own.input != graph.input {
            let expected = format!("a network for images of shape {:?}", graph.input);
            return Err(Error::option("teacher", expected, format!("one for {:?}", own.input)));
        }
        if own.classes() != graph.classes() {
            let expected = format!("a network for {} classes", graph.classes());
            return Err(Error::option("teacher", expected, format!("one for {}", own.classes())));
        }
        Ok(())
    }
}
