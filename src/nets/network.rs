//! A network: a graph with values for its parameters, and the forward and backward passes.

mod backward;
mod forward;

use super::graph::{BayesLayer, Convolution, Graph, NormLayer, Op, SHAPES_FIT, outputs};
use super::parameters::{Parameter, Role};
use super::schedule::{Schedule, Stage, Work};
use crate::error::Result;
use crate::kernels::Way;
use crate::layers::batch_norm::{self, BatchNorm, Statistics};
use crate::layers::bayes_conv2d::{self, BayesConv2d};
use crate::layers::bayes_dense::{self, BayesDense};
use crate::layers::dense_block::{self, DenseBlock};
use crate::layers::pooled_activation;
use crate::layers::{add, avg_pool, concat, flatten, max_pool, relu, straight_through};
use crate::prior::Codebook;
use crate::scalar::Real;
use crate::tensor::noise::{Philox, Purpose};
use ndarray::{Array1, ArrayD, ArrayView, ArrayViewD, Dimension, Ix1, IxDyn};
use ndarray_rand::rand::Rng;

/// ln σ² before training.
pub const INITIAL_LOG_SIGMA2: f64 = -8.0;

/// A graph, the steps that compute it, and a value for each of its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network<F> {
    graph: Graph,
    schedule: Schedule,
    /// Whether definitions or kernels compute the steps.
    way: Way,
    parameters: Vec<Parameter<F>>,
}

/// Returns ε of a layer, standard normal, with the given shape.
pub type Noise<'a, F> = dyn Fn(&BayesLayer, &[usize]) -> Result<ArrayD<F>> + 'a;

/// The weights that a pass computes with.
pub enum WeightMode<'a, F> {
    /// Sampled by local reparameterization with this noise.
    Sample(&'a Noise<'a, F>),
    /// θ.
    Mean,
    /// Q(θ); the backward pass takes the gradient straight through Q: see [`straight_through`].
    Quantized,
    /// Sampled with mean Q(θ) and variance σ², by local reparameterization with this noise. The backward pass takes the
    /// gradient straight through Q, as in [`WeightMode::Quantized`].
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

/// The statistics that batch normalization uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// The statistics of the batch.
    Batch,
    /// The running estimates.
    Running,
}

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
    DenseBlock(dense_block::Cache<F>),
}

/// The caches of the parts of a chain; none for parts that the chain does not have.
#[derive(Debug)]
struct ChainCache<F> {
    product: Option<ProductCache<F>>,
    norm: Option<NormCache<F, batch_norm::Cache<F>>>,
    relu: Option<relu::Cache>,
    pool: Option<max_pool::Cache>,
    /// The cache in place of the last three, if they are computed together.
    pooled_activation: Option<NormCache<F, pooled_activation::Cache<F>>>,
}

#[derive(Debug)]
enum ProductCache<F> {
    Dense(bayes_dense::Cache<F>),
    Conv2d(bayes_conv2d::Cache<F>),
}

#[derive(Debug)]
struct NormCache<F, C> {
    cache: C,
    /// The statistics of the batch, and the number of values per channel; none under running statistics.
    batch: Option<(Statistics<F>, usize)>,
}

impl<F: Real> Network<F> {
    /// A network before training: θ = 0, ln σ² = [`INITIAL_LOG_SIGMA2`], the levels of `codebook` in every layer, b =
    /// 0, γ = 1, β = 0, running mean 0 and running variance 1. The masses of the codebook are not stored: the objective
    /// gives all levels of a layer the same mass.
    pub fn new(graph: Graph, codebook: &Codebook<F>) -> Self {
        let levels = Array1::from(codebook.levels().to_vec()).into_dyn();
        let parameters = graph.parameters.iter().map(|parameter| {
            let shape = IxDyn(&parameter.shape);
            let value = match parameter.role {
                Role::Theta | Role::Bias | Role::Beta | Role::RunningMean => ArrayD::zeros(shape),
                Role::Gamma | Role::RunningVar => ArrayD::ones(shape),
                Role::LogSigma2 => ArrayD::from_elem(shape, F::of(INITIAL_LOG_SIGMA2)),
                Role::Levels => levels.clone(),
            };
            Parameter { name: parameter.name.clone(), role: parameter.role, value }
        });
        Self { parameters: parameters.collect(), schedule: Schedule::fused(&graph), way: Way::in_use(), graph }
    }

    /// Draws θ uniformly from [−1/√O, 1/√O), O the outputs of the layer; each tensor has its own stream of `seed`.
    pub fn initialize(&mut self, seed: u64) {
        for layer in self.graph.layers() {
            let mut stream = Philox::new(seed, Purpose::Initialization(layer.theta as u32), 0);
            let theta = &mut self.parameters[layer.theta].value;
            let bound = 1.0 / (outputs(theta.shape()) as f64).sqrt();
            theta.mapv_inplace(|_| F::of(stream.random_range(-bound..bound)));
        }
    }

    /// The nodes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The steps in which the nodes are computed: [`Schedule::fused`], unless [`plain`](Self::plain) was called.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The same network with one step for each node: see [`Schedule::plain`].
    pub fn plain(self) -> Self {
        Self { schedule: Schedule::plain(&self.graph), ..self }
    }

    /// The same network, computed by definitions or by kernels; without this call as [`Way::in_use`] says.
    pub fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// Whether definitions or kernels compute the steps.
    pub fn way(&self) -> Way {
        self.way
    }

    /// All parameters.
    pub fn parameters(&self) -> &[Parameter<F>] {
        &self.parameters
    }

    /// The values of the parameter at a position of [`parameters`](Self::parameters), in row-major order.
    pub fn slice(&self, position: usize) -> &[F] {
        self.parameters[position].as_slice()
    }

    /// The nodes, and all parameters.
    pub(crate) fn graph_and_parameters_mut(&mut self) -> (&Graph, &mut [Parameter<F>]) {
        (&self.graph, &mut self.parameters)
    }

    /// All parameters.
    pub fn parameters_mut(&mut self) -> &mut [Parameter<F>] {
        &mut self.parameters
    }

    /// The Bayesian layers, in order.
    pub fn layers(&self) -> impl Iterator<Item = &BayesLayer> {
        self.graph.layers()
    }

    /// The Bayesian layers that are not unquantized, in order.
    pub fn quantized_layers(&self) -> impl Iterator<Item = &BayesLayer> {
        self.graph.quantized_layers()
    }

    /// The number of weights of all Bayesian layers.
    pub fn weights(&self) -> usize {
        self.graph.weights()
    }

    /// Moves the running statistics of every normalization by a share `momentum` towards the statistics of the batch on
    /// the tape. Training uses [`MOMENTUM`](batch_norm::MOMENTUM).
    pub fn absorb_statistics(&mut self, tape: &Tape<F>, momentum: F) {
        let mut normalized: Vec<(NormLayer, &Statistics<F>, usize)> = Vec::new();
        for (step, cache) in self.schedule.steps.iter().zip(&tape.steps) {
            match (&step.work, cache) {
                (Work::Chain(chain), StepCache::Chain(cache)) => {
                    let batch = cache.norm.as_ref().and_then(|norm| norm.batch.as_ref());
                    let pooled = cache.pooled_activation.as_ref().and_then(|norm| norm.batch.as_ref());
                    if let (Some(norm), Some((batch, count))) = (chain.norm, batch.or(pooled)) {
                        normalized.push((self.norm(norm).clone(), batch, *count));
                    }
                }
                (Work::DenseBlock(units), StepCache::DenseBlock(cache)) => {
                    if let Some((batches, count)) = cache.batch_statistics() {
                        let stages = units.iter().flatten().zip(batches);
                        normalized.extend(stages.map(|(stage, batch)| (self.norm(stage.norm).clone(), batch, count)));
                    }
                }
                _ => {}
            }
        }
        for (layer, batch, count) in normalized {
            let mut running = self.running_statistics(&layer);
            running.absorb(batch, count, momentum);
            self.parameters[layer.running_mean].value = running.mean.into_dyn();
            self.parameters[layer.running_var].value = running.variance.into_dyn();
        }
    }

    /// Q(θ) of a layer, if `is_quantized` and the layer is not unquantized.
    fn quantized(&self, layer: &BayesLayer, is_quantized: bool) -> Option<ArrayD<F>> {
        (is_quantized && !layer.unquantized)
            .then(|| straight_through::forward(self.view(layer.theta), self.parameters[layer.levels].as_slice()))
    }

    fn dense<'a>(&'a self, layer: &BayesLayer, theta: Option<&'a ArrayD<F>>) -> BayesDense<'a, F> {
        BayesDense {
            theta: theta.map_or_else(|| self.view(layer.theta), |theta| view(theta.view())),
            log_sigma2: self.view(layer.log_sigma2),
            bias: layer.bias.map(|bias| self.view(bias)),
            way: self.way,
        }
    }

    fn conv2d<'a>(&'a self, of: &Convolution, theta: Option<&'a ArrayD<F>>) -> BayesConv2d<'a, F> {
        BayesConv2d {
            theta: theta.map_or_else(|| self.view(of.layer.theta), |theta| view(theta.view())),
            log_sigma2: self.view(of.layer.log_sigma2),
            bias: of.layer.bias.map(|bias| self.view(bias)),
            window: of.window,
            groups: of.groups,
            way: self.way,
        }
    }

    /// A dense block; `quantized` has Q(θ) of each stage if the pass computes with quantized weights.
    fn dense_block<'a>(
        &'a self,
        units: &[Vec<Stage>],
        quantized: Option<&'a [Vec<Option<ArrayD<F>>>]>,
    ) -> DenseBlock<'a, F> {
        let stage = |u: usize, s: usize, stage: &Stage| {
            let (norm, quantized) = (self.norm(stage.norm), quantized.and_then(|quantized| quantized[u][s].as_ref()));
            let (gamma, beta) = (self.view(norm.gamma), self.view(norm.beta));
            dense_block::Stage { gamma, beta, conv: self.conv2d(self.convolution(stage.conv), quantized) }
        };
        let unit =
            |(u, stages): (usize, &Vec<Stage>)| stages.iter().enumerate().map(|(s, of)| stage(u, s, of)).collect();
        DenseBlock {
            units: units.iter().enumerate().map(unit).collect(),
            epsilon: F::of(batch_norm::EPSILON),
            way: self.way,
        }
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

    fn batch_norm(&self, layer: &NormLayer) -> BatchNorm<'_, F> {
        let (gamma, beta) = (self.view(layer.gamma), self.view(layer.beta));
        BatchNorm { gamma, beta, epsilon: F::of(batch_norm::EPSILON), way: self.way }
    }

    fn running_statistics(&self, layer: &NormLayer) -> Statistics<F> {
        let owned = |position: usize| -> Array1<F> { self.view::<Ix1>(position).to_owned() };
        Statistics { mean: owned(layer.running_mean), variance: owned(layer.running_var) }
    }

    fn view<D: Dimension>(&self, position: usize) -> ArrayView<'_, F, D> {
        view(self.parameters[position].value.view())
    }
}

/// The nodes of a step have the operations that the step says.
const SCHEDULED: &str = "the schedule is of this graph";

fn view<F, D: Dimension>(value: ArrayViewD<'_, F>) -> ArrayView<'_, F, D> {
    value.into_dimensionality().expect(SHAPES_FIT)
}

fn map_stages<T>(units: &[Vec<Stage>], of: impl Fn(&Stage) -> T) -> Vec<Vec<T>> {
    units.iter().map(|stages| stages.iter().map(&of).collect()).collect()
}

fn rank<F, D: Dimension>(x: ArrayD<F>) -> ndarray::Array<F, D> {
    x.into_dimensionality().expect(SHAPES_FIT)
}
