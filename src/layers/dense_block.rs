//! A densely connected block (Huang et al. 2017): each unit reads the images and the outputs of all units before it.
//!
//! ```text
//! f₀ = x        f_{i+1} = [f_i, unit_i(f_i)]        y = f_n
//! unit: batch normalization, ReLU and convolution, once or twice
//! dunit_i = dy at the channels that unit i appended
//! dy at the channels before these += dx of unit i
//! ```
//!
//! The definition computes each stage's [`batch_norm`], [`relu`] and [`bayes_conv2d`] in turn, and appends the output
//! of a unit to its input. [`Way::Kernel`] runs [`kernels::dense_block`](crate::kernels::dense_block) instead, which
//! stores all channels in one array.
//!
//! Shapes: x (B, C, H, W), y (B, C + Σ O, H, W), where O is the number of outputs of a unit's last stage.
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use super::batch_norm::{self, BatchNorm, Statistics};
use super::bayes_conv2d::{self, BayesConv2d};
use super::{by_channel, check_shape, relu};
use crate::error::Result;
use crate::kernels::conv::ParameterGradients;
use crate::kernels::{Way, dense_block as kernel};
use crate::scalar::Real;
use crate::tensor::statistics::check_count;
use ndarray::{Array1, Array3, Array4, ArrayView1, Axis, concatenate, s};

/// The parameters and the geometry.
#[derive(Clone, Debug)]
pub struct DenseBlock<'a, F> {
    /// The stages of each unit.
    pub units: Vec<Vec<Stage<'a, F>>>,
    /// The constant ε_n of every normalization: √(s² + ε_n).
    pub epsilon: F,
    /// Whether the definition or the kernels compute the block.
    pub way: Way,
}

/// Batch normalization, ReLU, convolution.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a, F> {
    /// γ (C).
    pub gamma: ArrayView1<'a, F>,
    /// β (C).
    pub beta: ArrayView1<'a, F>,
    /// The convolution, which keeps H and W.
    pub conv: BayesConv2d<'a, F>,
}

/// A function that returns the noise ε of a stage (unit, stage), standard normal, in the shape given.
pub type Noise<'a, F> = kernel::Noise<'a, F>;

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F>(CacheOf<F>);

#[derive(Clone, Debug)]
enum CacheOf<F> {
    Kernel(kernel::Cache<F>),
    Definition {
        units: Vec<Vec<StageCache<F>>>,
        /// The number of values per channel if the statistics are the batch's own.
        count: Option<usize>,
        /// The shape of y.
        shape: (usize, usize, usize, usize),
    },
}

#[derive(Clone, Debug)]
struct StageCache<F> {
    norm: batch_norm::Cache<F>,
    relu: relu::Cache,
    conv: bayes_conv2d::Cache<F>,
    statistics: Statistics<F>,
}

/// The gradient of the loss.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
    /// (B, C, H, W).
    pub dx: Array4<F>,
    /// With respect to the parameters of each stage of each unit.
    pub units: Vec<Vec<StageGradients<F>>>,
}

/// The gradient of the loss with respect to the parameters of a stage.
#[derive(Clone, Debug)]
pub struct StageGradients<F> {
    /// (O, C, kh, kw).
    pub dtheta: Array4<F>,
    /// (O, C, kh, kw); none with mean weights.
    pub dlog_sigma2: Option<Array4<F>>,
    /// (O).
    pub dbias: Array1<F>,
    /// (C).
    pub dgamma: Array1<F>,
    /// (C).
    pub dbeta: Array1<F>,
}

impl<F: Real> Cache<F> {
    /// The batch's statistics that each stage normalized with, and the number of values per channel that they were
    /// computed from; none under running statistics.
    pub fn batch_statistics(&self) -> Option<(Vec<&Statistics<F>>, usize)> {
        match &self.0 {
            CacheOf::Kernel(cache) => cache.batch_statistics().map(|(stages, count)| (stages.collect(), count)),
            CacheOf::Definition { units, count, .. } => {
                count.map(|count| (units.iter().flatten().map(|stage| &stage.statistics).collect(), count))
            }
        }
    }
}

impl<'a, F: Real> DenseBlock<'a, F> {
    /// y. Normalizes with the batch's own statistics, or with the running statistics given for each stage of each unit;
    /// adds noise if it is given. A unit without stages appends nothing.
    ///
    /// # Errors
    /// If a shape does not fit, or the batch's statistics are needed and there are fewer than two values a channel.
    ///
    /// # Panics
    /// If `running` has fewer units or stages than the block.
    pub fn forward(
        &self,
        x: Array4<F>,
        running: Option<&[Vec<Statistics<F>>]>,
        mut noise: Option<&mut Noise<'_, F>>,
    ) -> Result<(Array4<F>, Cache<F>)> {
        if self.way == Way::Kernel {
            let (y, cache) = self.kernel().forward(x, running, noise)?;
            return Ok((y, Cache(CacheOf::Kernel(cache))));
        }
        let (batch, _, height, width) = x.dim();
        if running.is_none() {
            check_count(x.shape(), batch * height * width)?;
        }
        let (mut f, mut units) = (x, Vec::with_capacity(self.units.len()));
        for (u, unit) in self.units.iter().enumerate() {
            let (mut z, mut caches) = (f.clone(), Vec::with_capacity(unit.len()));
            for (s, stage) in unit.iter().enumerate() {
                let norm = stage.norm(self);
                check_shape("gamma", &[z.dim().1], stage.gamma.shape())?;
                let (n, norm, statistics) = match running {
                    None => norm.forward_batch(by_channel(z))?,
                    Some(running) => {
                        let (n, cache) = norm.forward_running(by_channel(z), &running[u][s])?;
                        (n, cache, running[u][s].clone())
                    }
                };
                let (a, relu) = relu::forward(of_images(n, height, width));
                let (y, conv) = match &mut noise {
                    Some(noise) => {
                        let eps = noise([u, s], [batch, stage.conv.theta.dim().0, height, width])?;
                        stage.conv(self).forward_sampled(a, eps)?
                    }
                    None => stage.conv(self).forward_mean(a)?,
                };
                check_shape("y of a unit", &[batch, y.dim().1, height, width], y.shape())?;
                caches.push(StageCache { norm, relu, conv, statistics });
                z = y;
            }
            if !unit.is_empty() {
                // f_{i+1} = [f_i, unit_i(f_i)]
                f = concatenate(Axis(1), &[f.view(), z.view()]).expect("images of one size");
            }
            units.push(caches);
        }
        let f = super::in_standard_layout(f);
        let count = running.is_none().then_some(batch * height * width);
        let shape = f.dim();
        Ok((f, Cache(CacheOf::Definition { units, count, shape })))
    }

    /// The gradient, from `dy` of y's shape.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, dy: Array4<F>) -> Gradients<F> {
        let (caches, shape) = match &cache.0 {
            CacheOf::Kernel(cache) => {
                let kernel::Gradients { dx, units } = self.kernel().backward(cache, dy);
                let units = units.into_iter().map(|unit| unit.into_iter().map(StageGradients::from).collect());
                return Gradients { dx, units: units.collect() };
            }
            CacheOf::Definition { units, shape, .. } => (units, *shape),
        };
        assert_eq!(dy.dim(), shape, "dy has y's shape");
        let (_, _, height, width) = shape;
        let (mut df, mut units) = (dy, Vec::with_capacity(self.units.len()));
        for (unit, caches) in self.units.iter().zip(caches).rev() {
            let appended = unit.last().map_or(0, |stage| stage.conv.theta.dim().0);
            let before = df.dim().1 - appended;
            // f_{i+1} = [f_i, unit_i(f_i)]
            let mut dz = df.slice(s![.., before.., .., ..]).to_owned();
            df = df.slice(s![.., ..before, .., ..]).to_owned();
            let mut gradients = Vec::with_capacity(unit.len());
            for (stage, cache) in unit.iter().zip(caches).rev() {
                // y = conv(relu(norm(z)))
                let d = stage.conv(self).backward(&cache.conv, dz.view(), true);
                let dn = relu::backward(&cache.relu, d.dx.expect("asked for"));
                let of_norm = stage.norm(self).backward(&cache.norm, by_channel(dn));
                dz = of_images(of_norm.dx, height, width);
                let bayes_conv2d::Gradients { dtheta, dlog_sigma2, dbias, .. } = d;
                let batch_norm::Gradients { dgamma, dbeta, .. } = of_norm;
                gradients.push(StageGradients { dtheta, dlog_sigma2, dbias, dgamma, dbeta });
            }
            if !unit.is_empty() {
                df += &dz;
            }
            gradients.reverse();
            units.push(gradients);
        }
        units.reverse();
        Gradients { dx: df, units }
    }

    fn kernel(&self) -> kernel::DenseBlock<'a, F> {
        let stage = |stage: &Stage<'a, F>| {
            let Stage { gamma, beta, conv } = *stage;
            kernel::Stage { gamma, beta, conv: conv.kernel() }
        };
        let units = self.units.iter().map(|unit| unit.iter().map(stage).collect()).collect();
        kernel::DenseBlock { units, epsilon: self.epsilon }
    }
}

impl<'a, F: Real> Stage<'a, F> {
    fn norm(&self, block: &DenseBlock<'_, F>) -> BatchNorm<'a, F> {
        BatchNorm { gamma: self.gamma, beta: self.beta, epsilon: block.epsilon, way: block.way }
    }

    fn conv(&self, block: &DenseBlock<'_, F>) -> BayesConv2d<'a, F> {
        BayesConv2d { way: block.way, ..self.conv }
    }
}

impl<F> From<ParameterGradients<F>> for StageGradients<F> {
    fn from(of_kernel: ParameterGradients<F>) -> Self {
        let ParameterGradients { dtheta, dlog_sigma2, dbias, dgamma, dbeta } = of_kernel;
        Self { dtheta, dlog_sigma2, dbias, dgamma, dbeta }
    }
}

/// (B, C, H·W) as (B, C, H, W).
fn of_images<F: Real>(x: Array3<F>, height: usize, width: usize) -> Array4<F> {
    let (batch, channels, _) = x.dim();
    x.into_shape_with_order((batch, channels, height, width)).expect("as many elements")
}
