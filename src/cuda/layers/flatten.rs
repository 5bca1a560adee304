//! [`layers::flatten`](crate::layers::flatten) on the device: images and rows of features are the same elements.

use crate::cuda::{Buffer, Element};

/// The shape of x.
#[derive(Clone, Debug)]
pub struct Cache {
    shape: Vec<usize>,
}

/// y (B, C·H·W) of `x` (B, C, H, W).
pub fn forward<T: Element>(x: Buffer<T>) -> (Buffer<T>, Cache) {
    let shape = x.shape().to_vec();
    let rows = [shape[0], shape[1..].iter().product()];
    (x.reshaped(&rows), Cache { shape })
}

/// dx (B, C, H, W), from `dy` (B, C·H·W).
///
/// # Panics
/// If `dy` does not have y's shape.
pub fn backward<T: Element>(cache: &Cache, dy: Buffer<T>) -> Buffer<T> {
    assert_eq!(dy.shape(), [cache.shape[0], cache.shape[1..].iter().product()], "dy has y's shape");
    dy.reshaped(&cache.shape)
}
