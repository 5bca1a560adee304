//! [`layers::softmax_nll`](crate::layers::softmax_nll) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::{Error, Result};
use crate::layers::check_shape;

/// What the backward needs of the forward.
#[derive(Debug)]
pub struct Cache<F> {
    softmax: Buffer<F>,
    labels: Buffer<u32>,
}

/// The mean negative log-likelihood in nats, of shape (1), which stays on the device. `logits` (B, K).
///
/// # Errors
/// If there is no image, the counts of logits and labels differ or a label is not a class; if the device fails.
pub fn forward<F: Real>(logits: &Buffer<F>, labels: &[usize]) -> Result<(Buffer<F>, Cache<F>)> {
    let &[batch, classes] = logits.shape() else { panic!("logits are rows of classes") };
    check_shape("labels", &[batch], &[labels.len()])?;
    if batch == 0 {
        return Err(Error::tensor("logits", "at least one row", "none"));
    }
    if let Some(label) = labels.iter().find(|label| **label >= classes) {
        return Err(Error::tensor("labels", format!("labels below {classes}"), label));
    }
    let device = logits.device();
    let labels: Vec<u32> = labels.iter().map(|label| *label as u32).collect();
    let labels = Buffer::from_slice(device, &[batch], &labels)?;
    let mut softmax = Buffer::unset(device, logits.shape())?;
    let mut nll = Buffer::unset(device, &[1])?;
    let buffers =
        [Argument::from(logits), Argument::from(&labels), Argument::from(&mut softmax), Argument::from(&mut nll)];
    let arguments = [&buffers[..], &[batch, classes].map(Argument::size)].concat();
    device.launch::<F>("layers/softmax_nll", "forward", Grid::blocks([1, 1, 1]), &arguments)?;
    Ok((nll, Cache { softmax, labels }))
}

/// dlogits (B, K).
///
/// # Errors
/// If the device fails.
pub fn backward<F: Real>(cache: &Cache<F>) -> Result<Buffer<F>> {
    let Cache { softmax, labels } = cache;
    let mut dlogits = Buffer::unset(softmax.device(), softmax.shape())?;
    let n = dlogits.len();
    let buffers = [Argument::from(softmax), Argument::from(labels), Argument::from(&mut dlogits)];
    let arguments = [&buffers[..], &[n, softmax.shape()[0], softmax.shape()[1]].map(Argument::size)].concat();
    softmax.device().launch::<F>("layers/softmax_nll", "backward", Grid::elements(n), &arguments)?;
    Ok(dlogits)
}
