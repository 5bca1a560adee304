//! Bayesian 2-D convolution with local reparameterization: [`bayes_dense`](super::bayes_dense) with a convolution for each
//! product.
//!
//! ```text
//! m = x ∗ θ + b               v = x² ∗ σ²                 y = m + √(v + v₀) ⊙ ε
//! dm = dy                     dv = dy ⊙ ε / (2 √(v + v₀))
//! dθ = Σ_batch dm colᵀ        dlnσ² = σ² ⊙ Σ_batch dv (col²)ᵀ      db = Σ_batch,positions dm
//! dx = col2im(θᵀ dm + 2 col ⊙ ((σ²)ᵀ dv)),    col = im2col(x)
//! ```
//!
//! Shapes: x (B, C, H, W), θ and ln σ² (O, C/groups, kh, kw), b (O), ε and y (B, O, OH, OW). Output channel o of group g
//! sees the input channels of group g alone; in the products above each group is its own matrix θ (O/groups, K),
//! K = C/groups · kh · kw, against col (K, OH·OW).
//!
//! Images are independent but for the sums over the batch: those are formed for eight images at a time, in order, and
//! added up in order.

use super::{V0, check_shape};
use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::tensor::im2col::{Window, col2im, im2col};
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView4, Axis, Zip, s};

/// Images whose parameter gradients are summed by one thread.
const IMAGES: usize = 8;

/// The parameters and the geometry.
#[derive(Clone, Copy, Debug)]
pub struct BayesConv2d<'a, F> {
    /// θ (O, C/groups, kh, kw).
    pub theta: ArrayView4<'a, F>,
    /// ln σ² (O, C/groups, kh, kw).
    pub log_sigma2: ArrayView4<'a, F>,
    /// b (O).
    pub bias: Option<ArrayView1<'a, F>>,
    /// Stride, padding and dilation; its kernel is θ's.
    pub window: Window,
    /// The number of groups; divides C and O.
    pub groups: usize,
}

/// What the backward needs of the forward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    x: Array4<F>,
    /// ε / (2 √(v + v₀)) (B, O, OH, OW), the factor from dy to dv; none with mean weights.
    dv_per_dy: Option<Array4<F>>,
}

/// The gradient of the loss.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
    /// (B, C, H, W); none if it was not asked for.
    pub dx: Option<Array4<F>>,
    /// (O, C/groups, kh, kw).
    pub dtheta: Array4<F>,
    /// (O, C/groups, kh, kw); none with mean weights.
    pub dlog_sigma2: Option<Array4<F>>,
    /// (O).
    pub dbias: Array1<F>,
}

/// The sizes of the products.
#[derive(Clone, Copy)]
struct Sizes {
    groups: usize,
    /// One group of an image (C/groups, H, W).
    image: [usize; 3],
    /// Rows of a group's matrix θ, O/groups.
    rows: usize,
    /// Columns of a group's matrix θ, K.
    fan_in: usize,
    /// Output positions in each direction (OH, OW).
    output: [usize; 2],
}

impl Sizes {
    fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// θ or ln σ² (O, C/groups, kh, kw) as one matrix a group.
    fn matrices(&self) -> (usize, usize, usize) {
        (self.groups, self.rows, self.fan_in)
    }

    /// x (B, C, H, W) as one row a group.
    fn inputs(&self, batch: usize) -> (usize, usize, usize) {
        (batch, self.groups, self.image.iter().product())
    }

    /// y (B, O, OH, OW) as one matrix a group.
    fn outputs(&self, batch: usize) -> (usize, usize, usize, usize) {
        (batch, self.groups, self.rows, self.positions())
    }
}

/// What one thread sums over its images.
struct Partial<F> {
    dtheta: Array3<F>,
    dsigma2: Array3<F>,
}

const STANDARD: &str = "an array in standard layout takes any shape of its size";

impl<F: Real> BayesConv2d<'_, F> {
    fn sizes(&self, x: &[usize]) -> Result<Sizes> {
        let (outputs, channels, kernel_h, kernel_w) = self.theta.dim();
        let [kernel_h_expected, kernel_w_expected] = self.window.kernel;
        check_shape("theta", &[outputs, channels, kernel_h_expected, kernel_w_expected], self.theta.shape())?;
        check_shape("log_sigma2", self.theta.shape(), self.log_sigma2.shape())?;
        if self.groups == 0 || outputs % self.groups != 0 {
            let expected = format!("a divisor of the {outputs} output channels");
            return Err(Error::option("groups", expected, self.groups));
        }
        check_shape("x", &[x[0], channels * self.groups, x[2], x[3]], x)?;
        if let Some(bias) = self.bias {
            check_shape("bias", &[outputs], bias.shape())?;
        }
        Ok(Sizes {
            groups: self.groups,
            image: [channels, x[2], x[3]],
            rows: outputs / self.groups,
            fan_in: channels * kernel_h * kernel_w,
            output: self.window.output_size([x[2], x[3]])?,
        })
    }

    /// (m, v), each (B, O, OH, OW): the mean and, if `wants_variance`, the variance without v₀.
    fn convolve(&self, x: ArrayView4<'_, F>, wants_variance: bool) -> Result<(Array4<F>, Option<Array4<F>>)> {
        let sizes = self.sizes(x.shape())?;
        let batch = x.dim().0;
        let y_shape = (batch, sizes.groups * sizes.rows, sizes.output[0], sizes.output[1]);
        let theta = self.theta.to_shape(sizes.matrices()).expect(STANDARD);
        let sigma2 = self.log_sigma2.to_shape(sizes.matrices()).expect(STANDARD).mapv(F::exp);
        let x = x.to_shape(sizes.inputs(batch)).expect(STANDARD);
        let mut mean = Array4::zeros(sizes.outputs(batch));
        let mut variance = Array4::zeros(if wants_variance { sizes.outputs(batch) } else { (batch, 0, 0, 0) });
        Zip::from(x.outer_iter()).and(mean.outer_iter_mut()).and(variance.outer_iter_mut()).par_for_each(
            |x, mut mean, mut variance| {
                let mut col = Array2::zeros((sizes.fan_in, sizes.positions()));
                for group in 0..sizes.groups {
                    self.im2col(&sizes, x.index_axis(Axis(0), group), &mut col);
                    let mut m = mean.index_axis_mut(Axis(0), group);
                    general_mat_mul(F::one(), &theta.index_axis(Axis(0), group), &col, F::zero(), &mut m);
                    if wants_variance {
                        col.mapv_inplace(|x| x * x);
                        let mut v = variance.index_axis_mut(Axis(0), group);
                        general_mat_mul(F::one(), &sigma2.index_axis(Axis(0), group), &col, F::zero(), &mut v);
                    }
                }
            },
        );
        let mut mean = mean.into_shape_with_order(y_shape).expect(STANDARD);
        if let Some(bias) = self.bias {
            mean += &bias.insert_axis(Axis(1)).insert_axis(Axis(2));
        }
        let variance = wants_variance.then(|| variance.into_shape_with_order(y_shape).expect(STANDARD));
        Ok((mean, variance))
    }

    fn im2col(&self, sizes: &Sizes, x: ArrayView1<'_, F>, col: &mut Array2<F>) {
        let x = x.to_slice().expect(STANDARD);
        im2col(x, sizes.image, &self.window, sizes.output, col.as_slice_mut().expect(STANDARD));
    }

    /// m = x ∗ θ + b, of shape (B, O, OH, OW).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn mean(&self, x: ArrayView4<'_, F>) -> Result<Array4<F>> {
        Ok(self.convolve(x, false)?.0)
    }

    /// m and v = x² ∗ σ² (without v₀), each of shape (B, O, OH, OW).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn moments(&self, x: ArrayView4<'_, F>) -> Result<(Array4<F>, Array4<F>)> {
        let (mean, variance) = self.convolve(x, true)?;
        Ok((mean, variance.expect("asked for")))
    }

    /// y with sampled weights; `eps` is standard normal (B, O, OH, OW).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward_sampled(&self, x: Array4<F>, mut eps: Array4<F>) -> Result<(Array4<F>, Cache<F>)> {
        let (mut y, variance) = self.moments(x.view())?;
        check_shape("eps", y.shape(), eps.shape())?;
        Zip::from(&mut y).and(&mut eps).and(&variance).par_for_each(|y, eps, v| {
            let deviation = (*v + F::of(V0)).sqrt();
            *y += deviation * *eps;
            *eps = F::of(0.5) * *eps / deviation;
        });
        Ok((y, Cache { x, dv_per_dy: Some(eps) }))
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
        let sizes = self.sizes(cache.x.shape()).expect("the forward checked the shapes");
        let batch = cache.x.dim().0;
        let y_shape = (batch, sizes.groups * sizes.rows, sizes.output[0], sizes.output[1]);
        assert_eq!(dy.dim(), y_shape, "dy has y's shape");
        let theta = self.theta.to_shape(sizes.matrices()).expect(STANDARD);
        let sigma2 = self.log_sigma2.to_shape(sizes.matrices()).expect(STANDARD).mapv(F::exp);
        let x = cache.x.to_shape(sizes.inputs(batch)).expect(STANDARD);
        // y = m + √(v + v₀) ⊙ ε
        let dv = cache.dv_per_dy.as_ref().map(|dv_per_dy| dv_per_dy * &dy);
        let dv = dv.as_ref().map(|dv| dv.to_shape(sizes.outputs(batch)).expect(STANDARD));
        let dm = dy.to_shape(sizes.outputs(batch)).expect(STANDARD);

        let mut dx = Array3::zeros(sizes.inputs(batch));
        let partial_sums: Vec<Partial<F>> = dx
            .axis_chunks_iter_mut(Axis(0), IMAGES)
            .into_par_iter()
            .enumerate()
            .map(|(chunk, mut dx)| {
                let mut sum =
                    Partial { dtheta: Array3::zeros(sizes.matrices()), dsigma2: Array3::zeros(sizes.matrices()) };
                let mut col = Array2::zeros((sizes.fan_in, sizes.positions()));
                let (mut dcol, mut dcol2) = (col.clone(), col.clone());
                for (i, group) in (0..dx.len_of(Axis(0))).flat_map(|i| (0..sizes.groups).map(move |g| (i, g))) {
                    let image = chunk * IMAGES + i;
                    let dm = dm.slice(s![image, group, .., ..]);
                    self.im2col(&sizes, x.slice(s![image, group, ..]), &mut col);
                    // m = θ col
                    let mut dtheta = sum.dtheta.index_axis_mut(Axis(0), group);
                    general_mat_mul(F::one(), &dm, &col.t(), F::one(), &mut dtheta);
                    if wants_dx {
                        general_mat_mul(F::one(), &theta.index_axis(Axis(0), group).t(), &dm, F::zero(), &mut dcol);
                    }
                    // v = σ² col²
                    if let Some(dv) = &dv {
                        let dv = dv.slice(s![image, group, .., ..]);
                        if wants_dx {
                            let sigma2 = sigma2.index_axis(Axis(0), group);
                            general_mat_mul(F::one(), &sigma2.t(), &dv, F::zero(), &mut dcol2);
                            Zip::from(&mut dcol).and(&col).and(&dcol2).for_each(|dcol, col, dcol2| {
                                *dcol += F::of(2.0) * *col * *dcol2;
                            });
                        }
                        col.mapv_inplace(|x| x * x);
                        let mut dsigma2 = sum.dsigma2.index_axis_mut(Axis(0), group);
                        general_mat_mul(F::one(), &dv, &col.t(), F::one(), &mut dsigma2);
                    }
                    // col = im2col(x)
                    if wants_dx {
                        let mut dx = dx.slice_mut(s![i, group, ..]);
                        let dx = dx.as_slice_mut().expect(STANDARD);
                        col2im(dcol.as_slice().expect(STANDARD), sizes.image, &self.window, sizes.output, dx);
                    }
                }
                sum
            })
            .collect();

        let mut sum = Partial { dtheta: Array3::zeros(sizes.matrices()), dsigma2: Array3::zeros(sizes.matrices()) };
        for partial in &partial_sums {
            sum.dtheta += &partial.dtheta;
            sum.dsigma2 += &partial.dsigma2;
        }
        let weights_shape = self.theta.dim();
        Gradients {
            dx: wants_dx.then(|| dx.into_shape_with_order(cache.x.dim()).expect(STANDARD)),
            dtheta: sum.dtheta.into_shape_with_order(weights_shape).expect(STANDARD),
            dlog_sigma2: dv
                .is_some()
                .then(|| (sum.dsigma2 * sigma2).into_shape_with_order(weights_shape).expect(STANDARD)),
            dbias: dm.sum_axis(Axis(3)).sum_axis(Axis(0)).into_shape_with_order(weights_shape.0).expect(STANDARD),
        }
    }
}
