//! [`layers::avg_pool`](crate::layers::avg_pool) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;
use crate::tensor::im2col::Window;

/// What the backward needs of the forward: the geometry alone.
#[derive(Debug)]
pub struct Cache(Pooling);

/// The geometry of pooling.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pooling {
    window: Window,
    /// (B, C, H, W).
    pub image: [usize; 4],
    /// (B, C, OH, OW).
    pub output: [usize; 4],
}

impl Pooling {
    /// Of images of shape (B, C, H, W).
    ///
    /// # Errors
    /// If the window does not fit into the image, or has padding or dilation.
    pub fn new(image: &[usize], window: &Window) -> Result<Self> {
        let image: [usize; 4] = image.try_into().expect("images are of rank 4");
        let [batch, channels, height, width] = image;
        let [output_h, output_w] = window.pooled_size([height, width])?;
        Ok(Self { window: *window, image, output: [batch, channels, output_h, output_w] })
    }

    /// What the kernels are told of it.
    pub fn arguments(&self) -> [Argument<'static>; 8] {
        let ([kernel_h, kernel_w], [stride_h, stride_w]) = (self.window.kernel, self.window.stride);
        let ([_, _, height, width], [_, _, output_h, output_w]) = (self.image, self.output);
        [height, width, output_h, output_w, kernel_h, kernel_w, stride_h, stride_w].map(Argument::size)
    }
}

/// y (B, C, OH, OW) of `x` (B, C, H, W).
///
/// # Errors
/// If the window does not fit into the image, or has padding or dilation; if the device fails.
pub fn forward<F: Real>(x: &Buffer<F>, window: &Window) -> Result<(Buffer<F>, Cache)> {
    let pooling = Pooling::new(x.shape(), window)?;
    let mut y = Buffer::unset(x.device(), &pooling.output)?;
    let n = y.len();
    launch::<F>("forward", x.into(), (&mut y).into(), n, x.device(), &pooling)?;
    Ok((y, Cache(pooling)))
}

/// dx (B, C, H, W), from `dy` (B, C, OH, OW).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `dy` is not of y's shape.
pub fn backward<F: Real>(cache: &Cache, dy: &Buffer<F>) -> Result<Buffer<F>> {
    let Cache(pooling) = cache;
    assert_eq!(dy.shape(), pooling.output, "dy has y's shape");
    let mut dx = Buffer::unset(dy.device(), &pooling.image)?;
    let n = dx.len();
    launch::<F>("backward", dy.into(), (&mut dx).into(), n, dy.device(), pooling)?;
    Ok(dx)
}

fn launch<F: Real>(
    kernel: &str,
    from: Argument<'_>,
    to: Argument<'_>,
    n: usize,
    device: &crate::cuda::Device,
    pooling: &Pooling,
) -> Result<()> {
    let mut arguments = vec![from, to, Argument::size(n)];
    arguments.extend(pooling.arguments());
    device.launch::<F>("layers/avg_pool", kernel, Grid::elements(n), &arguments)
}
