//! [`train::phase`](crate::train::phase) on the device. The second phase is begun on the CPU.

use crate::cuda::nets::Network;
use crate::cuda::prior::quantizer;
use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;

/// Clamps θ to [ℓ_1 − g, ℓ_M + g], g the smallest gap between levels.
///
/// # Errors
/// If the device fails.
pub fn bound_theta<F: Real>(theta: &mut Buffer<F>, levels: &Buffer<F>) -> Result<()> {
    let (device, n) = (theta.device().clone(), theta.len());
    let sizes = [levels.len(), n].map(Argument::size);
    let arguments = [Argument::from(theta), Argument::from(levels), sizes[0], sizes[1]];
    device.launch::<F>("train/phase", "bound_theta", Grid::elements(n), &arguments)
}

/// θ := Q(θ) in every quantized layer.
///
/// # Errors
/// If the device fails.
pub fn quantize<F: Real>(network: &mut Network<F>) -> Result<()> {
    let layers: Vec<[usize; 2]> =
        network.graph().layers().filter(|layer| !layer.unquantized).map(|layer| [layer.theta, layer.levels]).collect();
    for [theta, levels] in layers {
        let quantized = quantizer::value(&network.parameters()[theta], &network.parameters()[levels])?;
        network.parameters_mut()[theta] = quantized;
    }
    Ok(())
}
