//! The backward pass of [`Network`].

use super::{ChainCache, Gradients, Network, ProductCache, StepCache, Tape, map_stages};
use crate::cuda::layers::{add, avg_pool, concat, flatten, max_pool, relu, straight_through};
use crate::cuda::{Buffer, Real};
use crate::error::Result;
use crate::nets::graph::{BayesLayer, Op};
use crate::nets::schedule::{Chain, Stage, Work};

impl<F: Real> Network<F> {
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
        let mut dvalues: Vec<Option<Buffer<F>>> = (0..self.graph.value_count()).map(|_| None).collect();
        dvalues[self.graph.nodes.len()] = Some(dlogits);
        for (step, cache) in self.schedule.steps.iter().zip(&tape.steps).rev() {
            if !wanted[step.output] {
                continue;
            }
            let dy = dvalues[step.output].take().expect("every value but the last has a reader");
            let dxs = match (&step.work, cache) {
                (Work::Chain(chain), StepCache::Chain(cache)) => {
                    let layer = chain.product.and_then(|product| self.graph.nodes[product].layer());
                    let quantized = layer.map(|layer| self.quantized(layer, tape.is_quantized)).transpose()?.flatten();
                    let wants_dx = wanted[step.inputs[0]];
                    let dx = self.backward_chain(chain, cache, dy, quantized.as_ref(), wants_dx, &mut gradients)?;
                    dx.into_iter().collect()
                }
                (Work::Node(_), StepCache::AvgPool(cache)) => vec![avg_pool::backward(cache, &dy)?],
                (Work::Node(_), StepCache::Flatten(cache)) => vec![flatten::backward(cache, dy)],
                (Work::Node(_), StepCache::Add(cache)) => add::backward(cache, dy)?,
                (Work::Node(_), StepCache::Concat(cache)) => concat::backward(cache, dy)?,
                (Work::DenseBlock(units), StepCache::DenseBlock(cache)) => {
                    let layer = |stage: &Stage| &self.convolution(stage.conv).layer;
                    let quantized = map_stages(units, |stage| self.quantized(layer(stage), tape.is_quantized))?;
                    let d = self.dense_block(units, Some(&quantized)).backward(cache, dy)?;
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
        if tape.is_quantized {
            for layer in self.graph.quantized_layers() {
                let [theta, levels] = [layer.theta, layer.levels].map(|position| &self.parameters[position]);
                let dlevels =
                    gradients[layer.theta].as_ref().map(|dw| straight_through::level_gradient(theta, levels, dw));
                gradients[layer.levels] = dlevels.transpose()?;
            }
        }
        Ok(gradients)
    }

    /// The backward pass of a chain, from its last part to its first. Returns dx if `wants_dx` or the chain has no
    /// product. `quantized` is Q(θ) of the product's layer if the forward pass computed with it.
    fn backward_chain(
        &self,
        chain: &Chain,
        cache: &ChainCache<F>,
        mut dy: Buffer<F>,
        quantized: Option<&Buffer<F>>,
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
                let d = self.conv2d(convolution, quantized).backward(cache, &dy, wants_dx)?;
                self.put(gradients, &convolution.layer, d.dtheta, d.dlog_sigma2, d.dbias);
                Ok(d.dx)
            }
            (Op::Dense(layer), Some(ProductCache::Dense(cache))) => {
                let d = self.dense(layer, quantized).backward(cache, &dy, wants_dx)?;
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
}
