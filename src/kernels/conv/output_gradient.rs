//! The gradient dy, a few images at a time: an array, or a gradient that is formed only when the backward reads it, and
//! never leaves the cache.

use crate::scalar::Real;
use crate::tensor::aligned::Aligned;
use ndarray::{ArrayView4, s};
use std::ops::Range;

/// The gradient with respect to the outputs y of a convolution.
pub trait OutputGradient<F>: Sync {
    /// (B, O, OH, OW).
    fn dim(&self) -> (usize, usize, usize, usize);

    /// dy of these images, in standard layout; it is formed in `room` if it is not stored already.
    fn images<'a>(&'a self, images: Range<usize>, room: &'a mut Aligned<F>) -> &'a [F];
}

impl<F: Real> OutputGradient<F> for ArrayView4<'_, F> {
    fn dim(&self) -> (usize, usize, usize, usize) {
        ArrayView4::dim(self)
    }

    fn images<'a>(&'a self, images: Range<usize>, room: &'a mut Aligned<F>) -> &'a [F] {
        let image = self.len() / ArrayView4::dim(self).0.max(1);
        match self.as_slice() {
            Some(all) => &all[images.start * image..images.end * image],
            None => {
                room.resize(images.len() * image, F::zero());
                room.iter_mut().zip(self.slice(s![images, .., .., ..])).for_each(|(to, from)| *to = *from);
                room
            }
        }
    }
}
