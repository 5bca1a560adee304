//! The host side of the weight gradient's kernel.

use super::{BLOCKS, BayesConv2d, Geometry, IN_REGISTERS};
use crate::cuda::device::THREADS;
use crate::cuda::layers::images::Images;
use crate::cuda::layers::pre_activation::Activation;
use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;

const PATH: &str = "layers/bayes_conv2d/weight_gradient";

/// How the sum over the positions is divided: `Tiles` of the kernel.
struct Tiles {
    size: [usize; 2],
    /// The number of input channels of a block; in the version for any window, of products.
    channels: usize,
    teams: usize,
    /// The number of tiles that a block sums over.
    in_share: usize,
    row_step: usize,
    channel_step: usize,
    grid: [usize; 3],
}

impl Tiles {
    fn new(geometry: &Geometry) -> Self {
        /// The positions of a tile, and the elements of shared memory for its pixels: `TILE` and `PIXELS` of the
        /// kernel.
        const TILE: usize = 32;
        const PIXELS: usize = 4160;
        /// The number of banks of shared memory.
        const BANKS: usize = 32;
        /// The largest number of threads of a team if a thread computes a row of the kernel, and the largest number of
        /// channels of a team if a thread computes three channels.
        const MEMBERS: usize = 126;
        let side = geometry.square();
        let widest = if matches!(side, Some(3 | 5)) { 16 } else { TILE };
        let width = geometry.output[1].next_power_of_two().clamp(4, widest);
        let height = TILE / width;
        let (channels, members, row_step, channel_step) = match side {
            None => {
                let products = geometry.fan_in().min(THREADS as usize);
                (products, products, 0, 0)
            }
            Some(1) => {
                let channels = geometry.channels.min(MEMBERS);
                (channels, channels.div_ceil(3), width, TILE + 1)
            }
            Some(side) => {
                let channels = geometry.channels.min(MEMBERS / side);
                // Neighbouring threads read from different banks: the step between rows is odd, and the next channel's
                // first row has the bank of the row that would follow this channel's rows.
                let row_step = (width + side - 1) | 1;
                let rows = (height + side - 1) * row_step;
                let padding = (BANKS * row_step + side * row_step - rows % BANKS) % BANKS;
                (channels, channels * side, row_step, rows + padding)
            }
        };
        debug_assert!(channels * channel_step <= PIXELS);
        let most = TILE.min(THREADS as usize / members);
        let teams = 1 << most.ilog2();
        let blocks_of_channels = match side {
            None => geometry.fan_in().div_ceil(channels),
            Some(_) => geometry.channels.div_ceil(channels),
        };
        let others = [blocks_of_channels, geometry.groups * geometry.outputs.div_ceil(IN_REGISTERS)];
        let [across, down] = [geometry.output[1].div_ceil(width), geometry.output[0].div_ceil(height)];
        let tiles = geometry.batch * across * down;
        let shares = BLOCKS.div_ceil(others[0] * others[1]).min(tiles).max(1);
        let in_share = tiles.div_ceil(shares).max(1);
        let grid = [tiles.div_ceil(in_share), others[0], others[1]];
        Self { size: [height, width], channels, teams, in_share, row_step, channel_step, grid }
    }

    fn arguments(&self) -> [Argument<'static>; 7] {
        let Self { size: [height, width], channels, teams, in_share, row_step, channel_step, .. } = *self;
        [height, width, channels, teams, in_share, row_step, channel_step].map(Argument::size)
    }
}

pub(super) fn launch<F: Real>(
    conv: &BayesConv2d<'_, F>,
    geometry: &Geometry,
    x: Images<'_>,
    activation: Option<&Activation<'_, F>>,
    dv_per_dy: Option<&Buffer<F>>,
    dy: Images<'_>,
) -> Result<(Buffer<F>, Option<Buffer<F>>)> {
    let device = conv.device();
    let tiles = Tiles::new(geometry);
    let (shares, weights) = (tiles.grid[0], conv.theta.len());
    let mut sums = Buffer::<F>::unset(device, &[shares, 2, weights])?;
    let arguments = [
        &[x.buffer][..],
        &conv.activations(activation),
        &[dy.buffer, Argument::size(dy.image), Argument::size(dy.first)],
        &[dv_per_dy.map_or(dy.buffer, Argument::from), Argument::from(&mut sums)],
        &geometry.arguments(),
        &tiles.arguments(),
    ]
    .concat();
    device.launch::<F>(PATH, &geometry.kernel(dv_per_dy.is_some()), Grid::blocks(tiles.grid), &arguments)?;

    let unset = || Buffer::unset(device, conv.theta.shape());
    let mut dtheta = unset()?;
    let mut dlog_sigma2 = dv_per_dy.map(|_| unset()).transpose()?;
    let to = Argument::from(&mut dtheta);
    let arguments = [
        Argument::from(&sums),
        conv.log_sigma2.into(),
        to,
        dlog_sigma2.as_mut().map_or(to, Argument::from),
        Argument::size(weights),
        Argument::size(shares),
        Argument::size(dv_per_dy.is_some().into()),
    ];
    device.launch::<F>(PATH, "combine", Grid::columns(weights), &arguments)?;
    Ok((dtheta, dlog_sigma2))
}

/// db, from `dy` (B, O, OH, OW).
pub(super) fn bias<F: Real>(dy: &Buffer<F>) -> Result<Buffer<F>> {
    let &[batch, outputs, height, width] = dy.shape() else { panic!("images are of rank 4") };
    let mut dbias = Buffer::unset(dy.device(), &[outputs])?;
    let sizes = [batch, outputs, height * width].map(Argument::size);
    let arguments = [&[Argument::from(dy), Argument::from(&mut dbias)][..], &sizes].concat();
    dy.device().launch::<F>(PATH, "bias_gradient", Grid::blocks([outputs, 1, 1]), &arguments)?;
    Ok(dbias)
}
