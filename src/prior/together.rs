//! The KL of many weights at once: every loop is over independent, contiguous elements, so that it is vectorized.

use super::Chunk;
use super::spike::{FAR, Sigma};
use crate::scalar::spike_kl::fit_values_and_derivatives;
use crate::scalar::vector::{Kernel, MAX_LANES, Vector};
use crate::scalar::{Real, WeightKl};
use crate::tensor::sum::BLOCK;

/// Weights dealt with together, step by step: a multiple of every [`Vector::LANES`].
pub(super) const TOGETHER: usize = 64;
/// Running sums of what is added up: on every processor the same.
const SUMS: usize = 8;

/// A number for each of the weights.
pub(super) type Each<F> = [F; TOGETHER];

/// 1/σ of each of the weights.
#[inline(always)]
fn inverse_sigmas<F: Real>(log_sigma2: &Each<F>) -> Each<F> {
    let mut inverse = [F::zero(); TOGETHER];
    for i in 0..TOGETHER {
        inverse[i] = Sigma::new(log_sigma2[i]).inverse;
    }
    inverse
}

/// Whether every (θ − ℓ)/σ is near: see [`spike_kl`](super::spike::spike_kl). `reach` is the largest |ℓ|.
#[inline(always)]
fn are_near<V: Vector>(theta: &Each<V::Element>, inverse_sigma: &Each<V::Element>, reach: V::Element) -> bool {
    let (reach, mut most) = (V::splat(reach), V::zero());
    for i in (0..TOGETHER).step_by(V::LANES) {
        let theta = V::load(&theta[i..]);
        let distance = theta.max(V::zero().sub(theta)).add(reach);
        most = distance.mul(V::load(&inverse_sigma[i..])).max(most);
    }
    let mut lanes = [V::Element::of(0.0); MAX_LANES];
    most.store(&mut lanes);
    // Half as far as need be, so that no rounding matters.
    lanes.iter().fold(true, |all, most| all & (*most <= V::Element::of(FAR / 2.0)))
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

    /// As [`spike_kl`](super::spike::spike_kl), with D_fit, each weight's to its own `level(i)`, none of which is far.
    #[inline(always)]
    pub(super) fn of_spike<V: Vector<Element = F>>(
        theta: &Each<F>,
        inverse_sigma: &Each<F>,
        level: impl Fn(usize) -> F,
    ) -> Self {
        let zero = [F::zero(); TOGETHER];
        let [mut u, mut t] = [zero; 2];
        for i in 0..TOGETHER {
            u[i] = (theta[i] - level(i)) * inverse_sigma[i];
            t[i] = u[i] * u[i];
        }
        let (value, slope) = fit_values_and_derivatives::<V, TOGETHER>(&t);
        let mut kls = Self { value, dtheta: zero, dlog_sigma2: zero };
        for i in 0..TOGETHER {
            kls.dtheta[i] = slope[i] * (F::of(2.0) * u[i]) * inverse_sigma[i];
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
    /// (M), ascending.
    fn levels(&self) -> &[F];
    /// Of one; adds ∂F/∂ℓ to `dlevels` (M).
    fn alone(&self, theta: F, sigma: Sigma<F>, dlevels: &mut [F]) -> WeightKl<F>;
    /// Of many, none of which is [`FAR`] from any level.
    fn together<V: Vector<Element = F>>(
        &mut self,
        theta: &Each<F>,
        inverse_sigma: &Each<F>,
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
        let reach = form.levels().iter().fold(F::zero(), |reach, level| reach.max(level.abs()));
        let mut values = [0.0; SUMS];
        let mut sums = LevelGradient::new(level_sums.len());
        let (many, rest) = theta.as_chunks::<TOGETHER>();
        let posterior = many.iter().zip(log_sigma2.as_chunks::<TOGETHER>().0);
        let gradient = dtheta.as_chunks_mut::<TOGETHER>().0.iter_mut().zip(dlog_sigma2.as_chunks_mut().0);
        for (i, ((theta, log_sigma2), (dtheta, dlog_sigma2))) in posterior.zip(gradient).enumerate() {
            if i % (BLOCK * SUMS / TOGETHER) == 0 {
                sums.add_up(level_sums);
            }
            let inverse_sigma = inverse_sigmas(log_sigma2);
            if !are_near::<V>(theta, &inverse_sigma, reach) {
                let block = Chunk { theta, log_sigma2, scale, dtheta, dlog_sigma2, level_sums: &mut *level_sums };
                values[0] +=
                    block.each(|theta, log_sigma2, dlevels| form.alone(theta, Sigma::new(log_sigma2), dlevels));
                continue;
            }
            let kls = form.together::<V>(theta, &inverse_sigma, &mut sums);
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
        let rest = rest.each(|theta, log_sigma2, dlevels| form.alone(theta, Sigma::new(log_sigma2), dlevels));
        values.into_iter().sum::<f64>() + rest
    }
}

#[inline(always)]
fn add_scaled<F: Real>(sums: &mut Each<F>, scale: F, addends: &Each<F>) {
    for i in 0..TOGETHER {
        sums[i] += scale * addends[i];
    }
}
