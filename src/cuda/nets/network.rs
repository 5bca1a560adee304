//! [`nets::network`] on the device: the same plan, its parameters in device memory.
//!
//! A ReLU that follows a normalization is computed with it.

use crate::cuda::layers::batch_norm::{self, BatchNorm, Statistics};
use crate::cuda::layers::bayes_conv2d::{self, BayesConv2d};
use crate::cuda::layers::bayes_dense::{self, BayesDense};
use crate::cuda::layers::dense_block::{self, DenseBlock};
use crate::cuda::layers::{avg_pool, flatten, max_pool, relu};
use crate::cuda::prior::quantizer;
use crate::cuda::{Buffer, Device, Real};
use crate::error::Result;
use crate::layers::batch_norm::{EPSILON, MOMENTUM};
use crate::layers::check_shape;
use crate::layers::pool::Pool;
use crate::nets::plan::{BayesLayer, Node, NormLayer, Plan, Stage};
use crate::nets::{self, Normalization, Role};
use crate::tensor::im2col::Window;

/// A plan and a value for each of its parameters.
#[derive(Debug)]
pub struct Network<F> {
    plan: Plan,
    device: Device,
    parameters: Vec<Buffer<F>>,
}

/// Supplies ε of a layer, standard normal, in the shape asked for.
pub type Noise<'a, F> = dyn Fn(&BayesLayer, &[usize]) -> Result<Buffer<F>> + 'a;

/// Which weights a pass uses.
pub enum WeightMode<'a, F> {
    /// Sampled by local reparameterization with the noise given.
    Sample(&'a Noise<'a, F>),
    /// θ.
    Mean,
    /// Q(θ).
    Quantized,
}

/// The gradient of the loss in each parameter, in the plan's order; none where a parameter did not take part.
pub type Gradients<F> = Vec<Option<Buffer<F>>>;

/// What the backward needs of the forward, node by node.
#[derive(Debug)]
pub struct Tape<F>(Vec<NodeCache<F>>);

#[derive(Debug)]
enum NodeCache<F> {
    Dense(bayes_dense::Cache<F>),
    Conv2d(bayes_conv2d::Cache<F>),
    /// With the ReLU that follows, if there is one.
    BatchNorm(batch_norm::Cache<F>),
    Relu(relu::Cache),
    /// Computed with the normalization before it.
    WithBatchNorm,
    MaxPool(max_pool::Cache),
    AvgPool(avg_pool::Cache),
    Flatten(flatten::Cache),
    DenseBlock(dense_block::Cache<F>),
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
            plan: network.plan().clone(),
            device: device.clone(),
        })
    }

    /// Overwrites the parameters of a network of the same plan with these.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If its plan is another.
    pub fn copy_to_host(&self, network: &mut nets::Network<F>) -> Result<()> {
        assert_eq!(network.plan(), &self.plan, "a network of the same plan");
        for (parameter, value) in network.parameters_mut().iter_mut().zip(&self.parameters) {
            parameter.value = value.to_host()?;
        }
        Ok(())
    }

    /// The wiring.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// All parameters, in the plan's order.
    pub fn parameters(&self) -> &[Buffer<F>] {
        &self.parameters
    }

    /// All parameters, in the plan's order.
    pub fn parameters_mut(&mut self) -> &mut [Buffer<F>] {
        &mut self.parameters
    }

    /// What the parameter at that position is.
    pub fn role(&self, position: usize) -> Role {
        self.plan.parameters[position].role
    }

    /// The logits (B, classes) of `x` (B, C, H, W) and what the backward needs.
    ///
    /// # Errors
    /// If `x` is not of the network's input shape, or the noise given is misshapen; if the device fails.
    pub fn forward(
        &self,
        x: Buffer<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
    ) -> Result<(Buffer<F>, Tape<F>)> {
        let mut caches = Vec::with_capacity(self.plan.nodes.len());
        let logits = self.run(x, weights, normalization, |cache| caches.push(cache))?;
        Ok((logits, Tape(caches)))
    }

    /// The logits (B, classes) of `x` (B, C, H, W), with running statistics.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn predict(&self, x: Buffer<F>, weights: &WeightMode<'_, F>) -> Result<Buffer<F>> {
        self.run(x, weights, Normalization::Running, drop)
    }

    fn run(
        &self,
        x: Buffer<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
        mut keep: impl FnMut(NodeCache<F>),
    ) -> Result<Buffer<F>> {
        self.plan.check_images(x.shape())?;
        let mut x = x;
        for (i, node) in self.plan.nodes.iter().enumerate() {
            if matches!(node, Node::Relu) && i > 0 && self.is_rectified(i - 1) {
                keep(NodeCache::WithBatchNorm);
                continue;
            }
            let (y, cache) = self.forward_node(i, node, x, weights, normalization)?;
            keep(cache);
            x = y;
        }
        Ok(x)
    }

    /// Whether node `i` is a normalization that ReLU follows.
    fn is_rectified(&self, i: usize) -> bool {
        matches!(self.plan.nodes[i], Node::BatchNorm(_)) && matches!(self.plan.nodes.get(i + 1), Some(Node::Relu))
    }

    fn forward_node(
        &self,
        i: usize,
        node: &Node,
        x: Buffer<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
    ) -> Result<(Buffer<F>, NodeCache<F>)> {
        match node {
            Node::Dense(layer) => {
                let quantized = self.quantized(layer, weights)?;
                let dense = self.dense(layer, quantized.as_ref());
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let eps = draw(noise, layer, &[x.shape()[0], dense.theta.shape()[1]])?;
                        dense.forward_sampled(x, eps)?
                    }
                    WeightMode::Mean | WeightMode::Quantized => dense.forward_mean(x)?,
                };
                Ok((y, NodeCache::Dense(cache)))
            }
            Node::Conv2d(layer, window) => {
                let quantized = self.quantized(layer, weights)?;
                let conv = self.conv2d(layer, window, quantized.as_ref());
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let [output_h, output_w] = window.output_size([x.shape()[2], x.shape()[3]])?;
                        let shape = [x.shape()[0], conv.theta.shape()[0], output_h, output_w];
                        let eps = draw(noise, layer, &shape)?;
                        conv.forward_sampled(x, eps)?
                    }
                    WeightMode::Mean | WeightMode::Quantized => conv.forward_mean(x)?,
                };
                Ok((y, NodeCache::Conv2d(cache)))
            }
            Node::BatchNorm(layer) => {
                let norm = self.batch_norm(layer, i);
                let (y, cache) = match normalization {
                    Normalization::Batch => norm.forward_batch(x)?,
                    Normalization::Running => norm.forward_running(x, self.running_statistics(layer)?)?,
                };
                Ok((y, NodeCache::BatchNorm(cache)))
            }
            Node::Relu => {
                let (y, cache) = relu::forward(x)?;
                Ok((y, NodeCache::Relu(cache)))
            }
            Node::MaxPool(window) => {
                let (y, cache) = max_pool::forward(&x, &Pool::new(window.kernel, window.stride))?;
                Ok((y, NodeCache::MaxPool(cache)))
            }
            Node::AvgPool(window) => {
                let (y, cache) = avg_pool::forward(&x, &Pool::new(window.kernel, window.stride))?;
                Ok((y, NodeCache::AvgPool(cache)))
            }
            Node::Flatten => {
                let (y, cache) = flatten::forward(x);
                Ok((y, NodeCache::Flatten(cache)))
            }
            Node::DenseBlock(units) => {
                let quantized = map_stages(units, |stage| self.quantized(&stage.conv, weights))?;
                let running = match normalization {
                    Normalization::Batch => None,
                    Normalization::Running => Some(map_stages(units, |stage| self.running_statistics(&stage.norm))?),
                };
                let block = self.dense_block(units, Some(&quantized));
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let mut eps = |[unit, stage]: [usize; 2], shape: [usize; 4]| {
                            draw(noise, &units[unit][stage].conv, &shape)
                        };
                        block.forward(&x, running, Some(&mut eps))?
                    }
                    WeightMode::Mean | WeightMode::Quantized => block.forward(&x, running, None)?,
                };
                Ok((y, NodeCache::DenseBlock(cache)))
            }
        }
    }

    /// The gradient of the loss in every parameter, from `dlogits` (B, classes).
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If the tape is another network's.
    pub fn backward(&self, tape: &Tape<F>, dlogits: Buffer<F>) -> Result<Gradients<F>> {
        let mut gradients: Gradients<F> = self.parameters.iter().map(|_| None).collect();
        let first = self.plan.nodes.iter().position(|node| !node.with_parameters().is_empty()).unwrap_or(0);
        let mut dy = dlogits;
        for (i, (node, cache)) in self.plan.nodes.iter().zip(&tape.0).enumerate().skip(first).rev() {
            let wants_dx = i > first;
            let dx = match (node, cache) {
                (Node::Dense(layer), NodeCache::Dense(cache)) => {
                    let d = self.dense(layer, None).backward(cache, &dy, wants_dx)?;
                    self.put(&mut gradients, layer, d.dtheta, d.dlog_sigma2, d.dbias);
                    d.dx
                }
                (Node::Conv2d(layer, window), NodeCache::Conv2d(cache)) => {
                    let d = self.conv2d(layer, window, None).backward(cache, &dy, wants_dx)?;
                    self.put(&mut gradients, layer, d.dtheta, d.dlog_sigma2, d.dbias);
                    d.dx
                }
                (Node::BatchNorm(layer), NodeCache::BatchNorm(cache)) => {
                    let d = self.batch_norm(layer, i).backward(cache, dy)?;
                    gradients[layer.gamma] = Some(d.dgamma);
                    gradients[layer.beta] = Some(d.dbeta);
                    Some(d.dx)
                }
                (Node::Relu, NodeCache::Relu(cache)) => Some(relu::backward(cache, dy)?),
                (Node::Relu, NodeCache::WithBatchNorm) => Some(dy),
                (Node::MaxPool(_), NodeCache::MaxPool(cache)) => Some(max_pool::backward(cache, &dy)?),
                (Node::AvgPool(_), NodeCache::AvgPool(cache)) => Some(avg_pool::backward(cache, &dy)?),
                (Node::Flatten, NodeCache::Flatten(cache)) => Some(flatten::backward(cache, dy)),
                (Node::DenseBlock(units), NodeCache::DenseBlock(cache)) => {
                    let d = self.dense_block(units, None).backward(cache, dy)?;
                    for (stage, d) in units.iter().flatten().zip(d.units.into_iter().flatten()) {
                        gradients[stage.norm.gamma] = Some(d.dgamma);
                        gradients[stage.norm.beta] = Some(d.dbeta);
                        self.put(&mut gradients, &stage.conv, d.dtheta, d.dlog_sigma2, None);
                    }
                    Some(d.dx)
                }
                _ => unreachable!("the tape is this network's"),
            };
            match dx {
                Some(dx) => dy = dx,
                None => break,
            }
        }
        Ok(gradients)
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

    /// Moves the running estimates of every normalization towards the statistics of the batch on the tape.
    ///
    /// # Errors
    /// If the device fails.
    pub fn absorb_statistics(&mut self, tape: &Tape<F>) -> Result<()> {
        let Self { plan, parameters, .. } = self;
        let mut absorb = |layer: &NormLayer, batch: &Statistics<F>, count: usize| {
            let running = parameters.get_disjoint_mut([layer.running_mean, layer.running_var]);
            batch_norm::absorb(running.expect("two parameters"), batch, count, F::of(MOMENTUM))
        };
        for (node, cache) in plan.nodes.iter().zip(&tape.0) {
            match (node, cache) {
                (Node::BatchNorm(layer), NodeCache::BatchNorm(cache)) => {
                    if let Some((batch, count)) = cache.batch_statistics() {
                        absorb(layer, batch, count)?;
                    }
                }
                (Node::DenseBlock(units), NodeCache::DenseBlock(cache)) => {
                    if let Some((batches, count)) = cache.batch_statistics() {
                        for (stage, batch) in units.iter().flatten().zip(batches) {
                            absorb(&stage.norm, batch, count)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Q(θ) of a layer, if quantized weights are asked for.
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

    fn conv2d<'a>(&'a self, layer: &BayesLayer, window: &Window, theta: Option<&'a Buffer<F>>) -> BayesConv2d<'a, F> {
        BayesConv2d {
            theta: theta.unwrap_or(&self.parameters[layer.theta]),
            log_sigma2: &self.parameters[layer.log_sigma2],
            bias: layer.bias.map(|bias| &self.parameters[bias]),
            window: *window,
            groups: 1,
        }
    }

    /// `quantized` holds Q(θ) of each stage where quantized weights are asked for.
    fn dense_block<'a>(
        &'a self,
        units: &[Vec<Stage>],
        quantized: Option<&'a [Vec<Option<Buffer<F>>>]>,
    ) -> DenseBlock<'a, F> {
        let stage = |u: usize, s: usize, stage: &Stage| dense_block::Stage {
            gamma: &self.parameters[stage.norm.gamma],
            beta: &self.parameters[stage.norm.beta],
            conv: self.conv2d(&stage.conv, &stage.window, quantized.and_then(|quantized| quantized[u][s].as_ref())),
        };
        let unit =
            |(u, stages): (usize, &Vec<Stage>)| stages.iter().enumerate().map(|(s, of)| stage(u, s, of)).collect();
        DenseBlock { units: units.iter().enumerate().map(unit).collect(), epsilon: F::of(EPSILON) }
    }

    /// The normalization at node `i`.
    fn batch_norm(&self, layer: &NormLayer, i: usize) -> BatchNorm<'_, F> {
        BatchNorm {
            gamma: &self.parameters[layer.gamma],
            beta: &self.parameters[layer.beta],
            epsilon: F::of(EPSILON),
            rectified: self.is_rectified(i),
        }
    }

    fn running_statistics(&self, layer: &NormLayer) -> Result<Statistics<F>> {
        let [mean, variance] = [layer.running_mean, layer.running_var].map(|position| &self.parameters[position]);
        Statistics::running(mean, variance, F::of(EPSILON))
    }
}

fn map_stages<T>(units: &[Vec<Stage>], of: impl Fn(&Stage) -> Result<T>) -> Result<Vec<Vec<T>>> {
    units.iter().map(|stages| stages.iter().map(&of).collect()).collect()
}

/// ε of a layer, which must be of the shape asked for.
fn draw<F: Real>(noise: &Noise<'_, F>, layer: &BayesLayer, shape: &[usize]) -> Result<Buffer<F>> {
    let eps = noise(layer, shape)?;
    check_shape(&format!("eps.{}", layer.name), shape, eps.shape())?;
    Ok(eps)
}
