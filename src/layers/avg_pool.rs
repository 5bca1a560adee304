//! Average pooling without padding.
//!
//! ```text
//! y[b, c, p, q] = 1/(kh·kw) Σ_{i<kh, j<kw} x[b, c, p·sh + i, q·sw + j]
//! dx = the sum over the windows that hold the pixel of dy/(kh·kw)
//! ```

use crate::error::Result;
use crate::scalar::Real;
use crate::tensor::im2col::Window;
use ndarray::{Array4, ArrayView4, Zip};

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
    let share: F = share(window);
    let x = x.to_shape((batch * channels, height * width)).expect("images hold C·H·W values");
    let mut y = Array4::zeros((batch, channels, output_h, output_w));
    let mut planes = y.view_mut().into_shape_with_order((batch * channels, output_h * output_w)).expect(STANDARD);
    Zip::from(x.outer_iter()).and(planes.outer_iter_mut()).par_for_each(|x, mut y| {
        let (x, y) = (x.to_slice().expect(STANDARD), y.as_slice_mut().expect(STANDARD));
        for_each_run(window, width, output_w, y.len(), |outputs, pixels| {
            let pixels = x[pixels..].chunks(window.stride[1]);
            y[outputs].iter_mut().zip(pixels).for_each(|(y, x)| *y += x[0]);
        });
        y.iter_mut().for_each(|y| *y *= share);
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
    let (batch, channels, output_h, output_w) = dy.dim();
    let (window, (height, width)) = (&cache.window, cache.image);
    let share: F = share(window);
    let dy = dy.to_shape((batch * channels, output_h * output_w)).expect("as many elements");
    let mut dx = Array4::zeros((batch, channels, height, width));
    let mut planes = dx.view_mut().into_shape_with_order((batch * channels, height * width)).expect(STANDARD);
    Zip::from(planes.outer_iter_mut()).and(dy.outer_iter()).par_for_each(|mut dx, dy| {
        let (dx, dy) = (dx.as_slice_mut().expect(STANDARD), dy.to_slice().expect(STANDARD));
        for_each_run(window, width, output_w, dy.len(), |outputs, pixels| {
            // y = share · Σ x
            let pixels = dx[pixels..].chunks_mut(window.stride[1]);
            dy[outputs].iter().zip(pixels).for_each(|(dy, dx)| dx[0] += share * *dy);
        });
    });
    dx
}

const STANDARD: &str = "in standard layout";

/// 1/(kh·kw).
fn share<F: Real>(window: &Window) -> F {
    F::one() / F::of((window.kernel[0] * window.kernel[1]) as f64)
}

/// For each row of a plane's `outputs` positions and each element of the kernel calls `visit(the row, the pixel its first
/// position meets there)`; the others follow, a stride apart.
fn for_each_run(
    window: &Window,
    width: usize,
    output_w: usize,
    outputs: usize,
    mut visit: impl FnMut(std::ops::Range<usize>, usize),
) {
    for (p, first) in (0..outputs).step_by(output_w).enumerate() {
        for i in 0..window.kernel[0] {
            for j in 0..window.kernel[1] {
                visit(first..first + output_w, (p * window.stride[0] + i) * width + j);
            }
        }
    }
}
