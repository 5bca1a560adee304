//! The forward pass of a network: its steps in order. Each step stores what its backward pass needs.

use super::{
    ChainCache, Network, Noise, NormCache, Normalization, ProductCache, StepCache, Tape, WeightMode, map_stages, rank,
};
use crate::arrays::by_channel;
use crate::error::Result;
use crate::layers::pooled_activation::{self, PooledActivation};
use crate::layers::{add, avg_pool, batch_norm, check_shape, concat, flatten, max_pool, relu};
use crate::nets::graph::{BayesLayer, Node, NormLayer, Op};
use crate::nets::schedule::{Chain, Stage, Work};
use crate::scalar::Real;
use ndarray::{Array2, Array4, ArrayD, Ix4};

impl<F: Real> Network<F> {
    /// The logits (B, classes) of `x` (B, C, H, W), and the tape for the backward pass.
    ///
    /// # Errors
    /// If `x` does not have the network's input shape, the noise has the wrong shape, or, with batch statistics, a
    /// normalization has fewer than two values per channel.
    pub fn forward(
        &self,
        x: Array4<F>,
        weights: &WeightMode<'_, F>,
        normalization: Normalization,
    ) -> Result<(Array2<F>, Tape<F>)> {
        let mut caches = Vec::with_capacity(self.schedule.steps.len());
        let logits = self.run(x, weights, normalization, |cache| caches.push(cache))?;
        Ok((logits, Tape { steps: caches, is_quantized: weights.is_quantized() }))
    }

    /// The logits (B, classes) of `x` (B, C, H, W), with running statistics.
    ///
    /// # Errors
    /// The errors of [`Network::forward`].
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
        self.graph.check_images(x.shape())?;
        let pass = Pass { network: self, weights, normalization };
        let mut values: Vec<Option<ArrayD<F>>> = vec![None; self.graph.value_count()];
        let mut readers = self.schedule.readers(&self.graph);
        values[0] = Some(x.into_dyn());
        for step in &self.schedule.steps {
            let inputs = step.inputs.iter().map(|value| {
                readers[*value] -= 1;
                // The last reader takes the value itself, not a copy.
                if readers[*value] == 0 { values[*value].take() } else { values[*value].clone() }
            });
            let inputs: Vec<ArrayD<F>> = inputs.map(|input| input.expect("a step reads values before it")).collect();
            let (y, cache) = pass.step(&step.work, inputs)?;
            keep(cache);
            values[step.output] = Some(y);
        }
        Ok(rank(values.pop().flatten().expect("the last step gives the last value")))
    }
}

/// The output and the cache of a normalization.
type Normalized<F, C> = (ArrayD<F>, NormCache<F, C>);

/// One forward pass: the network, the weights and the statistics.
struct Pass<'a, F> {
    network: &'a Network<F>,
    weights: &'a WeightMode<'a, F>,
    normalization: Normalization,
}

impl<F: Real> Pass<'_, F> {
    fn step(&self, work: &Work, mut inputs: Vec<ArrayD<F>>) -> Result<(ArrayD<F>, StepCache<F>)> {
        Ok(match work {
            Work::Node(node) => {
                let node = &self.network.graph.nodes[*node];
                match &node.op {
                    Op::AvgPool(pool) => {
                        let (y, cache) = avg_pool::forward(only::<F, Ix4>(inputs).view(), pool)?;
                        (y.into_dyn(), StepCache::AvgPool(cache))
                    }
                    Op::Flatten => {
                        let (y, cache) = flatten::forward(only(inputs));
                        (y.into_dyn(), StepCache::Flatten(cache))
                    }
                    Op::Add => {
                        let (y, cache) = add::forward(inputs)?;
                        (y, StepCache::Add(cache))
                    }
                    Op::Concat => {
                        let (y, cache) = concat::forward(&inputs)?;
                        (y, StepCache::Concat(cache))
                    }
                    _ => unreachable!("{} begins a chain", node.name),
                }
            }
            Work::Chain(chain) => {
                let (y, cache) = self.chain(chain, inputs.swap_remove(0))?;
                (y, StepCache::Chain(Box::new(cache)))
            }
            Work::DenseBlock(units) => self.dense_block(units, only(inputs))?,
        })
    }

    fn chain(&self, chain: &Chain, mut x: ArrayD<F>) -> Result<(ArrayD<F>, ChainCache<F>)> {
        let nodes = &self.network.graph.nodes;
        let mut caches = ChainCache { product: None, norm: None, relu: None, pool: None, pooled_activation: None };
        if let Some(product) = chain.product {
            let (y, cache) = self.product(&nodes[product], x)?;
            (x, caches.product) = (y, Some(cache));
        }
        if let Some(norm) = chain.pooled_activation(&self.network.graph) {
            let (y, cache) = self.pooled_activation(norm, rank(x))?;
            caches.pooled_activation = Some(cache);
            return Ok((y, caches));
        }
        if let Some(norm) = chain.norm {
            let (y, cache) = self.norm(self.network.norm(norm), x)?;
            (x, caches.norm) = (y, Some(cache));
        }
        if chain.relu.is_some() {
            let (y, cache) = relu::forward(x);
            (x, caches.relu) = (y, Some(cache));
        }
        if let Some(pool) = chain.pool
            && let Op::MaxPool(pool) = &nodes[pool].op
        {
            let (y, cache) = max_pool::forward(rank::<F, Ix4>(x).view(), pool)?;
            (x, caches.pool) = (y.into_dyn(), Some(cache));
        }
        Ok((x, caches))
    }

    fn product(&self, node: &Node, x: ArrayD<F>) -> Result<(ArrayD<F>, ProductCache<F>)> {
        match &node.op {
            Op::Conv2d(convolution) => {
                let layer = &convolution.layer;
                let quantized = self.network.quantized(layer, self.weights.is_quantized());
                let conv = self.network.conv2d(convolution, quantized.as_ref());
                let x: Array4<F> = rank(x);
                let (y, cache) = match self.weights.noise(layer) {
                    Some(noise) => {
                        let shape = [&[x.dim().0], &node.shape[..]].concat();
                        conv.forward_sampled(x, rank(draw(noise, layer, &shape)?))?
                    }
                    None => conv.forward_mean(x)?,
                };
                Ok((y.into_dyn(), ProductCache::Conv2d(cache)))
            }
            Op::Dense(layer) => {
                let quantized = self.network.quantized(layer, self.weights.is_quantized());
                let dense = self.network.dense(layer, quantized.as_ref());
                let x: Array2<F> = rank(x);
                let (y, cache) = match self.weights.noise(layer) {
                    Some(noise) => {
                        let eps = draw(noise, layer, &[x.nrows(), dense.theta.ncols()])?;
                        dense.forward_sampled(x, rank(eps))?
                    }
                    None => dense.forward_mean(x)?,
                };
                Ok((y.into_dyn(), ProductCache::Dense(cache)))
            }
            _ => unreachable!("{} is a product", node.name),
        }
    }

    fn norm(&self, layer: &NormLayer, x: ArrayD<F>) -> Result<Normalized<F, batch_norm::Cache<F>>> {
        let shape = x.raw_dim();
        let x = by_channel(x);
        let count = x.dim().0 * x.dim().2;
        let norm = self.network.batch_norm(layer);
        let (y, cache, batch) = match self.normalization {
            Normalization::Batch => {
                let (y, cache, statistics) = norm.forward_batch(x)?;
                (y, cache, Some((statistics, count)))
            }
            Normalization::Running => {
                let (y, cache) = norm.forward_running(x, &self.network.running_statistics(layer))?;
                (y, cache, None)
            }
        };
        let y = y.into_shape_with_order(shape).expect("normalization keeps the elements");
        Ok((y, NormCache { cache, batch }))
    }

    fn pooled_activation(&self, layer: &NormLayer, x: Array4<F>) -> Result<Normalized<F, pooled_activation::Cache<F>>> {
        let (batch, _, height, width) = x.dim();
        let pooled = PooledActivation { norm: self.network.batch_norm(layer) };
        let (y, cache, batch) = match self.normalization {
            Normalization::Batch => {
                let (y, cache, statistics) = pooled.forward_batch(x)?;
                (y, cache, Some((statistics, batch * height * width)))
            }
            Normalization::Running => {
                let (y, cache) = pooled.forward_running(x, &self.network.running_statistics(layer))?;
                (y, cache, None)
            }
        };
        Ok((y.into_dyn(), NormCache { cache, batch }))
    }

    fn dense_block(&self, units: &[Vec<Stage>], x: Array4<F>) -> Result<(ArrayD<F>, StepCache<F>)> {
        let network = self.network;
        let layer = |stage: &Stage| &network.convolution(stage.conv).layer;
        let quantized: Vec<Vec<Option<ArrayD<F>>>> =
            map_stages(units, |stage| network.quantized(layer(stage), self.weights.is_quantized()));
        let running = (self.normalization == Normalization::Running)
            .then(|| map_stages(units, |stage| network.running_statistics(network.norm(stage.norm))));
        let block = network.dense_block(units, Some(&quantized));
        let (y, cache) = match self.weights {
            WeightMode::Sample(noise) | WeightMode::Hard(noise) => {
                let mut eps = |[unit, stage]: [usize; 2], shape: [usize; 4]| {
                    Ok(rank(draw(noise, layer(&units[unit][stage]), &shape)?))
                };
                block.forward(x, running.as_deref(), Some(&mut eps))?
            }
            WeightMode::Mean | WeightMode::Quantized => block.forward(x, running.as_deref(), None)?,
        };
        Ok((y.into_dyn(), StepCache::DenseBlock(cache)))
    }
}

/// The only input of a step.
fn only<F, D: ndarray::Dimension>(mut inputs: Vec<ArrayD<F>>) -> ndarray::Array<F, D> {
    rank(inputs.swap_remove(0))
}

/// ε of a layer, which must have the given shape.
fn draw<F>(noise: &Noise<'_, F>, layer: &BayesLayer, shape: &[usize]) -> Result<ArrayD<F>> {
    let eps = noise(layer, shape)?;
    check_shape(&format!("eps.{}", layer.name), shape, eps.shape())?;
    Ok(eps)
}
