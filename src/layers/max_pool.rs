//! Max pooling.
//!
//! ```text
//! y[b, c, p, q] = max_{i<kh, j<kw}
//!                 x[b, c, p·sh − ph + i, q·sw − pw + j]
//!                 over the elements that are pixels
//! dx = dy at the maximum, 0 elsewhere; a tie's gradient goes to its
//!      first element in row-major order
//! ```
//!
//! The windows are those of [`pool`](super::pool).
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::pool::{Pool, Span};
use crate::error::Result;
use crate::scalar::Real;
use crate::scalar::real::exceeds;
use crate::scalar::vector::{Kernel, Vector};
use ndarray::{Array3, Array4, ArrayView4, Zip};

/// The place of each maximum.
#[derive(Clone, Debug)]
pub struct Cache {
    /// For each element of y, the position of its maximum in the image plane (H·W).
    argmax: Array4<u32>,
    image: (usize, usize),
}

/// y (B, C, OH, OW) of `x` (B, C, H, W). A NaN in a window is its maximum.
///
/// # Errors
/// As [`Pool::output_size`].
pub fn forward<F: Real>(x: ArrayView4<'_, F>, pool: &Pool) -> Result<(Array4<F>, Cache)> {
    let (batch, channels, height, width) = x.dim();
    let [output_h, output_w] = pool.output_size([height, width])?;
    let is_halving = *pool == Pool { count_include_pad: pool.count_include_pad, ..Pool::new([2, 2], [2, 2]) };
    let (rows, columns) = (pool.windows(0, height, output_h), pool.windows(1, width, output_w));
    let x = x.to_shape((batch * channels, height * width)).expect("images hold C·H·W values");
    let mut y = Array3::zeros((batch * channels, output_h, output_w));
    let mut argmax = Array3::zeros(y.dim());
    Zip::from(x.outer_iter()).and(y.outer_iter_mut()).and(argmax.outer_iter_mut()).par_for_each(|x, mut y, mut at| {
        let plane = x.to_slice().expect("rows are contiguous");
        if is_halving {
            let (y, at) = (y.as_slice_mut().expect(STANDARD), at.as_slice_mut().expect(STANDARD));
            return F::vectorize(Halved { plane, width, output_w, y, at });
        }
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

const STANDARD: &str = "a new array is in standard layout";

/// The forward of one channel for windows of 2×2 that do not overlap. It selects instead of branching, since the place
/// of a maximum is too random to predict.
struct Halved<'a, F> {
    /// (H, W).
    plane: &'a [F],
    width: usize,
    output_w: usize,
    y: &'a mut [F],
    at: &'a mut [u32],
}

impl<F: Real> Kernel<F> for Halved<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let Self { plane, width, output_w, .. } = self;
        let outputs = self.y.chunks_exact_mut(output_w).zip(self.at.chunks_exact_mut(output_w));
        for ((rows, (y, at)), first) in plane.chunks_exact(2 * width).zip(outputs).zip((0..).step_by(2 * width)) {
            let (top, bottom) = rows.split_at(width);
            let windows = top.chunks_exact(2).zip(bottom.chunks_exact(2));
            for (((top, bottom), (y, at)), corner) in windows.zip(y.iter_mut().zip(at)).zip((first as u32..).step_by(2))
            {
                let (value, place) = larger_with_place(top[0], corner, top[1], corner + 1);
                let below = corner + width as u32;
                let (value_below, place_below) = larger_with_place(bottom[0], below, bottom[1], below + 1);
                (*y, *at) = larger_with_place(value, place, value_below, place_below);
            }
        }
    }
}

/// The second value and its place if it exceeds the first value, else the first value and its place.
#[inline(always)]
fn larger_with_place<F: Real>(first: F, place: u32, second: F, second_place: u32) -> (F, u32) {
    let replaces = exceeds(second, first);
    (if replaces { second } else { first }, if replaces { second_place } else { place })
}
