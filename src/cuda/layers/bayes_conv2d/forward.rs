//! The host side of the forward kernel.

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
    y: Images<'_>,
    eps: Option<&mut Buffer<F>>,
) -> Result<()> {
    let kernel = geometry.kernel(eps.is_some());
    let parameters = [
        Argument::from(conv.theta),
        conv.log_sigma2.into(),
        conv.bias.unwrap_or(conv.theta).into(),
        Argument::size(conv.bias.is_some().into()),
        y.buffer,
        eps.map_or(y.buffer, Argument::from),
    ];
    let places = geometry.batch * geometry.output[0].div_ceil(ROWS) * geometry.output[1];
    let others = [geometry.outputs.div_ceil(IN_REGISTERS), geometry.groups];
    let teams = teams(places, others[0] * others[1], geometry.channels);
    let arguments = [
        &[x.buffer][..],
        &conv.activations(activation),
        &parameters,
        &geometry.arguments(),
        &[y.image, y.first, teams].map(Argument::size),
    ]
    .concat();
    let grid = Grid::blocks([blocks(places, teams), others[0], others[1]]);
    conv.device().launch::<F>("layers/bayes_conv2d/forward", &kernel, grid, &arguments)
}
