//! [`layers::batch_norm`](crate::layers::batch_norm) on the device, with or without a ReLU after it.

use super::images::Images;
use crate::cuda::device::THREADS;
use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::{Error, Result};
use crate::layers::batch_norm::unbias;
use crate::layers::check_shape;
use crate::tensor::statistics::check_count;

const PATH: &str = "layers/batch_norm";

/// The parameters.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a, F> {
    /// γ (C).
    pub gamma: &'a Buffer<F>,
    /// β (C).
    pub beta: &'a Buffer<F>,
    /// ε.
    pub epsilon: F,
    /// Whether y is the ReLU of the normalized x.
    pub rectified: bool,
}

/// The mean and variance of each channel (C): those of a batch, with the biased variance, or the running statistics.
#[derive(Debug)]
pub struct Statistics<F> {
    /// μ.
    pub mean: Buffer<F>,
    /// s².
    pub variance: Buffer<F>,
    /// 1/√(s² + ε_n).
    pub inverse_deviation: Buffer<F>,
}

/// What the forward pass stores for the backward pass.
#[derive(Debug)]
pub struct Cache<F> {
    x: Buffer<F>,
    statistics: Statistics<F>,
    /// Whether the statistics depend on x.
    batch_statistics: bool,
}

/// The gradient of the loss.
#[derive(Debug)]
pub struct Gradients<F> {
    /// The gradient with respect to x, with x's shape.
    pub dx: Buffer<F>,
    /// The gradient with respect to γ (C).
    pub dgamma: Buffer<F>,
    /// The gradient with respect to β (C).
    pub dbeta: Buffer<F>,
}

/// How a sum over the values of each channel is divided among blocks.
struct Shares {
    /// The number of neighbouring channels of a block.
    lanes: usize,
    /// The number of values per channel in each block.
    length: usize,
    grid: [usize; 3],
}

impl Shares {
    /// The sizes for `count` values per channel, in images of `positions` positions.
    fn new(channels: usize, count: usize, positions: usize) -> Self {
        /// Twice the number of blocks that fill a GPU, and the smallest number of values for which a thread is worth
        /// using.
        const BLOCKS: usize = 264;
        const VALUES: usize = 4;
        let lanes = if positions < 8 { 32 } else { 1 };
        let blocks_of_channels = channels.div_ceil(lanes);
        let most = count.div_ceil(VALUES * THREADS as usize / lanes);
        let shares = BLOCKS.div_ceil(blocks_of_channels.max(1)).clamp(1, most.max(1));
        let length = count.div_ceil(shares).max(1);
        Self { lanes, length, grid: [count.div_ceil(length), blocks_of_channels, 1] }
    }
}

impl<F: Real> Statistics<F> {
    /// Buffers for the statistics of `channels` channels, to be overwritten.
    ///
    /// # Errors
    /// If the device fails.
    pub fn unset(device: &Device, channels: usize) -> Result<Self> {
        let unset = || Buffer::unset(device, &[channels]);
        Ok(Self { mean: unset()?, variance: unset()?, inverse_deviation: unset()? })
    }

    /// The mean and biased variance of each channel of `x` (B, C) or (B, C, H, W).
    ///
    /// # Errors
    /// If the device fails.
    pub fn of_batch(x: &Buffer<F>, epsilon: F) -> Result<Self> {
        let mut statistics = Self::unset(x.device(), x.shape()[1])?;
        let [batch, channels, positions] = by_channel(x.shape());
        let shape = [batch, channels, positions, 1];
        let images = Images { buffer: x.into(), shape, image: channels * positions, first: 0 };
        statistics.measure(images, 0, epsilon)?;
        Ok(statistics)
    }

    /// The running statistics, with 1/√(s² + ε_n) computed from the variance.
    ///
    /// # Errors
    /// If the device fails.
    pub fn running(mean: &Buffer<F>, variance: &Buffer<F>, epsilon: F) -> Result<Self> {
        let mut inverse_deviation = Buffer::unset(mean.device(), mean.shape())?;
        let channels = mean.len();
        let arguments = [
            Argument::from(variance),
            Argument::from(&mut inverse_deviation),
            Argument::real(epsilon),
            Argument::size(channels),
        ];
        mean.device().launch::<F>(PATH, "inverse_deviations", Grid::elements(channels), &arguments)?;
        Ok(Self { mean: mean.copy()?, variance: variance.copy()?, inverse_deviation })
    }

    /// Writes the statistics of the channels of `x` to the elements from `first` on.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there are too few elements.
    pub(super) fn measure(&mut self, x: Images<'_>, first: usize, epsilon: F) -> Result<()> {
        let (batch, channels, positions) = (x.shape[0], x.shape[1], x.positions());
        assert!(first + channels <= self.mean.len(), "a place for each channel");
        let device = self.mean.device().clone();
        let count = batch * positions;
        let Shares { lanes, length, grid } = Shares::new(channels, count, positions);
        let mut moments = Buffer::<F>::unset(&device, &[grid[0], 2, channels])?;
        let sizes = [batch, channels, positions, x.image, x.first, lanes, length].map(Argument::size);
        let arguments = [&[x.buffer, Argument::from(&mut moments)][..], &sizes].concat();
        device.launch::<F>(PATH, "moments_of_shares", Grid::blocks(grid), &arguments)?;
        let buffers = [
            Argument::from(&moments),
            Argument::from(&mut self.mean),
            Argument::from(&mut self.variance),
            Argument::from(&mut self.inverse_deviation),
            Argument::real(epsilon),
        ];
        let sizes = [channels, count, grid[0], length, first].map(Argument::size);
        device.launch::<F>(PATH, "combine_moments", Grid::columns(channels), &[&buffers[..], &sizes].concat())
    }
}

/// Moves the running statistics (C) towards the first C statistics in `batch`, which are of `count` values per channel.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `batch` has fewer channels than the running statistics, or `count` is below 2.
pub fn absorb<F: Real>(
    [mean, variance]: [&mut Buffer<F>; 2],
    batch: &Statistics<F>,
    count: usize,
    momentum: F,
) -> Result<()> {
    let channels = mean.len();
    assert!(channels == variance.len() && channels <= batch.mean.len(), "as many statistics");
    let unbias: F = unbias(count);
    let device = batch.mean.device();
    let arguments = [
        Argument::from(mean),
        Argument::from(variance),
        Argument::from(&batch.mean),
        Argument::from(&batch.variance),
        Argument::real(momentum),
        Argument::real(unbias),
        Argument::size(channels),
    ];
    device.launch::<F>(PATH, "absorb", Grid::elements(channels), &arguments)
}

impl<F: Real> Cache<F> {
    /// The batch's statistics, and the number of values per channel; none under running statistics.
    pub fn batch_statistics(&self) -> Option<(&Statistics<F>, usize)> {
        let [batch, _, positions] = by_channel(self.x.shape());
        self.batch_statistics.then_some((&self.statistics, batch * positions))
    }
}

impl<F: Real> BatchNorm<'_, F> {
    /// y, normalized with the statistics of `x` itself. `x` is (B, C) or (B, C, H, W).
    ///
    /// # Errors
    /// If a shape does not fit or there are fewer than two values per channel; if the device fails.
    pub fn forward_batch(&self, x: Buffer<F>) -> Result<(Buffer<F>, Cache<F>)> {
        let [batch, _, positions] = by_channel(x.shape());
        check_count(x.shape(), batch * positions)?;
        self.check(&x)?;
        let statistics = Statistics::of_batch(&x, self.epsilon)?;
        let y = self.normalize(&x, &statistics)?;
        Ok((y, Cache { x, statistics, batch_statistics: true }))
    }

    /// y, normalized with `statistics`.
    ///
    /// # Errors
    /// If a shape does not fit or there is nothing to normalize; if the device fails.
    pub fn forward_running(&self, x: Buffer<F>, statistics: Statistics<F>) -> Result<(Buffer<F>, Cache<F>)> {
        self.check(&x)?;
        check_shape("running_mean", self.gamma.shape(), statistics.mean.shape())?;
        check_shape("running_var", self.gamma.shape(), statistics.variance.shape())?;
        let y = self.normalize(&x, &statistics)?;
        Ok((y, Cache { x, statistics, batch_statistics: false }))
    }

    fn check(&self, x: &Buffer<F>) -> Result<()> {
        let [batch, channels, positions] = by_channel(x.shape());
        if batch * positions == 0 {
            return Err(Error::tensor("x", "at least one value a channel", format!("{:?}", x.shape())));
        }
        check_shape("gamma", &[channels], self.gamma.shape())?;
        check_shape("beta", &[channels], self.beta.shape())
    }

    fn normalize(&self, x: &Buffer<F>, statistics: &Statistics<F>) -> Result<Buffer<F>> {
        let [_, channels, positions] = by_channel(x.shape());
        let mut y = Buffer::unset(x.device(), x.shape())?;
        let n = x.len();
        let buffers = [
            Argument::from(x),
            Argument::from(&mut y),
            Argument::from(&statistics.mean),
            Argument::from(&statistics.inverse_deviation),
            self.gamma.into(),
            self.beta.into(),
        ];
        let sizes = [n, channels, positions, self.rectified.into()].map(Argument::size);
        x.device().launch::<F>(PATH, "normalize", Grid::elements(n), &[&buffers[..], &sizes].concat())?;
        Ok(y)
    }

    /// The gradient, from `dy`, which has y's shape.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `dy` does not have y's shape.
    pub fn backward(&self, cache: &Cache<F>, mut dy: Buffer<F>) -> Result<Gradients<F>> {
        let Cache { x, statistics, batch_statistics } = cache;
        assert_eq!(dy.shape(), x.shape(), "dy has y's shape");
        let device = x.device();
        let [batch, channels, positions] = by_channel(x.shape());
        let (count, n) = (batch * positions, x.len());
        let Shares { lanes, length, grid } = Shares::new(channels, count, positions);
        let of_channels = [
            Argument::from(&statistics.mean),
            (&statistics.inverse_deviation).into(),
            self.gamma.into(),
            self.beta.into(),
        ];

        // y = γ x̂ + β
        let mut of_shares = Buffer::<F>::unset(device, &[grid[0], 2, channels])?;
        let sizes = [batch, channels, positions, self.rectified.into(), lanes, length].map(Argument::size);
        let arguments =
            [&[x.into(), Argument::from(&dy)][..], &of_channels, &[Argument::from(&mut of_shares)], &sizes].concat();
        device.launch::<F>(PATH, "gradients_of_shares", Grid::blocks(grid), &arguments)?;
        let [mut dgamma, mut dbeta] = [Buffer::unset(device, &[channels])?, Buffer::unset(device, &[channels])?];
        let arguments = [
            Argument::from(&of_shares),
            Argument::from(&mut dgamma),
            Argument::from(&mut dbeta),
            Argument::size(channels),
            Argument::size(grid[0]),
        ];
        device.launch::<F>(PATH, "combine_gradients", Grid::columns(channels), &arguments)?;

        // x̂ = (x − μ) / √(s² + ε_n); under running statistics μ and s² are constants
        let sizes = [n, channels, positions, count, self.rectified.into(), (*batch_statistics).into()];
        let sizes = sizes.map(Argument::size);
        let gradients = [Argument::from(&dgamma), Argument::from(&dbeta)];
        let arguments = [&[x.into(), Argument::from(&mut dy)][..], &of_channels, &gradients, &sizes].concat();
        device.launch::<F>(PATH, "input_gradient", Grid::elements(n), &arguments)?;
        Ok(Gradients { dx: dy, dgamma, dbeta })
    }
}

/// (B, C) or (B, C, H, W) as (B, C, positions).
fn by_channel(shape: &[usize]) -> [usize; 3] {
    [shape[0], shape[1], shape[2..].iter().product()]
}
