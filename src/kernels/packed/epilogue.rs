//! The operations that follow the sum of an output.
//!
//! ```text
//! y = ReLU(scale · (sum + bias) + shift)
//! ```

use crate::simd::Vector;
use std::ops::Range;

/// A folded normalization, (C) each.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// γ/√(running variance + ε_n).
    pub scale: Vec<f32>,
    /// β − scale · running mean.
    pub shift: Vec<f32>,
}

impl Affine {
    /// (scale, shift) of a channel.
    pub(crate) fn of(&self, channel: usize) -> (f32, f32) {
        (self.scale[channel], self.shift[channel])
    }
}

/// The bias, the normalization and the ReLU that follow a product, any of which may be missing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Epilogue<'a> {
    pub affine: Option<&'a Affine>,
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
}

impl Epilogue<'_> {
    /// (scale, shift) of each of the `outputs`, with the bias included in the shift.
    pub(super) fn of(&self, outputs: Range<usize>) -> Vec<(f32, f32)> {
        let bias = self.bias.map(|bias| &bias[outputs.clone()]);
        let Some(affine) = self.affine else {
            return bias.map_or(vec![(1.0, 0.0); outputs.len()], |bias| bias.iter().map(|bias| (1.0, *bias)).collect());
        };
        let affine = affine.scale[outputs.clone()].iter().copied().zip(affine.shift[outputs].iter().copied());
        match bias {
            None => affine.collect(),
            Some(bias) => affine.zip(bias).map(|((scale, shift), bias)| (scale, scale * bias + shift)).collect(),
        }
    }
}

/// ReLU(scale · x + shift) of one number, the ReLU if `relu`.
#[inline(always)]
pub(crate) fn of_number(x: f32, (scale, shift): (f32, f32), relu: bool) -> f32 {
    let y = scale * x + shift;
    // A NaN stays NaN.
    if relu && y < 0.0 { 0.0 } else { y }
}

/// Σ → ReLU(scale · Σ + shift).
#[inline(always)]
pub(super) fn finish<V: Vector>(sum: V, scale: V::Element, shift: V::Element, relu: bool) -> V {
    let y = V::splat(scale).mul_add(sum, V::splat(shift));
    // A NaN stays NaN.
    if relu { V::zero().max(y) } else { y }
}
