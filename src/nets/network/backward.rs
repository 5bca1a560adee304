//! The backward pass of a network: its steps in reverse order, each with its cache.
//!
//! The gradient with respect to a value that several steps read is the sum of the gradients that their backward passes
//! return.

use super::{ChainCache, Network, ProductCache, StepCache, Tape, map_stages, rank};
use crate::arrays::by_channel;
use crate::kernels::pooled_activation::DeferredGradient;
use crate::layers::pooled_activation::PooledActivation;
use crate::layers::{add, avg_pool, concat, flatten, max_pool, relu, straight_through};
use crate::nets::graph::{BayesLayer, Op};
use crate::nets::parameters::Gradients;
use crate::nets::schedule::{Chain, Stage, Work};
use crate::scalar::Real;
use ndarray::{Array1, Array2, ArrayD, Ix4, Zip};

impl<F: Real> Network<F> {
    /// The gradient of the loss with respect to every parameter, from `dlogits` (B, classes).
    ///
    /// # Panics
    /// If the tape is another network's, or `dlogits` does not have the logits' shape.
    pub fn backward(&self, tape: &Tape<F>, dlogits: Array2<F>) -> Gradients<F> {
        let mut gradients: Gradients<F> = self.parameters.iter().map(|_| None).collect();
        let wanted = self.graph.depends_on_parameters();
        let mut dvalues: Vec<Option<ArrayD<F>>> = vec![None; self.graph.value_count()];
        dvalues[self.graph.nodes.len()] = Some(dlogits.into_dyn());
        for (step, cache) in self.schedule.steps.iter().zip(&tape.steps).rev() {
            if !wanted[step.output] {
                continue;
            }
            let dy = dvalues[step.output].take().expect("every value but the last has a reader");
            let dxs = match (&step.work, cache) {
                (Work::Chain(chain), StepCache::Chain(cache)) => {
                    let quantized = chain
                        .product
                        .and_then(|product| self.quantized(self.graph.nodes[product].layer()?, tape.is_quantized));
                    let wants_dx = wanted[step.inputs[0]];
                    let dx = self.chain_backward(chain, cache, dy, quantized.as_ref(), wants_dx, &mut gradients);
                    dx.into_iter().collect()
                }
                (Work::Node(_), StepCache::AvgPool(cache)) => {
                    vec![avg_pool::backward(cache, rank::<F, Ix4>(dy).view()).into_dyn()]
                }
                (Work::Node(_), StepCache::Flatten(cache)) => vec![flatten::backward(cache, rank(dy)).into_dyn()],
                (Work::Node(_), StepCache::Add(cache)) => add::backward(cache, dy),
                (Work::Node(_), StepCache::Concat(cache)) => concat::backward(cache, dy.view()),
                (Work::DenseBlock(units), StepCache::DenseBlock(cache)) => {
                    let layer = |stage: &Stage| &self.convolution(stage.conv).layer;
                    let quantized = map_stages(units, |stage| self.quantized(layer(stage), tape.is_quantized));
                    let d = self.dense_block(units, Some(&quantized)).backward(cache, rank(dy));
                    for (stage, d) in units.iter().flatten().zip(d.units.into_iter().flatten()) {
                        let (norm, conv) = (self.norm(stage.norm), self.convolution(stage.conv));
                        gradients[norm.gamma] = Some(d.dgamma.into_dyn());
                        gradients[norm.beta] = Some(d.dbeta.into_dyn());
                        gradients[conv.layer.theta] = Some(d.dtheta.into_dyn());
                        gradients[conv.layer.log_sigma2] = d.dlog_sigma2.map(|d| d.into_dyn());
                    }
                    vec![d.dx.into_dyn()]
                }
                _ => unreachable!("the tape is this network's"),
            };
            for (value, dx) in step.inputs.iter().zip(dxs).filter(|(value, _)| wanted[**value]) {
                match &mut dvalues[*value] {
                    Some(sum) => Zip::from(sum).and(&dx).par_for_each(|sum, dx| *sum += *dx),
                    none => *none = Some(dx),
                }
            }
        }
        if tape.is_quantized {
            for layer in self.graph.quantized_layers() {
                let dw = gradients[layer.theta].as_ref().map(|dtheta| dtheta.view());
                let levels = self.parameters[layer.levels].as_slice();
                let dlevels = dw.map(|dw| straight_through::level_gradient(self.view(layer.theta), levels, dw));
                gradients[layer.levels] = dlevels.map(|d| d.into_dyn());
            }
        }
        gradients
    }

    /// The backward pass of a chain, from its last part to its first. Returns dx if `wants_dx` or the chain has no
    /// product. `quantized` is Q(θ) of the product's layer if the forward pass computed with it.
    fn chain_backward(
        &self,
        chain: &Chain,
        cache: &ChainCache<F>,
        dy: ArrayD<F>,
        quantized: Option<&ArrayD<F>>,
        wants_dx: bool,
        gradients: &mut Gradients<F>,
    ) -> Option<ArrayD<F>> {
        let mut dy = Gradient::Array(dy);
        if let (Some(layer), Some(cache)) = (chain.pooled_activation(&self.graph), &cache.pooled_activation) {
            let pooled = PooledActivation { norm: self.batch_norm(layer) };
            let dy_of_pool = rank::<F, Ix4>(dy.form());
            let (dx, dgamma, dbeta) = match pooled.kernel_backward(&cache.cache, dy_of_pool.view()) {
                Some((dx, dgamma, dbeta)) => (Gradient::Deferred(dx), dgamma, dbeta),
                None => {
                    let d = pooled.backward(&cache.cache, dy_of_pool.view());
                    (Gradient::Array(d.dx.into_dyn()), d.dgamma, d.dbeta)
                }
            };
            gradients[layer.gamma] = Some(dgamma.into_dyn());
            gradients[layer.beta] = Some(dbeta.into_dyn());
            dy = dx;
        }
        if let Some(cache) = &cache.pool {
            dy = Gradient::Array(max_pool::backward(cache, rank::<F, Ix4>(dy.form()).view()).into_dyn());
        }
        if let Some(cache) = &cache.relu {
            dy = Gradient::Array(relu::backward(cache, dy.form()));
        }
        if let (Some(norm), Some(cache)) = (chain.norm, &cache.norm) {
            let layer = self.norm(norm);
            let dy_of_norm = dy.form();
            let shape = dy_of_norm.raw_dim();
            let d = self.batch_norm(layer).backward(&cache.cache, by_channel(dy_of_norm));
            gradients[layer.gamma] = Some(d.dgamma.into_dyn());
            gradients[layer.beta] = Some(d.dbeta.into_dyn());
            dy = Gradient::Array(d.dx.into_shape_with_order(shape).expect("normalization keeps the elements"));
        }
        let Some(product) = chain.product else { return Some(dy.form()) };
        match (&self.graph.nodes[product].op, &cache.product) {
            (Op::Conv2d(convolution), Some(ProductCache::Conv2d(cache))) => {
                let conv = self.conv2d(convolution, quantized);
                let d = match dy {
                    Gradient::Array(dy) => conv.backward(cache, rank::<F, Ix4>(dy).view(), wants_dx),
                    Gradient::Deferred(dy) => conv.kernel_backward(cache, &dy, wants_dx),
                };
                let (dtheta, dlog_sigma2) = (d.dtheta.into_dyn(), d.dlog_sigma2.map(|d| d.into_dyn()));
                put(gradients, &convolution.layer, dtheta, dlog_sigma2, d.dbias);
                d.dx.map(|d| d.into_dyn())
            }
            (Op::Dense(layer), Some(ProductCache::Dense(cache))) => {
                let dy: Array2<F> = rank(dy.form());
                let d = self.dense(layer, quantized).backward(cache, dy.view(), wants_dx);
                put(gradients, layer, d.dtheta.into_dyn(), d.dlog_sigma2.map(|d| d.into_dyn()), d.dbias);
                d.dx.map(|d| d.into_dyn())
            }
            _ => unreachable!("the tape is this network's"),
        }
    }
}

fn put<F>(
    gradients: &mut Gradients<F>,
    layer: &BayesLayer,
    dtheta: ArrayD<F>,
    dlog_sigma2: Option<ArrayD<F>>,
    dbias: Array1<F>,
) {
    gradients[layer.theta] = Some(dtheta);
    gradients[layer.log_sigma2] = dlog_sigma2;
    if let Some(bias) = layer.bias {
        gradients[bias] = Some(dbias.into_dyn());
    }
}

/// The gradient with respect to the value between two parts of a chain.
enum Gradient<'a, F> {
    Array(ArrayD<F>),
    /// The gradient with respect to the input of a pooled activation, computed only where it is needed: a few images at
    /// a time if the product's backward pass supports this.
    Deferred(DeferredGradient<'a, F>),
}

impl<F: Real> Gradient<'_, F> {
    fn form(self) -> ArrayD<F> {
        match self {
            Self::Array(dy) => dy,
            Self::Deferred(dy) => dy.form().into_dyn(),
        }
    }
}
