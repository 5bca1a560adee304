//! Batch normalization and ReLU in front of a convolution (He et al. 2016), in one pass over the images.
//!
//! ```text
//! x̂ = (x − μ) / √(s² + ε_n)     a = max(γ x̂ + β, 0)     y = a ∗ w
//! g = da where a > 0, else 0
//! dγ = Σ g x̂                  dβ = Σ g
//! dx, with μ and s² held:     dx += γ/√(s² + ε_n) · g
//! ```
//!
//! Neither x̂ nor a is ever stored for a whole batch: the convolution computes a as it lays out an image, in the
//! forward and again in the backward. This makes a [`dense_block`](super::dense_block) cheap in memory (Pleiss et al.
//! 2017), and costs almost nothing compared to the convolution.
//!
//! Where μ and s² are the batch's own, [`BatchTerm`](super::activation::BatchTerm), which is subtracted from dx, is
//! minus the gradient that flows through them.
//!
//! By definition this is [`layers::batch_norm`](crate::layers::batch_norm), then [`layers::relu`](crate::layers::relu),
//! then [`layers::bayes_conv2d`](crate::layers::bayes_conv2d).
//!
//! Shapes: x, dx (B, C, H, W), y, ε, dy (B, O, OH, OW), γ, β, μ, s² (C).

use super::activation::Activation;
use super::conv::{Conv2d, ParameterGradients};
use crate::arrays::check_shape;
use crate::error::Result;
use crate::scalar::Real;
use ndarray::{Array4, ArrayView4, ArrayViewMut4};

/// The operation.
#[derive(Clone, Debug)]
pub struct PreActivation<'a, F> {
    /// The normalization and ReLU before the convolution.
    pub activation: Activation<F>,
    /// The convolution.
    pub conv: Conv2d<'a, F>,
}

impl<F: Real> PreActivation<'_, F> {
    /// y with mean weights.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn mean(&self, x: ArrayView4<'_, F>) -> Result<Array4<F>> {
        check_shape("gamma", &[x.dim().1], &[self.activation.channels()])?;
        self.conv.mean(x, Some(&self.activation))
    }

    /// y with noise, and the factor from dy to dv, which is stored in place of `eps`.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn sampled(&self, x: ArrayView4<'_, F>, eps: Array4<F>) -> Result<(Array4<F>, Array4<F>)> {
        check_shape("gamma", &[x.dim().1], &[self.activation.channels()])?;
        self.conv.sampled(x, Some(&self.activation), eps)
    }

    /// Returns the gradient with respect to the parameters, from `dy`, and adds the gradient with respect to x, with μ
    /// and s² held constant, to `dx`. `dv_per_dy` is the forward's; none with mean weights.
    ///
    /// # Panics
    /// If `dy` is not of y's shape or `dx` not of x's.
    pub fn backward(
        &self,
        x: ArrayView4<'_, F>,
        dv_per_dy: Option<&Array4<F>>,
        dy: ArrayView4<'_, F>,
        dx: ArrayViewMut4<'_, F>,
    ) -> ParameterGradients<F> {
        self.conv.backward(x, Some(&self.activation), dv_per_dy, &dy, Some(dx))
    }
}
