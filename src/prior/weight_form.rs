//! How a form of the KL is computed for the weights of a layer, by the same code for one weight and for the lanes of a
//! vector.

use super::Chunk;
use super::spike::Sigma;
use crate::scalar::{Real, WeightKl};
use crate::simd::{Kernel, Lane, SEVERAL_LANES, Vector};
use crate::tensor::sum::BLOCK;

/// A form of the KL to the levels of one codebook.
pub trait WeightForm<F: Real>: Sync {
    /// The number of levels, M.
    fn levels(&self) -> usize;

    /// F of one weight, or of a vector of weights; adds ∂F/∂ℓ_k to `of_levels.gradient[k]`, lane by lane. Each
    /// implementation is `#[inline(always)]`: see [`Kernel`].
    fn weight_kl<V: Vector<Element = F>>(&self, theta: V, sigma: Sigma<V>, of_levels: &mut OfLevels<V>) -> WeightKl<V>;

    /// F of one weight, by its definition; adds ∂F/∂ℓ to `dlevels` (M).
    fn of_one(&self, theta: F, log_sigma2: F, dlevels: &mut [F]) -> WeightKl<F> {
        let mut of_levels = OfLevels::new(self.levels());
        let kl = self.weight_kl(F::One::splat(theta), Sigma::new(F::One::splat(log_sigma2)), &mut of_levels);
        dlevels.iter_mut().zip(of_levels.gradient).for_each(|(sum, dlevel)| *sum += dlevel.first());
        kl.first()
    }
}

/// What a form computes for each of the M levels.
#[derive(Debug)]
pub struct OfLevels<V> {
    /// Σ ∂F/∂ℓ_k over the weights so far.
    pub gradient: Vec<V>,
    /// Memory for the KL to each single level.
    pub spikes: Vec<WeightKl<V>>,
}

impl<V: Vector> OfLevels<V> {
    /// All values 0.
    #[inline(always)]
    pub fn new(levels: usize) -> Self {
        Self { gradient: vec![V::zero(); levels], spikes: vec![WeightKl::zero(); levels] }
    }

    /// Adds the gradient of the first `lanes` lanes to `sums` (M), and sets it to 0.
    #[inline(always)]
    fn move_gradient(&mut self, lanes: usize, sums: &mut [f64]) {
        for (gradient, sum) in self.gradient.iter_mut().zip(sums) {
            *sum += gradient.lanes()[..lanes].iter().map(|lane| lane.as_f64()).sum::<f64>();
            *gradient = V::zero();
        }
    }
}

/// The KL of a chunk of a layer's weights by a form, computed for a vector of weights at a time. The output is the sum.
pub(super) struct ChunkKl<'a, F, W> {
    pub chunk: Chunk<'a, F>,
    pub form: &'a W,
}

impl<F: Real, W: WeightForm<F>> Kernel<F> for ChunkKl<'_, F, W> {
    type Output = f64;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> f64 {
        self.sum::<V::Several>()
    }
}

impl<F: Real, W: WeightForm<F>> ChunkKl<'_, F, W> {
    #[inline(always)]
    fn sum<V: Vector<Element = F>>(self) -> f64 {
        let Self { chunk, form } = self;
        let Chunk { theta, log_sigma2, scale, dtheta, dlog_sigma2, level_sums } = chunk;
        let (scale, count) = (V::splat(scale), theta.len());
        let mut of_levels = OfLevels::<V>::new(level_sums.len());
        let mut values = [0.0; SEVERAL_LANES];
        for (i, start) in (0..count).step_by(V::LANES).enumerate() {
            let lanes = V::LANES.min(count - start);
            // The gradient is moved after `BLOCK` terms, the most that are added up in the working precision, and
            // before the last vector, whose lanes beyond the weights are no terms.
            if i % BLOCK == 0 || lanes < V::LANES {
                of_levels.move_gradient(V::LANES, level_sums);
            }
            let (theta, log_sigma2) = (&theta[start..start + lanes], &log_sigma2[start..start + lanes]);
            let kl = form.weight_kl(V::load_some(theta), Sigma::new(V::load_some(log_sigma2)), &mut of_levels);
            let (dtheta, dlog_sigma2) = (&mut dtheta[start..start + lanes], &mut dlog_sigma2[start..start + lanes]);
            (V::load_some(dtheta) + scale * kl.dtheta).store_some(dtheta);
            (V::load_some(dlog_sigma2) + scale * kl.dlog_sigma2).store_some(dlog_sigma2);
            let value = kl.value.lanes();
            for lane in 0..lanes {
                values[lane] += value[lane].as_f64();
            }
            if lanes < V::LANES {
                of_levels.move_gradient(lanes, level_sums);
            }
        }
        of_levels.move_gradient(V::LANES, level_sums);
        values.into_iter().sum()
    }
}
