//! Networks drawn from the posterior: w = θ + σ ε, one draw of the weights for all images and all positions.
//!
//! # Drawn weights and drawn pre-activations
//!
//! Training draws no weights. It computes the mean and variance of each layer's outputs and draws the outputs (local
//! reparameterization, Kingma et al. 2015; see [`layers::bayes_dense`](crate::layers::bayes_dense)): each output by
//! itself has the right distribution, and gradients have less variance. But outputs that share weights are then
//! independent of each other; under drawn weights they are correlated:
//!
//! ```text
//! Cov(y_i, y_j) = Σ_w x_iw x_jw σ_w²      drawn weights
//!               = 0                       drawn pre-activations
//! i, j: two images, or two positions of a convolution
//! ```
//!
//! A quantity that compares the predictions of several networks of the posterior needs drawn weights. `lenet5` on the
//! embedded data, trained with `--spike fit`; means over eight times 50 draws with their standard errors:
//!
//! | epochs | noise drawn for | mutual information, nats | entropy, nats | NLL, nats |
//! |---|---|---|---|---|
//! | 40 | weights | 0.0168 ± 0.0005 | 0.0625 ± 0.0008 | 0.0751 ± 0.0004 |
//! | 40 | pre-activations | 0.0114 ± 0.0001 | 0.0524 ± 0.0002 | 0.0740 ± 0.0003 |
//! | 8 | weights | 0.0238 ± 0.0010 | 0.1537 ± 0.0020 | 0.0957 ± 0.0007 |
//! | 8 | pre-activations | 0.0136 ± 0.0001 | 0.1307 ± 0.0002 | 0.0897 ± 0.0002 |
//!
//! Drawn pre-activations understate the mutual information by a third to two fifths. Neighbouring positions of the
//! convolutions have correlations of 0.84 (`conv1`) and 0.72 (`conv2`) under drawn weights, and of 0 under drawn
//! pre-activations. With independent noise, the maximum of four positions is too large on average: 2×2 max pooling
//! shifts the mean by 0.12 σ and 0.09 σ on average over all windows, and by 1.03 σ where the means of the four
//! positions are equal. The cost of drawn weights: one draw is used for all images, so the metrics vary more from one
//! set of draws to another (the standard errors above), and more draws are needed to average this out. A draw takes the
//! time and memory of a pass with mean weights.
//!
//! # Draws of M-ary networks
//!
//! With `to_levels` each drawn weight is replaced by its layer's nearest level: every draw is a network of M levels,
//! which takes at most log2 M bits per weight, like the quantized network. It is a draw from the distribution of Q(w) under the
//! posterior: a weight takes level k with the probability that N(θ, σ²) has between the partitions on both sides of
//! ℓ_k. It is not a draw from the posterior: rounding removes the spread within a level's cell, and widens the spread
//! across a partition to the distance of two levels. Nor is it a draw from a posterior that was trained for networks of
//! M levels. Draw s of both kinds has the same ε.
//!
//! An ensemble of ten such networks does not keep the posterior's uncertainty. In the runs above, after 40 epochs, its
//! mutual information is 0.0008, that of ten drawn networks 0.0156; 0.4 % of the posterior's mass then lies outside of
//! the cells of the means. After 8 epochs the values are 0.033 and 0.023, and 3.3 % of the mass lies outside.
//!
//! Derived in [chapter 8 of the course](crate::course::uncertainty).

use crate::nets::Network;
use crate::prior::quantizer::Quantizer;
use crate::scalar::Real;
use crate::tensor::noise::{Philox, Purpose};
use ndarray::{ArrayD, Zip};

/// The network of draw number `draw`: θ replaced by θ + σ ε or, with `to_levels`, by the level nearest to θ + σ ε. It
/// is to be evaluated with mean weights. All other parameters, σ included, and the weights of unquantized layers, which
/// have no noise, stay the same.
///
/// ε of a layer comes from the stream [`Purpose::Evaluation`] of the layer's index at step `draw`, one element per
/// weight. It does not depend on the images, the batches or the threads.
pub fn draw<F: Real>(network: &Network<F>, seed: u64, draw: u32, to_levels: bool) -> Network<F> {
    let mut drawn = network.clone();
    for layer in network.quantized_layers() {
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
