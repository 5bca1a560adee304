//! [`layers::bayes_dense`](crate::layers::bayes_dense) on the device: one kernel computes the products for the mean and
//! the variance, and also σ², x², bias and noise.

use crate::cuda::tensor::sum;
use crate::cuda::{Argument, Buffer, Device, Grid, Real};
use crate::error::Result;
use crate::layers::check_shape;

/// The parameters.
#[derive(Clone, Copy, Debug)]
pub struct BayesDense<'a, F> {
    /// θ (I, O).
    pub theta: &'a Buffer<F>,
    /// ln σ² (I, O).
    pub log_sigma2: &'a Buffer<F>,
    /// b (O).
    pub bias: Option<&'a Buffer<F>>,
}

/// What the forward pass stores for the backward pass.
#[derive(Debug)]
pub struct Cache<F> {
    x: Buffer<F>,
    /// ε / (2 √(v + v₀)) (B, O), the factor from dy to dv; none with mean weights.
    dv_per_dy: Option<Buffer<F>>,
}

/// The gradient of the loss.
#[derive(Debug)]
pub struct Gradients<F> {
    /// The gradient with respect to x (B, I); none if the caller did not want it.
    pub dx: Option<Buffer<F>>,
    /// The gradient with respect to θ (I, O).
    pub dtheta: Buffer<F>,
    /// The gradient with respect to ln σ² (I, O); none with mean weights.
    pub dlog_sigma2: Option<Buffer<F>>,
    /// The gradient with respect to b (O); none without a bias.
    pub dbias: Option<Buffer<F>>,
}

/// Rows and columns of a tile: `SIDE` of the kernels.
const SIDE: usize = 32;

impl<F: Real> BayesDense<'_, F> {
    /// y = m + √(v + v₀) ⊙ ε, with noise; `eps`, ε, is standard normal (B, O).
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

    /// y; the factor from dy to dv is written over ε.
    fn forward(&self, x: &Buffer<F>, eps: Option<&mut Buffer<F>>) -> Result<Buffer<F>> {
        let [inputs, outputs] = self.sizes();
        check_shape("log_sigma2", self.theta.shape(), self.log_sigma2.shape())?;
        check_shape("x", &[x.shape()[0], inputs], x.shape())?;
        if let Some(bias) = self.bias {
            check_shape("bias", &[outputs], bias.shape())?;
        }
        let batch = x.shape()[0];
        if let Some(eps) = &eps {
            check_shape("eps", &[batch, outputs], eps.shape())?;
        }
        let mut y = Buffer::unset(x.device(), &[batch, outputs])?;
        let sampled = eps.is_some();
        let y_argument = Argument::from(&mut y);
        let arguments = [
            Argument::from(x),
            self.theta.into(),
            self.log_sigma2.into(),
            self.bias.unwrap_or(self.theta).into(),
            Argument::size(self.bias.is_some().into()),
            y_argument,
            eps.map_or(y_argument, Argument::from),
            Argument::size(batch),
            Argument::size(inputs),
            Argument::size(outputs),
            Argument::size(sampled.into()),
        ];
        launch::<F>(x.device(), "forward", [batch, outputs], &arguments)?;
        Ok(y)
    }

    /// The gradient, from `dy` (B, O); dx only if `wants_dx`.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `dy` does not have y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: &Buffer<F>, wants_dx: bool) -> Result<Gradients<F>> {
        let Cache { x, dv_per_dy } = cache;
        let ([inputs, outputs], batch) = (self.sizes(), x.shape()[0]);
        assert_eq!(dy.shape(), [batch, outputs], "dy has y's shape");
        let device = dy.device();
        let sizes = [batch, inputs, outputs, dv_per_dy.is_some().into()].map(Argument::size);
        let factor = Argument::from(dv_per_dy.as_ref().unwrap_or(dy));
        let unset = || Buffer::unset(device, self.theta.shape());
        let mut dtheta = unset()?;
        let mut dlog_sigma2 = dv_per_dy.as_ref().map(|_| unset()).transpose()?;
        let dtheta_argument = Argument::from(&mut dtheta);
        let buffers = [
            Argument::from(x),
            self.log_sigma2.into(),
            dy.into(),
            factor,
            dtheta_argument,
            dlog_sigma2.as_mut().map_or(dtheta_argument, Argument::from),
        ];
        launch::<F>(device, "weight_gradient", [inputs, outputs], &[&buffers[..], &sizes].concat())?;
        let dx = if wants_dx {
            let mut dx = Buffer::unset(device, x.shape())?;
            let buffers = [
                Argument::from(x),
                self.theta.into(),
                self.log_sigma2.into(),
                dy.into(),
                factor,
                Argument::from(&mut dx),
            ];
            launch::<F>(device, "input_gradient", [batch, inputs], &[&buffers[..], &sizes].concat())?;
            Some(dx)
        } else {
            None
        };
        let dbias = self.bias.map(|_| sum::columns(dy)).transpose()?;
        Ok(Gradients { dx, dtheta, dlog_sigma2, dbias })
    }

    /// The sizes (I, O).
    fn sizes(&self) -> [usize; 2] {
        self.theta.shape().try_into().expect("weights are a matrix")
    }
}

/// Launches a kernel whose result has `rows` rows and `columns` columns.
fn launch<F: Real>(
    device: &Device,
    kernel: &str,
    [rows, columns]: [usize; 2],
    arguments: &[Argument<'_>],
) -> Result<()> {
    let grid = Grid::blocks([columns.div_ceil(SIDE), rows.div_ceil(SIDE), 1]);
    device.launch::<F>("layers/bayes_dense", kernel, grid, arguments)
}
