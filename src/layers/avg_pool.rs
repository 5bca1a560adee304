//! Average pooling without padding.
//!
//! ```text
//! y[b, c, p, q] = 1/(kh·kw) Σ_{i<kh, j<kw} x[b, c, p·sh + i, q·sw + j]
//! dx = the sum over the windows that hold the pixel of dy/(kh·kw)
//! ```

use crate::error::Result;
use crate::scalar::Real;
use crate::tensor::im2col::Window;
use ndarray::{Array4, ArrayView4, Zip, s};

/// What the backward needs of the forward: the geometry alone.
#[derive(Clone, Debug)]
pub struct Cache {
    window: Window,
    image: (usize, usize),
    /// y's shape.
    output: (usize, usize, usize, usize),
}

/// y (B, C, OH, OW) of `x` (B, C, H, W).
///
/// # Errors
/// If the window does not fit into the image, or has padding or dilation.
pub fn forward<F: Real>(x: ArrayView4<'_, F>, window: &Window) -> Result<(Array4<F>, Cache)> {
    let (batch, channels, height, width) = x.dim();
    let [output_h, output_w] = window.pooled_size([height, width])?;
    let ([kernel_h, kernel_w], [stride_h, stride_w]) = (window.kernel, window.stride);
    let share = F::one() / F::of((kernel_h * kernel_w) as f64);
    let mut y = Array4::zeros((batch, channels, output_h, output_w));
    Zip::from(x.outer_iter()).and(y.outer_iter_mut()).par_for_each(|x, mut y| {
        for ((c, p, q), y) in y.indexed_iter_mut() {
            let (top, left) = (p * stride_h, q * stride_w);
            *y = share * x.slice(s![c, top..top + kernel_h, left..left + kernel_w]).sum();
        }
    });
    let output = y.dim();
    Ok((y, Cache { window: *window, image: (height, width), output }))
}

/// dx (B, C, H, W), from `dy` (B, C, OH, OW).
///
/// # Panics
/// If `dy` is not of y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: ArrayView4<'_, F>) -> Array4<F> {
    assert_eq!(dy.dim(), cache.output, "dy has y's shape");
    let (batch, channels, ..) = dy.dim();
    let ([kernel_h, kernel_w], [stride_h, stride_w]) = (cache.window.kernel, cache.window.stride);
    let share = F::one() / F::of((kernel_h * kernel_w) as f64);
    let mut dx = Array4::zeros((batch, channels, cache.image.0, cache.image.1));
    Zip::from(dx.outer_iter_mut()).and(dy.outer_iter()).par_for_each(|mut dx, dy| {
        for ((c, p, q), dy) in dy.indexed_iter() {
            let (top, left) = (p * stride_h, q * stride_w);
            // y = share · Σ x
            let mut dx = dx.slice_mut(s![c, top..top + kernel_h, left..left + kernel_w]);
            dx += share * *dy;
        }
    });
    dx
}
