//! A network as a graph: its nodes in order, the shape of each node's output, and the names and shapes of the
//! parameters, without numbers.
//!
//! A value is the input of the network, value 0, or the output of a node: value i + 1 is that of node i. A node reads
//! values before its own. The output of the last node is the output of the network, the logits. [`text`](super::text)
//! reads a graph from a text and writes it as a text.

use super::parameters::Role;
use crate::error::{Error, Result};
use crate::layers::pool::Pool;
use crate::tensor::im2col::Window;

/// The nodes of a network on images of shape `input`.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The shape (C, H, W) of an image.
    pub input: [usize; 3],
    /// The nodes, in order.
    pub nodes: Vec<Node>,
    /// The parameters of the nodes, in the order of the nodes.
    pub parameters: Vec<ParameterShape>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name, with which the names of its parameters begin.
    pub name: String,
    /// Whether the text names it; if not, its name is the operation's and a number.
    pub is_named: bool,
    /// Its operation.
    pub op: Op,
    /// The values that it reads.
    pub inputs: Vec<usize>,
    /// The shape of its output for one image: (C, H, W), or (features) after flattening.
    pub shape: Vec<usize>,
}

/// The operation of a node. Parameters are referred to by their position in [`Graph::parameters`].
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Bayesian convolution.
    Conv2d(Convolution),
    /// Bayesian dense layer.
    Dense(BayesLayer),
    /// Batch normalization.
    Norm(NormLayer),
    /// ReLU.
    Relu,
    /// Max pooling.
    MaxPool(Pool),
    /// Average pooling.
    AvgPool(Pool),
    /// Images to rows of features.
    Flatten,
    /// The sum of values of the same shape.
    Add,
    /// The concatenation of values along the channels.
    Concat,
}

/// A Bayesian convolution: its parameters and its geometry.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Its parameters.
    pub layer: BayesLayer,
    /// Kernel, stride, padding and dilation.
    pub window: Window,
    /// The number of groups; divides the channels of input and output.
    pub groups: usize,
}

/// A Bayesian layer: the positions of its parameters in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct BayesLayer {
    /// Its name.
    pub name: String,
    /// Its number among the Bayesian layers, from 0: the tensor id of its noise.
    pub index: usize,
    /// The position of θ.
    pub theta: usize,
    /// The position of ln σ².
    pub log_sigma2: usize,
    /// The position of the levels.
    pub levels: usize,
    /// The position of the bias.
    pub bias: Option<usize>,
    /// The output positions that each weight contributes to: OH · OW, 1 for a dense layer.
    pub positions: usize,
    /// Whether its weights have no noise and no KL, and are never replaced by levels. Its ln σ² and its levels exist,
    /// but nothing reads them.
    pub unquantized: bool,
}

/// A batch normalization: the positions of its parameters in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct NormLayer {
    /// Its number among the normalizations, from 0.
    pub index: usize,
    /// The position of γ.
    pub gamma: usize,
    /// The position of β.
    pub beta: usize,
    /// The position of the running mean.
    pub running_mean: usize,
    /// The position of the running variance.
    pub running_var: usize,
}

/// A parameter without its value. The shape of levels, which depends on the codebook, is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterShape {
    /// `<node>.<suffix>`.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Graph {
    /// The number of values: the input and the output of each node.
    pub fn value_count(&self) -> usize {
        self.nodes.len() + 1
    }

    /// The shape of a value for one image: (C, H, W), or (features).
    pub fn shape(&self, value: usize) -> &[usize] {
        if value == 0 { &self.input } else { &self.nodes[value - 1].shape }
    }

    /// The number of logits.
    pub fn classes(&self) -> usize {
        elements(self.shape(self.nodes.len()))
    }

    /// The elements of the largest value for one image.
    pub fn largest_value(&self) -> usize {
        (0..self.value_count()).map(|value| elements(self.shape(value))).max().unwrap_or(0)
    }

    /// Checks that images of shape `shape` = (B, C, H, W) have the network's input shape.
    ///
    /// # Errors
    /// If they have another shape.
    pub fn check_images(&self, shape: &[usize]) -> Result<()> {
        if shape[1..] == self.input {
            Ok(())
        } else {
            Err(Error::tensor("x", format!("images of shape {:?}", self.input), format!("{:?}", &shape[1..])))
        }
    }

    /// Checks that every normalization has at least two values per channel in a batch of `batch_size` images: one value
    /// has no variance.
    ///
    /// # Errors
    /// If a normalization has fewer.
    pub fn check_batch(&self, batch_size: usize) -> Result<()> {
        let norms = self.nodes.iter().filter(|node| node.norm().is_some());
        let fewest = norms.map(|node| elements(&node.shape[1..])).min().unwrap_or(usize::MAX);
        if batch_size.saturating_mul(fewest) > 1 {
            return Ok(());
        }
        let expected = "at least 2, for a normalization takes its statistics from one value a channel of each image";
        Err(Error::option("batch-size", expected, batch_size))
    }

    /// The Bayesian layers, in order.
    pub fn layers(&self) -> impl Iterator<Item = &BayesLayer> {
        self.nodes.iter().filter_map(Node::layer)
    }

    /// The Bayesian layers that are not unquantized, in order.
    pub fn quantized_layers(&self) -> impl Iterator<Item = &BayesLayer> {
        self.layers().filter(|layer| !layer.unquantized)
    }

    /// Makes the first and the last Bayesian layer unquantized: they read the pixels and compute the logits, and have
    /// few of the weights.
    pub fn keep_first_and_last(&mut self) {
        let last = self.layers().count().saturating_sub(1);
        for layer in self.layers_mut() {
            layer.unquantized |= layer.index == 0 || layer.index == last;
        }
    }

    /// Makes every Bayesian layer unquantized.
    pub fn unquantize(&mut self) {
        self.layers_mut().for_each(|layer| layer.unquantized = true);
    }

    fn layers_mut(&mut self) -> impl Iterator<Item = &mut BayesLayer> {
        self.nodes.iter_mut().filter_map(|node| match &mut node.op {
            Op::Conv2d(Convolution { layer, .. }) | Op::Dense(layer) => Some(layer),
            _ => None,
        })
    }

    /// The normalizations, in order.
    pub fn norms(&self) -> impl Iterator<Item = &NormLayer> {
        self.nodes.iter().filter_map(Node::norm)
    }

    /// The number of weights of all Bayesian layers.
    pub fn weights(&self) -> usize {
        self.layers().map(|layer| self.layer_weights(layer)).fold(0, usize::saturating_add)
    }

    /// The number of weights of a layer.
    pub fn layer_weights(&self, layer: &BayesLayer) -> usize {
        elements(&self.parameters[layer.theta].shape)
    }

    /// The number of multiplications in each Bayesian layer for one image, in order.
    pub fn multiplications(&self) -> impl Iterator<Item = usize> {
        self.layers().map(|layer| self.layer_weights(layer).saturating_mul(layer.positions))
    }

    /// For each value, whether it depends on a parameter, so that the backward pass needs its gradient.
    pub fn depends_on_parameters(&self) -> Vec<bool> {
        let mut depends = vec![false; self.value_count()];
        for (i, node) in self.nodes.iter().enumerate() {
            depends[i + 1] = node.has_parameters() || node.inputs.iter().any(|input| depends[*input]);
        }
        depends
    }

    /// For each value, the number of nodes that read it; a node that reads it twice counts twice.
    pub fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.value_count()];
        self.nodes.iter().flat_map(|node| &node.inputs).for_each(|value| readers[*value] += 1);
        readers
    }
}

impl Node {
    /// The Bayesian layer, if the node is one.
    pub fn layer(&self) -> Option<&BayesLayer> {
        match &self.op {
            Op::Conv2d(Convolution { layer, .. }) | Op::Dense(layer) => Some(layer),
            _ => None,
        }
    }

    /// The normalization, if the node is one.
    pub fn norm(&self) -> Option<&NormLayer> {
        match &self.op {
            Op::Norm(norm) => Some(norm),
            _ => None,
        }
    }

    /// Whether it has parameters.
    pub fn has_parameters(&self) -> bool {
        self.layer().is_some() || self.norm().is_some()
    }
}

/// The number of outputs of a layer whose θ has this shape: (I, O), or (O, C/groups, kh, kw).
pub(crate) fn outputs(theta: &[usize]) -> usize {
    if let [_, outputs] = *theta { outputs } else { theta[0] }
}

/// Why an operation of a graph cannot fail: a value has the rank and the sizes that its producer gave it, which were
/// checked when the graph was read.
pub(crate) const SHAPES_FIT: &str = "the graph's shapes fit";

/// The product of the sizes, or `usize::MAX` if it is larger than that.
pub(crate) fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |elements, size| elements.saturating_mul(*size))
}
