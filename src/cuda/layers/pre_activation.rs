//! [`kernels::pre_activation`](crate::kernels::pre_activation) on the device. As there, a is never stored: the
//! convolution's kernels compute it as they read x.

use super::batch_norm::{BatchNorm, Statistics};
use super::bayes_conv2d::BayesConv2d;
use super::images::Images;
use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::Result;
use crate::layers::check_shape;

const PATH: &str = "layers/pre_activation";

/// Normalization and ReLU of each channel.
#[derive(Clone, Copy, Debug)]
pub struct Activation<'a, F> {
    statistics: &'a Statistics<F>,
    gamma: &'a Buffer<F>,
    beta: &'a Buffer<F>,
}

/// The operation.
#[derive(Clone, Copy, Debug)]
pub struct PreActivation<'a, F> {
    /// The normalization and ReLU before the convolution.
    pub activation: Activation<'a, F>,
    /// The convolution.
    pub conv: BayesConv2d<'a, F>,
}

/// The gradient of the loss with respect to the parameters.
#[derive(Debug)]
pub struct Gradients<F> {
    /// The gradient with respect to γ (C).
    pub dgamma: Buffer<F>,
    /// The gradient with respect to β (C).
    pub dbeta: Buffer<F>,
    /// The gradient with respect to θ (O, C/groups, kh, kw).
    pub dtheta: Buffer<F>,
    /// The gradient with respect to ln σ² (O, C/groups, kh, kw); none with mean weights.
    pub dlog_sigma2: Option<Buffer<F>>,
}

/// Minus the gradient that flows into x through the batch's own μ and s², summed over all operations that normalize x,
/// per channel. It is subtracted from dx.
#[derive(Debug)]
pub struct BatchTerm<F> {
    /// Σ γ/√(s² + ε_n) · mean g.
    constant: Buffer<F>,
    /// Σ γ/√(s² + ε_n) · mean(g x̂).
    slope: Buffer<F>,
}

impl<'a, F: Real> Activation<'a, F> {
    /// The activation with the first C of `statistics`, which may have more channels.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn new(norm: &BatchNorm<'a, F>, statistics: &'a Statistics<F>) -> Result<Self> {
        let channels = norm.gamma.len();
        check_shape("beta", &[channels], norm.beta.shape())?;
        check_shape("statistics", &[channels], &[statistics.mean.len().min(channels)])?;
        Ok(Self { statistics, gamma: norm.gamma, beta: norm.beta })
    }

    /// The number of channels, C.
    pub fn channels(&self) -> usize {
        self.gamma.len()
    }

    /// The arguments for the kernels.
    pub(super) fn arguments(&self) -> [Argument<'a>; 4] {
        [&self.statistics.mean, &self.statistics.inverse_deviation, self.gamma, self.beta].map(Argument::from)
    }
}

impl<F: Real> PreActivation<'_, F> {
    /// y, with noise if it is given; the factor from dy to dv is then written over the noise.
    ///
    /// # Errors
    /// If a shape does not fit, or the device fails.
    pub(super) fn forward(&self, x: Images<'_>, y: Images<'_>, eps: Option<&mut Buffer<F>>) -> Result<()> {
        check_shape("gamma", &[x.shape[1]], &[self.activation.channels()])?;
        self.conv.convolve(x, Some(&self.activation), y, eps)
    }

    /// The gradient, from `dy`. Adds dx with μ and s² taken as constants to `dx`, and minus the gradient through μ
    /// and s² to `term`. `dv_per_dy` is from the forward pass; none with mean weights.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If a shape does not fit.
    pub(super) fn backward(
        &self,
        x: Images<'_>,
        dv_per_dy: Option<&Buffer<F>>,
        dy: Images<'_>,
        dx: Images<'_>,
        term: Option<&mut BatchTerm<F>>,
    ) -> Result<Gradients<F>> {
        let Self { activation, conv } = self;
        let (dtheta, dlog_sigma2) = conv.weight_gradient(x, Some(activation), dv_per_dy, dy)?;
        let sums = conv.input_gradient(x, Some(activation), dv_per_dy, dy, dx)?.expect("there is an activation");
        let device = sums.device();
        let channels = activation.channels();
        let [mut dgamma, mut dbeta] = [Buffer::unset(device, &[channels])?, Buffer::unset(device, &[channels])?];
        let to = [Argument::from(&mut dgamma), Argument::from(&mut dbeta)];
        let has_term = term.is_some();
        let term = term.map_or(to, |term| [Argument::from(&mut term.constant), Argument::from(&mut term.slope)]);
        let count = x.shape[0] * x.positions();
        let arguments = [
            &[Argument::from(&sums), (&activation.statistics.inverse_deviation).into(), activation.gamma.into()][..],
            &to,
            &term,
            &[channels, sums.shape()[0], count, has_term.into()].map(Argument::size),
        ]
        .concat();
        device.launch::<F>(PATH, "gradients", Grid::columns(channels), &arguments)?;
        Ok(Gradients { dgamma, dbeta, dtheta, dlog_sigma2 })
    }
}

impl<F: Real> BatchTerm<F> {
    /// The term 0.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(device: &Device, channels: usize) -> Result<Self> {
        Ok(Self { constant: Buffer::zeros(device, &[channels])?, slope: Buffer::zeros(device, &[channels])? })
    }

    /// Subtracts the term from `dx`, the gradient with respect to `x`, which `statistics` normalize. Both have the same
    /// place in their buffers.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If their places differ.
    pub(super) fn subtract_from(&self, dx: Images<'_>, x: Images<'_>, statistics: &Statistics<F>) -> Result<()> {
        assert_eq!((dx.shape, dx.image, dx.first), (x.shape, x.image, x.first), "dx has x's shape and place");
        let n = dx.shape.iter().product();
        let arguments = [
            &[x.buffer, dx.buffer, (&statistics.mean).into(), (&statistics.inverse_deviation).into()][..],
            &[Argument::from(&self.constant), Argument::from(&self.slope)],
            &[n, dx.shape[1], dx.positions(), dx.image, dx.first].map(Argument::size),
        ]
        .concat();
        let device = self.constant.device();
        device.launch::<F>(PATH, "subtract_batch_term", Grid::elements(n), &arguments)
    }
}
