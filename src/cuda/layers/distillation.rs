//! [`layers::distillation`](crate::layers::distillation) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;
use crate::layers::check_shape;
use crate::layers::distillation::check_share;
use crate::layers::softmax_nll::Weighting;

/// What the forward pass stores for the backward pass.
#[derive(Debug)]
pub struct Cache<F> {
    softmax: Buffer<F>,
    /// q (B, K).
    targets: Buffer<F>,
    labels: Buffer<u32>,
}

/// The loss and the mean negative log-likelihood of the labels, in nats, of shape (2); they stay on the device.
///
/// # Errors
/// The errors of the CPU's function; also if the device fails.
///
/// # Panics
/// If `logits` has not two axes.
pub fn forward<F: Real>(
    logits: &Buffer<F>,
    teacher_logits: &Buffer<F>,
    labels: &[usize],
    share: f64,
) -> Result<(Buffer<F>, Cache<F>)> {
    let &[batch, classes] = logits.shape() else { panic!("logits are rows of classes") };
    check_share(share)?;
    check_shape("teacher_logits", logits.shape(), teacher_logits.shape())?;
    Weighting::<F>::default().check((batch, classes), labels)?;
    let device = logits.device();
    let labels: Vec<u32> = labels.iter().map(|label| *label as u32).collect();
    let labels = Buffer::from_slice(device, &[batch], &labels)?;
    let mut softmax = Buffer::unset(device, logits.shape())?;
    let mut targets = Buffer::unset(device, logits.shape())?;
    let mut values = Buffer::unset(device, &[2])?;
    let arguments = [
        Argument::from(logits),
        Argument::from(teacher_logits),
        Argument::from(&labels),
        Argument::from(&mut softmax),
        Argument::from(&mut targets),
        Argument::from(&mut values),
        Argument::size(batch),
        Argument::size(classes),
        Argument::real(share),
    ];
    device.launch::<F>("layers/distillation", "forward", Grid::blocks([1, 1, 1]), &arguments)?;
    Ok((values, Cache { softmax, targets, labels }))
}

/// dlogits (B, K).
///
/// # Errors
/// If the device fails.
pub fn backward<F: Real>(cache: &Cache<F>) -> Result<Buffer<F>> {
    let Cache { softmax, targets, labels } = cache;
    let mut dlogits = Buffer::unset(softmax.device(), softmax.shape())?;
    let n = dlogits.len();
    let arguments = [
        Argument::from(softmax),
        Argument::from(targets),
        Argument::from(labels),
        Argument::from(&mut dlogits),
        Argument::size(n),
        Argument::size(softmax.shape()[0]),
        Argument::size(softmax.shape()[1]),
    ];
    softmax.device().launch::<F>("layers/distillation", "backward", Grid::elements(n), &arguments)?;
    Ok(dlogits)
}
