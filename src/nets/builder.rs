//! Builds a network node by node, following the shape of what flows through it.

use super::network::{BayesLayer, Network, Node, NormLayer};
use super::parameters::{Parameter, Role};
use crate::error::Result;
use crate::prior::Codebook;
use crate::scalar::Real;
use crate::tensor::im2col::Window;
use crate::tensor::noise::{Philox, Purpose};
use ndarray::{ArrayD, IxDyn};
use ndarray_rand::rand::Rng;

/// ln σ² before training.
pub const INITIAL_LOG_SIGMA2: f64 = -8.0;

/// A network under construction. New parameters are θ = 0, ln σ² = [`INITIAL_LOG_SIGMA2`], the codebook's levels, b = 0,
/// γ = 1, β = 0, running mean 0 and variance 1.
#[derive(Debug)]
pub struct Builder<F> {
    codebook: Codebook<F>,
    input: [usize; 3],
    /// (C, H, W) of what the next node receives; (features, 1, 1) after flattening.
    shape: [usize; 3],
    nodes: Vec<Node>,
    parameters: Vec<Parameter<F>>,
}

impl<F: Real> Builder<F> {
    /// A network for images of shape `input` (C, H, W) whose layers share a first codebook.
    pub fn new(input: [usize; 3], codebook: &Codebook<F>) -> Self {
        Self { codebook: codebook.clone(), input, shape: input, nodes: Vec::new(), parameters: Vec::new() }
    }

    /// A convolution of stride 1 without padding.
    ///
    /// # Errors
    /// If the kernel does not fit into the image.
    pub fn conv2d(&mut self, name: &str, outputs: usize, kernel: [usize; 2]) -> Result<&mut Self> {
        let window = Window::new(kernel, [1, 1]);
        let [channels, height, width] = self.shape;
        let [output_h, output_w] = window.output_size([height, width])?;
        let layer = self.bayes_layer(name, &[outputs, channels, kernel[0], kernel[1]]);
        self.nodes.push(Node::Conv2d(layer, window));
        self.shape = [outputs, output_h, output_w];
        Ok(self)
    }

    /// A dense layer on flattened features.
    pub fn dense(&mut self, name: &str, outputs: usize) -> &mut Self {
        let layer = self.bayes_layer(name, &[self.shape[0], outputs]);
        self.nodes.push(Node::Dense(layer));
        self.shape = [outputs, 1, 1];
        self
    }

    /// Gives the layer just added a bias.
    pub fn bias(&mut self) -> &mut Self {
        let bias = self.parameters.len();
        if let Some(Node::Dense(layer) | Node::Conv2d(layer, _)) = self.nodes.last_mut() {
            layer.bias = Some(bias);
            let name = layer.name.clone();
            self.parameter(&name, Role::Bias, &[self.shape[0]], F::zero());
        }
        self
    }

    /// Batch normalization.
    pub fn batch_norm(&mut self, name: &str) -> &mut Self {
        let channels = [self.shape[0]];
        let layer = NormLayer {
            gamma: self.parameter(name, Role::Gamma, &channels, F::one()),
            beta: self.parameter(name, Role::Beta, &channels, F::zero()),
            running_mean: self.parameter(name, Role::RunningMean, &channels, F::zero()),
            running_var: self.parameter(name, Role::RunningVar, &channels, F::one()),
        };
        self.nodes.push(Node::BatchNorm(layer));
        self
    }

    /// ReLU.
    pub fn relu(&mut self) -> &mut Self {
        self.nodes.push(Node::Relu);
        self
    }

    /// Max pooling by windows side by side.
    ///
    /// # Errors
    /// If the window does not fit into the image.
    pub fn max_pool(&mut self, kernel: [usize; 2]) -> Result<&mut Self> {
        let window = Window::new(kernel, kernel);
        let [output_h, output_w] = window.output_size([self.shape[1], self.shape[2]])?;
        self.nodes.push(Node::MaxPool(window));
        self.shape = [self.shape[0], output_h, output_w];
        Ok(self)
    }

    /// Images to rows of features.
    pub fn flatten(&mut self) -> &mut Self {
        self.nodes.push(Node::Flatten);
        self.shape = [self.shape.iter().product(), 1, 1];
        self
    }

    /// The network.
    pub fn finish(self) -> Network<F> {
        Network { input: self.input, nodes: self.nodes, parameters: self.parameters }
    }

    fn bayes_layer(&mut self, name: &str, shape: &[usize]) -> BayesLayer {
        let index = self.nodes.iter().filter(|node| matches!(node, Node::Dense(_) | Node::Conv2d(..))).count();
        let levels = self.codebook.levels().to_vec();
        let layer = BayesLayer {
            name: name.to_string(),
            index,
            theta: self.parameter(name, Role::Theta, shape, F::zero()),
            log_sigma2: self.parameter(name, Role::LogSigma2, shape, F::of(INITIAL_LOG_SIGMA2)),
            levels: self.parameter(name, Role::Levels, &[levels.len()], F::zero()),
            bias: None,
        };
        self.parameters[layer.levels].as_slice_mut().copy_from_slice(&levels);
        layer
    }

    fn parameter(&mut self, layer: &str, role: Role, shape: &[usize], value: F) -> usize {
        let name = format!("{layer}.{}", role.suffix());
        self.parameters.push(Parameter { name, role, value: ArrayD::from_elem(IxDyn(shape), value) });
        self.parameters.len() - 1
    }
}

impl<F: Real> Network<F> {
    /// Draws θ uniformly from ±1/√O, O the outputs of the layer, each tensor from its own stream of `seed`.
    pub fn initialize(&mut self, seed: u64) {
        for layer in self.layers().cloned().collect::<Vec<_>>() {
            let mut stream = Philox::new(seed, Purpose::Initialization(layer.theta as u32), 0);
            let theta = &mut self.parameters[layer.theta].value;
            let outputs = if theta.ndim() == 2 { theta.shape()[1] } else { theta.shape()[0] };
            let bound = 1.0 / (outputs as f64).sqrt();
            theta.mapv_inplace(|_| F::of(stream.random_range(-bound..bound)));
        }
    }
}
