//! Max pooling.
//!
//! ```text
//! y[b, c, p, q] = max_{i<kh, j<kw}
//!                 x[b, c, p·sh − ph + i, q·sw − pw + j]
//!                 over the elements that are pixels
//! dx = dy at the maximum, 0 elsewhere; of several equal maxima, the
//!      first in row-major order gets dy
//! ```
//!
//! The windows are those of [`pool`](super::pool).
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::STANDARD;
use super::pool::{Pool, Span};
use crate::error::Result;
use crate::scalar::Real;
use crate::scalar::real::exceeds;
use ndarray::{Array3, Array4, ArrayView4, Zip};

/// The place of each maximum.
#[derive(Clone, Debug)]
pub struct Cache {
    /// For each element of y, the position of its maximum in the image plane (H·W).
    argmax: Array4<u32>,
    image: (usize, usize),
}

/// y (B, C, OH, OW) of `x` (B, C, H, W). If a window contains a NaN, its maximum is NaN.
///
/// # Errors
/// As [`Pool::output_size`].
pub fn forward<F: Real>(x: ArrayView4<'_, F>, pool: &Pool) -> Result<(Array4<F>, Cache)> {
    let (batch, channels, height, width) = x.dim();
    let [output_h, output_w] = pool.output_size([height, width])?;
    let (rows, columns) = (pool.windows(0, height, output_h), pool.windows(1, width, output_w));
    let x = x.to_shape((batch * channels, height * width)).expect("images hold C·H·W values");
    let mut y = Array3::zeros((batch * channels, output_h, output_w));
    let mut argmax = Array3::zeros(y.dim());
    Zip::from(x.outer_iter()).and(y.outer_iter_mut()).and(argmax.outer_iter_mut()).par_for_each(|x, mut y, mut at| {
        let plane = x.to_slice().expect("rows are contiguous");
        for ((mut y, mut at), rows) in y.outer_iter_mut().zip(at.outer_iter_mut()).zip(&rows) {
            for ((y, at), columns) in y.iter_mut().zip(&mut at).zip(&columns) {
                let best = first_maximum(plane, width, rows, columns);
                (*at, *y) = (best as u32, plane[best]);
            }
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
            for (mut dx, (dy, argmax)) in dx.outer_iter_mut().zip(dy.outer_iter().zip(argmax.outer_iter())) {
                let plane = dx.as_slice_mut().expect(STANDARD);
                // y = x[argmax]; windows may overlap
                argmax.iter().zip(&dy).for_each(|(at, dy)| plane[*at as usize] += *dy);
            }
        },
    );
    dx.into_shape_with_order((batch, channels, height, width)).expect("images hold C·H·W values")
}

/// The position in `plane` (rows of `width`) of the first maximum of a window.
fn first_maximum<F: Real>(plane: &[F], width: usize, rows: &Span, columns: &Span) -> usize {
    let Span { pixels: columns, .. } = columns;
    let window = rows.pixels.clone().flat_map(|row| row * width + columns.start..row * width + columns.end);
    let first = rows.pixels.start * width + columns.start;
    window.fold(first, |best, at| if exceeds(plane[at], plane[best]) { at } else { best })
}
