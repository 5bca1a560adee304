//! The working precision: f32 or f64.

use super::vector::{Kernel, vectorize_f32, vectorize_f64};
use ndarray::NdFloat;
use ndarray_rand::rand_distr::uniform::SampleUniform;
use std::iter::Sum;

/// A floating-point number of the working precision.
pub trait Real: NdFloat + SampleUniform + Sum {
    /// `x` rounded once to the working precision.
    fn of(x: f64) -> Self;
    /// The value in double precision, exactly.
    fn as_f64(self) -> f64;
    /// Runs a kernel with the widest vectors of the processor at hand.
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output;
}

impl Real for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }
    fn as_f64(self) -> f64 {
        self.into()
    }
    #[inline]
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output {
        vectorize_f32(kernel)
    }
}

impl Real for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn as_f64(self) -> f64 {
        self
    }
    #[inline]
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output {
        vectorize_f64(kernel)
    }
}
