//! [`layers::bayes_conv2d`](crate::layers::bayes_conv2d) on the device. As on the CPU, three kernels compute the
//! products: `forward`, `input_gradient` and `weight_gradient`, each for mean and variance together. There are versions
//! for convolution kernels of 1 × 1, 3 × 3 and 5 × 5 without stride and dilation, and one version for any window.

mod forward;
mod input_gradient;
mod weight_gradient;

use super::images::Images;
use super::pre_activation::Activation;
use crate::cuda::device::THREADS;
use crate::cuda::{Argument, Buffer, Device, Real};
use crate::error::Result;
use crate::layers::check_shape;
use crate::tensor::im2col::{Sizes, Window};

/// The parameters and the geometry.
#[derive(Clone, Copy, Debug)]
pub struct BayesConv2d<'a, F> {
    /// θ (O, C/groups, kh, kw).
    pub theta: &'a Buffer<F>,
    /// ln σ² (O, C/groups, kh, kw).
    pub log_sigma2: &'a Buffer<F>,
    /// b (O).
    pub bias: Option<&'a Buffer<F>>,
    /// Stride, padding and dilation; the kernel size is that of θ.
    pub window: Window,
    /// The number of groups; divides C and O.
    pub groups: usize,
}

/// What the forward pass stores for the backward pass.
#[derive(Debug)]
pub struct Cache<F> {
    x: Buffer<F>,
    /// ε / (2 √(v + v₀)) (B, O, OH, OW), the factor from dy to dv; none with mean weights.
    dv_per_dy: Option<Buffer<F>>,
}

/// The gradient of the loss.
#[derive(Debug)]
pub struct Gradients<F> {
    /// The gradient with respect to x (B, C, H, W); none if the caller did not want it.
    pub dx: Option<Buffer<F>>,
    /// The gradient with respect to θ (O, C/groups, kh, kw).
    pub dtheta: Buffer<F>,
    /// The gradient with respect to ln σ² (O, C/groups, kh, kw); none with mean weights.
    pub dlog_sigma2: Option<Buffer<F>>,
    /// The gradient with respect to b (O); none without a bias.
    pub dbias: Option<Buffer<F>>,
}

/// The sizes of the images and the window for the kernels: `Geometry` in `images.cuh`.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    batch: usize,
    groups: usize,
    /// The input channels of a group.
    channels: usize,
    /// The size (H, W) of an image of x.
    image: [usize; 2],
    /// The output channels of a group.
    outputs: usize,
    /// The size (OH, OW) of an image of y.
    output: [usize; 2],
    window: Window,
    /// The number of elements from each image of x to the next, and the first channel.
    x_image: usize,
    x_first: usize,
}

impl Geometry {
    fn arguments(&self) -> [Argument<'static>; 18] {
        let Self { batch, groups, channels, image, outputs, output, window, x_image, x_first } = *self;
        let Window { kernel, stride, padding, dilation } = window;
        let sizes = [batch, groups, channels, image[0], image[1], outputs, output[0], output[1]];
        let window = [kernel, stride, padding, dilation].as_flattened().to_vec();
        let all = [&sizes[..], &window, &[x_image, x_first]].concat();
        let all: [usize; 18] = all.try_into().expect("8 + 8 + 2");
        all.map(Argument::size)
    }

    /// The shape of y (B, O, OH, OW).
    fn y_shape(&self) -> [usize; 4] {
        [self.batch, self.groups * self.outputs, self.output[0], self.output[1]]
    }

    /// The number of products in an element of y.
    fn fan_in(&self) -> usize {
        self.channels * self.window.kernel[0] * self.window.kernel[1]
    }

    /// The side of the convolution kernel, if there is a version for it.
    fn square(&self) -> Option<usize> {
        let Window { kernel, stride, dilation, .. } = self.window;
        let is_plain = kernel[0] == kernel[1] && stride == [1, 1] && dilation == [1, 1];
        (is_plain && [1, 3, 5].contains(&kernel[0])).then_some(kernel[0])
    }

    /// The name of the version of a kernel.
    fn kernel(&self, is_sampled: bool) -> String {
        let weights = if is_sampled { "sampled" } else { "mean" };
        match self.square() {
            Some(side) => format!("{weights}_{side}"),
            None => format!("{weights}_any"),
        }
    }
}

/// The number of rows of positions that a thread computes: `ROWS` of the kernels.
const ROWS: usize = 4;
/// The number of channels whose sums a thread keeps in registers: `OUTPUTS` and `CHANNELS` of the kernels.
const IN_REGISTERS: usize = 12;
/// Twice the number of blocks that fill a GPU.
const BLOCKS: usize = 264;

/// The number of teams into which the threads of a block are divided. Each of the `places` columns of ROWS positions is
/// computed by one thread of every team, so that more teams make more blocks. The result is the smallest number for
/// which the grid has at least half of [`BLOCKS`] blocks; `others` is the number of blocks in the grid's other two
/// dimensions. There are at most as many teams as `shares`, so that each team has something to compute, and at most 8,
/// so that all threads of a warp are in one team.
fn teams(places: usize, others: usize, shares: usize) -> usize {
    let fills = |teams: &usize| 2 * blocks(places, *teams) * others >= BLOCKS;
    let most = 1 << shares.max(1).ilog2().min(3);
    [1, 2, 4, 8].into_iter().take_while(|teams| *teams <= most).find(fills).unwrap_or(most)
}

/// The number of blocks for `places` columns, each of which `teams` threads compute.
fn blocks(places: usize, teams: usize) -> usize {
    (places * teams).div_ceil(THREADS as usize)
}

impl<F: Real> BayesConv2d<'_, F> {
    fn geometry(&self, x: Images<'_>) -> Result<Geometry> {
        let bias = self.bias.map(Buffer::shape);
        let Sizes { image: [channels, height, width], output } =
            Sizes::of(self.theta.shape(), self.log_sigma2.shape(), bias, &self.window, self.groups, &x.shape)?;
        // A stride of the padded size or more, and the dilation of a single element, change nothing. Cut to what is
        // needed, they fit into the 32 bits of a kernel's argument.
        let mut window = self.window;
        for (axis, size) in [height, width].into_iter().enumerate() {
            window.stride[axis] = window.stride[axis].min(size + 2 * window.padding[axis]);
            if window.kernel[axis] == 1 {
                window.dilation[axis] = 1;
            }
        }
        Ok(Geometry {
            batch: x.shape[0],
            groups: self.groups,
            channels,
            image: [height, width],
            outputs: self.theta.shape()[0] / self.groups,
            output,
            window,
            x_image: x.image,
            x_first: x.first,
        })
    }

    fn device(&self) -> &Device {
        self.theta.device()
    }

    /// The kernels' arguments for the activation.
    fn activations<'b>(&'b self, activation: Option<&Activation<'b, F>>) -> [Argument<'b>; 5] {
        // Without an activation the kernels do not read these buffers.
        let [mean, inverse_deviation, gamma, beta] =
            activation.map_or_else(|| [self.theta; 4].map(Argument::from), Activation::arguments);
        [mean, inverse_deviation, gamma, beta, Argument::size(activation.is_some().into())]
    }

    /// y = m + √(v + v₀) ⊙ ε, with noise; `eps`, ε, is standard normal (B, O, OH, OW).
    ///
    /// # Errors
    /// If a shape does not fit, or the device fails.
    pub fn forward_sampled(&self, x: Buffer<F>, mut eps: Buffer<F>) -> Result<(Buffer<F>, Cache<F>)> {
        let y = self.forward(&x, Some(&mut eps))?;
        Ok((y, Cache { x, dv_per_dy: Some(eps) }))
    }

    /// y = m, with mean weights.
    ///
    /// # Errors
    /// If a shape does not fit, or the device fails.
    pub fn forward_mean(&self, x: Buffer<F>) -> Result<(Buffer<F>, Cache<F>)> {
        let y = self.forward(&x, None)?;
        Ok((y, Cache { x, dv_per_dy: None }))
    }

    fn forward(&self, x: &Buffer<F>, eps: Option<&mut Buffer<F>>) -> Result<Buffer<F>> {
        let images = Images::of(x);
        let mut y = Buffer::unset(self.device(), &self.geometry(images)?.y_shape())?;
        self.convolve(images, None, Images::to(&mut y), eps)?;
        Ok(y)
    }

    /// The convolution of the activation of x, or of x without one. With noise, weights are sampled, and the factor
    /// from dy to dv is written over ε.
    ///
    /// # Errors
    /// If a shape does not fit, or the device fails.
    pub(super) fn convolve(
        &self,
        x: Images<'_>,
        activation: Option<&Activation<'_, F>>,
        y: Images<'_>,
        eps: Option<&mut Buffer<F>>,
    ) -> Result<()> {
        let geometry = self.geometry(x)?;
        check_shape("y", &geometry.y_shape(), &y.shape)?;
        if let Some(eps) = &eps {
            check_shape("eps", &geometry.y_shape(), eps.shape())?;
        }
        forward::launch(self, &geometry, x, activation, y, eps)
    }

    /// The gradient, from `dy` (B, O, OH, OW); dx only if `wants_dx`.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `dy` does not have y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: &Buffer<F>, wants_dx: bool) -> Result<Gradients<F>> {
        let Cache { x, dv_per_dy } = cache;
        let factor = dv_per_dy.as_ref();
        let dx = if wants_dx {
            let mut dx = Buffer::unset(self.device(), x.shape())?;
            self.input_gradient(Images::of(x), None, factor, Images::of(dy), Images::to(&mut dx))?;
            Some(dx)
        } else {
            None
        };
        let (dtheta, dlog_sigma2) = self.weight_gradient(Images::of(x), None, factor, Images::of(dy))?;
        let dbias = self.bias.map(|_| weight_gradient::bias(dy)).transpose()?;
        Ok(Gradients { dx, dtheta, dlog_sigma2, dbias })
    }

    /// Computes dx. Without an activation it is written to `dx`. With one it is added to `dx`, with μ and s² taken as
    /// constants, and the sums for dγ and dβ are returned (blocks, [dγ, dβ], C).
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If a shape does not fit.
    pub(super) fn input_gradient(
        &self,
        x: Images<'_>,
        activation: Option<&Activation<'_, F>>,
        dv_per_dy: Option<&Buffer<F>>,
        dy: Images<'_>,
        dx: Images<'_>,
    ) -> Result<Option<Buffer<F>>> {
        let geometry = self.geometry(x).expect("the forward checked the shapes");
        assert_eq!(dy.shape, geometry.y_shape(), "dy has y's shape");
        assert_eq!((dx.shape, dx.image, dx.first), (x.shape, x.image, x.first), "dx has x's shape and place");
        input_gradient::launch(self, &geometry, x, activation, dv_per_dy, dy, dx)
    }

    /// dθ and, with noise, dlnσ².
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If a shape does not fit.
    pub(super) fn weight_gradient(
        &self,
        x: Images<'_>,
        activation: Option<&Activation<'_, F>>,
        dv_per_dy: Option<&Buffer<F>>,
        dy: Images<'_>,
    ) -> Result<(Buffer<F>, Option<Buffer<F>>)> {
        let geometry = self.geometry(x).expect("the forward checked the shapes");
        assert_eq!(dy.shape, geometry.y_shape(), "dy has y's shape");
        weight_gradient::launch(self, &geometry, x, activation, dv_per_dy, dy)
    }
}
