//! Augmentation of training images: each is padded with zeros, cropped to its size again at a random place and, if
//! `mirror`, mirrored or not.
//!
//! ```text
//! y[c, i, j] = x[c, i + down − PAD, j' + right − PAD],
//!              0 outside of x
//! j' = W − 1 − j if mirror and mirrored, else j
//! down, right uniform in 0 … 2 PAD, mirrored with probability ½,
//! one draw an image
//! ```
//!
//! Images are augmented after they are standardized, so the padding of standardized images has the mean colour.

use ndarray::{Array4, ArrayView4};

use crate::scalar::Real;
use crate::tensor::noise::Philox;

/// Zeros on each side.
pub const PAD: usize = 4;

/// The random choices for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The first row of the crop in the padded image.
    pub down: usize,
    /// The first column of the crop in the padded image.
    pub right: usize,
    /// Whether left and right are exchanged.
    pub mirrored: bool,
}

impl Draw {
    /// The draw for an image of the batch, from the image's block of the stream.
    pub fn new(stream: &Philox, image: usize) -> Self {
        let [row, column, mirror, _] = stream.words(image as u64);
        // ⌊word · places / 2³²⌋: no place is likelier than another by more than 2⁻³².
        let place = |word: u32| ((u64::from(word) * (2 * PAD as u64 + 1)) >> 32) as usize;
        Self { down: place(row), right: place(column), mirrored: mirror >> 31 == 1 }
    }
}

/// The images (B, C, H, W), each augmented by its draw from `stream`; none is mirrored unless `mirror`.
pub fn augment<F: Real>(x: ArrayView4<'_, F>, stream: &Philox, mirror: bool) -> Array4<F> {
    let (batch, _, height, width) = x.dim();
    let draws: Vec<Draw> = (0..batch).map(|image| Draw::new(stream, image)).collect();
    Array4::from_shape_fn(x.dim(), |(image, channel, i, j)| {
        let Draw { down, right, mirrored } = draws[image];
        let j = if mirror && mirrored { width - 1 - j } else { j };
        match ((i + down).checked_sub(PAD), (j + right).checked_sub(PAD)) {
            (Some(i), Some(j)) if i < height && j < width => x[[image, channel, i, j]],
            _ => F::zero(),
        }
    })
}
