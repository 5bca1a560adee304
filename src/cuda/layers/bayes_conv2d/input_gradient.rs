//! The host side of the input gradient's kernel.

use super::{BayesConv2d, Geometry, IN_REGISTERS, ROWS, blocks, teams};
use crate::cuda::layers::images::Images;
use crate::cuda::layers::pre_activation::Activation;
use crate::cuda::{Argument, Buffer, Grid, Real};
use crate::error::Result;

pub(super) fn launch<F: Real>(
    conv: &BayesConv2d<'_, F>,
    geometry: &Geometry,
    x: Images<'_>,
    activation: Option<&Activation<'_, F>>,
    dv_per_dy: Option<&Buffer<F>>,
    dy: Images<'_>,
    dx: Images<'_>,
) -> Result<Option<Buffer<F>>> {
    let places = geometry.batch * geometry.image[0].div_ceil(ROWS) * geometry.image[1];
    let others = [geometry.channels.div_ceil(IN_REGISTERS), geometry.groups];
    let teams = teams(places, others[0] * others[1], geometry.outputs);
    let blocks = blocks(places, teams);
    let channels = geometry.groups * geometry.channels;
    let mut sums = activation.map(|_| Buffer::unset(conv.device(), &[blocks, 2, channels])).transpose()?;
    let arguments = [
        &[x.buffer][..],
        &conv.activations(activation),
        &[conv.theta.into(), conv.log_sigma2.into(), dy.buffer, Argument::size(dy.image), Argument::size(dy.first)],
        &[dv_per_dy.map_or(dy.buffer, Argument::from), dx.buffer, sums.as_mut().map_or(dx.buffer, Argument::from)],
        &geometry.arguments(),
        &[Argument::size(teams)],
    ]
    .concat();
    let grid = Grid::blocks([blocks, others[0], others[1]]);
    let kernel = geometry.kernel(dv_per_dy.is_some());
    conv.device().launch::<F>("layers/bayes_conv2d/input_gradient", &kernel, grid, &arguments)?;
    Ok(sums)
}
