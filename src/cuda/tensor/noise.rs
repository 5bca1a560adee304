//! [`tensor::noise`](crate::tensor::noise) on the device: the same words, and normals with the same bits.

use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::Result;
use crate::tensor::noise::Philox;

/// Elements 0, 1, … of a stream as words.
///
/// # Errors
/// If the device fails.
pub fn words(device: &Device, stream: &Philox, shape: &[usize]) -> Result<Buffer<u32>> {
    let mut words = Buffer::unset(device, shape)?;
    // Words do not depend on the precision: any precision will do.
    launch::<f32>(stream, "words", words.len(), device, Argument::from(&mut words))?;
    Ok(words)
}

/// Elements 0, 1, … of a stream as standard normals.
///
/// # Errors
/// If the device fails.
pub fn standard_normal<F: Real>(device: &Device, stream: &Philox, shape: &[usize]) -> Result<Buffer<F>> {
    let mut normals = Buffer::unset(device, shape)?;
    launch::<F>(stream, "standard_normal", normals.len(), device, Argument::from(&mut normals))?;
    Ok(normals)
}

fn launch<F: Real>(stream: &Philox, kernel: &str, n: usize, device: &Device, to: Argument<'_>) -> Result<()> {
    let [key0, key1] = stream.key.map(Argument::word);
    let [tensor, step] = [stream.tensor, stream.step].map(Argument::word);
    let arguments = [to, key0, key1, tensor, step, Argument::size(n)];
    device.launch::<F>("tensor/noise", kernel, Grid::elements(n.div_ceil(4)), &arguments)
}
