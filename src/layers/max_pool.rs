//! Max pooling without padding.
//!
//! ```text
//! y[b, c, p, q] = max_{i<kh, j<kw} x[b, c, p·sh + i, q·sw + j]
//! dx = dy at the maximum, 0 elsewhere; a tie's gradient goes to its first element in row-major order
//! ```

use crate::error::Result;
use crate::scalar::Real;
use crate::tensor::im2col::Window;
use ndarray::{Array3, Array4, ArrayView4, Zip};

/// Where each maximum came from.
#[derive(Clone, Debug)]
pub struct Cache {
    /// For each element of y the position in its image plane (H·W).
    argmax: Array4<u32>,
    image: (usize, usize),
}

/// y (B, C, OH, OW) of `x` (B, C, H, W). A NaN in a window is its maximum.
///
/// # Errors
/// If the window does not fit into the image, or has padding or dilation.
pub fn forward<F: Real>(x: ArrayView4<'_, F>, window: &Window) -> Result<(Array4<F>, Cache)> {
    let (batch, channels, height, width) = x.dim();
    let [output_h, output_w] = window.pooled_size([height, width])?;
    let x = x.to_shape((batch * channels, height * width)).expect("images hold C·H·W values");
    let mut y = Array3::zeros((batch * channels, output_h, output_w));
    let mut argmax = Array3::zeros(y.dim());
    Zip::from(x.outer_iter()).and(y.outer_iter_mut()).and(argmax.outer_iter_mut()).par_for_each(|x, mut y, mut at| {
        let plane = x.to_slice().expect("rows are contiguous");
        for ((p, q), y) in y.indexed_iter_mut() {
            let corner = p * window.stride[0] * width + q * window.stride[1];
            let best = first_maximum(plane, corner, width, window.kernel);
            at[[p, q]] = best as u32;
            *y = plane[best];
        }
    });
    let shape = (batch, channels, output_h, output_w);
    let y = y.into_shape_with_order(shape).expect("as many windows");
    let argmax = argmax.into_shape_with_order(shape).expect("as many windows");
    Ok((y, Cache { argmax, image: (height, width) }))
}

/// dx (B, C, H, W), from `dy` (B, C, OH, OW).
///
/// # Panics
/// If `dy` is not of y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: ArrayView4<'_, F>) -> Array4<F> {
    assert_eq!(dy.dim(), cache.argmax.dim(), "dy has y's shape");
    let (batch, channels, ..) = dy.dim();
    let (height, width) = cache.image;
    let mut dx = Array3::zeros((batch, channels, height * width));
    Zip::from(dx.outer_iter_mut()).and(dy.outer_iter()).and(cache.argmax.outer_iter()).par_for_each(
        |mut dx, dy, argmax| {
            for ((c, p, q), at) in argmax.indexed_iter() {
                // y = x[argmax]; windows may overlap
                dx[[c, *at as usize]] += dy[[c, p, q]];
            }
        },
    );
    dx.into_shape_with_order((batch, channels, height, width)).expect("images hold C·H·W values")
}

/// The position in `plane` (rows of `width`) of the first maximum of the window whose first element is at `corner`.
fn first_maximum<F: Real>(plane: &[F], corner: usize, width: usize, kernel: [usize; 2]) -> usize {
    let mut best = corner;
    for row in 0..kernel[0] {
        let start = corner + row * width;
        for (at, candidate) in (start..).zip(&plane[start..start + kernel[1]]) {
            if *candidate > plane[best] || (candidate.is_nan() && !plane[best].is_nan()) {
                best = at;
            }
        }
    }
    best
}
