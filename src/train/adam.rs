//! Adam (Kingma & Ba 2015), with PyTorch's order of operations, on gradients whose entries are clipped. With weight
//! decay it is PyTorch's AdamW: the decay is decoupled from the gradient (Loshchilov & Hutter 2019).
//!
//! ```text
//! g ← max(−clip, min(g, clip))
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! p ← (1 − rate · λ) p
//!     − (rate / (1 − β₁ⁿ)) · m / (√v / √(1 − β₂ⁿ) + ε)
//! n = 1, 2, … the step
//! ```
//!
//! Derived in [chapter 6 of the course](crate::course::objective).

use crate::scalar::Real;
use crate::scalar::real::clamp;
use crate::simd::{Kernel, Vector};

/// The constants. The defaults are β₁ = 0.9, β₂ = 0.999, ε = 1e-8, no clip and no weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε.
    pub epsilon: f64,
    /// c: every entry of a gradient is clipped to [−c, c].
    pub clip: f64,
    /// λ: each step multiplies a parameter by 1 − rate · λ, whatever its gradient.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clip: f64::INFINITY, weight_decay: 0.0 }
    }
}

impl Adam {
    /// Step n = `step`, from 1: changes a parameter and its moments m, v in place; all four slices have one length.
    /// `learning_rate` is the rate of the [equations](self), after any schedule.
    ///
    /// # Panics
    /// If the slices differ in length, or `step` is 0.
    pub fn step<F: Real>(
        &self,
        parameter: &mut [F],
        gradient: &[F],
        first_moment: &mut [F],
        second_moment: &mut [F],
        step: u64,
        learning_rate: f64,
    ) {
        let lengths = [gradient.len(), first_moment.len(), second_moment.len()];
        assert_eq!(lengths, [parameter.len(); 3], "gradient and moments have the parameter's length");
        assert!(step > 0, "steps count from 1");
        let [first, second] = self.corrections(step);
        F::vectorize(Step {
            beta: [self.beta1, self.beta2].map(F::of),
            one_minus_beta: [1.0 - self.beta1, 1.0 - self.beta2].map(F::of),
            kept: F::of(1.0 - learning_rate * self.weight_decay),
            rate: F::of(learning_rate / first),
            root_correction: F::of(second.sqrt()),
            epsilon: F::of(self.epsilon),
            clip: F::of(self.clip),
            parameter,
            gradient,
            moments: [first_moment, second_moment],
        });
    }

    /// 1 − β₁ⁿ and 1 − β₂ⁿ.
    pub(crate) fn corrections(&self, step: u64) -> [f64; 2] {
        [self.beta1, self.beta2].map(|beta| 1.0 - beta.powf(step as f64))
    }
}

struct Step<'a, F> {
    beta: [F; 2],
    one_minus_beta: [F; 2],
    /// 1 − rate · λ.
    kept: F,
    rate: F,
    root_correction: F,
    epsilon: F,
    clip: F,
    parameter: &'a mut [F],
    gradient: &'a [F],
    moments: [&'a mut [F]; 2],
}

impl<F: Real> Kernel<F> for Step<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let Self { beta: [beta1, beta2], one_minus_beta: [one_minus_beta1, one_minus_beta2], .. } = self;
        let [first_moment, second_moment] = self.moments;
        let moments = first_moment.iter_mut().zip(second_moment);
        for ((parameter, gradient), (m, v)) in self.parameter.iter_mut().zip(self.gradient).zip(moments) {
            let g = clamp(*gradient, -self.clip, self.clip);
            *m = beta1 * *m + one_minus_beta1 * g;
            *v = beta2 * *v + one_minus_beta2 * g * g;
            *parameter = self.kept * *parameter - self.rate * *m / (v.sqrt() / self.root_correction + self.epsilon);
        }
    }
}
