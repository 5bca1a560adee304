//! The priors and the quantizer on the device: see [`prior`](crate::prior) for their mathematics.
//!
//! Each form is a file `prior/<form>.cu` with a kernel of the same parameters: one thread per weight, and each block
//! stores the sums over its weights.

pub mod codebook;
pub mod quantizer;

pub use codebook::Codebook;

use super::tensor::sum;
use super::{Argument, Buffer, Grid, Real, device::THREADS};
use crate::error::{Error, Result};
use crate::prior::{Form, Gaussian, MultiSpike, Prior};
use crate::scalar::spike_kl::Spike;

/// The gradient of a layer's KL. [`kl`] writes the KL itself to another buffer.
#[derive(Debug)]
pub struct KlGradient<F> {
    /// The derivative with respect to θ, one element per weight.
    pub dtheta: Buffer<F>,
    /// The derivative with respect to ln σ², one element per weight.
    pub dlog_sigma2: Buffer<F>,
    /// The derivative with respect to the levels.
    pub dlevels: Buffer<F>,
}

/// Computes the KL of a layer's weights to a prior: writes its value in nats to element `position` of `values`, and
/// returns its gradient; `None` under [`Prior::None`].
///
/// # Errors
/// If the device fails, and under the form `quadrature`, which only the CPU computes.
///
/// # Panics
/// If `theta` and `log_sigma2` differ in length, if `values` has no such element, or if, under `vnq`, the codebook has
/// no zero level.
pub fn kl<F: Real>(
    prior: &Prior,
    theta: &Buffer<F>,
    log_sigma2: &Buffer<F>,
    codebook: &Codebook<'_, F>,
    values: &mut Buffer<f64>,
    position: usize,
) -> Result<Option<KlGradient<F>>> {
    assert_eq!(theta.len(), log_sigma2.len(), "theta and log_sigma2 are of one length");
    let (device, n) = (theta.device(), theta.len());
    let (path, levels, spike, ratio_or_mean, prior_log_sigma2) = match prior {
        Prior::None => return Ok(None),
        Prior::Gaussian(Gaussian { mean, log_sigma2 }) => ("prior/gaussian", 0, Spike::Exact, *mean, *log_sigma2),
        Prior::MultiSpike(MultiSpike { form, spike, window_ratio }) => {
            let path = match form {
                Form::Nearest => "prior/nearest",
                Form::Mixture => "prior/mixture",
                Form::Vnq => "prior/vnq",
                Form::Windows => "prior/windows",
                Form::Quadrature => {
                    return Err(Error::device(
                        device.to_string(),
                        "prior nearest, mixture, vnq or windows",
                        "quadrature",
                    ));
                }
            };
            assert!(*form != Form::Vnq || codebook.zero.is_some(), "vnq needs a zero level");
            (path, codebook.levels.len(), *spike, *window_ratio, 0.0)
        }
    };
    let blocks = n.div_ceil(THREADS as usize);
    let mut gradient = KlGradient {
        dtheta: Buffer::unset(device, theta.shape())?,
        dlog_sigma2: Buffer::unset(device, theta.shape())?,
        dlevels: Buffer::zeros(device, &[levels])?,
    };
    let mut block_values = Buffer::<f64>::unset(device, &[blocks])?;
    let mut block_dlevels = Buffer::<F>::unset(device, &[blocks, levels])?;
    let arguments = [
        Argument::from(theta),
        Argument::from(log_sigma2),
        Argument::from(codebook.levels),
        Argument::from(codebook.costs),
        Argument::size(levels),
        Argument::size(codebook.zero.unwrap_or(0)),
        // As the header's SPIKE_EXACT and SPIKE_FIT.
        Argument::word(u32::from(spike == Spike::Fit)),
        Argument::real(F::of(ratio_or_mean)),
        Argument::real(F::of(prior_log_sigma2)),
        Argument::from(&mut gradient.dtheta),
        Argument::from(&mut gradient.dlog_sigma2),
        Argument::from(&mut block_values),
        Argument::from(&mut block_dlevels),
        Argument::size(n),
    ];
    device.launch::<F>(path, "kl", Grid::blocks([blocks, 1, 1]), &arguments)?;
    sum::all_into(&block_values, values, position)?;
    if levels > 0 {
        gradient.dlevels = sum::columns(&block_dlevels)?;
    }
    Ok(Some(gradient))
}
