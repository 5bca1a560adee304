//! The convolution by its definition: every product of a weight and a pixel, one after the other. The tests hold the
//! kernels to it.

use super::{BayesConv2d, Cache, Gradients, Sizes};
use crate::error::Result;
use crate::scalar::Real;
use ndarray::{Array1, Array4, ArrayView4};

type Index = [usize; 4];

impl<F: Real> BayesConv2d<'_, F> {
    /// What [`BayesConv2d::moments`] computes.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn moments_reference(&self, x: ArrayView4<'_, F>) -> Result<(Array4<F>, Array4<F>)> {
        let sizes = self.sizes(x.shape())?;
        let shape = (x.dim().0, self.theta.dim().0, sizes.output[0], sizes.output[1]);
        let bias = |o: usize| self.bias.map_or(F::zero(), |bias| bias[o]);
        let mut mean = Array4::from_shape_fn(shape, |(_, o, _, _)| bias(o));
        let mut variance = Array4::zeros(shape);
        self.for_each_product(&sizes, x.dim().0, |y, w, from| {
            mean[y] += self.theta[w] * x[from];
            variance[y] += self.log_sigma2[w].exp() * x[from] * x[from];
        });
        Ok((mean, variance))
    }

    /// What [`BayesConv2d::backward`] computes, dx included.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward_reference(&self, cache: &Cache<F>, dy: ArrayView4<'_, F>) -> Gradients<F> {
        let x = &cache.x;
        let sizes = self.sizes(x.shape()).expect("the forward checked the shapes");
        let dv = match &cache.dv_per_dy {
            Some(dv_per_dy) => dv_per_dy * &dy,
            None => Array4::zeros(dy.dim()),
        };
        let mut dx = Array4::zeros(x.dim());
        let mut dtheta = Array4::zeros(self.theta.dim());
        let mut dlog_sigma2 = Array4::zeros(self.theta.dim());
        self.for_each_product(&sizes, x.dim().0, |y, w, from| {
            let sigma2 = self.log_sigma2[w].exp();
            dtheta[w] += dy[y] * x[from];
            dlog_sigma2[w] += sigma2 * dv[y] * x[from] * x[from];
            dx[from] += self.theta[w] * dy[y] + F::of(2.0) * x[from] * sigma2 * dv[y];
        });
        let dbias = Array1::from_shape_fn(self.theta.dim().0, |o| dy.index_axis(ndarray::Axis(1), o).sum());
        Gradients { dx: Some(dx), dtheta, dlog_sigma2: cache.dv_per_dy.is_some().then_some(dlog_sigma2), dbias }
    }

    /// Calls `visit(index of y, of the weight, of x)` for every product in the definition whose pixel is in the image.
    fn for_each_product(&self, sizes: &Sizes, batch: usize, mut visit: impl FnMut(Index, Index, Index)) {
        let (outputs, channels, kernel_h, kernel_w) = self.theta.dim();
        let [_, height, width] = sizes.image;
        let outputs_per_group = outputs / self.groups;
        // The coordinate of a pixel along one axis, if it is in the image.
        let pixel = |axis: usize, position: usize, element: usize, size: usize| {
            let padded = position * self.window.stride[axis] + element * self.window.dilation[axis];
            padded.checked_sub(self.window.padding[axis]).filter(|pixel| *pixel < size)
        };
        for y in ndarray::indices((batch, outputs, sizes.output[0], sizes.output[1])) {
            let (b, o, p, q) = y;
            for (c, i, j) in ndarray::indices((channels, kernel_h, kernel_w)) {
                if let (Some(h), Some(w)) = (pixel(0, p, i, height), pixel(1, q, j, width)) {
                    let channel = o / outputs_per_group * channels + c;
                    visit([b, o, p, q], [o, c, i, j], [b, channel, h, w]);
                }
            }
        }
    }
}
