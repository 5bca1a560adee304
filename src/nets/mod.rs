//! Networks: wiring only. What each node computes, forward and backward, is in [`layers`](crate::layers).
//!
//! A [`Plan`] is a chain of nodes; a [`Network`] is a plan and a flat list of named [`Parameter`]s. ReLU follows each normalization, 2×2 max
//! pooling follows each convolution's ReLU, and only the last layer has a bias.

pub mod lenet5;
pub mod lenet_caffe;
pub mod mlp;
pub mod network;
pub mod parameters;
pub mod plan;

pub use network::{Network, Normalization, Tape, WeightMode};
pub use parameters::{Gradients, Parameter, Role};
pub use plan::{Builder, Plan};

use crate::error::{Error, Result};
use crate::prior::Codebook;
use crate::scalar::Real;

/// The networks that come with the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Three dense layers.
    Mlp,
    /// LeNet-5.
    Lenet5,
    /// The Caffe variant of LeNet, with 430,500 weights on MNIST.
    LenetCaffe,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mlp, Self::Lenet5, Self::LenetCaffe];

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Lenet5 => "lenet5",
            Self::LenetCaffe => "lenet-caffe",
        }
    }

    /// The network of that name.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.name() == name)
            .ok_or_else(|| Error::option("network", Self::ALL.map(Self::name).join(", "), name))
    }

    /// Whether it is for images like those of MNIST embedded in the crate; if not, it needs data of its own.
    pub fn takes_embedded_images(self) -> bool {
        match self {
            Self::Mlp | Self::Lenet5 | Self::LenetCaffe => true,
        }
    }

    /// The Bayesian layers, in order.
    pub fn layers(self) -> &'static [&'static str] {
        match self {
            Self::Mlp => &mlp::LAYERS,
            Self::Lenet5 => &lenet5::LAYERS,
            Self::LenetCaffe => &lenet_caffe::LAYERS,
        }
    }

    /// The published outputs of each layer but the last, whose outputs are the classes.
    pub fn hidden_widths(self) -> &'static [usize] {
        match self {
            Self::Mlp => &mlp::HIDDEN_WIDTHS,
            Self::Lenet5 => &lenet5::HIDDEN_WIDTHS,
            Self::LenetCaffe => &lenet_caffe::HIDDEN_WIDTHS,
        }
    }

    /// The network for images of shape `input` (C, H, W), before training; `widths` are the outputs of each layer, the last
    /// the number of classes.
    ///
    /// # Errors
    /// As [`Architecture::plan`].
    pub fn network<F: Real>(self, input: [usize; 3], widths: &[usize], codebook: &Codebook<F>) -> Result<Network<F>> {
        Ok(Network::new(self.plan(input, widths)?, codebook))
    }

    /// The wiring of [`Architecture::network`].
    ///
    /// # Errors
    /// If the number of widths is wrong, a size is 0 or exceeds 65,535, or the image is too small for the kernels.
    pub fn plan(self, input: [usize; 3], widths: &[usize]) -> Result<Plan> {
        // Far beyond any image or layer, and the products of three sizes stay below 2⁶⁴.
        const LARGEST: usize = 65_535;
        if let Some(size) = input.iter().chain(widths).find(|size| **size > LARGEST) {
            return Err(Error::option(format!("sizes of {}", self.name()), format!("at most {LARGEST}"), size));
        }
        if input.contains(&0) {
            return Err(Error::option(format!("input of {}", self.name()), "positive sizes", format!("{input:?}")));
        }
        if widths.len() != self.layers().len() || widths.contains(&0) {
            let expected = format!("{} positive widths", self.layers().len());
            return Err(Error::option(format!("widths of {}", self.name()), expected, format!("{widths:?}")));
        }
        let builder = Builder::new(input);
        match self {
            Self::Mlp => mlp::wire(builder, widths),
            Self::Lenet5 => lenet5::wire(builder, widths),
            Self::LenetCaffe => lenet_caffe::wire(builder, widths),
        }
    }
}
