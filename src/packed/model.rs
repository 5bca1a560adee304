//! A quantized network: packed weights, and each normalization folded into one scale and one shift per channel.
//!
//! ```text
//! w = ℓ_index
//! y = scale · x + shift
//!     scale = γ/√(running variance + ε_n)
//!     shift = β − scale · running mean
//! ```
//!
//! The model takes pixels in [0, 1]; if the network was trained on standardized images, the model standardizes the
//! pixels with the mean and deviation used in that training. The deviation cannot be folded into quantized weights,
//! which are indices, nor the mean into a bias: a convolution pads with the mean colour, which standardization maps to
//! 0.
//!
//! The model computes the logits of the network with quantized weights ([`PackedModel::new`]) or with mean weights
//! ([`PackedModel::of_means`]), to rounding.
//!
//! Derived in [chapter 7 of the course](crate::course::levels).

use super::executor::Executor;
use crate::error::Result;
pub use crate::kernels::packed::epilogue::Affine;
use crate::kernels::packed::fields::{Fields, PackedWeights};
use crate::layers::batch_norm::EPSILON;
use crate::nets::graph::outputs;
use crate::nets::{Graph, Network};
use crate::prior::Codebook;
use crate::prior::quantizer::Quantizer;
use crate::train::data::{Standardization, TrainedOn};
use ndarray::{Array1, Array2, Array4, ArrayD, IxDyn};

/// A quantized network.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedModel {
    /// The network's name.
    pub name: String,
    /// The standardization that is applied to pixels in [0, 1] first, if any.
    pub standardization: Option<Standardization>,
    /// The data that the model was trained on, if known.
    pub trained_on: Option<TrainedOn>,
    pub(super) graph: Graph,
    /// The Bayesian layers, in the order of the graph's nodes.
    pub(super) layers: Vec<PackedLayer>,
    /// The folded normalizations, in the order of the graph's nodes.
    pub(super) norms: Vec<Affine>,
}

/// A Bayesian layer after quantization.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedLayer {
    /// The layer's name.
    pub name: String,
    /// The shape of its weights, that of θ.
    pub shape: Vec<usize>,
    /// b (O); none for a layer without a bias.
    pub bias: Option<Vec<f32>>,
    stored: Stored,
}

/// The weights of a layer as a matrix (rows, outputs), row by row: the rows are the inputs I of a dense layer, or the
/// K = C/groups · kh · kw elements of a convolution's kernel.
#[derive(Clone, Debug, PartialEq)]
enum Stored {
    /// ℓ (M), ascending, and the index of each weight's level.
    Quantized { levels: Vec<f32>, fields: Fields },
    /// θ of an unquantized layer.
    Unquantized(Vec<f32>),
}

impl PackedLayer {
    /// A layer whose i-th weight, in the order of θ, has the level `index(i)`.
    pub(super) fn new(
        name: &str,
        shape: Vec<usize>,
        levels: Vec<f32>,
        index: impl Fn(usize) -> usize,
        bias: Option<Vec<f32>>,
    ) -> Self {
        let fields = Fields::new(by_rows(&shape).map(index), outputs(&shape), levels.len());
        Self { name: name.to_string(), shape, bias, stored: Stored::Quantized { levels, fields } }
    }

    /// An unquantized layer of the weights `theta`.
    pub(super) fn unquantized(name: &str, shape: Vec<usize>, theta: &[f32], bias: Option<Vec<f32>>) -> Self {
        let theta = by_rows(&shape).map(|i| theta[i]).collect();
        Self { name: name.to_string(), shape, bias, stored: Stored::Unquantized(theta) }
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        outputs(&self.shape)
    }

    /// Whether the layer is quantized, so that its weights are levels.
    pub fn is_quantized(&self) -> bool {
        matches!(self.stored, Stored::Quantized { .. })
    }

    /// ℓ (M), ascending; empty for an unquantized layer.
    pub fn levels(&self) -> &[f32] {
        match &self.stored {
            Stored::Quantized { levels, .. } => levels,
            Stored::Unquantized(_) => &[],
        }
    }

    /// The weights as the kernels read them.
    pub(super) fn packed_weights(&self) -> PackedWeights<'_> {
        let outputs = self.outputs();
        let shape = [self.weights() / outputs.max(1), outputs];
        match &self.stored {
            Stored::Quantized { levels, fields } => PackedWeights::quantized(levels, fields, shape),
            Stored::Unquantized(theta) => PackedWeights::unquantized(theta, shape),
        }
    }

    /// The number of bytes that fields and levels, or unquantized weights, take in memory.
    pub fn resident_weight_bytes(&self) -> usize {
        match &self.stored {
            Stored::Quantized { levels, fields } => fields.byte_len() + size_of_val(&levels[..]),
            Stored::Unquantized(theta) => size_of_val(&theta[..]),
        }
    }

    /// The number of weights.
    pub fn weights(&self) -> usize {
        self.shape.iter().product()
    }

    /// The index of each weight's level, in the order of θ; none for an unquantized layer.
    pub fn indices(&self) -> impl Iterator<Item = usize> {
        let fields = match &self.stored {
            Stored::Quantized { fields, .. } => Some(fields),
            Stored::Unquantized(_) => None,
        };
        fields.into_iter().flat_map(|fields| self.places().map(|(row, column)| fields.get(row, column)))
    }

    /// The number of weights at each level; empty for an unquantized layer.
    pub fn occupancy(&self) -> Vec<usize> {
        let mut counts = vec![0; self.levels().len()];
        self.indices().for_each(|index| counts[index] += 1);
        counts
    }

    /// For each weight, in the order of θ: its row, which is its input or element of the kernel, and its column, which
    /// is its output.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let of_dense = self.shape.len() == 2;
        // The size of θ's last index, or indices: outputs of a dense layer, elements of a kernel.
        let columns: usize = if of_dense { self.shape[1] } else { self.shape[1..].iter().product() };
        (0..self.weights()).map(move |i| {
            let (row, column) = (i / columns, i % columns);
            if of_dense { (row, column) } else { (column, row) }
        })
    }

    /// The weights of an unquantized layer, in the order of θ; none for a quantized layer.
    pub fn theta(&self) -> impl Iterator<Item = f32> {
        let theta = match &self.stored {
            Stored::Quantized { .. } => None,
            Stored::Unquantized(theta) => Some(theta),
        };
        theta.into_iter().flat_map(|theta| self.places().map(|(row, column)| theta[row * self.outputs() + column]))
    }

    /// The weights that the layer computes with, of θ's shape.
    pub fn decode(&self) -> ArrayD<f32> {
        let weights = match &self.stored {
            Stored::Quantized { levels, .. } => self.indices().map(|index| levels[index]).collect(),
            Stored::Unquantized(_) => self.theta().collect(),
        };
        ArrayD::from_shape_vec(IxDyn(&self.shape), weights).expect("one number a weight")
    }
}

/// The positions in θ of the weights: first the weights of all outputs for the first input, or element of the kernel,
/// then for the next.
fn by_rows(shape: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let (weights, outputs, is_dense) = (shape.iter().product::<usize>(), outputs(shape), shape.len() == 2);
    let fan_in = weights / outputs.max(1);
    (0..weights).map(move |i| if is_dense { i } else { i % outputs * fan_in + i / outputs })
}

impl PackedModel {
    /// Quantizes and folds a network named `name`, trained on images under `standardization`.
    pub fn new(name: &str, network: &Network<f32>, standardization: Option<Standardization>) -> Self {
        Self::folded(name, network, network.graph().clone(), standardization)
    }

    /// Folds a network as [`new`](Self::new) does, but leaves every weight as it is: the model computes the logits of
    /// the mean weights, and no layer is quantized.
    pub fn of_means(name: &str, network: &Network<f32>, standardization: Option<Standardization>) -> Self {
        let mut graph = network.graph().clone();
        graph.unquantize();
        Self::folded(name, network, graph, standardization)
    }

    /// The model with the layers of `graph`, which is the graph of `network` but for the layers that are unquantized.
    fn folded(name: &str, network: &Network<f32>, graph: Graph, standardization: Option<Standardization>) -> Self {
        let values = |position: usize| network.slice(position);
        let layers = graph.layers().map(|layer| {
            let bias = layer.bias.map(|bias| values(bias).to_vec());
            if layer.unquantized {
                let shape = network.parameters()[layer.theta].value.shape().to_vec();
                return PackedLayer::unquantized(&layer.name, shape, values(layer.theta), bias);
            }
            let quantizer = Quantizer::new(values(layer.levels));
            let (theta, levels) = (&network.parameters()[layer.theta], values(layer.levels).to_vec());
            let index = |i: usize| quantizer.index(theta.as_slice()[i]);
            PackedLayer::new(&layer.name, theta.value.shape().to_vec(), levels, index, bias)
        });
        let norms = graph.norms().map(|norm| {
            let [gamma, beta, mean, variance] =
                [norm.gamma, norm.beta, norm.running_mean, norm.running_var].map(values);
            let scale: Vec<f32> =
                gamma.iter().zip(variance).map(|(g, v)| g * (v + EPSILON as f32).sqrt().recip()).collect();
            let shift = scale.iter().zip(mean.iter().zip(beta)).map(|(s, (m, b))| b - s * m).collect();
            Affine { scale, shift }
        });
        let (layers, norms) = (layers.collect(), norms.collect());
        Self::of_parts(name.to_string(), graph, standardization, layers, norms)
    }

    /// A model of these layers and normalizations, in the order of the graph's nodes.
    pub(super) fn of_parts(
        name: String,
        graph: Graph,
        standardization: Option<Standardization>,
        layers: Vec<PackedLayer>,
        norms: Vec<Affine>,
    ) -> Self {
        Self { name, standardization, trained_on: None, graph, layers, norms }
    }

    /// The model with the data that it was trained on.
    #[must_use]
    pub fn with_trained_on(self, trained_on: Option<TrainedOn>) -> Self {
        Self { trained_on, ..self }
    }

    /// The graph of the network's operations.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The name of each class: its number, unless the model has the training data's names.
    pub fn class_names(&self) -> Vec<String> {
        match &self.trained_on {
            Some(data) => data.classes.clone(),
            None => (0..self.graph.classes()).map(|class| class.to_string()).collect(),
        }
    }

    /// The shape (C, H, W) of an image.
    pub fn input(&self) -> [usize; 3] {
        self.graph.input
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[PackedLayer] {
        &self.layers
    }

    /// The folded normalizations, in order.
    pub fn norms(&self) -> &[Affine] {
        &self.norms
    }

    /// The number of parameters of the unquantized model: weights, biases, and γ, β, running mean and variance of each
    /// normalization.
    pub fn f32_parameters(&self) -> usize {
        let biases = |layer: &PackedLayer| layer.bias.as_ref().map_or(0, Vec::len);
        self.layers.iter().map(|layer| layer.weights() + biases(layer)).sum::<usize>()
            + self.norms.iter().map(|norm| 4 * norm.scale.len()).sum::<usize>()
    }

    /// The number of bytes that fields, levels and unquantized weights take in memory.
    pub fn resident_weight_bytes(&self) -> usize {
        self.layers.iter().map(PackedLayer::resident_weight_bytes).sum()
    }

    /// The equivalent network, whose mean weights are the model's: θ is decoded, and each normalization has γ = scale,
    /// β = shift, mean 0, and a variance of 1 − ε_n, which is 1 with ε_n added. It takes images that are already
    /// standardized by the model's standardization. Its ln σ² are those of a new network: sampled weights have no
    /// meaning.
    pub fn decode(&self) -> Network<f32> {
        let mut network = Network::new(self.graph.clone(), &Codebook::symmetric(2).expect("two levels"));
        for node in &self.graph.nodes {
            let parameters = network.parameters_mut();
            if let Some(of) = node.layer() {
                let layer = &self.layers[of.index];
                parameters[of.theta].value = layer.decode();
                if layer.is_quantized() {
                    parameters[of.levels].value = Array1::from(layer.levels().to_vec()).into_dyn();
                }
                if let (Some(position), Some(bias)) = (of.bias, &layer.bias) {
                    parameters[position].as_slice_mut().copy_from_slice(bias);
                }
            }
            if let Some(of) = node.norm() {
                let norm = &self.norms[of.index];
                parameters[of.gamma].as_slice_mut().copy_from_slice(&norm.scale);
                parameters[of.beta].as_slice_mut().copy_from_slice(&norm.shift);
                parameters[of.running_var].value.fill(1.0 - EPSILON as f32);
            }
        }
        network
    }

    /// The logits (B, classes) of `x` (B, C, H, W), pixels in [0, 1], by an [`Executor`] created for this call. For
    /// several batches, create one executor for all.
    ///
    /// # Errors
    /// If the images are not of the model's shape.
    pub fn predict(&self, x: Array4<f32>) -> Result<Array2<f32>> {
        Executor::new(self).predict(x)
    }
}
