//! [`layers::avg_pool`](crate::layers::avg_pool) on the device.

use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::{Error, Result};
use crate::layers::pool::Pool;

/// What the forward pass stores for the backward pass: the geometry.
#[derive(Debug)]
pub struct Cache(Pooling);

/// The geometry of pooling.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pooling {
    pool: Pool,
    /// The shape of x (B, C, H, W).
    pub image: [usize; 4],
    /// The shape of y (B, C, OH, OW).
    pub output: [usize; 4],
}

impl Pooling {
    /// The geometry for images of shape `image` = (B, C, H, W).
    ///
    /// # Errors
    /// The errors of [`Pool::output_size`]; also if a size is 2³⁰ or more.
    pub fn new(image: &[usize], pool: &Pool) -> Result<Self> {
        let image: [usize; 4] = image.try_into().expect("images are of rank 4");
        let [batch, channels, height, width] = image;
        let [output_h, output_w] = pool.output_size([height, width])?;
        // The kernels add these sizes as words. The padding is no larger than the kernel.
        let sizes = [pool.kernel, pool.stride, [height, width]];
        if let Some(size) = sizes.as_flattened().iter().find(|size| **size >= 1 << 30) {
            return Err(Error::option("window", "sizes below 2^30 on a device", size));
        }
        Ok(Self { pool: *pool, image, output: [batch, channels, output_h, output_w] })
    }

    /// The arguments for the kernels.
    pub fn arguments(&self) -> [Argument<'static>; 11] {
        let Pool { kernel: [kernel_h, kernel_w], stride: [stride_h, stride_w], .. } = self.pool;
        let Pool { padding: [padding_h, padding_w], count_include_pad, .. } = self.pool;
        let ([_, _, height, width], [_, _, output_h, output_w]) = (self.image, self.output);
        let sizes = [height, width, output_h, output_w, kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w];
        let mut arguments = [Argument::size(count_include_pad.into()); 11];
        arguments[..10].copy_from_slice(&sizes.map(Argument::size));
        arguments
    }
}

/// y (B, C, OH, OW) of `x` (B, C, H, W).
///
/// # Errors
/// The errors of [`Pool::output_size`]; also if a size is 2³⁰ or more, or the device fails.
pub fn forward<F: Real>(x: &Buffer<F>, pool: &Pool) -> Result<(Buffer<F>, Cache)> {
    let pooling = Pooling::new(x.shape(), pool)?;
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
/// If `dy` does not have y's shape.
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
