//! [`nets::network`] on the device: the same graph and schedule, with the parameters in device memory.
//!
//! The ReLU of a chain is computed with its normalization.

use crate::cuda::layers::batch_norm::{self, BatchNorm, Statistics};
use crate::cuda::layers::bayes_conv2d::{self, BayesConv2d};
use crate::cuda::layers::bayes_dense::{self, BayesDense};
use crate::cuda::layers::dense_block::{self, DenseBlock};
use crate::cuda::layers::{add, avg_pool, concat, flatten, max_pool, relu};
use crate::cuda::prior::quantizer;
use crate::cuda::{Buffer, Device, Real};
use crate::error::{Error, Result};
use crate::layers::batch_norm::{EPSILON, MOMENTUM};
use crate::layers::check_shape;
use crate::nets::graph::{BayesLayer, Convolution, Graph, NormLayer, Op};
use crate::nets::schedule::{Chain, Schedule, Stage, Work};
use crate::nets::{self, Normalization, Role};
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
    /// Q(θ).
    Quantized,
}

/// The gradient of the loss with respect to each parameter, in the graph's order; none for a parameter that the loss
/// does not depend on.
pub type Gradients<F> = Vec<Option<Buffer<F>>>;

/// What the forward pass stores for the backward pass, for each step.
#[derive(Debug)]
pub struct Tape<F>(Vec<StepCache<F>>);

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
    /// If a layer is unquantized, or the device fails.
    pub fn from_host(device: &Device, network: &nets::Network<F>) -> Result<Self> {
        if let Some(layer) = network.layers().find(|layer| layer.unquantized) {
            return Err(Error::option(
                "network",
                "no unquantized layer on a GPU; --device cpu computes it",
                &layer.name,
            ));
        }
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

    /// The logits (B, classes) of `x` (B, C, H, W), and the tape for the backward pass.
    ///
    /// # Errors
    /// If `x` does not have the network's input shape, or the noise has the wrong shape; if the device fails.
    pub fn forward(
        &self,
        x: Buffer<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
    ) -> Result<(Buffer<F>, Tape<F>)> {
        let mut caches = Vec::with_capacity(self.schedule.steps.len());
        let logits = self.run(x, weights, normalization, |cache| caches.push(cache))?;
        Ok((logits, Tape(caches)))
    }

    /// The logits (B, classes) of `x` (B, C, H, W), with running statistics.
    ///
    /// # Errors
    /// The errors of [`Network::forward`].
    pub fn predict(&self, x: Buffer<F>, weights: &WeightMode<'_, F>) -> Result<Buffer<F>> {
        self.run(x, weights, Normalization::Running, drop)
    }

    fn run(
        &self,
        x: Buffer<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
        mut keep: impl FnMut(StepCache<F>),
    ) -> Result<Buffer<F>> {
        self.graph.check_images(x.shape())?;
        let mut values: Vec<Option<Buffer<F>>> = (0..self.graph.values()).map(|_| None).collect();
        let mut readers = self.schedule.readers(&self.graph);
        values[0] = Some(x);
        for step in &self.schedule.steps {
            let mut inputs = Vec::with_capacity(step.inputs.len());
            for value in &step.inputs {
                readers[*value] -= 1;
                let there = &mut values[*value];
                // The last reader takes the value itself, not a copy.
                let input =
                    if readers[*value] == 0 { there.take() } else { there.as_ref().map(Buffer::copy).transpose()? };
                inputs.push(input.expect("a step reads values before it"));
            }
            let (y, cache) = self.forward_step(&step.work, inputs, weights, normalization)?;
            keep(cache);
            values[step.output] = Some(y);
        }
        Ok(values.pop().flatten().expect("the last step gives the last value"))
    }

    fn forward_step(
        &self,
        work: &Work,
        mut inputs: Vec<Buffer<F>>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
    ) -> Result<(Buffer<F>, StepCache<F>)> {
        Ok(match work {
            Work::Node(node) => {
                let node = &self.graph.nodes[*node];
                match &node.op {
                    Op::AvgPool(pool) => {
                        let (y, cache) = avg_pool::forward(&inputs.swap_remove(0), pool)?;
                        (y, StepCache::AvgPool(cache))
                    }
                    Op::Flatten => {
                        let (y, cache) = flatten::forward(inputs.swap_remove(0));
                        (y, StepCache::Flatten(cache))
                    }
                    Op::Add => {
                        let (y, cache) = add::forward(inputs)?;
                        (y, StepCache::Add(cache))
                    }
                    Op::Concat => {
                        let (y, cache) = concat::forward(inputs)?;
                        (y, StepCache::Concat(cache))
                    }
                    _ => unreachable!("{} begins a chain", node.name),
                }
            }
            Work::Chain(chain) => {
                let (y, cache) = self.forward_chain(chain, inputs.swap_remove(0), weights, normalization)?;
                (y, StepCache::Chain(Box::new(cache)))
            }
            Work::DenseBlock(units) => {
                let layer = |stage: &Stage| &self.convolution(stage.conv).layer;
                let quantized = map_stages(units, |stage| self.quantized(layer(stage), weights))?;
                let running = match normalization {
                    Normalization::Batch => None,
                    Normalization::Running => {
                        Some(map_stages(units, |stage| self.running_statistics(self.norm(stage.norm)))?)
                    }
                };
                let block = self.dense_block(units, Some(&quantized));
                let x = &inputs[0];
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let mut eps = |[unit, stage]: [usize; 2], shape: [usize; 4]| {
                            draw(noise, layer(&units[unit][stage]), &shape)
                        };
                        block.forward(x, running, Some(&mut eps))?
                    }
                    WeightMode::Mean | WeightMode::Quantized => block.forward(x, running, None)?,
                };
                (y, StepCache::DenseBlock(Box::new(cache)))
            }
        })
    }

    fn forward_chain(
        &self,
        chain: &Chain,
        mut x: Buffer<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
    ) -> Result<(Buffer<F>, ChainCache<F>)> {
        let mut caches = ChainCache { product: None, norm: None, relu: None, pool: None };
        if let Some(product) = chain.product {
            let (y, cache) = self.forward_product(product, x, weights)?;
            (x, caches.product) = (y, Some(cache));
        }
        if let Some(norm) = chain.norm {
            let layer = self.norm(norm);
            let norm = self.batch_norm(layer, chain.relu.is_some());
            let (y, cache) = match normalization {
                Normalization::Batch => norm.forward_batch(x)?,
                Normalization::Running => norm.forward_running(x, self.running_statistics(layer)?)?,
            };
            (x, caches.norm) = (y, Some(cache));
        } else if chain.relu.is_some() {
            let (y, cache) = relu::forward(x)?;
            (x, caches.relu) = (y, Some(cache));
        }
        if let Some(pool) = chain.pool
            && let Op::MaxPool(pool) = &self.graph.nodes[pool].op
        {
            let (y, cache) = max_pool::forward(&x, pool)?;
            (x, caches.pool) = (y, Some(cache));
        }
        Ok((x, caches))
    }

    fn forward_product(
        &self,
        node: usize,
        x: Buffer<F>,
        weights: &WeightMode<'_, F>,
    ) -> Result<(Buffer<F>, ProductCache<F>)> {
        let node = &self.graph.nodes[node];
        let shape = [&[x.shape()[0]], &node.shape[..]].concat();
        match &node.op {
            Op::Conv2d(convolution) => {
                let quantized = self.quantized(&convolution.layer, weights)?;
                let conv = self.conv2d(convolution, quantized.as_ref());
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => conv.forward_sampled(x, draw(noise, &convolution.layer, &shape)?)?,
                    WeightMode::Mean | WeightMode::Quantized => conv.forward_mean(x)?,
                };
                Ok((y, ProductCache::Conv2d(cache)))
            }
            Op::Dense(layer) => {
                let quantized = self.quantized(layer, weights)?;
                let dense = self.dense(layer, quantized.as_ref());
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => dense.forward_sampled(x, draw(noise, layer, &shape)?)?,
                    WeightMode::Mean | WeightMode::Quantized => dense.forward_mean(x)?,
                };
                Ok((y, ProductCache::Dense(cache)))
            }
            _ => unreachable!("{} is a product", node.name),
        }
    }

    /// The gradient of the loss with respect to every parameter, from `dlogits` (B, classes).
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If the tape is another network's.
    pub fn backward(&self, tape: &Tape<F>, dlogits: Buffer<F>) -> Result<Gradients<F>> {
        let mut gradients: Gradients<F> = self.parameters.iter().map(|_| None).collect();
        let wanted = self.graph.depends_on_parameters();
        let mut dvalues: Vec<Option<Buffer<F>>> = (0..self.graph.values()).map(|_| None).collect();
        dvalues[self.graph.nodes.len()] = Some(dlogits);
        for (step, cache) in self.schedule.steps.iter().zip(&tape.0).rev() {
            if !wanted[step.output] {
                continue;
            }
            let dy = dvalues[step.output].take().expect("every value but the last has a reader");
            let dxs = match (&step.work, cache) {
                (Work::Chain(chain), StepCache::Chain(cache)) => {
                    let dx = self.backward_chain(chain, cache, dy, wanted[step.inputs[0]], &mut gradients)?;
                    dx.into_iter().collect()
                }
                (Work::Node(_), StepCache::AvgPool(cache)) => vec![avg_pool::backward(cache, &dy)?],
                (Work::Node(_), StepCache::Flatten(cache)) => vec![flatten::backward(cache, dy)],
                (Work::Node(_), StepCache::Add(cache)) => add::backward(cache, dy)?,
                (Work::Node(_), StepCache::Concat(cache)) => concat::backward(cache, dy)?,
                (Work::DenseBlock(units), StepCache::DenseBlock(cache)) => {
                    let d = self.dense_block(units, None).backward(cache, dy)?;
                    for (stage, d) in units.iter().flatten().zip(d.units.into_iter().flatten()) {
                        let norm = self.norm(stage.norm);
                        gradients[norm.gamma] = Some(d.dgamma);
                        gradients[norm.beta] = Some(d.dbeta);
                        let layer = &self.convolution(stage.conv).layer;
                        self.put(&mut gradients, layer, d.dtheta, d.dlog_sigma2, None);
                    }
                    vec![d.dx]
                }
                _ => unreachable!("the tape is this network's"),
            };
            for (value, dx) in step.inputs.iter().zip(dxs).filter(|(value, _)| wanted[**value]) {
                match &mut dvalues[*value] {
                    Some(sum) => add::accumulate(sum, &dx)?,
                    none => *none = Some(dx),
                }
            }
        }
        Ok(gradients)
    }

    /// The backward pass of a chain, from its last part to its first. Returns dx if `wants_dx` or the chain has no
    /// product.
    fn backward_chain(
        &self,
        chain: &Chain,
        cache: &ChainCache<F>,
        mut dy: Buffer<F>,
        wants_dx: bool,
        gradients: &mut Gradients<F>,
    ) -> Result<Option<Buffer<F>>> {
        if let Some(cache) = &cache.pool {
            dy = max_pool::backward(cache, &dy)?;
        }
        if let Some(cache) = &cache.relu {
            dy = relu::backward(cache, dy)?;
        }
        if let (Some(norm), Some(cache)) = (chain.norm, &cache.norm) {
            let layer = self.norm(norm);
            let d = self.batch_norm(layer, chain.relu.is_some()).backward(cache, dy)?;
            gradients[layer.gamma] = Some(d.dgamma);
            gradients[layer.beta] = Some(d.dbeta);
            dy = d.dx;
        }
        let Some(product) = chain.product else { return Ok(Some(dy)) };
        match (&self.graph.nodes[product].op, &cache.product) {
            (Op::Conv2d(convolution), Some(ProductCache::Conv2d(cache))) => {
                let d = self.conv2d(convolution, None).backward(cache, &dy, wants_dx)?;
                self.put(gradients, &convolution.layer, d.dtheta, d.dlog_sigma2, d.dbias);
                Ok(d.dx)
            }
            (Op::Dense(layer), Some(ProductCache::Dense(cache))) => {
                let d = self.dense(layer, None).backward(cache, &dy, wants_dx)?;
                self.put(gradients, layer, d.dtheta, d.dlog_sigma2, d.dbias);
                Ok(d.dx)
            }
            _ => unreachable!("the tape is this network's"),
        }
    }

    fn put(
        &self,
        gradients: &mut Gradients<F>,
        layer: &BayesLayer,
        dtheta: Buffer<F>,
        dlog_sigma2: Option<Buffer<F>>,
        dbias: Option<Buffer<F>>,
    ) {
        gradients[layer.theta] = Some(dtheta);
        gradients[layer.log_sigma2] = dlog_sigma2;
        if let Some(bias) = layer.bias {
            gradients[bias] = dbias;
        }
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
        for (step, cache) in schedule.steps.iter().zip(&tape.0) {
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

    /// Q(θ) of a layer, if the pass computes with quantized weights.
    fn quantized(&self, layer: &BayesLayer, weights: &WeightMode<'_, F>) -> Result<Option<Buffer<F>>> {
        match weights {
            WeightMode::Quantized => {
                quantizer::value(&self.parameters[layer.theta], &self.parameters[layer.levels]).map(Some)
            }
            WeightMode::Sample(_) | WeightMode::Mean => Ok(None),
        }
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

    /// The normalization that a node is.
    fn norm(&self, node: usize) -> &NormLayer {
        self.graph.nodes[node].norm().expect(SCHEDULED)
    }

    /// The convolution that a node is.
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

/// ε of a layer, which must have the given shape.
fn draw<F: Real>(noise: &Noise<'_, F>, layer: &BayesLayer, shape: &[usize]) -> Result<Buffer<F>> {
    let eps = noise(layer, shape)?;
    check_shape(&format!("eps.{}", layer.name), shape, eps.shape())?;
    Ok(eps)
}
