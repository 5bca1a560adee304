//! Bayesian dense layer with local reparameterization (Kingma et al. 2015, section 2.3): the noise of the weights is
//! drawn as noise of the pre-activations. Each single output has the same distribution as with drawn weights, except
//! for the added variance v₀. The outputs of two images share weights: with drawn weights they are correlated, here
//! they are independent (see [`train::draw`](crate::train::draw)).
//!
//! ```text
//! m = x θ + b       v = x² σ²
//! y = m + √(v + v₀) ⊙ ε
//! dm = dy           dv = dy ⊙ ε / (2 √(v + v₀))
//! dθ = xᵀ dm        dlnσ² = σ² ⊙ (x²)ᵀ dv       db = Σ_batch dm
//! dx = dm θᵀ + 2 x ⊙ (dv (σ²)ᵀ)
//! ```
//!
//! v₀ = 1e-6 ([`V0`]) keeps the derivative of the root finite where x = 0.
//!
//! Shapes: x (B, I), θ and ln σ² (I, O), b (O), ε and y (B, O).
//!
//! Derived in [chapter 4 of the course](crate::course::local_reparameterization).

use super::{V0, check_shape, sigma2};
use crate::error::Result;
use crate::kernels::Way;
use crate::kernels::matmul::matmul;
use crate::scalar::Real;
use crate::tensor::product::product;
use crate::tensor::sum;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Zip};

/// The parameters.
#[derive(Clone, Copy, Debug)]
pub struct BayesDense<'a, F> {
    /// θ (I, O).
    pub theta: ArrayView2<'a, F>,
    /// ln σ² (I, O).
    pub log_sigma2: ArrayView2<'a, F>,
    /// b (O).
    pub bias: Option<ArrayView1<'a, F>>,
    /// Whether the products are the definition's or the kernel's.
    pub way: Way,
}

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    x: Array2<F>,
    /// The values kept for a forward with noise; none without.
    sampling: Option<Sampling<F>>,
}

#[derive(Clone, Debug)]
struct Sampling<F> {
    /// ε / (2 √(v + v₀)) (B, O), the factor from dy to dv.
    dv_per_dy: Array2<F>,
    /// (I, O).
    sigma2: Array2<F>,
}

/// The gradient of the loss.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
    /// (B, I); none if the caller did not want it.
    pub dx: Option<Array2<F>>,
    /// (I, O).
    pub dtheta: Array2<F>,
    /// (I, O); none with mean weights.
    pub dlog_sigma2: Option<Array2<F>>,
    /// (O).
    pub dbias: Array1<F>,
}

impl<F: Real> BayesDense<'_, F> {
    /// m = x θ + b, of shape (B, O).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn mean(&self, x: ArrayView2<'_, F>) -> Result<Array2<F>> {
        self.check(x)?;
        Ok(self.mean_of(x))
    }

    /// m and v = x² σ² (without v₀), each of shape (B, O).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn moments(&self, x: ArrayView2<'_, F>) -> Result<(Array2<F>, Array2<F>)> {
        self.check(x)?;
        Ok(self.moments_of(x, &sigma2(self.log_sigma2)))
    }

    fn moments_of(&self, x: ArrayView2<'_, F>, sigma2: &Array2<F>) -> (Array2<F>, Array2<F>) {
        rayon::join(|| self.mean_of(x), || self.product(x.mapv(|x| x * x).view(), sigma2.view()))
    }

    fn check(&self, x: ArrayView2<'_, F>) -> Result<()> {
        let (inputs, outputs) = self.theta.dim();
        check_shape("log_sigma2", self.theta.shape(), self.log_sigma2.shape())?;
        check_shape("x", &[x.nrows(), inputs], x.shape())?;
        self.bias.map_or(Ok(()), |bias| check_shape("bias", &[outputs], bias.shape()))
    }

    fn product(&self, a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) -> Array2<F> {
        match self.way {
            Way::Definition => product(a, b),
            Way::Kernel => matmul(a, b),
        }
    }

    fn mean_of(&self, x: ArrayView2<'_, F>) -> Array2<F> {
        let mut mean = self.product(x, self.theta);
        if let Some(bias) = self.bias {
            mean += &bias;
        }
        mean
    }

    /// y = m + √(v + v₀) ⊙ ε, with noise; `eps`, ε, is standard normal (B, O).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward_sampled(&self, x: Array2<F>, mut eps: Array2<F>) -> Result<(Array2<F>, Cache<F>)> {
        self.check(x.view())?;
        check_shape("eps", &[x.nrows(), self.theta.ncols()], eps.shape())?;
        let sigma2 = sigma2(self.log_sigma2);
        let (mut y, variance) = self.moments_of(x.view(), &sigma2);
        Zip::from(&mut y).and(&mut eps).and(&variance).for_each(|y, eps, v| {
            let deviation = (*v + F::of(V0)).sqrt();
            *y += deviation * *eps;
            *eps = F::of(0.5) * *eps / deviation;
        });
        Ok((y, Cache { x, sampling: Some(Sampling { dv_per_dy: eps, sigma2 }) }))
    }

    /// y = m, with mean weights.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward_mean(&self, x: Array2<F>) -> Result<(Array2<F>, Cache<F>)> {
        let y = self.mean(x.view())?;
        Ok((y, Cache { x, sampling: None }))
    }

    /// The gradient, from `dy` (B, O); dx only if `wants_dx`.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: ArrayView2<'_, F>, wants_dx: bool) -> Gradients<F> {
        let x = &cache.x;
        assert_eq!(dy.dim(), (x.nrows(), self.theta.ncols()), "dy has y's shape");
        let of_mean = || {
            // m = x θ + b
            let dx = wants_dx.then(|| self.product(dy, self.theta.t()));
            (dx, self.product(x.t(), dy), sum::columns(dy))
        };
        let of_variance = || {
            // y = m + √(v + v₀) ⊙ ε
            let Sampling { dv_per_dy, sigma2 } = cache.sampling.as_ref()?;
            let dv = dv_per_dy * &dy;
            // v = x² σ²
            let dx2 = wants_dx.then(|| self.product(dv.view(), sigma2.t()));
            let mut dlog_sigma2 = self.product(x.mapv(|x| x * x).t(), dv.view());
            Zip::from(&mut dlog_sigma2).and(sigma2).par_for_each(|d, sigma2| *d *= *sigma2);
            Some((dx2, dlog_sigma2))
        };
        let ((mut dx, dtheta, dbias), of_variance) = rayon::join(of_mean, of_variance);
        let (dx2, dlog_sigma2) = of_variance.unzip();
        if let (Some(dx), Some(dx2)) = (&mut dx, dx2.flatten()) {
            Zip::from(dx).and(x).and(&dx2).for_each(|dx, x, dx2| *dx += F::of(2.0) * *x * *dx2);
        }
        Gradients { dx, dtheta, dlog_sigma2, dbias }
    }
}
