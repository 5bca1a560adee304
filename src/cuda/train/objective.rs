//! [`train::objective`] on the device.

use super::teacher::Teacher;
use crate::cuda::layers::{distillation, softmax_nll};
use crate::cuda::nets::network::Noise;
use crate::cuda::nets::{Gradients, Network, Tape, WeightMode};
use crate::cuda::prior::{Codebook, kl};
use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::{Error, Result};
use crate::nets::graph::BayesLayer;
use crate::nets::{self, Normalization};
use crate::prior::multi_spike::{costs, zero_level};
use crate::prior::{self, Prior};
use crate::train::{self, Forward, Loss};

/// The objective, and what its terms depend on besides the network's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Objective<'a, F> {
    /// Prior, forward weights, scale and data-set size.
    pub of: &'a train::Objective,
    /// The costs of the levels of the network's quantized layers.
    pub costs: &'a Costs<F>,
    /// The teacher, if there is one.
    pub teacher: Option<&'a Teacher<F>>,
}

/// The values that the KL of each quantized layer depends on besides its parameters: −ln a_k, and the index of its zero
/// level.
#[derive(Debug)]
pub struct Costs<F>(Vec<(Buffer<F>, Option<usize>)>);

/// The value of the objective on a batch, its gradient, the logits and the tape.
#[derive(Debug)]
pub struct ValueAndGradient<F> {
    /// The value.
    pub loss: Loss,
    /// The logits (B, classes).
    pub logits: Buffer<F>,
    /// The gradient with respect to every parameter, in the order of the parameters.
    pub gradients: Gradients<F>,
    /// The tape of the forward pass, which holds the batch statistics.
    pub tape: Tape<F>,
}

impl<F: Real> Costs<F> {
    /// −ln a_k of each layer's levels, which have equal masses, and the index of its zero level, which must not change.
    ///
    /// # Errors
    /// If a codebook is not ascending, or the device fails.
    pub fn new(device: &Device, network: &nets::Network<F>) -> Result<Self> {
        let of = |layer: &BayesLayer| {
            let levels = &network.parameters()[layer.levels];
            let codebook = prior::Codebook::new(levels.as_slice().to_vec())
                .map_err(|error| Error::tensor(&levels.name, "a codebook", error))?;
            let costs = Buffer::from_slice(device, &[codebook.levels().len()], &costs(&codebook))?;
            Ok((costs, zero_level(codebook.levels())))
        };
        Ok(Self(network.quantized_layers().map(of).collect::<Result<_>>()?))
    }
}

impl<F: Real> Objective<'_, F> {
    /// The objective on images `x` (B, C, H, W) and their labels, with batch statistics and `kl_weight` κ: see
    /// [`train::Objective::evaluate`].
    ///
    /// # Errors
    /// If a shape does not fit, a label is not a class or the form is `quadrature`, which only the CPU computes; if the
    /// device fails.
    pub fn evaluate(
        &self,
        network: &Network<F>,
        x: Buffer<F>,
        labels: &[usize],
        noise: &Noise<'_, F>,
        kl_weight: f64,
    ) -> Result<ValueAndGradient<F>> {
        let weights = match self.of.forward {
            Forward::Sampled if self.of.prior == Prior::None => WeightMode::Mean,
            Forward::Sampled => WeightMode::Sample(noise),
            Forward::Hard => WeightMode::Hard(noise),
            Forward::StraightThrough => WeightMode::Quantized,
        };
        let teacher = self.teacher.map(|teacher| Ok((teacher.logits(x.copy()?)?, teacher.share()))).transpose()?;
        let (logits, tape) = network.forward(x, &weights, Normalization::Batch)?;
        // The loss without the KL, and the NLL, which stay on the device until the backward pass has been launched.
        let (values, dlogits) = match teacher {
            None => {
                let (nll, cache) = softmax_nll::forward(&logits, labels)?;
                (nll, softmax_nll::backward(&cache)?)
            }
            Some((of_teacher, share)) => {
                let (values, cache) = distillation::forward(&logits, &of_teacher, labels, share)?;
                (values, distillation::backward(&cache)?)
            }
        };
        let mut gradients = network.backward(&tape, dlogits)?;
        let kl = self.add_kl(network, kl_weight, &mut gradients)?;
        let values = values.to_vec()?;
        let [loss, nll] = [values[0], values[values.len() - 1]].map(|value| value.as_f64());
        let mut loss = Loss { loss, nll, kl: 0.0 };
        for (layer, kl) in network.graph().quantized_layers().zip(kl.to_vec()?) {
            loss.kl += kl;
            loss.loss += kl_weight / self.of.divisor(network.parameters()[layer.theta].len()) * kl;
        }
        Ok(ValueAndGradient { loss, logits, gradients, tape })
    }

    /// The KL of each quantized layer, in the order of the layers; it stays on the device. Adds the gradient of κ times
    /// their scaled sum to `gradients`.
    fn add_kl(&self, network: &Network<F>, kl_weight: f64, gradients: &mut Gradients<F>) -> Result<Buffer<f64>> {
        let costs = &self.costs.0;
        let mut values = Buffer::zeros(network.device(), &[costs.len()])?;
        for (i, (layer, (costs, zero))) in network.graph().quantized_layers().zip(costs).enumerate() {
            let [theta, log_sigma2, levels] =
                [layer.theta, layer.log_sigma2, layer.levels].map(|position| &network.parameters()[position]);
            let codebook = Codebook { levels, costs, zero: *zero };
            let Some(d) = kl(&self.of.prior, theta, log_sigma2, &codebook, &mut values, i)? else { continue };
            let scale = F::of(kl_weight / self.of.divisor(theta.len()));
            add(&mut gradients[layer.theta], scale, &d.dtheta)?;
            add(&mut gradients[layer.log_sigma2], scale, &d.dlog_sigma2)?;
            if let Prior::MultiSpike(_) = self.of.prior {
                add(&mut gradients[layer.levels], scale, &d.dlevels)?;
            }
            if !self.of.trains_levels() {
                gradients[layer.levels] = None;
            }
        }
        Ok(values)
    }
}

fn add<F: Real>(gradient: &mut Option<Buffer<F>>, scale: F, addend: &Buffer<F>) -> Result<()> {
    let gradient = match gradient {
        Some(gradient) => gradient,
        None => gradient.insert(Buffer::zeros(addend.device(), addend.shape())?),
    };
    add_scaled(gradient, scale, addend)
}

/// gradient ← gradient + scale · addend.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled<F: Real>(gradient: &mut Buffer<F>, scale: F, addend: &Buffer<F>) -> Result<()> {
    assert_eq!(gradient.len(), addend.len(), "both are of one length");
    let (device, n) = (gradient.device().clone(), gradient.len());
    let arguments = [Argument::from(gradient), Argument::from(addend), Argument::real(scale), Argument::size(n)];
    device.launch::<F>("train/objective", "add_scaled", Grid::elements(n), &arguments)
}
