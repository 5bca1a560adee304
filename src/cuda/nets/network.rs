//! [`nets::network`] on the device: the same graph and schedule, with the parameters in device memory.
//!
//! The ReLU of a chain is computed with its normalization.

mod backward;
mod forward;

use crate::cuda::layers::batch_norm::{self, BatchNorm, Statistics};
use crate::cuda::layers::bayes_conv2d::{self, BayesConv2d};
use crate::cuda::layers::bayes_dense::{self, BayesDense};
use crate::cuda::layers::dense_block::{self, DenseBlock};
use crate::cuda::layers::{add, avg_pool, concat, flatten, max_pool, relu};
use crate::cuda::prior::quantizer;
use crate::cuda::{Buffer, Device, Real};
use crate::error::Result;
use crate::layers::batch_norm::{EPSILON, MOMENTUM};
use crate::nets::graph::{BayesLayer, Convolution, Graph, NormLayer, Op};
use crate::nets::schedule::{Schedule, Stage, Work};
use crate::nets::{self, Role};
use crate::prior::Codebook;

/// A graph, the steps that compute it, and a value for each of its parameters.
#[derive(Debug)]
pub struct Network<F> {
    graph: Graph,
    schedule: Schedule,
    device: Device,
    parameters: Vec<Buffer<F>>,
}

/// Returns ε of a layer, standard normal, with the given shape.
pub type Noise<'a, F> = dyn Fn(&BayesLayer, &[usize]) -> Result<Buffer<F>> + 'a;

/// The weights that a pass computes with.
pub enum WeightMode<'a, F> {
    /// Sampled by local reparameterization with this noise.
    Sample(&'a Noise<'a, F>),
    /// θ.
    Mean,
    /// Q(θ); the backward pass takes the gradient straight through Q: see
    /// [`straight_through`](crate::layers::straight_through).
    Quantized,
    /// Sampled around Q(θ), with a backward pass as of [`WeightMode::Quantized`].
    Hard(&'a Noise<'a, F>),
}

impl<'a, F> WeightMode<'a, F> {
    /// Whether the layers compute with Q(θ).
    fn is_quantized(&self) -> bool {
        matches!(self, Self::Quantized | Self::Hard(_))
    }

    /// The function that returns a layer's noise; none if the layer's weights have no noise.
    fn noise(&self, layer: &BayesLayer) -> Option<&'a Noise<'a, F>> {
        match self {
            Self::Sample(noise) | Self::Hard(noise) if !layer.unquantized => Some(*noise),
            _ => None,
        }
    }
}

/// The gradient of the loss with respect to each parameter, in the graph's order; none for a parameter that the loss
/// does not depend on.
pub type Gradients<F> = Vec<Option<Buffer<F>>>;

/// What the forward pass stores for the backward pass.
#[derive(Debug)]
pub struct Tape<F> {
    /// The cache of each step.
    steps: Vec<StepCache<F>>,
    /// Whether the layers computed with Q(θ).
    is_quantized: bool,
}

#[derive(Debug)]
enum StepCache<F> {
    Chain(Box<ChainCache<F>>),
    AvgPool(avg_pool::Cache),
    Flatten(flatten::Cache),
    Add(add::Cache),
    Concat(concat::Cache),
    DenseBlock(Box<dense_block::Cache<F>>),
}

/// The caches of the parts of a chain; none for parts that the chain does not have.
#[derive(Debug)]
struct ChainCache<F> {
    product: Option<ProductCache<F>>,
    /// The cache of the normalization, with the ReLU after it if there is one.
    norm: Option<batch_norm::Cache<F>>,
    /// The cache of a ReLU without a normalization before it.
    relu: Option<relu::Cache>,
    pool: Option<max_pool::Cache>,
}

#[derive(Debug)]
enum ProductCache<F> {
    Dense(bayes_dense::Cache<F>),
    Conv2d(bayes_conv2d::Cache<F>),
}

impl<F: Real> Network<F> {
    /// A copy of a network on the device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn from_host(device: &Device, network: &nets::Network<F>) -> Result<Self> {
        let parameters = network.parameters().iter().map(|parameter| Buffer::from_host(device, parameter.value.view()));
        Ok(Self {
            parameters: parameters.collect::<Result<_>>()?,
            graph: network.graph().clone(),
            schedule: network.schedule().clone(),
            device: device.clone(),
        })
    }

    /// Copies the parameters to a network of the same graph on the CPU.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `network` has another graph.
    pub fn copy_to_host(&self, network: &mut nets::Network<F>) -> Result<()> {
        assert_eq!(network.graph(), &self.graph, "a network of the same graph");
        for (parameter, value) in network.parameters_mut().iter_mut().zip(&self.parameters) {
            parameter.value = value.to_host()?;
        }
        Ok(())
    }

    /// A copy of the network on the CPU.
    ///
    /// # Errors
    /// If the device fails.
    pub fn to_host(&self) -> Result<nets::Network<F>> {
        // Its levels, like all its parameters, are then replaced.
        let mut network = nets::Network::new(self.graph.clone(), &Codebook::symmetric(2)?);
        self.copy_to_host(&mut network)?;
        Ok(network)
    }

    /// The nodes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// All parameters, in the graph's order.
    pub fn parameters(&self) -> &[Buffer<F>] {
        &self.parameters
    }

    /// All parameters, in the graph's order.
    pub fn parameters_mut(&mut self) -> &mut [Buffer<F>] {
        &mut self.parameters
    }

    /// The role of the parameter at `position`.
    pub fn role(&self, position: usize) -> Role {
        self.graph.parameters[position].role
    }

    /// Moves the running statistics of every normalization towards the statistics of the batch on the tape.
    ///
    /// # Errors
    /// If the device fails.
    pub fn absorb_statistics(&mut self, tape: &Tape<F>) -> Result<()> {
        let Self { graph, schedule, parameters, .. } = self;
        let norm = |node: usize| graph.nodes[node].norm().expect(SCHEDULED);
        let mut absorb = |layer: &NormLayer, batch: &Statistics<F>, count: usize| {
            let running = parameters.get_disjoint_mut([layer.running_mean, layer.running_var]);
            batch_norm::absorb(running.expect("two parameters"), batch, count, F::of(MOMENTUM))
        };
        for (step, cache) in schedule.steps.iter().zip(&tape.steps) {
            match (&step.work, cache) {
                (Work::Chain(chain), StepCache::Chain(cache)) => {
                    let batch = cache.norm.as_ref().and_then(batch_norm::Cache::batch_statistics);
                    if let (Some(node), Some((batch, count))) = (chain.norm, batch) {
                        absorb(norm(node), batch, count)?;
                    }
                }
                (Work::DenseBlock(units), StepCache::DenseBlock(cache)) => {
                    if let Some((batches, count)) = cache.batch_statistics() {
                        for (stage, batch) in units.iter().flatten().zip(batches) {
                            absorb(norm(stage.norm), batch, count)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Q(θ) of a layer; none if `is_quantized` is false or the layer is kept in full precision.
    fn quantized(&self, layer: &BayesLayer, is_quantized: bool) -> Result<Option<Buffer<F>>> {
        let [theta, levels] = [layer.theta, layer.levels].map(|position| &self.parameters[position]);
        (is_quantized && !layer.unquantized).then(|| quantizer::value(theta, levels)).transpose()
    }

    fn dense<'a>(&'a self, layer: &BayesLayer, theta: Option<&'a Buffer<F>>) -> BayesDense<'a, F> {
        BayesDense {
            theta: theta.unwrap_or(&self.parameters[layer.theta]),
            log_sigma2: &self.parameters[layer.log_sigma2],
            bias: layer.bias.map(|bias| &self.parameters[bias]),
        }
    }

    fn conv2d<'a>(&'a self, of: &Convolution, theta: Option<&'a Buffer<F>>) -> BayesConv2d<'a, F> {
        BayesConv2d {
            theta: theta.unwrap_or(&self.parameters[of.layer.theta]),
            log_sigma2: &self.parameters[of.layer.log_sigma2],
            bias: of.layer.bias.map(|bias| &self.parameters[bias]),
            window: of.window,
            groups: of.groups,
        }
    }

    /// A dense block; `quantized` has Q(θ) of each stage if the pass computes with quantized weights.
    fn dense_block<'a>(
        &'a self,
        units: &[Vec<Stage>],
        quantized: Option<&'a [Vec<Option<Buffer<F>>>]>,
    ) -> DenseBlock<'a, F> {
        let stage = |u: usize, s: usize, stage: &Stage| {
            let (norm, quantized) = (self.norm(stage.norm), quantized.and_then(|quantized| quantized[u][s].as_ref()));
            let (gamma, beta) = (&self.parameters[norm.gamma], &self.parameters[norm.beta]);
            dense_block::Stage { gamma, beta, conv: self.conv2d(self.convolution(stage.conv), quantized) }
        };
        let unit =
            |(u, stages): (usize, &Vec<Stage>)| stages.iter().enumerate().map(|(s, of)| stage(u, s, of)).collect();
        DenseBlock { units: units.iter().enumerate().map(unit).collect(), epsilon: F::of(EPSILON) }
    }

    /// The normalization of node number `node`.
    fn norm(&self, node: usize) -> &NormLayer {
        self.graph.nodes[node].norm().expect(SCHEDULED)
    }

    /// The convolution of node number `node`.
    fn convolution(&self, node: usize) -> &Convolution {
        match &self.graph.nodes[node].op {
            Op::Conv2d(convolution) => convolution,
            _ => unreachable!("{SCHEDULED}"),
        }
    }

    fn batch_norm(&self, layer: &NormLayer, rectified: bool) -> BatchNorm<'_, F> {
        let (gamma, beta) = (&self.parameters[layer.gamma], &self.parameters[layer.beta]);
        BatchNorm { gamma, beta, epsilon: F::of(EPSILON), rectified }
    }

    fn running_statistics(&self, layer: &NormLayer) -> Result<Statistics<F>> {
        let [mean, variance] = [layer.running_mean, layer.running_var].map(|position| &self.parameters[position]);
        Statistics::running(mean, variance, F::of(EPSILON))
    }
}

/// The nodes of a step have the operations that the step says.
const SCHEDULED: &str = "the schedule is of this graph";

fn map_stages<T>(units: &[Vec<Stage>], of: impl Fn(&Stage) -> Result<T>) -> Result<Vec<Vec<T>>> {
    units.iter().map(|stages| stages.iter().map(&of).collect()).collect()
}
