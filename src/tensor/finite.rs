//! Searches for numbers that are infinite or NaN.

use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use rayon::prelude::*;

/// Elements that one thread searches at a time.
const ELEMENTS: usize = 1 << 13;

/// The first element that is not finite, if there is one.
pub fn first_not_finite<F: Real>(elements: &[F]) -> Option<&F> {
    let chunks = elements.par_chunks(ELEMENTS).filter(|elements| !are_finite(elements));
    chunks.find_map_first(|elements| elements.iter().find(|element| !element.is_finite()))
}

/// Whether all elements are finite.
pub fn are_finite<F: Real>(elements: &[F]) -> bool {
    F::vectorize(AreFinite { elements })
}

struct AreFinite<'a, F> {
    elements: &'a [F],
}

impl<F: Real> Kernel<F> for AreFinite<'_, F> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> bool {
        // No early exit: a loop with one could not be vectorized.
        self.elements.iter().fold(true, |all, element| all & element.is_finite())
    }
}
