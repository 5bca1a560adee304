//! Adam (Kingma & Ba 2015), with PyTorch's order of operations.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! p ← p − (rate / (1 − β₁ⁿ)) · m / (√v / √(1 − β₂ⁿ) + ε)        n = 1, 2, … the step
//! ```

use crate::scalar::Real;

/// The constants, (0.9, 0.999, 1e-8) unless given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Adam {
    /// One step on a parameter and its moments; `step` counts from 1. All slices are of one length.
    pub fn step<F: Real>(
        &self,
        parameter: &mut [F],
        gradient: &[F],
        first_moment: &mut [F],
        second_moment: &mut [F],
        step: u64,
        learning_rate: f64,
    ) {
        let (beta1, beta2) = (F::of(self.beta1), F::of(self.beta2));
        let (one_minus_beta1, one_minus_beta2) = (F::of(1.0 - self.beta1), F::of(1.0 - self.beta2));
        let rate = F::of(learning_rate / (1.0 - self.beta1.powf(step as f64)));
        let root_correction = F::of((1.0 - self.beta2.powf(step as f64)).sqrt());
        let epsilon = F::of(self.epsilon);
        let moments = first_moment.iter_mut().zip(second_moment);
        for ((parameter, gradient), (m, v)) in parameter.iter_mut().zip(gradient).zip(moments) {
            *m = beta1 * *m + one_minus_beta1 * *gradient;
            *v = beta2 * *v + one_minus_beta2 * *gradient * *gradient;
            *parameter -= rate * *m / (v.sqrt() / root_correction + epsilon);
        }
    }
}
