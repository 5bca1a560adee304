//! [`train::objective`](crate::train::objective) on the device.

use crate::cuda::layers::softmax_nll;
use crate::cuda::nets::network::Noise;
use crate::cuda::nets::{Gradients, Network, Tape, WeightMode};
use crate::cuda::prior::{Codebook, kl};
use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::{Error, Result};
use crate::nets::{self, Normalization};
use crate::prior::multi_spike::{costs, zero_level};
use crate::prior::{self, Prior};
use crate::train::{Forward, Loss, Objective};

/// The values that the KL of each layer depends on besides its parameters: −ln a_k, and the index of its zero level.
#[derive(Debug)]
pub struct Costs<F>(Vec<(Buffer<F>, Option<usize>)>);

/// The value of the objective on a batch, its gradient, the logits and the tape.
#[derive(Debug)]
pub struct Evaluation<F> {
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
        let of = |layer: &nets::graph::BayesLayer| {
            let levels = &network.parameters()[layer.levels];
            let codebook = prior::Codebook::new(levels.as_slice().to_vec())
                .map_err(|error| Error::tensor(&levels.name, "a codebook", error))?;
            let costs = Buffer::from_slice(device, &[codebook.levels().len()], &costs(&codebook))?;
            Ok((costs, zero_level(codebook.levels())))
        };
        Ok(Self(network.layers().map(of).collect::<Result<_>>()?))
    }
}

/// The objective on images `x` (B, C, H, W) and their labels, with batch statistics and `kl_weight` κ. Weights are
/// sampled with `noise`; without a prior they are θ.
///
/// # Errors
/// If a shape does not fit, a label is not a class, `forward` is not `sampled` or the form is `quadrature`, which only
/// the CPU computes, or the device fails.
pub fn evaluate<F: Real>(
    objective: &Objective,
    network: &Network<F>,
    costs: &Costs<F>,
    x: Buffer<F>,
    labels: &[usize],
    noise: &Noise<'_, F>,
    kl_weight: f64,
) -> Result<Evaluation<F>> {
    if objective.forward != Forward::Sampled {
        return Err(Error::option(
            "forward",
            "sampled on a GPU; --device cpu computes it",
            format!("{:?}", objective.forward),
        ));
    }
    let weights = if objective.prior == Prior::None { WeightMode::Mean } else { WeightMode::Sample(noise) };
    let (logits, tape) = network.forward(x, &weights, Normalization::Batch)?;
    let (nll, cache) = softmax_nll::forward(&logits, labels)?;
    let mut gradients = network.backward(&tape, softmax_nll::backward(&cache)?)?;
    let kl = add_kl(objective, network, costs, kl_weight, &mut gradients)?;
    let nll = nll.to_vec()?[0].as_f64();
    let mut loss = Loss { loss: nll, nll, kl: 0.0 };
    for (layer, kl) in network.graph().layers().zip(kl.to_vec()?) {
        loss.kl += kl;
        loss.loss += kl_weight / objective.divisor(network.parameters()[layer.theta].len()) * kl;
    }
    Ok(Evaluation { loss, logits, gradients, tape })
}

/// The KL of each layer, in the order of the layers; it stays on the device. Adds the gradient of κ times their scaled
/// sum to `gradients`.
fn add_kl<F: Real>(
    objective: &Objective,
    network: &Network<F>,
    costs: &Costs<F>,
    kl_weight: f64,
    gradients: &mut Gradients<F>,
) -> Result<Buffer<f64>> {
    let mut values = Buffer::zeros(network.device(), &[costs.0.len()])?;
    for (i, (layer, (costs, zero))) in network.graph().layers().zip(&costs.0).enumerate() {
        let [theta, log_sigma2, levels] =
            [layer.theta, layer.log_sigma2, layer.levels].map(|position| &network.parameters()[position]);
        let codebook = Codebook { levels, costs, zero: *zero };
        let Some(d) = kl(&objective.prior, theta, log_sigma2, &codebook, &mut values, i)? else { continue };
        let scale = F::of(kl_weight / objective.divisor(theta.len()));
        add(&mut gradients[layer.theta], scale, &d.dtheta)?;
        add(&mut gradients[layer.log_sigma2], scale, &d.dlog_sigma2)?;
        if let Prior::MultiSpike(_) = objective.prior {
            add(&mut gradients[layer.levels], scale, &d.dlevels)?;
        }
    }
    Ok(values)
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
