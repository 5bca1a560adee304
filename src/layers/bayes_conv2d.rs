//! Bayesian 2-D convolution with local reparameterization: [`bayes_dense`](super::bayes_dense) with a convolution for
//! each product.
//!
//! ```text
//! m = x ∗ θ + b           v = x² ∗ σ²
//! y = m + √(v + v₀) ⊙ ε
//! dm = dy                 dv = dy ⊙ ε / (2 √(v + v₀))
//! dθ = Σ_batch dm colᵀ    dlnσ² = σ² ⊙ Σ_batch dv (col²)ᵀ
//! db = Σ_batch,positions dm
//! dx = col2im(θᵀ dm + 2 col ⊙ ((σ²)ᵀ dv)),    col = im2col(x)
//! ```
//!
//! Shapes: x (B, C, H, W), θ and ln σ² (O, C/groups, kh, kw), b (O), ε and y (B, O, OH, OW). The output channels of
//! group g read only the input channels of group g. In the products above, each group has its own matrix θ (O/groups,
//! K), K = C/groups · kh · kw, and its own col (K, OH·OW), the columns of [`im2col`].
//!
//! This file is the definition: it builds the columns of each image, and each product is a matrix product.
//! [`Way::Kernel`] runs [`kernels::conv`](crate::kernels::conv) instead, which computes the same to rounding.
//!
//! Derived in [chapter 4 of the course](crate::course::local_reparameterization).

use super::{STANDARD, V0, check_shape, in_standard_layout, sigma2};
use crate::error::Result;
use crate::kernels::conv::{Conv2d, OutputGradient};
use crate::kernels::{Way, conv};
use crate::scalar::Real;
use crate::tensor::im2col::{Sizes, Window, col2im, im2col};
use crate::tensor::product::product;
use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView4, ArrayViewMut2, Axis, s};

/// The parameters and the geometry.
#[derive(Clone, Copy, Debug)]
pub struct BayesConv2d<'a, F> {
    /// θ (O, C/groups, kh, kw).
    pub theta: ArrayView4<'a, F>,
    /// ln σ² (O, C/groups, kh, kw).
    pub log_sigma2: ArrayView4<'a, F>,
    /// b (O).
    pub bias: Option<ArrayView1<'a, F>>,
    /// Stride, padding and dilation; the kernel size is that of θ.
    pub window: Window,
    /// The number of groups; divides C and O.
    pub groups: usize,
    /// Whether the definition or the kernel computes the layer.
    pub way: Way,
}

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    x: Array4<F>,
    /// ε / (2 √(v + v₀)) (B, O, OH, OW), the factor from dy to dv; none with mean weights.
    dv_per_dy: Option<Array4<F>>,
}

/// The gradient of the loss.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
    /// (B, C, H, W); none if the caller did not want it.
    pub dx: Option<Array4<F>>,
    /// (O, C/groups, kh, kw).
    pub dtheta: Array4<F>,
    /// (O, C/groups, kh, kw); none with mean weights.
    pub dlog_sigma2: Option<Array4<F>>,
    /// (O).
    pub dbias: Array1<F>,
}

impl<'a, F: Real> BayesConv2d<'a, F> {
    /// m = x ∗ θ + b, of shape (B, O, OH, OW).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn mean(&self, x: ArrayView4<'_, F>) -> Result<Array4<F>> {
        match self.way {
            Way::Kernel => self.kernel().mean(x, None),
            Way::Definition => Ok(self.moments(x)?.0),
        }
    }

    /// m and v = x² ∗ σ² (without v₀), each of shape (B, O, OH, OW).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn moments(&self, x: ArrayView4<'_, F>) -> Result<(Array4<F>, Array4<F>)> {
        if self.way == Way::Kernel {
            return self.kernel().moments(x);
        }
        let Sizes { output: [output_h, output_w], .. } = self.sizes(x.shape())?;
        let shape = (x.dim().0, self.groups, self.theta.dim().0 / self.groups, output_h * output_w);
        let (mut mean, mut variance) = (Array4::zeros(shape), Array4::zeros(shape));
        let sigma2 = sigma2(self.log_sigma2);
        for b in 0..x.dim().0 {
            for g in 0..self.groups {
                let col = self.columns(x, b, g);
                mean.slice_mut(s![b, g, .., ..]).assign(&product(self.group(self.theta, g).view(), col.view()));
                let square = col.mapv(|x| x * x);
                variance
                    .slice_mut(s![b, g, .., ..])
                    .assign(&product(self.group(sigma2.view(), g).view(), square.view()));
            }
        }
        let shape = (x.dim().0, self.theta.dim().0, output_h, output_w);
        let [mut mean, variance] =
            [mean, variance].map(|m| m.into_shape_with_order(shape).expect("the sizes have the same product"));
        for (mut mean, bias) in mean.axis_iter_mut(Axis(1)).zip(self.bias.into_iter().flatten()) {
            mean += *bias;
        }
        Ok((mean, variance))
    }

    /// y = m + √(v + v₀) ⊙ ε, with noise; `eps`, ε, is standard normal (B, O, OH, OW).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward_sampled(&self, x: Array4<F>, eps: Array4<F>) -> Result<(Array4<F>, Cache<F>)> {
        if self.way == Way::Kernel {
            let (y, dv_per_dy) = self.kernel().sampled(x.view(), None, eps)?;
            return Ok((y, Cache { x, dv_per_dy: Some(dv_per_dy) }));
        }
        let (mean, variance) = self.moments(x.view())?;
        check_shape("eps", mean.shape(), eps.shape())?;
        // y = m + √(v + v₀) ⊙ ε
        let deviation = variance.mapv(|v| (v + F::of(V0)).sqrt());
        let y = mean + &deviation * &eps;
        let dv_per_dy = eps.mapv(|eps| F::of(0.5) * eps) / deviation;
        Ok((y, Cache { x, dv_per_dy: Some(dv_per_dy) }))
    }

    /// y = m, with mean weights.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward_mean(&self, x: Array4<F>) -> Result<(Array4<F>, Cache<F>)> {
        let y = self.mean(x.view())?;
        Ok((y, Cache { x, dv_per_dy: None }))
    }

    /// The gradient, from `dy` (B, O, OH, OW); dx only if `wants_dx`.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: ArrayView4<'_, F>, wants_dx: bool) -> Gradients<F> {
        if self.way == Way::Kernel {
            return self.kernel_backward(cache, &dy, wants_dx);
        }
        let x = cache.x.view();
        let Sizes { output: [output_h, output_w], image } =
            self.sizes(x.shape()).expect("the forward checked the shapes");
        let outputs = self.theta.dim().0;
        assert_eq!(dy.dim(), (x.dim().0, outputs, output_h, output_w), "dy has y's shape");
        let sigma2 = sigma2(self.log_sigma2);
        let by_group = (x.dim().0, self.groups, outputs / self.groups, output_h * output_w);
        let grouped = |of: &Array4<F>| of.to_shape(by_group).expect("the sizes have the same product").into_owned();
        // y = m + √(v + v₀) ⊙ ε
        let dm = grouped(&dy.as_standard_layout().into_owned());
        let dv = cache.dv_per_dy.as_ref().map(|dv_per_dy| grouped(&(dv_per_dy * &dy)));
        let mut dx = wants_dx.then(|| Array4::zeros(x.dim()));
        // Sums over the batch, in f64.
        let [mut dtheta, mut dsigma2] = [(); 2].map(|()| Array4::<f64>::zeros(self.theta.dim()));
        for b in 0..x.dim().0 {
            for g in 0..self.groups {
                let (col, dm) = (self.columns(x, b, g), dm.slice(s![b, g, .., ..]));
                // m = θ col
                add(rows_of(&mut dtheta, g, self.groups), &product(dm, col.t()));
                let mut dcol = product(self.group(self.theta, g).t(), dm);
                if let Some(dv) = &dv {
                    // v = σ² col²
                    let (dv, square) = (dv.slice(s![b, g, .., ..]), col.mapv(|x| x * x));
                    add(rows_of(&mut dsigma2, g, self.groups), &product(dv, square.t()));
                    dcol.scaled_add(F::of(2.0), &(&col * &product(self.group(sigma2.view(), g).t(), dv)));
                }
                if let Some(dx) = &mut dx {
                    // col = im2col(x)
                    let channels = g * image[0]..(g + 1) * image[0];
                    let mut dx = dx.slice_mut(s![b, channels, .., ..]);
                    let (dcol, dx) = (dcol.as_standard_layout(), dx.as_slice_mut().expect(STANDARD));
                    col2im(dcol.as_slice().expect(STANDARD), image, &self.window, [output_h, output_w], dx);
                }
            }
        }
        // m = x ∗ θ + b
        let dbias = dy.axis_iter(Axis(1)).map(|dy| F::of(dy.iter().map(|dy| dy.as_f64()).sum())).collect();
        // σ² = exp(ln σ²)
        let dlog_sigma2 = dv.map(|_| dsigma2.mapv(F::of) * sigma2);
        Gradients { dx, dtheta: dtheta.mapv(F::of), dlog_sigma2, dbias }
    }

    /// The columns (K, OH·OW) of one group of an image.
    fn columns(&self, x: ArrayView4<'_, F>, image: usize, group: usize) -> Array2<F> {
        let (_, channels, kernel_h, kernel_w) = self.theta.dim();
        let (_, _, height, width) = x.dim();
        let output = self.window.output_size([height, width]).expect("checked");
        let x = x.slice(s![image, group * channels..(group + 1) * channels, .., ..]);
        let x = in_standard_layout(x.to_owned());
        let mut col = Array2::zeros((channels * kernel_h * kernel_w, output[0] * output[1]));
        let to = col.as_slice_mut().expect(STANDARD);
        im2col(x.as_slice().expect(STANDARD), [channels, height, width], &self.window, output, to);
        col
    }

    /// The rows of one group in θ or σ², as a matrix (O/groups, K).
    fn group(&self, weights: ArrayView4<'_, F>, group: usize) -> Array2<F> {
        let (rows, fan_in) = (weights.dim().0 / self.groups, weights.len() / weights.dim().0);
        let weights = weights.slice(s![group * rows..(group + 1) * rows, .., .., ..]);
        weights.to_shape((rows, fan_in)).expect("the sizes have the same product").into_owned()
    }

    fn sizes(&self, x: &[usize]) -> Result<Sizes> {
        let bias = self.bias.as_ref().map(|bias| bias.shape());
        Sizes::of(self.theta.shape(), self.log_sigma2.shape(), bias, &self.window, self.groups, x)
    }

    /// The same operation for the kernels.
    pub(crate) fn kernel(&self) -> Conv2d<'a, F> {
        let Self { theta, log_sigma2, bias, window, groups, .. } = *self;
        Conv2d { theta, log_sigma2, bias, window, groups, added_variance: F::of(V0) }
    }

    /// The gradient, computed by the kernel from `dy`.
    pub(crate) fn kernel_backward(
        &self,
        cache: &Cache<F>,
        dy: &impl OutputGradient<F>,
        wants_dx: bool,
    ) -> Gradients<F> {
        let mut dx = wants_dx.then(|| Array4::zeros(cache.x.dim()));
        let dx_view = dx.as_mut().map(|dx| dx.view_mut());
        let sum = self.kernel().backward(cache.x.view(), None, cache.dv_per_dy.as_ref(), dy, dx_view);
        let conv::ParameterGradients { dtheta, dlog_sigma2, dbias, .. } = sum;
        Gradients { dx, dtheta, dlog_sigma2, dbias }
    }
}

/// The rows of one group in a gradient of θ's shape, as a matrix (O/groups, K).
fn rows_of(gradient: &mut Array4<f64>, group: usize, groups: usize) -> ArrayViewMut2<'_, f64> {
    let (rows, fan_in) = (gradient.dim().0 / groups, gradient.len() / gradient.dim().0);
    let rows_of_group = gradient.slice_mut(s![group * rows..(group + 1) * rows, .., .., ..]);
    rows_of_group.into_shape_with_order((rows, fan_in)).expect("rows are contiguous")
}

fn add<F: Real>(mut sum: ArrayViewMut2<'_, f64>, product: &Array2<F>) {
    sum.zip_mut_with(product, |sum, product| *sum += product.as_f64());
}
