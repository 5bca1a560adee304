//! The backward of a network: its steps in reverse, each from its own cache.

use super::{Network, Step, StepCache, Tape, by_channel, rank, steps};
use crate::layers::pooled_activation::{self, PooledActivation};
use crate::layers::{avg_pool, flatten, max_pool, relu};
use crate::nets::parameters::Gradients;
use crate::nets::plan::Node;
use crate::scalar::Real;
use ndarray::{Array2, ArrayD, Ix4};

impl<F: Real> Network<F> {
    /// The gradient of the loss in every parameter, from `dlogits` (B, classes).
    ///
    /// # Panics
    /// If the tape is another network's.
    pub fn backward(&self, tape: &Tape<F>, dlogits: Array2<F>) -> Gradients<F> {
        let mut gradients: Gradients<F> = self.parameters.iter().map(|_| None).collect();
        let first = steps(&self.plan.nodes).position(|step| step.has_parameters()).unwrap_or(0);
        let steps: Vec<_> = steps(&self.plan.nodes).zip(&tape.0).enumerate().skip(first).collect();
        let mut dy = Gradient::Array(dlogits.into_dyn());
        for (i, (step, cache)) in steps.into_iter().rev() {
            let wants_dx = i > first;
            let dx = match (step, cache) {
                (Step::Node(Node::Dense(layer)), StepCache::Dense(cache)) => {
                    let dy: Array2<F> = rank(dy.form());
                    let d = self.dense(layer, None).backward(cache, dy.view(), wants_dx);
                    gradients[layer.theta] = Some(d.dtheta.into_dyn());
                    gradients[layer.log_sigma2] = d.dlog_sigma2.map(|d| d.into_dyn());
                    if let Some(bias) = layer.bias {
                        gradients[bias] = Some(d.dbias.into_dyn());
                    }
                    d.dx.map(|d| d.into_dyn())
                }
                (Step::Node(Node::Conv2d(layer, window)), StepCache::Conv2d(cache)) => {
                    let conv = self.conv2d(layer, window, None);
                    let d = match dy {
                        Gradient::Array(dy) => conv.backward(cache, rank::<F, Ix4>(dy).view(), wants_dx),
                        Gradient::Deferred(dy) => conv.backward(cache, dy, wants_dx),
                    };
                    gradients[layer.theta] = Some(d.dtheta.into_dyn());
                    gradients[layer.log_sigma2] = d.dlog_sigma2.map(|d| d.into_dyn());
                    if let Some(bias) = layer.bias {
                        gradients[bias] = Some(d.dbias.into_dyn());
                    }
                    d.dx.map(|d| d.into_dyn())
                }
                (Step::Node(Node::BatchNorm(layer)), StepCache::BatchNorm(cache)) => {
                    let dy = dy.form();
                    let shape = dy.raw_dim();
                    let d = self.batch_norm(layer).backward(&cache.cache, by_channel(dy));
                    gradients[layer.gamma] = Some(d.dgamma.into_dyn());
                    gradients[layer.beta] = Some(d.dbeta.into_dyn());
                    Some(d.dx.into_shape_with_order(shape).expect("normalization keeps the elements"))
                }
                (Step::Node(Node::Relu), StepCache::Relu(cache)) => Some(relu::backward(cache, dy.form())),
                (Step::Node(Node::MaxPool(_)), StepCache::MaxPool(cache)) => {
                    Some(max_pool::backward(cache, rank::<F, Ix4>(dy.form()).view()).into_dyn())
                }
                (Step::Node(Node::AvgPool(_)), StepCache::AvgPool(cache)) => {
                    Some(avg_pool::backward(cache, rank::<F, Ix4>(dy.form()).view()).into_dyn())
                }
                (Step::Node(Node::Flatten), StepCache::Flatten(cache)) => {
                    Some(flatten::backward(cache, rank(dy.form())).into_dyn())
                }
                (Step::Node(Node::DenseBlock(units)), StepCache::DenseBlock(cache)) => {
                    let d = self.dense_block(units, None).backward(cache, rank(dy.form()));
                    for (stage, d) in units.iter().flatten().zip(d.units.into_iter().flatten()) {
                        gradients[stage.norm.gamma] = Some(d.dgamma.into_dyn());
                        gradients[stage.norm.beta] = Some(d.dbeta.into_dyn());
                        gradients[stage.conv.theta] = Some(d.dtheta.into_dyn());
                        gradients[stage.conv.log_sigma2] = d.dlog_sigma2.map(|d| d.into_dyn());
                    }
                    Some(d.dx.into_dyn())
                }
                (Step::PooledActivation(layer), StepCache::PooledActivation(cache)) => {
                    let pooled = PooledActivation { norm: self.batch_norm(layer) };
                    let (dx, dgamma, dbeta) = pooled.backward_deferred(&cache.cache, rank::<F, Ix4>(dy.form()).view());
                    gradients[layer.gamma] = Some(dgamma.into_dyn());
                    gradients[layer.beta] = Some(dbeta.into_dyn());
                    dy = Gradient::Deferred(dx);
                    continue;
                }
                _ => unreachable!("the tape is this network's"),
            };
            match dx {
                Some(dx) => dy = Gradient::Array(dx),
                None => break,
            }
        }
        gradients
    }
}

/// The gradient in what is between two steps.
enum Gradient<'a, F> {
    Array(ArrayD<F>),
    /// In the input of a pooled activation: formed where it is needed, a few images at a time if the step before can do so.
    Deferred(pooled_activation::DeferredGradient<'a, F>),
}

impl<F: Real> Gradient<'_, F> {
    fn form(self) -> ArrayD<F> {
        match self {
            Self::Array(dy) => dy,
            Self::Deferred(dy) => dy.form().into_dyn(),
        }
    }
}
