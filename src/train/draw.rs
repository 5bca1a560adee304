//! Networks drawn from the posterior: w = θ + σ ε, one draw of the weights for all images and all positions.
//!
//! # Drawn weights and drawn pre-activations
//!
//! Training draws no weights. It draws the noise of each layer's outputs, whose mean and variance it knows (local
//! reparameterization, Kingma et al. 2015; see [`layers::bayes_dense`](crate::layers::bayes_dense)): each output alone has the right
//! distribution, and gradients are less noisy. But outputs that share weights are then independent of each other, which under drawn
//! weights they are not:
//!
//! ```text
//! Cov(y_i, y_j) = Σ_w x_iw x_jw σ_w²          drawn weights: i, j two images, or two positions of a convolution
//!               = 0                           drawn pre-activations
//! ```
//!
//! A predictive quantity that asks what one network of the posterior says, and whether others agree, needs drawn weights.
//!
//! # Draws of M-ary networks
//!
//! With `to_levels` each drawn weight is replaced by its layer's nearest level: every draw is a network of M levels, which takes
//! log2 M bits a weight like the quantized one. It is a draw from the distribution of Q(w) under the posterior: a weight takes level
//! k with the mass that N(θ, σ²) has between the partitions on both sides of ℓ_k. It is not a draw from the posterior, whose spread
//! within a level's cell it drops and whose spread across a partition it widens to the distance of two levels; nor from a posterior
//! that was trained for networks of M levels. Draw s of both kinds has the same ε.

use crate::nets::Network;
use crate::prior::quantizer::Quantizer;
use crate::scalar::Real;
use crate::tensor::noise::{Philox, Purpose};
use ndarray::{ArrayD, Zip};

/// The network of draw `draw`: θ replaced by θ + σ ε, or by the level nearest to that; to be used with mean weights. Everything
/// else, σ too, is as it was.
///
/// ε of a layer is the stream [`Purpose::Evaluation`] of its index at step `draw`, one element a weight: the same whatever the images,
/// the batches and the threads are.
pub fn draw<F: Real>(network: &Network<F>, seed: u64, draw: u32, to_levels: bool) -> Network<F> {
    let mut drawn = network.clone();
    for layer in network.layers() {
        let parameters = network.parameters();
        let (log_sigma2, levels) = (&parameters[layer.log_sigma2].value, &parameters[layer.levels]);
        let stream = Philox::new(seed, Purpose::Evaluation(layer.index as u32), draw);
        let eps: ArrayD<F> = stream.standard_normal(log_sigma2.raw_dim());
        let weights = &mut drawn.parameters_mut()[layer.theta].value;
        let half = F::of(0.5);
        Zip::from(&mut *weights).and(log_sigma2).and(&eps).for_each(|w, log_sigma2, eps| {
            *w += (half * *log_sigma2).exp() * *eps;
        });
        if to_levels {
            let quantizer = Quantizer::new(levels.as_slice());
            weights.mapv_inplace(|w| quantizer.value(w));
        }
    }
    drawn
}
