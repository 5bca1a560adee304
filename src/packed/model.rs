//! A quantized network: packed weights, and each normalization folded into one scale and shift a channel.
//!
//! ```text
//! w = ℓ_digit          y = scale · x + shift,   scale = γ/√(running variance + ε),   shift = β − scale · running mean
//! ```
//!
//! The pixels it is given are in [0, 1]; if the network was trained on standardized images, the model standardizes them by
//! the figures of the training images. They cannot be folded into the weights, which are digits, nor can the mean into a
//! bias: what a convolution pads with is the mean colour, 0 after standardization.
//!
//! Inference decodes one layer's weights at a time. Its logits are those of the network with quantized weights, to
//! rounding.

use super::digits::{pack, packed_len, unpack};
use crate::error::{Error, Result};
use crate::layers::batch_norm::{BatchNorm, EPSILON, Statistics};
use crate::layers::bayes_conv2d::BayesConv2d;
use crate::layers::bayes_dense::BayesDense;
use crate::layers::pre_activation::{Activation, PreActivation};
use crate::layers::{avg_pool, flatten, max_pool, relu};
use crate::nets::plan::{BayesLayer, Node, Stage};
use crate::nets::{Architecture, Network, Plan};
use crate::prior::quantizer::Quantizer;
use crate::tensor::im2col::Window;
use crate::train::data::Standardization;
use ndarray::{Array1, Array2, Array4, ArrayD, ArrayView1, Axis, IxDyn, aview1};

/// A quantized network.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedModel {
    /// Which network.
    pub architecture: Architecture,
    /// Outputs of each layer.
    pub widths: Vec<usize>,
    /// What it does to pixels in [0, 1] first.
    pub standardization: Option<Standardization>,
    pub(super) plan: Plan,
    /// In the order of the plan.
    pub(super) layers: Vec<PackedLayer>,
    /// In the order of the plan.
    pub(super) norms: Vec<Affine>,
}

/// A Bayesian layer after quantization.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedLayer {
    /// Its name.
    pub name: String,
    /// The shape of its weights.
    pub shape: Vec<usize>,
    /// ℓ (M), ascending.
    pub levels: Vec<f32>,
    /// The weights' digits: see [`digits`](super::digits).
    pub codes: Vec<u8>,
    /// b (O), of the last layer.
    pub bias: Option<Vec<f32>>,
}

/// A folded normalization, (C) each.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// γ/√(running variance + ε).
    pub scale: Vec<f32>,
    /// β − scale · running mean.
    pub shift: Vec<f32>,
}

impl PackedLayer {
    /// The number of weights.
    pub fn weights(&self) -> usize {
        self.shape.iter().product()
    }

    /// The level of each weight, in the order of θ.
    pub fn indices(&self) -> impl Iterator<Item = usize> {
        unpack(&self.codes, self.levels.len(), self.weights())
    }

    /// The quantized weights, of θ's shape.
    pub fn decode(&self) -> ArrayD<f32> {
        let weights = self.indices().map(|index| self.levels[index]).collect();
        ArrayD::from_shape_vec(IxDyn(&self.shape), weights).expect("one digit a weight")
    }
}

impl PackedModel {
    /// Quantizes and folds a network trained on images under `standardization`.
    pub fn new(
        architecture: Architecture,
        widths: &[usize],
        network: &Network<f32>,
        standardization: Option<Standardization>,
    ) -> Self {
        let values = |position: usize| network.parameters()[position].as_slice();
        let layers = network.layers().map(|layer| {
            let quantizer = Quantizer::new(values(layer.levels));
            let theta = &network.parameters()[layer.theta].value;
            let indices = theta.iter().map(|theta| quantizer.index(*theta));
            PackedLayer {
                name: layer.name.clone(),
                shape: theta.shape().to_vec(),
                levels: values(layer.levels).to_vec(),
                codes: pack(indices, values(layer.levels).len()),
                bias: layer.bias.map(|bias| values(bias).to_vec()),
            }
        });
        let norms = network.plan().norms().map(|norm| {
            let [gamma, beta, mean, variance] =
                [norm.gamma, norm.beta, norm.running_mean, norm.running_var].map(values);
            let scale: Vec<f32> =
                gamma.iter().zip(variance).map(|(g, v)| g * (v + EPSILON as f32).sqrt().recip()).collect();
            let shift = scale.iter().zip(mean.iter().zip(beta)).map(|(s, (m, b))| b - s * m).collect();
            Affine { scale, shift }
        });
        Self {
            architecture,
            widths: widths.to_vec(),
            standardization,
            layers: layers.collect(),
            norms: norms.collect(),
            plan: network.plan().clone(),
        }
    }

    /// (C, H, W) of an image.
    pub fn input(&self) -> [usize; 3] {
        self.plan.input
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[PackedLayer] {
        &self.layers
    }

    /// The numbers an unquantized model holds: weights, biases, and γ, β, running mean and variance of each normalization.
    pub fn f32_parameters(&self) -> usize {
        let biases = |layer: &PackedLayer| layer.bias.as_ref().map_or(0, Vec::len);
        self.layers.iter().map(|layer| layer.weights() + biases(layer)).sum::<usize>()
            + self.norms.iter().map(|norm| 4 * norm.scale.len()).sum::<usize>()
    }

    /// The bytes of codes and levels.
    pub fn weight_bytes(&self) -> usize {
        self.layers.iter().map(|layer| packed_len(layer.weights(), layer.levels.len()) + 4 * layer.levels.len()).sum()
    }

    /// The logits (B, classes) of `x` (B, C, H, W), pixels in [0, 1].
    ///
    /// # Errors
    /// If the images are not of the model's shape.
    pub fn predict(&self, mut x: Array4<f32>) -> Result<Array2<f32>> {
        if x.shape()[1..] != self.plan.input {
            let seen = format!("{:?}", &x.shape()[1..]);
            return Err(Error::tensor("x", format!("images of shape {:?}", self.plan.input), seen));
        }
        if let Some(standardization) = &self.standardization {
            standardization.apply(&mut x);
        }
        let mut norms = self.norms.iter();
        let mut x = x.into_dyn();
        for node in &self.plan.nodes {
            x = match node {
                Node::Dense(layer) => self.dense(layer, x)?,
                Node::Conv2d(layer, window) => self.conv2d(layer, *window, x)?,
                Node::BatchNorm(_) => norms.next().expect(ONE_A_NORM).apply(x),
                Node::Relu => relu::forward(x).0,
                Node::MaxPool(window) => max_pool::forward(images(x).view(), window)?.0.into_dyn(),
                Node::AvgPool(window) => avg_pool::forward(images(x).view(), window)?.0.into_dyn(),
                Node::Flatten => flatten::forward(images(x)).0.into_dyn(),
                Node::DenseBlock(units) => self.dense_block(units, &mut norms, images(x))?.into_dyn(),
            };
        }
        Ok(x.into_dimensionality().expect("the last layer is dense"))
    }

    fn dense(&self, layer: &BayesLayer, x: ArrayD<f32>) -> Result<ArrayD<f32>> {
        let packed = &self.layers[layer.index];
        let weights: Array2<f32> = packed.decode().into_dimensionality().expect("a matrix");
        // The mean does not read the variance.
        let dense = BayesDense { theta: weights.view(), log_sigma2: weights.view(), bias: packed.bias_view() };
        Ok(dense.mean(x.into_dimensionality::<ndarray::Ix2>().expect("rows of features").view())?.into_dyn())
    }

    fn conv2d(&self, layer: &BayesLayer, window: Window, x: ArrayD<f32>) -> Result<ArrayD<f32>> {
        let kernels = self.kernels(layer);
        let conv = convolution(&kernels, self.layers[layer.index].bias_view(), window);
        Ok(conv.mean(images(x).view())?.into_dyn())
    }

    fn dense_block(
        &self,
        units: &[Vec<Stage>],
        norms: &mut std::slice::Iter<'_, Affine>,
        x: Array4<f32>,
    ) -> Result<Array4<f32>> {
        let mut y = x;
        for unit in units {
            let mut output: Option<Array4<f32>> = None;
            for stage in unit {
                let kernels = self.kernels(&stage.conv);
                let activation = norms.next().expect(ONE_A_NORM).activation()?;
                let operation = PreActivation { activation, conv: convolution(&kernels, None, stage.window) };
                output = Some(operation.mean(output.as_ref().unwrap_or(&y).view())?);
            }
            if let Some(output) = output {
                y = ndarray::concatenate(Axis(1), &[y.view(), output.view()]).expect("units keep the images' size");
            }
        }
        Ok(y)
    }

    fn kernels(&self, layer: &BayesLayer) -> Array4<f32> {
        self.layers[layer.index].decode().into_dimensionality().expect("kernels")
    }
}

const ONE_A_NORM: &str = "one a normalization";

fn images(x: ArrayD<f32>) -> Array4<f32> {
    x.into_dimensionality().expect("images")
}

fn convolution<'a>(
    kernels: &'a Array4<f32>,
    bias: Option<ArrayView1<'a, f32>>,
    window: Window,
) -> BayesConv2d<'a, f32> {
    // The mean does not read the variance.
    BayesConv2d { theta: kernels.view(), log_sigma2: kernels.view(), bias, window, groups: 1 }
}

impl PackedLayer {
    fn bias_view(&self) -> Option<ArrayView1<'_, f32>> {
        self.bias.as_deref().map(ArrayView1::from)
    }
}

impl Affine {
    /// It and a ReLU.
    fn activation(&self) -> Result<Activation<f32>> {
        let channels = self.scale.len();
        let norm = BatchNorm { gamma: aview1(&self.scale), beta: aview1(&self.shift), epsilon: 0.0 };
        Activation::new(&norm, &Statistics { mean: Array1::zeros(channels), variance: Array1::ones(channels) })
    }

    /// y = scale · x + shift of (B, C, …).
    fn apply(&self, mut x: ArrayD<f32>) -> ArrayD<f32> {
        for (c, mut channel) in x.axis_iter_mut(Axis(1)).enumerate() {
            let (scale, shift) = (self.scale[c], self.shift[c]);
            channel.mapv_inplace(|x| scale * x + shift);
        }
        x
    }
}
