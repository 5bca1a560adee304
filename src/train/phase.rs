//! The two phases of a training: first the network learns, then its weights are moved to levels.
//!
//! | | first phase: a share `warmup` of the steps | second phase: all others |
//! |---|---|---|
//! | weights in the forward | θ | [`Forward`](super::Forward): drawn around θ or Q(θ), or Q(θ) |
//! | KL | none | κ rises from 0 |
//! | learning rate | constant | falls linearly to 0 |
//! | levels | not yet | learned |
//!
//! With a prior from the first step on, weights are pulled to their nearest levels before the network has learned which
//! levels suit them, and they stay there. A run without a first phase starts in the second, with the codebook and the
//! ln σ² of a new network; but if its weights come from another training, its second phase begins as described here.
//!
//! The second phase begins, in each layer, with
//!
//! ```text
//! ℓ:      the codebook, or the M levels of least Σ (θ − Q(θ))²
//!         (see prior::kmeans)
//! ln σ² = 2 ln(0.1 g), clamped to [−10, 1],
//!         g = min_k (ℓ_{k+1} − ℓ_k): σ is a tenth of the
//!         smallest gap, but at least e⁻⁵ = 0.0067
//! ```
//!
//! and with Adam's moments and its count of steps at 0, since the objective changes here. Where the layers compute with
//! Q(θ), the second phase ends with θ := Q(θ): what was trained is the quantized network.

use super::projection::{LOG_SIGMA2, smallest_gap};
use crate::error::{Error, Result};
use crate::layers::straight_through;
use crate::nets::graph::BayesLayer;
use crate::nets::{Graph, Network, Parameter};
use crate::prior::codebook::LEVELS;
use crate::prior::kmeans::kmeans;
use crate::scalar::Real;
use ndarray::{Array1, ArrayD};

/// σ at the beginning of the second phase, divided by the smallest gap between levels.
pub const SIGMA_PER_GAP: f64 = 0.1;

/// Replaces the M levels of each quantized layer by the M levels with the least quantized loss of the layer's θ.
///
/// # Errors
/// Names the first layer with fewer than M distinct weights.
pub fn fit_levels<F: Real>(network: &mut Network<F>) -> Result<()> {
    let (graph, parameters) = network.graph_and_parameters_mut();
    graph.quantized_layers().try_for_each(|layer| {
        let count = parameters[layer.levels].value.len();
        fit_levels_of(parameters, layer, count, count)
    })
}

/// Replaces the levels of each quantized layer by the `count` levels with the least quantized loss of the layer's θ, or
/// by its distinct weights if they are fewer.
///
/// # Errors
/// Names the first layer that has too few distinct weights for a codebook.
pub fn refit_levels<F: Real>(network: &mut Network<F>, count: usize) -> Result<()> {
    let (graph, parameters) = network.graph_and_parameters_mut();
    graph.quantized_layers().try_for_each(|layer| fit_levels_of(parameters, layer, count, *LEVELS.start()))
}

fn fit_levels_of<F: Real>(
    parameters: &mut [Parameter<F>],
    layer: &BayesLayer,
    count: usize,
    at_least: usize,
) -> Result<()> {
    let theta = &parameters[layer.theta];
    let levels = kmeans(theta.as_slice(), count)?;
    if levels.len() < at_least {
        return Err(Error::tensor(&theta.name, format!("at least {at_least} distinct weights"), levels.len()));
    }
    parameters[layer.levels].value = Array1::from(levels).into_dyn();
    Ok(())
}

/// Checks that every quantized layer has as many weights as levels, `levels`, so that [`fit_levels`] may succeed.
///
/// # Errors
/// [`Error::Option`] that names the first layer with fewer.
pub fn check_levels(graph: &Graph, levels: usize) -> Result<()> {
    match graph.quantized_layers().find(|layer| graph.layer_weights(layer) < levels) {
        None => Ok(()),
        Some(layer) => {
            let expected = format!("layers of at least {levels} weights for init-levels kmeans");
            Err(Error::option("levels", expected, format!("{} of {}", layer.name, graph.layer_weights(layer))))
        }
    }
}

/// Sets ln σ² of every weight of every quantized layer to 2 ln(0.1 g), clamped to [−10, 1].
pub fn reset_log_sigma2<F: Real>(network: &mut Network<F>) {
    let (graph, parameters) = network.graph_and_parameters_mut();
    for layer in graph.quantized_layers() {
        let gap = smallest_gap(parameters[layer.levels].as_slice());
        let [lowest, highest] = LOG_SIGMA2;
        let log_sigma2 = F::of((2.0 * (SIGMA_PER_GAP * gap).ln()).clamp(lowest, highest));
        parameters[layer.log_sigma2].value.fill(log_sigma2);
    }
}

/// θ := Q(θ) in every quantized layer.
pub fn quantize<F: Real>(network: &mut Network<F>) {
    let (graph, parameters) = network.graph_and_parameters_mut();
    for layer in graph.quantized_layers() {
        let [theta, levels] = [layer.theta, layer.levels].map(|position| &parameters[position]);
        let quantized: ArrayD<F> = straight_through::forward(theta.value.view(), levels.as_slice());
        parameters[layer.theta].value = quantized;
    }
}
