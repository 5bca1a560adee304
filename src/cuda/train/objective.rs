//! [`train::objective`](crate::train::objective) on the device.

use crate::cuda::nets::{Gradients, Network};
use crate::cuda::prior::{Codebook, kl};
use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;
use crate::prior::Prior;
use crate::train::Objective;

/// The KL of each layer, in their order, which stays on the device; the gradient of κ times their scaled sum is added to
/// the gradients. Of each layer, `costs` (M) are the −ln a_k and `zero_levels` the position of the zero level.
///
/// # Errors
/// If the device fails.
pub fn add_kl<F: Real>(
    objective: &Objective,
    network: &Network<F>,
    costs: &[Buffer<F>],
    zero_levels: &[Option<usize>],
    kl_weight: f64,
    gradients: &mut Gradients<F>,
) -> Result<Buffer<f64>> {
    let mut values = Buffer::zeros(network.device(), &[costs.len()])?;
    for (i, layer) in network.plan().layers().enumerate() {
        let [theta, log_sigma2, levels] =
            [layer.theta, layer.log_sigma2, layer.levels].map(|position| &network.parameters()[position]);
        let codebook = Codebook { levels, costs: &costs[i], zero: zero_levels[i] };
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
