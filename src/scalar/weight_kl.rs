//! The result of every KL of one weight.

use crate::simd::Vector;
use std::ops::{Add, Mul};

/// The KL of one weight, in nats, and its derivatives with respect to that weight's posterior; for a vector type, those
/// of several weights, one in each lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightKl<F> {
    /// The KL, called F in the equations.
    pub value: F,
    /// ∂F/∂θ.
    pub dtheta: F,
    /// ∂F/∂ln σ².
    pub dlog_sigma2: F,
}

impl<N: Copy + Default + Add<Output = N> + Mul<Output = N>> WeightKl<N> {
    /// A KL that is 0 for every posterior.
    #[inline(always)]
    pub fn zero() -> Self {
        Self { value: N::default(), dtheta: N::default(), dlog_sigma2: N::default() }
    }

    /// Adds `scale` times another KL of the same weight.
    #[inline(always)]
    pub fn add_scaled(&mut self, scale: N, other: &Self) {
        self.value = self.value + scale * other.value;
        self.dtheta = self.dtheta + scale * other.dtheta;
        self.dlog_sigma2 = self.dlog_sigma2 + scale * other.dlog_sigma2;
    }
}

impl<V: Vector> WeightKl<V> {
    /// `yes` in the lanes where the mask is true, else `no`.
    #[inline(always)]
    pub fn select(mask: V::Mask, yes: Self, no: Self) -> Self {
        Self {
            value: V::select(mask, yes.value, no.value),
            dtheta: V::select(mask, yes.dtheta, no.dtheta),
            dlog_sigma2: V::select(mask, yes.dlog_sigma2, no.dlog_sigma2),
        }
    }

    /// The KL in the first lane.
    #[inline(always)]
    pub fn first(self) -> WeightKl<V::Element> {
        WeightKl { value: self.value.first(), dtheta: self.dtheta.first(), dlog_sigma2: self.dlog_sigma2.first() }
    }
}
