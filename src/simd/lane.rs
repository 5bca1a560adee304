//! The types of number that a vector can hold.

use super::{Kernel, Vector, vectorize_f32, vectorize_f64};
use ndarray::NdFloat;

/// A floating-point number that a vector can hold: f32 or f64.
pub trait Lane: NdFloat + Default {
    /// The type itself, as a vector of one lane.
    type One: Vector<Element = Self>;
    /// `x` rounded once to this type.
    fn of(x: f64) -> Self;
    /// The value in double precision, exactly.
    fn as_f64(self) -> f64;
    /// Runs a kernel with the widest vectors that the processor has and `SPIKESLAB_VECTORS` allows.
    fn vectorize<K: Kernel<Self>>(kernel: K) -> K::Output;
}

impl Lane for f32 {
    type One = Self;
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

impl Lane for f64 {
    type One = Self;
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
