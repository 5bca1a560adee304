//! [`layers::concat`](crate::layers::concat) on the device.

use super::images::Images;
use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::{Error, Result};
use crate::layers::check_shape;

/// What the forward pass stores for the backward pass: the shape of each x.
#[derive(Clone, Debug)]
pub struct Cache {
    shapes: Vec<Vec<usize>>,
}

/// y, the concatenation of `xs` in order.
///
/// # Errors
/// If `xs` is empty, or two of them differ in a size other than the channels; if the device fails.
pub fn forward<F: Real>(xs: Vec<Buffer<F>>) -> Result<(Buffer<F>, Cache)> {
    let shapes: Vec<Vec<usize>> = xs.iter().map(|x| x.shape().to_vec()).collect();
    let Some(first) = xs.first() else { return Err(Error::tensor("x", "at least one value", "none")) };
    let mut shape = first.shape().to_vec();
    shape[1] = shapes.iter().map(|shape| shape[1]).sum();
    let device = first.device().clone();
    let rows_of_images = |x: Buffer<F>| {
        let shape = as_images(x.shape());
        x.reshaped(&shape)
    };
    let mut y = rows_of_images(Buffer::unset(&device, &shape)?);
    let mut channels = 0;
    for x in xs {
        let x = rows_of_images(x);
        let end = channels + x.shape()[1];
        copy_channels::<F>(&device, Images::of(&x), Images::to(&mut y).channels(channels..end))?;
        channels = end;
    }
    Ok((y.reshaped(&shape), Cache { shapes }))
}

/// dx of each x, in order, from `dy`, which has y's shape.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `dy` does not have y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: Buffer<F>) -> Result<Vec<Buffer<F>>> {
    let device = dy.device().clone();
    let images = as_images(dy.shape());
    let mut dy = dy.reshaped(&images);
    let mut channels = 0;
    let mut dxs = Vec::with_capacity(cache.shapes.len());
    for shape in &cache.shapes {
        let mut dx = Buffer::unset(&device, &as_images(shape))?;
        let end = channels + shape[1];
        copy_channels::<F>(&device, Images::to(&mut dy).channels(channels..end), Images::to(&mut dx))?;
        dxs.push(dx.reshaped(shape));
        channels = end;
    }
    assert_eq!(channels, images[1], "dy has y's shape");
    Ok(dxs)
}

/// The shape as (B, C, H, W); rows of features are images of one pixel.
fn as_images(shape: &[usize]) -> [usize; 4] {
    match *shape {
        [batch, channels, height, width] => [batch, channels, height, width],
        _ => [shape[0], shape[1..].iter().product(), 1, 1],
    }
}

/// Copies images into channels of larger images, or out of them.
pub(super) fn copy_channels<F: Real>(device: &Device, from: Images<'_>, to: Images<'_>) -> Result<()> {
    check_shape("x", &to.shape, &from.shape)?;
    let n = from.shape.iter().product();
    let image = from.shape[1..].iter().product();
    let positions = from.positions();
    let sizes = [n, image, from.image, from.first * positions, to.image, to.first * positions].map(Argument::size);
    let arguments = [&[from.buffer, to.buffer][..], &sizes].concat();
    device.launch::<F>("layers/concat", "copy_channels", Grid::elements(n), &arguments)
}
