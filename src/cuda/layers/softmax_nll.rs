//! [`layers::softmax_nll`](crate::layers::softmax_nll) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;
use crate::layers::softmax_nll::Weighting;

/// What the forward pass stores for the backward pass.
#[derive(Debug)]
pub struct Cache<F> {
    softmax: Buffer<F>,
    labels: Buffer<u32>,
    /// The class weights w (K).
    class_weights: Buffer<F>,
    /// The label smoothing s.
    smoothing: f64,
    /// Σ_k w_k s/K.
    spread: f64,
    /// The total weight W.
    total: f64,
}

/// The same as the kernels' IGNORED.
const IGNORED: u32 = u32::MAX;

/// The mean negative log-likelihood of `logits` (B, K) in nats, of shape (1); it stays on the device.
///
/// # Errors
/// If there is no image, the counts of logits and labels differ or a label is not a class; if the device fails.
pub fn forward<F: Real>(logits: &Buffer<F>, labels: &[usize]) -> Result<(Buffer<F>, Cache<F>)> {
    forward_weighted(&Weighting::default(), logits, labels)
}

/// Like [`forward`], with weights of classes, label smoothing and ignored images.
///
/// # Errors
/// The errors of [`Weighting::forward`]; also if the device fails.
///
/// # Panics
/// If `logits` has not two axes.
pub fn forward_weighted<F: Real>(
    weighting: &Weighting<'_, F>,
    logits: &Buffer<F>,
    labels: &[usize],
) -> Result<(Buffer<F>, Cache<F>)> {
    let &[batch, classes] = logits.shape() else { panic!("logits are rows of classes") };
    let (labels, total) = weighting.check((batch, classes), labels)?;
    let class_weights = weighting.class_weights_of(classes);
    let smoothing = weighting.smoothing;
    let spread = class_weights.iter().map(|w| smoothing / classes as f64 * w.as_f64()).sum();
    let device = logits.device();
    let labels: Vec<u32> = labels.iter().map(|label| label.map_or(IGNORED, |label| label as u32)).collect();
    let labels = Buffer::from_slice(device, &[batch], &labels)?;
    let class_weights = Buffer::from_slice(device, &[classes], &class_weights)?;
    let mut softmax = Buffer::unset(device, logits.shape())?;
    let mut nll = Buffer::unset(device, &[1])?;
    let arguments = [
        Argument::from(logits),
        Argument::from(&labels),
        Argument::from(&class_weights),
        Argument::from(&mut softmax),
        Argument::from(&mut nll),
        Argument::size(batch),
        Argument::size(classes),
        Argument::real(smoothing),
        Argument::real(total),
    ];
    device.launch::<F>("layers/softmax_nll", "forward", Grid::blocks([1, 1, 1]), &arguments)?;
    Ok((nll, Cache { softmax, labels, class_weights, smoothing, spread, total }))
}

/// dlogits (B, K).
///
/// # Errors
/// If the device fails.
pub fn backward<F: Real>(cache: &Cache<F>) -> Result<Buffer<F>> {
    let Cache { softmax, labels, class_weights, smoothing, spread, total } = cache;
    let mut dlogits = Buffer::unset(softmax.device(), softmax.shape())?;
    let n = dlogits.len();
    let arguments = [
        Argument::from(softmax),
        Argument::from(labels),
        Argument::from(class_weights),
        Argument::from(&mut dlogits),
        Argument::size(n),
        Argument::size(softmax.shape()[1]),
        Argument::real(*smoothing),
        Argument::real(*spread),
        Argument::real(*total),
    ];
    softmax.device().launch::<F>("layers/softmax_nll", "backward", Grid::elements(n), &arguments)?;
    Ok(dlogits)
}
