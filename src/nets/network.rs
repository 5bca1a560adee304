//! A network as a chain of nodes: forward, backward, and the parameters they read.

use super::parameters::{Gradients, Parameter, Role};
use crate::error::{Error, Result};
use crate::layers::batch_norm::{self, BatchNorm, Statistics};
use crate::layers::bayes_conv2d::{self, BayesConv2d};
use crate::layers::bayes_dense::{self, BayesDense};
use crate::layers::{flatten, max_pool, relu};
use crate::prior::quantizer::Quantizer;
use crate::scalar::Real;
use crate::tensor::im2col::Window;
use ndarray::{Array1, Array2, Array3, Array4, ArrayD, ArrayView, ArrayViewD, Dimension, Ix1, Ix4};

/// A chain of nodes on images of shape `input` (C, H, W).
#[derive(Clone, Debug, PartialEq)]
pub struct Network<F> {
    pub(super) input: [usize; 3],
    pub(super) nodes: Vec<Node>,
    pub(super) parameters: Vec<Parameter<F>>,
}

/// One operation; parameters are given by their position in the list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Dense(BayesLayer),
    Conv2d(BayesLayer, Window),
    BatchNorm(NormLayer),
    Relu,
    MaxPool(Window),
    Flatten,
}

/// Where the parameters of a Bayesian layer are in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct BayesLayer {
    /// Its name.
    pub name: String,
    /// Its place among the Bayesian layers, from 0: the tensor id of its noise.
    pub index: usize,
    /// The position of θ.
    pub theta: usize,
    /// The position of ln σ².
    pub log_sigma2: usize,
    /// The position of the levels.
    pub levels: usize,
    /// The position of the bias.
    pub bias: Option<usize>,
}

/// Where the parameters of a batch normalization are in the list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NormLayer {
    pub(crate) gamma: usize,
    pub(crate) beta: usize,
    pub(crate) running_mean: usize,
    pub(crate) running_var: usize,
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

/// What the backward needs of the forward, node by node.
#[derive(Debug)]
pub struct Tape<F>(Vec<NodeCache<F>>);

#[derive(Debug)]
enum NodeCache<F> {
    Dense(bayes_dense::Cache<F>),
    Conv2d(bayes_conv2d::Cache<F>),
    BatchNorm(NormCache<F>),
    Relu(relu::Cache),
    MaxPool(max_pool::Cache),
    Flatten(flatten::Cache),
}

#[derive(Debug)]
struct NormCache<F> {
    cache: batch_norm::Cache<F>,
    /// The batch's statistics and the values a channel they are of; none under running statistics.
    batch: Option<(Statistics<F>, usize)>,
}

impl<F: Real> Network<F> {
    /// (C, H, W) of an image.
    pub fn input(&self) -> [usize; 3] {
        self.input
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
        self.nodes.iter().filter_map(|node| match node {
            Node::Dense(layer) | Node::Conv2d(layer, _) => Some(layer),
            _ => None,
        })
    }

    /// The number of weights of all Bayesian layers.
    pub fn weights(&self) -> usize {
        self.parameters.iter().filter(|parameter| parameter.role == Role::Theta).map(|p| p.value.len()).sum()
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
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
        let mut caches = Vec::with_capacity(self.nodes.len());
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
        mut keep: impl FnMut(NodeCache<F>),
    ) -> Result<Array2<F>> {
        if x.shape()[1..] != self.input {
            let seen = format!("{:?}", &x.shape()[1..]);
            return Err(Error::tensor("x", format!("images of shape {:?}", self.input), seen));
        }
        let mut x = x.into_dyn();
        for node in &self.nodes {
            let (y, cache) = self.forward_node(node, x, weights, normalization)?;
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
    ) -> Result<(ArrayD<F>, NodeCache<F>)> {
        match node {
            Node::Dense(layer) => {
                let quantized = self.quantized(layer, weights);
                let dense = self.dense(layer, quantized.as_ref());
                let x: Array2<F> = rank(x);
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let eps = noise(layer, &[x.nrows(), dense.theta.ncols()])?;
                        dense.forward_sampled(x, rank(eps))?
                    }
                    WeightMode::Mean | WeightMode::Quantized => dense.forward_mean(x)?,
                };
                Ok((y.into_dyn(), NodeCache::Dense(cache)))
            }
            Node::Conv2d(layer, window) => {
                let quantized = self.quantized(layer, weights);
                let conv = self.conv2d(layer, window, quantized.as_ref());
                let x: Array4<F> = rank(x);
                let (y, cache) = match weights {
                    WeightMode::Sample(noise) => {
                        let (batch, _, height, width) = x.dim();
                        let [output_h, output_w] = window.output_size([height, width])?;
                        let eps = noise(layer, &[batch, conv.theta.dim().0, output_h, output_w])?;
                        conv.forward_sampled(x, rank(eps))?
                    }
                    WeightMode::Mean | WeightMode::Quantized => conv.forward_mean(x)?,
                };
                Ok((y.into_dyn(), NodeCache::Conv2d(cache)))
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
                Ok((y, NodeCache::BatchNorm(NormCache { cache, batch })))
            }
            Node::Relu => {
                let (y, cache) = relu::forward(x);
                Ok((y, NodeCache::Relu(cache)))
            }
            Node::MaxPool(window) => {
                let (y, cache) = max_pool::forward(rank::<F, Ix4>(x).view(), window)?;
                Ok((y.into_dyn(), NodeCache::MaxPool(cache)))
            }
            Node::Flatten => {
                let (y, cache) = flatten::forward(rank(x));
                Ok((y.into_dyn(), NodeCache::Flatten(cache)))
            }
        }
    }

    /// The gradient of the loss in every parameter, from `dlogits` (B, classes).
    ///
    /// # Panics
    /// If the tape is another network's.
    pub fn backward(&self, tape: &Tape<F>, dlogits: Array2<F>) -> Gradients<F> {
        let mut gradients: Gradients<F> = self.parameters.iter().map(|_| None).collect();
        let first = self.nodes.iter().position(|node| matches!(node, Node::Dense(_) | Node::Conv2d(..))).unwrap_or(0);
        let mut dy = dlogits.into_dyn();
        for (i, (node, cache)) in self.nodes.iter().zip(&tape.0).enumerate().skip(first).rev() {
            let wants_dx = i > first;
            let dx = match (node, cache) {
                (Node::Dense(layer), NodeCache::Dense(cache)) => {
                    let dy: Array2<F> = rank(dy);
                    let d = self.dense(layer, None).backward(cache, dy.view(), wants_dx);
                    gradients[layer.theta] = Some(d.dtheta.into_dyn());
                    gradients[layer.log_sigma2] = d.dlog_sigma2.map(|d| d.into_dyn());
                    if let Some(bias) = layer.bias {
                        gradients[bias] = Some(d.dbias.into_dyn());
                    }
                    d.dx.map(|d| d.into_dyn())
                }
                (Node::Conv2d(layer, window), NodeCache::Conv2d(cache)) => {
                    let dy: Array4<F> = rank(dy);
                    let d = self.conv2d(layer, window, None).backward(cache, dy.view(), wants_dx);
                    gradients[layer.theta] = Some(d.dtheta.into_dyn());
                    gradients[layer.log_sigma2] = d.dlog_sigma2.map(|d| d.into_dyn());
                    if let Some(bias) = layer.bias {
                        gradients[bias] = Some(d.dbias.into_dyn());
                    }
                    d.dx.map(|d| d.into_dyn())
                }
                (Node::BatchNorm(layer), NodeCache::BatchNorm(cache)) => {
                    let shape = dy.raw_dim();
                    let d = self.batch_norm(layer).backward(&cache.cache, by_channel(dy).view());
                    gradients[layer.gamma] = Some(d.dgamma.into_dyn());
                    gradients[layer.beta] = Some(d.dbeta.into_dyn());
                    Some(d.dx.into_shape_with_order(shape).expect("normalization keeps the elements"))
                }
                (Node::Relu, NodeCache::Relu(cache)) => Some(relu::backward(cache, dy)),
                (Node::MaxPool(_), NodeCache::MaxPool(cache)) => {
                    Some(max_pool::backward(cache, rank::<F, Ix4>(dy).view()).into_dyn())
                }
                (Node::Flatten, NodeCache::Flatten(cache)) => Some(flatten::backward(cache, rank(dy)).into_dyn()),
                _ => unreachable!("the tape is this network's"),
            };
            match dx {
                Some(dx) => dy = dx,
                None => break,
            }
        }
        gradients
    }

    /// Moves the running estimates of every normalization towards the statistics of the batch on the tape.
    pub fn absorb_statistics(&mut self, tape: &Tape<F>) {
        let normalized: Vec<(NormLayer, &Statistics<F>, usize)> = self
            .nodes
            .iter()
            .zip(&tape.0)
            .filter_map(|(node, cache)| match (node, cache) {
                (Node::BatchNorm(layer), NodeCache::BatchNorm(NormCache { batch: Some((batch, count)), .. })) => {
                    Some((layer.clone(), batch, *count))
                }
                _ => None,
            })
            .collect();
        for (layer, batch, count) in normalized {
            let mut running = self.running_statistics(&layer);
            running.absorb(batch, count, F::of(batch_norm::MOMENTUM));
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

fn rank<F, D: Dimension>(x: ArrayD<F>) -> ndarray::Array<F, D> {
    x.into_dimensionality().expect(WIRED)
}

/// (B, C) or (B, C, H, W) as (B, C, positions).
fn by_channel<F: Real>(x: ArrayD<F>) -> Array3<F> {
    let (batch, channels) = (x.shape()[0], x.shape()[1]);
    let positions = x.shape()[2..].iter().product();
    x.into_shape_with_order((batch, channels, positions)).expect("activations are in standard layout")
}
