//! The KL of many weights at once: every loop is over independent, contiguous elements, so that it is vectorized.

use super::Chunk;
use super::spike::squared_distance;
use crate::scalar::spike_kl::fit_values_and_derivatives;
use crate::scalar::vector::{Kernel, Vector};
use crate::scalar::{Real, WeightKl};
use crate::tensor::sum::BLOCK;

/// Weights dealt with together, step by step: a multiple of every [`Vector::LANES`].
pub(super) const TOGETHER: usize = 64;
/// Running sums of what is added up: on every processor the same.
const SUMS: usize = 8;

/// A number for each of the weights.
pub(super) type Each<F> = [F; TOGETHER];

/// [`squared_distance`] of each of the weights.
#[inline(always)]
pub(super) fn squared_distances<F: Real>(theta: &Each<F>, inverse_sigma2: &Each<F>, level: F) -> Each<F> {
    let mut t = [F::zero(); TOGETHER];
    for i in 0..TOGETHER {
        t[i] = squared_distance(theta[i], inverse_sigma2[i], level);
    }
    t
}

/// The KL of each of the weights.
pub(super) struct Kls<F> {
    pub value: Each<F>,
    pub dtheta: Each<F>,
    pub dlog_sigma2: Each<F>,
}

impl<F: Real> Kls<F> {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        let zero = [F::zero(); TOGETHER];
        Self { value: zero, dtheta: zero, dlog_sigma2: zero }
    }

    /// As [`spike_kl`](super::spike::spike_kl), with D_fit.
    #[inline(always)]
    pub(super) fn of_spike(theta: &Each<F>, inverse_sigma2: &Each<F>, level: F) -> Self {
        let t = squared_distances(theta, inverse_sigma2, level);
        let (value, slope) = fit_values_and_derivatives(&t);
        let mut kls = Self { value, ..Self::zero() };
        for i in 0..TOGETHER {
            kls.dtheta[i] = slope[i] * (F::of(2.0) * (theta[i] - level)) * inverse_sigma2[i];
            kls.dlog_sigma2[i] = -t[i] * slope[i];
        }
        kls
    }

    /// Adds another KL, each weight's times its factor.
    #[inline(always)]
    pub(super) fn add_scaled(&mut self, factor: &Each<F>, other: &Self) {
        for (i, factor) in factor.iter().enumerate() {
            self.value[i] += *factor * other.value[i];
            self.dtheta[i] += *factor * other.dtheta[i];
            self.dlog_sigma2[i] += *factor * other.dlog_sigma2[i];
        }
    }
}

/// ∂F/∂ℓ (M), as sums yet to be added up.
pub(super) struct LevelGradient<F>(Vec<[F; SUMS]>);

impl<F: Real> LevelGradient<F> {
    #[inline(always)]
    fn new(levels: usize) -> Self {
        Self(vec![[F::zero(); SUMS]; levels])
    }

    /// Adds the sums to `level_sums` and begins anew.
    #[inline(always)]
    fn add_up(&mut self, level_sums: &mut [f64]) {
        for (sum, sums) in level_sums.iter_mut().zip(&mut self.0) {
            *sum += sums.iter().map(|sum| sum.as_f64()).sum::<f64>();
            sums.fill(F::zero());
        }
    }

    /// Adds what each weight contributes to level k.
    #[inline(always)]
    pub(super) fn add(&mut self, k: usize, of_each: &Each<F>) {
        for of_each in of_each.chunks_exact(SUMS) {
            self.0[k].iter_mut().zip(of_each).for_each(|(sum, one)| *sum += *one);
        }
    }
}

/// A KL that has both forms: of one weight, and of many, to the same bits. Both are `#[inline(always)]`.
pub(super) trait OneOrMany<F: Real> {
    /// Of one; adds ∂F/∂ℓ to `dlevels` (M).
    fn alone(&self, theta: F, inverse_sigma2: F, dlevels: &mut [F]) -> WeightKl<F>;
    /// Of many.
    fn together<V: Vector<Element = F>>(
        &mut self,
        theta: &Each<F>,
        inverse_sigma2: &Each<F>,
        dlevels: &mut LevelGradient<F>,
    ) -> Kls<F>;
}

/// The KL of some weights.
pub(super) struct Together<'a, F, K> {
    pub chunk: Chunk<'a, F>,
    pub form: K,
}

impl<F: Real, K: OneOrMany<F>> Kernel<F> for Together<'_, F, K> {
    /// The sum of the values.
    type Output = f64;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> f64 {
        let Self { chunk, mut form } = self;
        let Chunk { theta, log_sigma2, scale, dtheta, dlog_sigma2, level_sums } = chunk;
        let mut values = [0.0; SUMS];
        let mut sums = LevelGradient::new(level_sums.len());
        let (many, rest) = theta.as_chunks::<TOGETHER>();
        let posterior = many.iter().zip(log_sigma2.as_chunks::<TOGETHER>().0);
        let gradient = dtheta.as_chunks_mut::<TOGETHER>().0.iter_mut().zip(dlog_sigma2.as_chunks_mut().0);
        for (i, ((theta, log_sigma2), (dtheta, dlog_sigma2))) in posterior.zip(gradient).enumerate() {
            if i % (BLOCK * SUMS / TOGETHER) == 0 {
                sums.add_up(level_sums);
            }
            let mut inverse_sigma2 = [F::zero(); TOGETHER];
            for i in 0..TOGETHER {
                inverse_sigma2[i] = (-log_sigma2[i]).exp_in_loop();
            }
            let kls = form.together::<V>(theta, &inverse_sigma2, &mut sums);
            add_scaled(dtheta, scale, &kls.dtheta);
            add_scaled(dlog_sigma2, scale, &kls.dlog_sigma2);
            for value in kls.value.chunks_exact(SUMS) {
                values.iter_mut().zip(value).for_each(|(sum, value)| *sum += value.as_f64());
            }
        }
        sums.add_up(level_sums);
        let whole = theta.len() - rest.len();
        let rest = Chunk {
            theta: rest,
            log_sigma2: &log_sigma2[whole..],
            scale,
            dtheta: &mut dtheta[whole..],
            dlog_sigma2: &mut dlog_sigma2[whole..],
            level_sums,
        };
        let rest = rest.each(|theta, log_sigma2, dlevels| form.alone(theta, (-log_sigma2).exp_in_loop(), dlevels));
        values.into_iter().sum::<f64>() + rest
    }
}

#[inline(always)]
fn add_scaled<F: Real>(sums: &mut Each<F>, scale: F, addends: &Each<F>) {
    for i in 0..TOGETHER {
        sums[i] += scale * addends[i];
    }
}
