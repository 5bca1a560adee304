//! Networks: wiring only. What each node computes, forward and backward, is in [`layers`](crate::layers).
//!
//! A [`Plan`] is a chain of nodes; a [`Network`] is a plan and a flat list of named [`Parameter`]s. ReLU follows each
//! normalization, and only the last layer has a bias.

pub mod densenet;
pub mod lenet5;
pub mod lenet_caffe;
pub mod mlp;
pub mod network;
pub mod parameters;
pub mod plan;

pub use densenet::Densenet;
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
    /// DenseNet, of any depth.
    Densenet {
        /// Whether 1×1 convolutions precede the 3×3 ones.
        bottleneck: bool,
    },
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Mlp,
        Self::Lenet5,
        Self::LenetCaffe,
        Self::Densenet { bottleneck: false },
        Self::Densenet { bottleneck: true },
    ];

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Lenet5 => "lenet5",
            Self::LenetCaffe => "lenet-caffe",
            Self::Densenet { bottleneck: false } => "densenet",
            Self::Densenet { bottleneck: true } => "densenet-bottleneck",
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
            Self::Densenet { .. } => false,
        }
    }

    /// The names of the Bayesian layers of a network that has `depth` of them, in order.
    ///
    /// # Errors
    /// If the architecture has no network of that depth.
    pub fn layer_names(self, depth: usize) -> Result<Vec<String>> {
        let names: &[&str] = match self {
            Self::Mlp => &mlp::LAYERS,
            Self::Lenet5 => &lenet5::LAYERS,
            Self::LenetCaffe => &lenet_caffe::LAYERS,
            Self::Densenet { bottleneck } => return densenet::layer_names(depth, bottleneck),
        };
        if names.len() == depth {
            Ok(names.iter().map(|name| (*name).to_string()).collect())
        } else {
            Err(Error::option(format!("layers of {}", self.name()), names.join(", "), format!("{depth} of them")))
        }
    }

    /// The published outputs of each layer but the last, whose outputs are the classes.
    pub fn hidden_widths(self) -> Vec<usize> {
        match self {
            Self::Mlp => mlp::HIDDEN_WIDTHS.to_vec(),
            Self::Lenet5 => lenet5::HIDDEN_WIDTHS.to_vec(),
            Self::LenetCaffe => lenet_caffe::HIDDEN_WIDTHS.to_vec(),
            Self::Densenet { bottleneck } => {
                let published = Densenet { bottleneck, ..Densenet::default() };
                published.hidden_widths().expect("40 = 3 · 12 + 4 = 6 · 6 + 4")
            }
        }
    }

    /// The network with the sizes given, and the outputs of each of its layers but the last. A DenseNet takes sizes, which
    /// tell its bottleneck; the others have those published.
    ///
    /// # Errors
    /// If a DenseNet is given none, or another network is given some; those of [`Densenet::hidden_widths`].
    pub fn with_sizes(self, densenet: Option<Densenet>) -> Result<(Self, Vec<usize>)> {
        let refused = |expected, seen: String| Err(Error::option("network", expected, seen));
        match (self, densenet) {
            (Self::Densenet { bottleneck: false }, Some(sizes)) => {
                Ok((Self::Densenet { bottleneck: sizes.bottleneck }, sizes.hidden_widths()?))
            }
            (Self::Densenet { .. }, sizes) => {
                let seen = if sizes.is_some() { "others" } else { "none" };
                refused("densenet, with its sizes", format!("{}, with {seen}", self.name()))
            }
            (_, None) => Ok((self, self.hidden_widths())),
            (_, Some(_)) => refused("densenet, for a depth, growth, bottleneck or compression", self.name().into()),
        }
    }

    /// Whether the figures show the layer of that name: all, but of a DenseNet those of the published figure, the first
    /// convolution, the first unit and the transitions.
    pub fn pictures(self, layer: &str) -> bool {
        match self {
            Self::Mlp | Self::Lenet5 | Self::LenetCaffe => true,
            Self::Densenet { .. } => {
                layer == "conv0" || layer.starts_with("block1.layer1.") || layer.starts_with("trans")
            }
        }
    }

    /// The network for images of shape `input` (C, H, W), before training; `widths` are the outputs of each layer, the last
    /// the number of classes.
    ///
    /// # Errors
    /// As [`Architecture::plan`], and if there are more than 2²⁸ weights.
    pub fn network<F: Real>(self, input: [usize; 3], widths: &[usize], codebook: &Codebook<F>) -> Result<Network<F>> {
        let plan = self.plan(input, widths)?;
        // Training takes forty bytes a weight; to ask for more than there is ends the process without an error.
        const MOST_WEIGHTS: usize = 1 << 28;
        let weights = plan.layers().map(|layer| plan.parameters[layer.theta].shape.iter().product::<usize>());
        let weights = weights.fold(0, usize::saturating_add);
        if weights > MOST_WEIGHTS {
            return Err(Error::option(
                format!("weights of {}", self.name()),
                format!("at most {MOST_WEIGHTS}"),
                weights,
            ));
        }
        Ok(Network::new(plan, codebook))
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
        let names = self.layer_names(widths.len())?;
        if let Some(empty) = widths.iter().position(|width| *width == 0) {
            return Err(Error::option(format!("outputs of {}", names[empty]), "a positive number", 0));
        }
        let builder = Builder::new(input);
        match self {
            Self::Mlp => mlp::wire(builder, widths),
            Self::Lenet5 => lenet5::wire(builder, widths),
            Self::LenetCaffe => lenet_caffe::wire(builder, widths),
            Self::Densenet { bottleneck } => densenet::wire(builder, widths, bottleneck),
        }
    }
}
