//! Max pooling without padding.
//!
//! ```text
//! y[b, c, p, q] = max_{i<kh, j<kw} x[b, c, p·sh + i, q·sw + j]
//! dx = dy at the maximum, 0 elsewhere; a tie's gradient goes to its first element in row-major order
//! ```

use crate::error::Result;
use crate::scalar::Real;
use crate::tensor::im2col::Window;
use ndarray::{Array4, ArrayView2, ArrayView4, Axis, Zip, s};

/// Where each maximum came from.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Row and column in the image, for each element of y.
    argmax: Array4<[u32; 2]>,
    image: (usize, usize),
}

/// y (B, C, OH, OW) of `x` (B, C, H, W). A NaN in a window is its maximum.
///
/// # Errors
/// If the window does not fit into the image, or has padding or dilation.
pub fn forward<F: Real>(x: ArrayView4<'_, F>, window: &Window) -> Result<(Array4<F>, Cache)> {
    let (batch, channels, height, width) = x.dim();
    let [output_h, output_w] = window.pooled_size([height, width])?;
    let mut y = Array4::zeros((batch, channels, output_h, output_w));
    let mut argmax = Array4::from_elem(y.dim(), [0, 0]);
    Zip::from(x.outer_iter()).and(y.outer_iter_mut()).and(argmax.outer_iter_mut()).par_for_each(|x, mut y, mut at| {
        for (c, x) in x.outer_iter().enumerate() {
            for ((p, q), y) in y.index_axis_mut(Axis(0), c).indexed_iter_mut() {
                let (row, column) = first_maximum(x, p * window.stride[0], q * window.stride[1], window.kernel);
                at[[c, p, q]] = [row as u32, column as u32];
                *y = x[[row, column]];
            }
        }
    });
    Ok((y, Cache { argmax, image: (height, width) }))
}

/// dx (B, C, H, W), from `dy` (B, C, OH, OW).
///
/// # Panics
/// If `dy` is not of y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: ArrayView4<'_, F>) -> Array4<F> {
    assert_eq!(dy.dim(), cache.argmax.dim(), "dy has y's shape");
    let (batch, channels, ..) = dy.dim();
    let mut dx = Array4::zeros((batch, channels, cache.image.0, cache.image.1));
    Zip::from(dx.outer_iter_mut()).and(dy.outer_iter()).and(cache.argmax.outer_iter()).par_for_each(
        |mut dx, dy, argmax| {
            for ((c, p, q), [row, column]) in argmax.indexed_iter() {
                // y = x[argmax]; windows may overlap
                dx[[c, *row as usize, *column as usize]] += dy[[c, p, q]];
            }
        },
    );
    dx
}

fn first_maximum<F: Real>(x: ArrayView2<'_, F>, top: usize, left: usize, kernel: [usize; 2]) -> (usize, usize) {
    let mut best = (top, left);
    for ((i, j), candidate) in x.slice(s![top..top + kernel[0], left..left + kernel[1]]).indexed_iter() {
        let maximum = x[best];
        if *candidate > maximum || (candidate.is_nan() && !maximum.is_nan()) {
            best = (top + i, left + j);
        }
    }
    best
}
