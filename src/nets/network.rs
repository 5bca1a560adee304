//! A network: the parameters that the nodes of a plan read, and the forward through them.

mod backward;

use super::parameters::{Parameter, Role};
use super::plan::{BayesLayer, Node, NormLayer, Plan, Stage};
use crate::error::Result;
use crate::layers::batch_norm::{self, BatchNorm, Statistics};
use crate::layers::bayes_conv2d::{self, BayesConv2d};
use crate::layers::bayes_dense::{self, BayesDense};
use crate::layers::dense_block::{self, DenseBlock};
use crate::layers::pool::Pool;
use crate::layers::pooled_activation::{self, PooledActivation};
use crate::layers::{avg_pool, check_shape, flatten, max_pool, relu};
use crate::prior::Codebook;
use crate::prior::quantizer::Quantizer;
use crate::scalar::Real;
use crate::tensor::im2col::Window;
use crate::tensor::noise::{Philox, Purpose};
use ndarray::{Array1, Array2, Array3, Array4, ArrayD, ArrayView, ArrayViewD, Dimension, Ix1, Ix4, IxDyn};
use ndarray_rand::rand::Rng;

/// ln σ² before training.
pub const INITIAL_LOG_SIGMA2: f64 = -8.0;

/// A plan and a value for each of its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Network<F> {
    plan: Plan,
    parameters: Vec<Parameter<F>>,
}

/// Supplies ε of a layer, standard normal, in the shape asked for.
pub type Noise<'a, F> = dyn Fn(&BayesLayer, &[usize]) -> Result<ArrayD<F>> + 'a;

/// Which weights a pass uses.
pub enum WeightMode<'a, F> {
    /// Sampled by local reparameterization with the noise given.
    Sample(&'a Noise<'a, F>),
    /// θ.
    Mean,
    /// Q(θ).
    Quantized,
}

/// Which statistics batch normalization uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// The batch's own.
    Batch,
    /// The running estimates.
    Running,
}

/// What the backward needs of the forward, step by step.
#[derive(Debug)]
pub struct Tape<F>(Vec<StepCache<F>>);

/// What is computed at once.
enum Step<'a> {
    Node(&'a Node),
    /// A normalization, the ReLU and the max pooling that follow it.
    PooledActivation(&'a NormLayer),
}

/// The steps of a chain of nodes.
fn steps(mut nodes: &[Node]) -> impl Iterator<Item = Step<'_>> {
    std::iter::from_fn(move || {
        let (step, rest) = match nodes {
            [Node::BatchNorm(norm), Node::Relu, Node::MaxPool(window), rest @ ..]
                if *window == pooled_activation::window() =>
            {
                (Step::PooledActivation(norm), rest)
            }
            [node, rest @ ..] => (Step::Node(node), rest),
            [] => return None,
        };
        nodes = rest;
        Some(step)
    })
}

impl Step<'_> {
    fn has_parameters(&self) -> bool {
        match self {
            Self::Node(node) => !node.with_parameters().is_empty(),
            Self::PooledActivation(_) => true,
        }
    }
}

#[derive(Debug)]
enum StepCache<F> {
    Dense(bayes_dense::Cache<F>),
    Conv2d(bayes_conv2d::Cache<F>),
    BatchNorm(NormCache<F, batch_norm::Cache<F>>),
    Relu(relu::Cache),
    MaxPool(max_pool::Cache),
    AvgPool(avg_pool::Cache),
    Flatten(flatten::Cache),
    DenseBlock(dense_block::Cache<F>),
    PooledActivation(Box<NormCache<F, pooled_activation::Cache<F>>>),
}

#[derive(Debug)]
struct NormCache<F, C> {
    cache: C,
    /// The batch's statistics and the values a channel they are of; none under running statistics.
    batch: Option<(Statistics<F>, usize)>,
}

impl<F: Real> Network<F> {
    /// A network before training, its θ still 0: ln σ² = [`INITIAL_LOG_SIGMA2`], every layer with the levels of `codebook`,
    /// b = 0, γ = 1, β = 0, running mean 0 and variance 1.
    pub fn new(plan: Plan, codebook: &Codebook<F>) -> Self {
        let levels = Array1::from(codebook.levels().to_vec()).into_dyn();
        let parameters = plan.parameters.iter().map(|parameter| {
            let shape = IxDyn(&parameter.shape);
            let value = match parameter.role {
                Role::Theta | Role::Bias | Role::Beta | Role::RunningMean => ArrayD::zeros(shape),
                Role::Gamma | Role::RunningVar => ArrayD::ones(shape),
                Role::LogSigma2 => ArrayD::from_elem(shape, F::of(INITIAL_LOG_SIGMA2)),
                Role::Levels => levels.clone(),
            };
            Parameter { name: parameter.name.clone(), role: parameter.role, value }
        });
        Self { parameters: parameters.collect(), plan }
    }

    /// Draws θ uniformly from ±1/√O, O the outputs of the layer, each tensor from its own stream of `seed`.
    pub fn initialize(&mut self, seed: u64) {
        for layer in self.plan.layers() {
            let mut stream = Philox::new(seed, Purpose::Initialization(layer.theta as u32), 0);
            let theta = &mut self.parameters[layer.theta].value;
            let outputs = if theta.ndim() == 2 { theta.shape()[1] } else { theta.shape()[0] };
            let bound = 1.0 / (outputs as f64).sqrt();
            theta.mapv_inplace(|_| F::of(stream.random_range(-bound..bound)));
        }
    }

    /// The wiring.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All parameters.
    pub fn parameters(&self) -> &[Parameter<F>] {
        &self.parameters
    }

    /// All parameters.
    pub fn parameters_mut(&mut self) -> &mut [Parameter<F>] {
        &mut self.parameters
    }

    /// The Bayesian layers, in order.
    pub fn layers(&self) -> impl Iterator<Item = &BayesLayer> {
        self.plan.layers()
    }

    /// The number of weights of all Bayesian layers.
    pub fn weights(&self) -> usize {
        self.parameters.iter().filter(|parameter| parameter.role == Role::Theta).map(|p| p.value.len()).sum()
    }

    /// The logits (B, classes) of `x` (B, C, H, W) and what the backward needs.
    ///
    /// # Errors
    /// If `x` is not of the network's input shape, or the noise given is misshapen.
    pub fn forward(
        &self,
        x: Array4<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
    ) -> Result<(Array2<F>, Tape<F>)> {
        let mut caches = Vec::new();
        let logits = self.run(x, weights, normalization, |cache| caches.push(cache))?;
        Ok((logits, Tape(caches)))
    }

    /// The logits (B, classes) of `x` (B, C, H, W), with running statistics.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn predict(&self, x: Array4<F>, weights: &WeightMode<'_, F>) -> Result<Array2<F>> {
        self.run(x, weights, Normalization::Running, drop)
    }

    fn run(
        &self,
        x: Array4<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
        mut keep: impl FnMut(StepCache<F>),
    ) -> Result<Array2<F>> {
        self.plan.check_images(x.shape())?;
        let mut x = x.into_dyn();
        for step in steps(&self.plan.nodes) {
            let (y, cache) = match step {
                Step::Node(node) => self.forward_node(node, x, weights, normalization)?,
                Step::PooledActivation(norm) => self.pooled_activation(norm, rank(x), normalization)?,
            };
            keep(cache);
            x = y;
        }
        Ok(rank(x))
    }

    fn forward_node(
        &self,
        node: &Node,
        x: ArrayD<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
    ) -> Result<(ArrayD<F>, StepCache<F>)> {
        match node {
            Node::Dense(layer) => {
                let quantized = self.quantized(layer, weights);
                let dense = self.dense(layer, quantized.as_ref());
                let x: Array2<F> = rank(x);
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let eps = draw(noise, layer, &[x.nrows(), dense.theta.ncols()])?;
                        dense.forward_sampled(x, rank(eps))?
                    }
                    WeightMode::Mean | WeightMode::Quantized => dense.forward_mean(x)?,
                };
                Ok((y.into_dyn(), StepCache::Dense(cache)))
            }
            Node::Conv2d(layer, window) => {
                let quantized = self.quantized(layer, weights);
                let conv = self.conv2d(layer, window, quantized.as_ref());
                let x: Array4<F> = rank(x);
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let (batch, _, height, width) = x.dim();
                        let [output_h, output_w] = window.output_size([height, width])?;
                        let eps = draw(noise, layer, &[batch, conv.theta.dim().0, output_h, output_w])?;
                        conv.forward_sampled(x, rank(eps))?
                    }
                    WeightMode::Mean | WeightMode::Quantized => conv.forward_mean(x)?,
                };
                Ok((y.into_dyn(), StepCache::Conv2d(cache)))
            }
            Node::BatchNorm(layer) => {
                let shape = x.raw_dim();
                let x = by_channel(x);
                let count = x.dim().0 * x.dim().2;
                let norm = self.batch_norm(layer);
                let (y, cache, batch) = match normalization {
                    Normalization::Batch => {
                        let (y, cache, statistics) = norm.forward_batch(x)?;
                        (y, cache, Some((statistics, count)))
                    }
                    Normalization::Running => {
                        let (y, cache) = norm.forward_running(x, &self.running_statistics(layer))?;
                        (y, cache, None)
                    }
                };
                let y = y.into_shape_with_order(shape).expect("normalization keeps the elements");
                Ok((y, StepCache::BatchNorm(NormCache { cache, batch })))
            }
            Node::Relu => {
                let (y, cache) = relu::forward(x);
                Ok((y, StepCache::Relu(cache)))
            }
            Node::MaxPool(window) => {
                let (y, cache) = max_pool::forward(rank::<F, Ix4>(x).view(), &Pool::new(window.kernel, window.stride))?;
                Ok((y.into_dyn(), StepCache::MaxPool(cache)))
            }
            Node::AvgPool(window) => {
                let (y, cache) = avg_pool::forward(rank::<F, Ix4>(x).view(), &Pool::new(window.kernel, window.stride))?;
                Ok((y.into_dyn(), StepCache::AvgPool(cache)))
            }
            Node::Flatten => {
                let (y, cache) = flatten::forward(rank(x));
                Ok((y.into_dyn(), StepCache::Flatten(cache)))
            }
            Node::DenseBlock(units) => {
                let quantized: Vec<Vec<Option<ArrayD<F>>>> =
                    map_stages(units, |stage| self.quantized(&stage.conv, weights));
                let running = (normalization == Normalization::Running)
                    .then(|| map_stages(units, |stage| self.running_statistics(&stage.norm)));
                let block = self.dense_block(units, Some(&quantized));
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let mut eps = |[unit, stage]: [usize; 2], shape: [usize; 4]| {
                            Ok(rank(draw(noise, &units[unit][stage].conv, &shape)?))
                        };
                        block.forward(rank(x), running.as_deref(), Some(&mut eps))?
                    }
                    WeightMode::Mean | WeightMode::Quantized => block.forward(rank(x), running.as_deref(), None)?,
                };
                Ok((y.into_dyn(), StepCache::DenseBlock(cache)))
            }
        }
    }

    fn pooled_activation(
        &self,
        layer: &NormLayer,
        x: Array4<F>,
        normalization: Normalization,
    ) -> Result<(ArrayD<F>, StepCache<F>)> {
        let (batch, _, height, width) = x.dim();
        let pooled = PooledActivation { norm: self.batch_norm(layer) };
        let (y, cache, batch) = match normalization {
            Normalization::Batch => {
                let (y, cache, statistics) = pooled.forward_batch(x)?;
                (y, cache, Some((statistics, batch * height * width)))
            }
            Normalization::Running => {
                let (y, cache) = pooled.forward_running(x, &self.running_statistics(layer))?;
                (y, cache, None)
            }
        };
        Ok((y.into_dyn(), StepCache::PooledActivation(Box::new(NormCache { cache, batch }))))
    }

    /// Moves the running estimates of every normalization by a share `momentum` towards the statistics of the batch on the
    /// tape: [`MOMENTUM`](batch_norm::MOMENTUM) in training.
    pub fn absorb_statistics(&mut self, tape: &Tape<F>, momentum: F) {
        let mut normalized: Vec<(NormLayer, &Statistics<F>, usize)> = Vec::new();
        for (step, cache) in steps(&self.plan.nodes).zip(&tape.0) {
            match (step, cache) {
                (
                    Step::Node(Node::BatchNorm(layer)),
                    StepCache::BatchNorm(NormCache { batch: Some((batch, count)), .. }),
                ) => {
                    normalized.push((layer.clone(), batch, *count));
                }
                (Step::PooledActivation(layer), StepCache::PooledActivation(cache)) => {
                    normalized.extend(cache.batch.iter().map(|(batch, count)| (layer.clone(), batch, *count)));
                }
                (Step::Node(Node::DenseBlock(units)), StepCache::DenseBlock(cache)) => {
                    if let Some((batches, count)) = cache.batch_statistics() {
                        let stages = units.iter().flatten().zip(batches);
                        normalized.extend(stages.map(|(stage, batch)| (stage.norm.clone(), batch, count)));
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

    /// Q(θ) of a layer, if quantized weights are asked for.
    fn quantized(&self, layer: &BayesLayer, weights: &WeightMode<'_, F>) -> Option<ArrayD<F>> {
        matches!(weights, WeightMode::Quantized).then(|| {
            let quantizer = Quantizer::new(self.parameters[layer.levels].as_slice());
            self.parameters[layer.theta].value.mapv(|theta| quantizer.value(theta))
        })
    }

    fn dense<'a>(&'a self, layer: &BayesLayer, theta: Option<&'a ArrayD<F>>) -> BayesDense<'a, F> {
        BayesDense {
            theta: theta.map_or_else(|| self.view(layer.theta), |theta| view(theta.view())),
            log_sigma2: self.view(layer.log_sigma2),
            bias: layer.bias.map(|bias| self.view(bias)),
        }
    }

    fn conv2d<'a>(&'a self, layer: &BayesLayer, window: &Window, theta: Option<&'a ArrayD<F>>) -> BayesConv2d<'a, F> {
        BayesConv2d {
            theta: theta.map_or_else(|| self.view(layer.theta), |theta| view(theta.view())),
            log_sigma2: self.view(layer.log_sigma2),
            bias: layer.bias.map(|bias| self.view(bias)),
            window: *window,
            groups: 1,
        }
    }

    /// `quantized` holds Q(θ) of each stage where quantized weights are asked for.
    fn dense_block<'a>(
        &'a self,
        units: &[Vec<Stage>],
        quantized: Option<&'a [Vec<Option<ArrayD<F>>>]>,
    ) -> DenseBlock<'a, F> {
        let stage = |u: usize, s: usize, stage: &Stage| dense_block::Stage {
            gamma: self.view(stage.norm.gamma),
            beta: self.view(stage.norm.beta),
            conv: self.conv2d(&stage.conv, &stage.window, quantized.and_then(|quantized| quantized[u][s].as_ref())),
        };
        let unit =
            |(u, stages): (usize, &Vec<Stage>)| stages.iter().enumerate().map(|(s, of)| stage(u, s, of)).collect();
        DenseBlock { units: units.iter().enumerate().map(unit).collect(), epsilon: F::of(batch_norm::EPSILON) }
    }

    fn batch_norm(&self, layer: &NormLayer) -> BatchNorm<'_, F> {
        BatchNorm { gamma: self.view(layer.gamma), beta: self.view(layer.beta), epsilon: F::of(batch_norm::EPSILON) }
    }

    fn running_statistics(&self, layer: &NormLayer) -> Statistics<F> {
        let owned = |position: usize| -> Array1<F> { self.view::<Ix1>(position).to_owned() };
        Statistics { mean: owned(layer.running_mean), variance: owned(layer.running_var) }
    }

    fn view<D: Dimension>(&self, position: usize) -> ArrayView<'_, F, D> {
        view(self.parameters[position].value.view())
    }
}

/// What flows between nodes has the rank its producer gave it; the builder wires nothing else.
const WIRED: &str = "the builder wires ranks that fit";

fn view<F, D: Dimension>(value: ArrayViewD<'_, F>) -> ArrayView<'_, F, D> {
    value.into_dimensionality().expect(WIRED)
}

fn map_stages<T>(units: &[Vec<Stage>], of: impl Fn(&Stage) -> T) -> Vec<Vec<T>> {
    units.iter().map(|stages| stages.iter().map(&of).collect()).collect()
}

/// ε of a layer, which must be of the shape asked for.
fn draw<F>(noise: &Noise<'_, F>, layer: &BayesLayer, shape: &[usize]) -> Result<ArrayD<F>> {
    let eps = noise(layer, shape)?;
    check_shape(&format!("eps.{}", layer.name), shape, eps.shape())?;
    Ok(eps)
}

fn rank<F, D: Dimension>(x: ArrayD<F>) -> ndarray::Array<F, D> {
    x.into_dimensionality().expect(WIRED)
}

/// (B, C) or (B, C, H, W) as (B, C, positions).
fn by_channel<F: Real>(x: ArrayD<F>) -> Array3<F> {
    let (batch, channels) = (x.shape()[0], x.shape()[1]);
    let positions = x.shape()[2..].iter().product();
    x.into_shape_with_order((batch, channels, positions)).expect("activations are in standard layout")
}
