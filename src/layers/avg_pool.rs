//! Average pooling.
//!
//! ```text
//! y[b, c, p, q] = 1/n_pq Σ_{i<kh, j<kw}
//!                 x[b, c, p·sh − ph + i, q·sw − pw + j]
//!                 over the elements that are pixels
//! dx = the sum of dy/n_pq over the windows that contain the pixel
//! ```
//!
//! [`pool`](super::pool) defines the windows and n, which is kh·kw for a window within the image.
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::STANDARD;
use super::pool::{Pool, Span};
use crate::error::Result;
use crate::scalar::Real;
use ndarray::{Array4, ArrayView4, Zip};

/// What the forward stores for the backward: the geometry alone.
#[derive(Clone, Debug)]
pub struct Cache {
    windows: Spans,
    image: (usize, usize),
    /// y's shape.
    output: (usize, usize, usize, usize),
}

/// The windows' spans along rows and along columns.
#[derive(Clone, Debug)]
struct Spans {
    rows: Vec<Span>,
    columns: Vec<Span>,
}

/// y (B, C, OH, OW) of `x` (B, C, H, W).
///
/// # Errors
/// As [`Pool::output_size`].
pub fn forward<F: Real>(x: ArrayView4<'_, F>, pool: &Pool) -> Result<(Array4<F>, Cache)> {
    let (batch, channels, height, width) = x.dim();
    let [output_h, output_w] = pool.output_size([height, width])?;
    let windows = Spans { rows: pool.windows(0, height, output_h), columns: pool.windows(1, width, output_w) };
    let x = x.to_shape((batch * channels, height * width)).expect("images hold C·H·W values");
    let mut y = Array4::zeros((batch, channels, output_h, output_w));
    let mut planes = y.view_mut().into_shape_with_order((batch * channels, output_h * output_w)).expect(STANDARD);
    Zip::from(x.outer_iter()).and(planes.outer_iter_mut()).par_for_each(|x, mut y| {
        average(&windows, width, x.to_slice().expect(STANDARD), y.as_slice_mut().expect(STANDARD));
    });
    let output = y.dim();
    Ok((y, Cache { windows, image: (height, width), output }))
}

/// dx (B, C, H, W), from `dy` (B, C, OH, OW).
///
/// # Panics
/// If `dy` is not of y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: ArrayView4<'_, F>) -> Array4<F> {
    assert_eq!(dy.dim(), cache.output, "dy has y's shape");
    let (batch, channels, output_h, output_w) = dy.dim();
    let (windows, (height, width)) = (&cache.windows, cache.image);
    let dy = dy.to_shape((batch * channels, output_h * output_w)).expect("as many elements");
    let mut dx = Array4::zeros((batch, channels, height, width));
    let mut planes = dx.view_mut().into_shape_with_order((batch * channels, height * width)).expect(STANDARD);
    Zip::from(planes.outer_iter_mut()).and(dy.outer_iter()).par_for_each(|mut dx, dy| {
        add_shares(windows, width, dy.to_slice().expect(STANDARD), dx.as_slice_mut().expect(STANDARD));
    });
    dx
}

/// The forward of one channel, from `x` (H, W) to `y` (OH, OW): for each row of windows the sum of each column of
/// pixels, then for each window the sum over its columns.
fn average<F: Real>(Spans { rows, columns }: &Spans, width: usize, x: &[F], y: &mut [F]) {
    let mut sums = vec![0.0; width];
    for (rows, y) in rows.iter().zip(y.chunks_exact_mut(columns.len())) {
        sums.fill(0.0);
        for x in x[rows.pixels.start * width..rows.pixels.end * width].chunks_exact(width) {
            sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x.as_f64());
        }
        for (y, Span { pixels, counted }) in y.iter_mut().zip(columns) {
            let sum: f64 = sums[pixels.clone()].iter().sum();
            *y = F::of(sum / (rows.counted as f64 * *counted as f64));
        }
    }
}

/// The backward of one channel, from `dy` (OH, OW), which adds to `dx` (H, W): for each row of windows the gradient of
/// each column of pixels, which is then added to each of the row's pixel rows.
fn add_shares<F: Real>(Spans { rows, columns }: &Spans, width: usize, dy: &[F], dx: &mut [F]) {
    let mut of_columns = vec![F::zero(); width];
    for (rows, dy) in rows.iter().zip(dy.chunks_exact(columns.len())) {
        of_columns.fill(F::zero());
        for (dy, Span { pixels, counted }) in dy.iter().zip(columns) {
            // y = Σ x / n
            let share = *dy / F::of(rows.counted as f64 * *counted as f64);
            of_columns[pixels.clone()].iter_mut().for_each(|sum| *sum += share);
        }
        for dx in dx[rows.pixels.start * width..rows.pixels.end * width].chunks_exact_mut(width) {
            dx.iter_mut().zip(&of_columns).for_each(|(dx, d)| *dx += *d);
        }
    }
}
