//! [`train::phase`](crate::train::phase) on the device. The second phase is begun on the CPU.

use crate::cuda::Real;
use crate::cuda::nets::Network;
use crate::cuda::prior::quantizer;
use crate::error::Result;

/// θ := Q(θ) in every quantized layer.
///
/// # Errors
/// If the device fails.
pub fn quantize<F: Real>(network: &mut Network<F>) -> Result<()> {
    let layers: Vec<[usize; 2]> = network.graph().quantized_layers().map(|layer| [layer.theta, layer.levels]).collect();
    for [theta, levels] in layers {
        let quantized = quantizer::value(&network.parameters()[theta], &network.parameters()[levels])?;
        network.parameters_mut()[theta] = quantized;
    }
    Ok(())
}
