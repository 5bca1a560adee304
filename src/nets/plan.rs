//! The wiring of a network: its nodes and what parameters they have, without any values; and the builder that lays it
//! node by node, following the shape of what flows through it.

use super::parameters::Role;
use crate::error::{Error, Result};
use crate::tensor::im2col::Window;

/// A chain of nodes on images of shape `input` (C, H, W).
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// (C, H, W) of an image.
    pub input: [usize; 3],
    /// The nodes, in order.
    pub nodes: Vec<Node>,
    /// What parameters they have, in order.
    pub parameters: Vec<ParameterShape>,
    /// Elements of the largest image that a node receives or gives.
    pub largest: usize,
}

/// One operation; its parameters are given by their position in [`Plan::parameters`].
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Bayesian dense layer.
    Dense(BayesLayer),
    /// Bayesian convolution.
    Conv2d(BayesLayer, Window),
    /// Batch normalization.
    BatchNorm(NormLayer),
    /// ReLU.
    Relu,
    /// Max pooling.
    MaxPool(Window),
    /// Average pooling.
    AvgPool(Window),
    /// Images to rows of features.
    Flatten,
    /// A densely connected block: the stages of each unit.
    DenseBlock(Vec<Vec<Stage>>),
}

/// Batch normalization, ReLU and convolution in a densely connected block.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The normalization.
    pub norm: NormLayer,
    /// The convolution.
    pub conv: BayesLayer,
    /// Its geometry.
    pub window: Window,
}

/// What has parameters.
#[derive(Clone, Copy, Debug)]
pub enum Layer<'a> {
    /// A Bayesian dense layer or convolution.
    Bayes(&'a BayesLayer),
    /// A batch normalization.
    Norm(&'a NormLayer),
}

/// Where the parameters of a Bayesian layer are in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct BayesLayer {
    /// Its name.
    pub name: String,
    /// Its place among the Bayesian layers, from 0: the tensor id of its noise.
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
}

/// Where the parameters of a batch normalization are in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct NormLayer {
    /// The position of γ.
    pub gamma: usize,
    /// The position of β.
    pub beta: usize,
    /// The position of the running mean.
    pub running_mean: usize,
    /// The position of the running variance.
    pub running_var: usize,
}

/// A parameter without its value. The shape of the levels, which depends on the codebook, is left empty.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterShape {
    /// `<layer>.<suffix>`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Plan {
    /// Checks that images of that shape (B, C, H, W) are of the network's input shape.
    ///
    /// # Errors
    /// If they are not.
    pub fn check_images(&self, shape: &[usize]) -> Result<()> {
        if shape[1..] == self.input {
            Ok(())
        } else {
            Err(Error::tensor("x", format!("images of shape {:?}", self.input), format!("{:?}", &shape[1..])))
        }
    }

    /// Checks that a batch of so many images has statistics of its own at every normalization: two values a channel.
    ///
    /// # Errors
    /// If it has not.
    pub fn check_batch(&self, batch_size: usize) -> Result<()> {
        if batch_size.saturating_mul(self.fewest_normalized()?) > 1 {
            return Ok(());
        }
        let expected = "at least 2, for a normalization takes its statistics from one value a channel of each image";
        Err(Error::option("batch-size", expected, batch_size))
    }

    /// The values in each channel of an image at the normalization that sees the fewest.
    fn fewest_normalized(&self) -> Result<usize> {
        let (mut size, mut fewest) = ([self.input[1], self.input[2]], usize::MAX);
        for node in &self.nodes {
            match node {
                Node::Conv2d(_, window) | Node::MaxPool(window) | Node::AvgPool(window) => {
                    size = window.output_size(size)?;
                }
                Node::Dense(_) | Node::Flatten => size = [1, 1],
                Node::BatchNorm(_) | Node::DenseBlock(_) => fewest = fewest.min(elements(&size)),
                Node::Relu => {}
            }
        }
        Ok(fewest)
    }

    /// The Bayesian layers, in order.
    pub fn layers(&self) -> impl Iterator<Item = &BayesLayer> {
        self.with_parameters().filter_map(|layer| match layer {
            Layer::Bayes(layer) => Some(layer),
            Layer::Norm(_) => None,
        })
    }

    /// The normalizations, in order.
    pub fn norms(&self) -> impl Iterator<Item = &NormLayer> {
        self.with_parameters().filter_map(|layer| match layer {
            Layer::Bayes(_) => None,
            Layer::Norm(norm) => Some(norm),
        })
    }

    /// The multiplications that an image takes in each Bayesian layer, in order.
    pub fn multiplications(&self) -> impl Iterator<Item = usize> {
        let weights = |layer: &BayesLayer| elements(&self.parameters[layer.theta].shape);
        self.layers().map(move |layer| weights(layer).saturating_mul(layer.positions))
    }

    /// All that has parameters, in order.
    pub fn with_parameters(&self) -> impl Iterator<Item = Layer<'_>> {
        self.nodes.iter().flat_map(Node::with_parameters)
    }
}

impl Node {
    /// All in it that has parameters, in order.
    pub fn with_parameters(&self) -> Vec<Layer<'_>> {
        match self {
            Self::Dense(layer) | Self::Conv2d(layer, _) => vec![Layer::Bayes(layer)],
            Self::BatchNorm(norm) => vec![Layer::Norm(norm)],
            Self::DenseBlock(units) => {
                units.iter().flatten().flat_map(|stage| [Layer::Norm(&stage.norm), Layer::Bayes(&stage.conv)]).collect()
            }
            Self::Relu | Self::MaxPool(_) | Self::AvgPool(_) | Self::Flatten => Vec::new(),
        }
    }
}

/// A plan under construction.
#[derive(Debug)]
pub struct Builder {
    input: [usize; 3],
    /// (C, H, W) of what the next node receives; (features, 1, 1) after flattening.
    shape: [usize; 3],
    nodes: Vec<Node>,
    /// Bayesian layers so far.
    layers: usize,
    parameters: Vec<ParameterShape>,
    /// Elements of the largest image so far.
    largest: usize,
}

impl Builder {
    /// A network for images of shape `input` (C, H, W).
    pub fn new(input: [usize; 3]) -> Self {
        Self { input, shape: input, nodes: Vec::new(), layers: 0, parameters: Vec::new(), largest: elements(&input) }
    }

    /// A convolution of stride 1, the image padded by `padding` zeros on each side.
    ///
    /// # Errors
    /// If the kernel does not fit into the image.
    pub fn conv2d(&mut self, name: &str, outputs: usize, kernel: [usize; 2], padding: [usize; 2]) -> Result<&mut Self> {
        let window = Window { padding, ..Window::new(kernel, [1, 1]) };
        let [channels, height, width] = self.shape;
        let [output_h, output_w] = window.output_size([height, width])?;
        let layer = self.bayes_layer(name, &[outputs, channels, kernel[0], kernel[1]], elements(&[output_h, output_w]));
        Ok(self.push(Node::Conv2d(layer, window), [outputs, output_h, output_w]))
    }

    /// A densely connected block. Each unit is a list of stages (normalization, convolution, outputs, kernel) of odd kernels,
    /// padded so that they keep the size of the image.
    pub fn dense_block(&mut self, units: &[Vec<(String, String, usize, usize)>]) -> &mut Self {
        let mut block = Vec::with_capacity(units.len());
        let [mut all_channels, height, width] = self.shape;
        for unit in units {
            let mut stages = Vec::with_capacity(unit.len());
            let mut channels = all_channels;
            for (norm, conv, outputs, kernel) in unit {
                let norm = self.norm_layer(norm, channels);
                let conv = self.bayes_layer(conv, &[*outputs, channels, *kernel, *kernel], elements(&[height, width]));
                let window = Window { padding: [kernel / 2; 2], ..Window::new([*kernel; 2], [1, 1]) };
                stages.push(Stage { norm, conv, window });
                channels = *outputs;
            }
            all_channels += channels;
            block.push(stages);
        }
        self.push(Node::DenseBlock(block), [all_channels, height, width])
    }

    /// A dense layer on flattened features.
    pub fn dense(&mut self, name: &str, outputs: usize) -> &mut Self {
        let layer = self.bayes_layer(name, &[self.shape[0], outputs], 1);
        self.push(Node::Dense(layer), [outputs, 1, 1])
    }

    /// Gives the layer just added a bias.
    pub fn bias(&mut self) -> &mut Self {
        let bias = self.parameters.len();
        if let Some(Node::Dense(layer) | Node::Conv2d(layer, _)) = self.nodes.last_mut() {
            layer.bias = Some(bias);
            let name = layer.name.clone();
            self.parameter(&name, Role::Bias, &[self.shape[0]]);
        }
        self
    }

    /// Batch normalization.
    pub fn batch_norm(&mut self, name: &str) -> &mut Self {
        let layer = self.norm_layer(name, self.shape[0]);
        self.push(Node::BatchNorm(layer), self.shape)
    }

    /// ReLU.
    pub fn relu(&mut self) -> &mut Self {
        self.push(Node::Relu, self.shape)
    }

    /// Max pooling by windows side by side.
    ///
    /// # Errors
    /// If the window does not fit into the image.
    pub fn max_pool(&mut self, kernel: [usize; 2]) -> Result<&mut Self> {
        let window = Window::new(kernel, kernel);
        let [output_h, output_w] = window.output_size([self.shape[1], self.shape[2]])?;
        Ok(self.push(Node::MaxPool(window), [self.shape[0], output_h, output_w]))
    }

    /// Average pooling by windows side by side.
    ///
    /// # Errors
    /// If the window does not fit into the image.
    pub fn avg_pool(&mut self, kernel: [usize; 2]) -> Result<&mut Self> {
        let window = Window::new(kernel, kernel);
        let [output_h, output_w] = window.output_size([self.shape[1], self.shape[2]])?;
        Ok(self.push(Node::AvgPool(window), [self.shape[0], output_h, output_w]))
    }

    /// Average pooling by one window that spans the image.
    ///
    /// # Errors
    /// If there is no image.
    pub fn global_avg_pool(&mut self) -> Result<&mut Self> {
        self.avg_pool([self.shape[1], self.shape[2]])
    }

    /// Images to rows of features.
    pub fn flatten(&mut self) -> &mut Self {
        self.push(Node::Flatten, [elements(&self.shape), 1, 1])
    }

    /// The plan.
    pub fn finish(self) -> Plan {
        Plan { input: self.input, nodes: self.nodes, parameters: self.parameters, largest: self.largest }
    }

    /// Appends a node that gives images of shape `shape`.
    fn push(&mut self, node: Node, shape: [usize; 3]) -> &mut Self {
        self.nodes.push(node);
        self.shape = shape;
        self.largest = self.largest.max(elements(&shape));
        self
    }

    fn bayes_layer(&mut self, name: &str, shape: &[usize], positions: usize) -> BayesLayer {
        self.layers += 1;
        BayesLayer {
            name: name.to_string(),
            index: self.layers - 1,
            theta: self.parameter(name, Role::Theta, shape),
            log_sigma2: self.parameter(name, Role::LogSigma2, shape),
            levels: self.parameter(name, Role::Levels, &[]),
            bias: None,
            positions,
        }
    }

    fn norm_layer(&mut self, name: &str, channels: usize) -> NormLayer {
        let mut of_channels = |role| self.parameter(name, role, &[channels]);
        NormLayer {
            gamma: of_channels(Role::Gamma),
            beta: of_channels(Role::Beta),
            running_mean: of_channels(Role::RunningMean),
            running_var: of_channels(Role::RunningVar),
        }
    }

    fn parameter(&mut self, layer: &str, role: Role, shape: &[usize]) -> usize {
        let name = format!("{layer}.{}", role.suffix());
        self.parameters.push(ParameterShape { name, role, shape: shape.to_vec() });
        self.parameters.len() - 1
    }
}

fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |elements, size| elements.saturating_mul(*size))
}
