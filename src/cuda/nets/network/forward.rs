//! The forward pass of [`Network`].

use super::{ChainCache, Network, Noise, ProductCache, StepCache, Tape, WeightMode, map_stages};
use crate::cuda::layers::{add, avg_pool, concat, flatten, max_pool, relu};
use crate::cuda::{Buffer, Real};
use crate::error::Result;
use crate::layers::check_shape;
use crate::nets::Normalization;
use crate::nets::graph::{BayesLayer, Op};
use crate::nets::schedule::{Chain, Stage, Work};

impl<F: Real> Network<F> {
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
        Ok((logits, Tape { steps: caches, is_quantized: weights.is_quantized() }))
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
        let mut values: Vec<Option<Buffer<F>>> = (0..self.graph.value_count()).map(|_| None).collect();
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
                let quantized = map_stages(units, |stage| self.quantized(layer(stage), weights.is_quantized()))?;
                let running = match normalization {
                    Normalization::Batch => None,
                    Normalization::Running => {
                        Some(map_stages(units, |stage| self.running_statistics(self.norm(stage.norm)))?)
                    }
                };
                let block = self.dense_block(units, Some(&quantized));
                let x = &inputs[0];
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) | WeightMode::Hard(noise) => {
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
                let quantized = self.quantized(&convolution.layer, weights.is_quantized())?;
                let conv = self.conv2d(convolution, quantized.as_ref());
                let (y, cache) = match weights.noise(&convolution.layer) {
                    Some(noise) => conv.forward_sampled(x, draw(noise, &convolution.layer, &shape)?)?,
                    None => conv.forward_mean(x)?,
                };
                Ok((y, ProductCache::Conv2d(cache)))
            }
            Op::Dense(layer) => {
                let quantized = self.quantized(layer, weights.is_quantized())?;
                let dense = self.dense(layer, quantized.as_ref());
                let (y, cache) = match weights.noise(layer) {
                    Some(noise) => dense.forward_sampled(x, draw(noise, layer, &shape)?)?,
                    None => dense.forward_mean(x)?,
                };
                Ok((y, ProductCache::Dense(cache)))
            }
            _ => unreachable!("{} is a product", node.name),
        }
    }
}

/// ε of a layer, which must have the given shape.
fn draw<F: Real>(noise: &Noise<'_, F>, layer: &BayesLayer, shape: &[usize]) -> Result<Buffer<F>> {
    let eps = noise(layer, shape)?;
    check_shape(&format!("eps.{}", layer.name), shape, eps.shape())?;
    Ok(eps)
}
