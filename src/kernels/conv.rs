//! The products of a convolution on all threads, for each image and group. The columns of im2col are never built.
//!
//! ```text
//! m = x ∗ θ + b           v = x² ∗ σ²
//! y = m + √(v + v₀) ⊙ ε
//! dm = dy                 dv = dy ⊙ ε / (2 √(v + v₀))
//! dθ = Σ_batch dm colᵀ    dσ² = Σ_batch dv (col²)ᵀ
//! db = Σ_batch,positions dm
//! dx = col2im(θᵀ dm + 2 col ⊙ ((σ²)ᵀ dv)),    col = im2col(x)
//! ```
//!
//! `forward`, `weight_gradient` and `input_gradient` form the products on operands laid out by `layout`; the first and
//! the last share the loop in `products`. Images are independent except for the sums over the batch: each of these is
//! formed for eight images at a time, in order, and the partial sums are added up in order.
//!
//! An [`Activation`] in front of the convolution is applied to the images as they are laid out; its backward runs as dx
//! is gathered. The gradient dy is an [`OutputGradient`]: an array, or an object that forms dy a few images at a time.
//!
//! The definition is [`layers::bayes_conv2d`](crate::layers::bayes_conv2d), with the same shapes: x (B, C, H, W), θ and
//! ln σ² (O, C/groups, kh, kw), b (O), ε and y (B, O, OH, OW).

mod backward;
mod forward;
mod input_gradient;
pub(crate) mod layout;
mod output_gradient;
pub(crate) mod products;
mod weight_gradient;

use super::activation::Activation;
use crate::arrays::{STANDARD, check_shape, exp as sigma2, in_standard_layout};
use crate::error::Result;
use crate::scalar::Real;
use crate::spares::Spares;
use crate::tensor::aligned::Aligned;
use crate::tensor::fresh::Fresh;
use crate::tensor::im2col::{Sizes, Window};
use backward::{Images, InputGradients, Partial};
use forward::{Forward, Output};
use input_gradient::Adjoint;
use layout::Layout;
use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array4, ArrayView1, ArrayView3, ArrayView4, ArrayViewMut4, Axis, CowArray, Ix4};
pub use output_gradient::OutputGradient;
use rayon::slice::ParallelSliceMut;
use weight_gradient::Collect;

/// The number of images whose parameter gradients one thread sums.
const IMAGES: usize = 8;

/// The parameters and the geometry.
#[derive(Clone, Copy, Debug)]
pub struct Conv2d<'a, F> {
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
    /// v₀, added to v before the root.
    pub added_variance: F,
}

/// The gradient with respect to the parameters.
#[derive(Clone, Debug)]
pub struct ParameterGradients<F> {
    /// (O, C/groups, kh, kw).
    pub dtheta: Array4<F>,
    /// (O, C/groups, kh, kw); none with mean weights.
    pub dlog_sigma2: Option<Array4<F>>,
    /// (O).
    pub dbias: Array1<F>,
    /// dγ of the activation (C); empty without an activation.
    pub dgamma: Array1<F>,
    /// dβ of the activation (C); empty without an activation.
    pub dbeta: Array1<F>,
}

impl<F: Real> Conv2d<'_, F> {
    fn sizes(&self, x: &[usize]) -> Result<Sizes> {
        let bias = self.bias.as_ref().map(|bias| bias.shape());
        Sizes::of(self.theta.shape(), self.log_sigma2.shape(), bias, &self.window, self.groups, x)
    }

    fn layout(&self, sizes: &Sizes) -> Layout {
        Layout::new(sizes.image, &self.window, sizes.output, self.theta.dim().0 / self.groups)
    }

    /// θ and σ² of each group, in the order in which `interleave` returns them; without σ² if the means are formed
    /// alone.
    fn weights(&self, mean_alone: bool, interleave: impl Fn(&[F], Option<&[F]>) -> Vec<F>) -> Vec<Vec<F>> {
        let theta = self.theta.as_standard_layout();
        let group = self.theta.len() / self.groups;
        let theta = theta.as_slice().expect(STANDARD).chunks_exact(group);
        if mean_alone {
            return theta.map(|theta| interleave(theta, None)).collect();
        }
        let sigma2 = sigma2(self.log_sigma2);
        let sigma2 = sigma2.as_slice().expect(STANDARD).chunks_exact(group);
        theta.zip(sigma2).map(|(theta, sigma2)| interleave(theta, Some(sigma2))).collect()
    }

    /// Runs the forward kernel on each group of each image; `outputs` has an item for each, in order: what to compute,
    /// and where to store it. `mean_alone` if all are [`Output::Mean`].
    fn convolve<'a>(
        &self,
        x: ArrayView4<'_, F>,
        activation: Option<&Activation<F>>,
        layout: &Layout,
        mean_alone: bool,
        outputs: impl IndexedParallelIterator<Item = Output<'a, F>>,
    ) where
        F: 'a,
    {
        let weights = self.weights(mean_alone, |theta, sigma2| forward::interleave(theta, sigma2, layout));
        let x = contiguous_images(x);
        let bias = self.bias.map(|bias| bias.to_vec());
        let image = layout.image[0] * layout.pixels();
        let spares = Spares::<ConvolutionBuffers<F>>::default();
        outputs.enumerate().for_each_init(
            || spares.take(),
            |buffers, (i, output)| {
                let group = i % self.groups;
                let image = Pixels {
                    pixels: &slice_of(x.index_axis(Axis(0), i / self.groups))[group * image..][..image],
                    activation: activation.map(|activation| (activation, group * layout.image[0])),
                };
                let bias = bias.as_ref().map(|bias| &bias[group * layout.channels_out..][..layout.channels_out]);
                let weights = &weights[group];
                F::vectorize(Forward { layout, image, weights, bias, output, buffers });
            },
        );
    }

    /// The shape of y, and the number of elements of y in one group of one image.
    fn y_shape(&self, batch: usize, sizes: &Sizes) -> ((usize, usize, usize, usize), usize) {
        let outputs = self.theta.dim().0;
        let [output_h, output_w] = sizes.output;
        ((batch, outputs, output_h, output_w), outputs / self.groups * output_h * output_w)
    }

    /// m = x ∗ θ + b, of shape (B, O, OH, OW). If an activation is given, it is applied to x first.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn mean(&self, x: ArrayView4<'_, F>, activation: Option<&Activation<F>>) -> Result<Array4<F>> {
        let sizes = self.sizes(x.shape())?;
        let (shape, group) = self.y_shape(x.dim().0, &sizes);
        let mut mean = fresh(shape);
        self.convolve(x, activation, &self.layout(&sizes), true, mean.chunks(group).map(|m| Output::Mean { m }));
        Ok(mean.finish(shape))
    }

    /// m and v = x² ∗ σ² (without v₀), each of shape (B, O, OH, OW).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn moments(&self, x: ArrayView4<'_, F>) -> Result<(Array4<F>, Array4<F>)> {
        let sizes = self.sizes(x.shape())?;
        let (shape, group) = self.y_shape(x.dim().0, &sizes);
        let (mut mean, mut variance) = (fresh(shape), fresh(shape));
        let moments = mean.chunks(group).zip(variance.chunks(group));
        self.convolve(x, None, &self.layout(&sizes), false, moments.map(|(m, v)| Output::Moments { m, v }));
        Ok((mean.finish(shape), variance.finish(shape)))
    }

    /// y with noise, and the factor ε / (2 √(v + v₀)) from dy to dv, which is stored in place of `eps`,
    /// standard normal (B, O, OH, OW). If an activation is given, it is applied to x first.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn sampled(
        &self,
        x: ArrayView4<'_, F>,
        activation: Option<&Activation<F>>,
        eps: Array4<F>,
    ) -> Result<(Array4<F>, Array4<F>)> {
        let sizes = self.sizes(x.shape())?;
        let (shape, group) = self.y_shape(x.dim().0, &sizes);
        check_shape("eps", &[shape.0, shape.1, shape.2, shape.3], eps.shape())?;
        let mut y = fresh(shape);
        let mut eps = in_standard_layout(eps);
        let epsilons = eps.as_slice_mut().expect(STANDARD).par_chunks_exact_mut(group);
        let added_variance = self.added_variance;
        let outputs = y.chunks(group).zip(epsilons).map(|(y, eps)| Output::Sampled { y, eps, added_variance });
        self.convolve(x, activation, &self.layout(&sizes), false, outputs);
        Ok((y.finish(shape), eps))
    }

    /// Returns the gradient with respect to the parameters, including those of the activation, and adds the gradient
    /// with respect to x to `dx`, whose images are contiguous. With an activation, `dx` must be given: dγ and dβ are
    /// computed with it.
    ///
    /// # Panics
    /// If a shape differs from that of the forward, or there is an activation without `dx`.
    pub fn backward(
        &self,
        x: ArrayView4<'_, F>,
        activation: Option<&Activation<F>>,
        dv_per_dy: Option<&Array4<F>>,
        dy: &impl OutputGradient<F>,
        dx: Option<ArrayViewMut4<'_, F>>,
    ) -> ParameterGradients<F> {
        let sizes = self.sizes(x.shape()).expect("the forward checked the shapes");
        let (y_shape, group) = self.y_shape(x.dim().0, &sizes);
        assert_eq!(dy.dim(), y_shape, "dy has y's shape");
        assert!(dv_per_dy.is_none_or(|dv_per_dy| dv_per_dy.dim() == y_shape), "dv_per_dy has y's shape");
        assert!(dx.as_ref().is_none_or(|dx| dx.dim() == x.dim()), "dx has x's shape");
        assert!(activation.is_none() || dx.is_some(), "dγ and dβ are computed with dx");
        let layout = &self.layout(&sizes);
        let output = self.groups * group;
        let adjoint = &Adjoint::new(layout, &self.window);
        let mean_alone = dv_per_dy.is_none();
        let weights = dx.is_some().then(|| self.weights(mean_alone, |theta, sigma2| adjoint.interleave(theta, sigma2)));
        let x = contiguous_images(x);
        let dv_per_dy = dv_per_dy.map(|dv_per_dy| dv_per_dy.as_slice().expect(STANDARD));

        let mut dx = dx;
        let dxs: Vec<Option<InputGradients<'_, F>>> = match (&mut dx, &weights) {
            (Some(dx), Some(weights)) => {
                let gradients = |dx| Some(InputGradients { adjoint, weights, dx });
                dx.axis_chunks_iter_mut(Axis(0), IMAGES).map(gradients).collect()
            }
            _ => (0..x.dim().0.div_ceil(IMAGES)).map(|_| None).collect(),
        };
        let spares = Spares::default();
        let mut partial_sums: Vec<Partial<F>> = (x.axis_chunks_iter(Axis(0), IMAGES).into_par_iter(), dxs)
            .into_par_iter()
            .enumerate()
            .map(|(chunk, (x, dx))| {
                let (buffers, room) = &mut *spares.take();
                let first = chunk * IMAGES;
                let dy = dy.images(first..first + x.dim().0, room);
                let dv_per_dy = dv_per_dy.map(|dv_per_dy| &dv_per_dy[first * output..][..dy.len()]);
                let images = Images { layout, groups: self.groups, x, activation, dy, dv_per_dy, dx };
                images.backward(buffers)
            })
            .collect();

        let channels = activation.map_or(0, Activation::channels);
        if partial_sums.is_empty() {
            partial_sums.push(Partial::zeros(self.groups, self.theta.dim().0, channels));
        }
        let mut sum = partial_sums.remove(0);
        sum.add(&partial_sums);
        let mut dtheta = vec![F::zero(); self.theta.len()];
        let mut dsigma2 = vec![F::zero(); if mean_alone { 0 } else { self.theta.len() }];
        let of_group = layout.channels_out * layout.fan_in;
        let mut groups_of_sigma2 = dsigma2.chunks_exact_mut(of_group);
        for (sums, dtheta) in sum.weights.iter().zip(dtheta.chunks_exact_mut(of_group)) {
            let dsigma2 = groups_of_sigma2.next();
            if !sums.is_empty() {
                F::vectorize(Collect { layout, sums, dtheta, dsigma2 });
            }
        }
        let rounded = |sums: Vec<f64>| sums.into_iter().map(F::of).collect::<Array1<F>>();
        let weights_shaped = |weights: Vec<F>| Array4::from_shape_vec(self.theta.dim(), weights).expect(STANDARD);
        ParameterGradients {
            dtheta: weights_shaped(dtheta),
            // σ² = exp(ln σ²)
            dlog_sigma2: (!mean_alone).then(|| weights_shaped(dsigma2) * sigma2(self.log_sigma2)),
            dbias: rounded(sum.dbias),
            dgamma: rounded(sum.dgamma),
            dbeta: rounded(sum.dbeta),
        }
    }
}

fn fresh<F: Real>((batch, channels, height, width): (usize, usize, usize, usize)) -> Fresh<F> {
    Fresh::new(batch * channels * height * width)
}

/// `x`, copied unless each image is contiguous. Images need not be adjacent: an array may have further channels between
/// them.
fn contiguous_images<F: Real>(x: ArrayView4<'_, F>) -> CowArray<'_, F, Ix4> {
    let contiguous = x.axis_iter(Axis(0)).all(|image| image.is_standard_layout());
    if contiguous { x.into() } else { x.as_standard_layout().into_owned().into() }
}

/// The pixels of a contiguous image.
fn slice_of<F>(image: ArrayView3<'_, F>) -> &[F] {
    image.to_slice().expect("images are contiguous")
}

/// One group of an image, and the activation that it goes through first.
#[derive(Clone, Copy)]
struct Pixels<'a, F> {
    /// (C/groups, H, W).
    pixels: &'a [F],
    /// The activation, and the index of the group's first channel in it.
    activation: Option<(&'a Activation<F>, usize)>,
}

impl<F: Real> Pixels<'_, F> {
    /// Lays out the activated pixels of a block of channels, (first, size).
    #[inline(always)]
    fn lay_out(&self, layout: &Layout, (first, size): (usize, usize), laid_out: &mut [F]) {
        let pixels = &self.pixels[first * layout.pixels()..][..size * layout.pixels()];
        match self.activation {
            None => layout.lay_out(pixels, laid_out, |_| |x| x),
            Some((activation, group)) => {
                layout.lay_out(pixels, laid_out, |channel| activation.value(group + first + channel));
            }
        }
    }
}

/// Buffers that are reused for one layout. Elements to which no pixel is laid out stay 0.
#[derive(Default)]
struct ConvolutionBuffers<F> {
    laid_out: [Aligned<F>; 2],
    sums: [Aligned<F>; 2],
}
