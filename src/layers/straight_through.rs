//! The straight-through gradient of the quantizer (Bengio, Léonard & Courville 2013): a layer computes with Q(θ), and
//! the gradient with respect to Q(θ) is used as the gradient with respect to θ, as if Q were the identity.
//!
//! ```text
//! w = Q(θ) = ℓ_k(θ)       k(θ): the level that replaces θ
//! dθ := dw                an estimator: the derivative of Q is 0
//!                         almost everywhere
//! dℓ_k = Σ_{i: k(θ_i) = k} dw_i        exact while no θ is halfway
//!                                      between two levels
//! ```
//!
//! Shapes: θ, w, dθ and dw have one shape, ℓ and dℓ (M). Under [`hard`](crate::train::Forward::Hard) training, a
//! layer's noise is added to the pre-activations as usual: y = x Q(θ) + b + √(x² σ² + v₀) ⊙ ε. Its dx is computed with
//! Q(θ) too.
//!
//! Derived in [chapter 7 of the course](crate::course::levels).

use crate::prior::quantizer::Quantizer;
use crate::scalar::Real;
use ndarray::{Array1, ArrayD, ArrayViewD};

/// w = Q(θ), of θ's shape, from ascending `levels` (M); a NaN goes to the lowest level.
///
/// # Panics
/// If there are no levels.
pub fn forward<F: Real>(theta: ArrayViewD<'_, F>, levels: &[F]) -> ArrayD<F> {
    let quantizer = Quantizer::new(levels);
    theta.mapv(|theta| quantizer.value(theta))
}

/// dℓ (M), from dw; dθ is dw itself. Each sum is formed in f64 and rounded once.
///
/// # Panics
/// If θ and dw differ in shape.
pub fn level_gradient<F: Real>(theta: ArrayViewD<'_, F>, levels: &[F], dw: ArrayViewD<'_, F>) -> Array1<F> {
    assert_eq!(theta.shape(), dw.shape(), "dw has the shape of theta");
    let quantizer = Quantizer::new(levels);
    // w = ℓ_k(θ)
    let mut sums = vec![0.0; levels.len()];
    for (theta, dw) in theta.iter().zip(dw) {
        sums[quantizer.index(*theta)] += dw.as_f64();
    }
    sums.into_iter().map(F::of).collect()
}
