//! A densely connected block (Huang et al. 2017): each unit reads the images and the outputs of all units before it.
//!
//! ```text
//! f₀ = x        f_{i+1} = [f_i, unit_i(f_i)]        y = f_n
//! unit: batch normalization, ReLU and convolution, once or twice
//! dunit_i = dy at the channels that unit i appended
//! dy at the channels before these += dx of unit i
//! ```
//!
//! Every f_i is the first channels of y, so only y is stored, and beside it the input of each second stage.
//! Normalization and ReLU are computed again in the backward, by [`pre_activation`](super::pre_activation). A channel
//! has the same mean and variance in every unit that normalizes it, so they are computed once. The gradient that flows
//! through them is subtracted once, after the backward of all units that read the channel.
//!
//! The definition is [`layers::dense_block`](crate::layers::dense_block).
//!
//! Shapes: x (B, C, H, W), y (B, C + Σ O, H, W), where O is the number of outputs of a unit's last stage.

use super::activation::{Activation, BatchTerm};
use super::conv::{Conv2d, ParameterGradients};
use super::pre_activation::PreActivation;
use crate::arrays::check_shape;
use crate::error::Result;
use crate::scalar::Real;
use crate::tensor::statistics::{Statistics, check_count};
use ndarray::{Array1, Array4, ArrayView1, Axis, s};

/// The parameters and the geometry.
#[derive(Clone, Debug)]
pub struct DenseBlock<'a, F> {
    /// The stages of each unit.
    pub units: Vec<Vec<Stage<'a, F>>>,
    /// ε of every normalization.
    pub epsilon: F,
}

/// Batch normalization, ReLU, convolution.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a, F> {
    /// γ (C).
    pub gamma: ArrayView1<'a, F>,
    /// β (C).
    pub beta: ArrayView1<'a, F>,
    /// The convolution, which keeps H and W.
    pub conv: Conv2d<'a, F>,
}

/// A function that returns ε of a stage (unit, stage), standard normal, in the shape given.
pub type Noise<'a, F> = dyn FnMut([usize; 2], [usize; 4]) -> Result<Array4<F>> + 'a;

/// What the forward stores for the backward.
#[derive(Clone, Debug)]
pub struct Cache<F> {
    y: Array4<F>,
    /// The batch's statistics of y's channels; none under running statistics.
    statistics: Option<Statistics<F>>,
    units: Vec<Vec<StageCache<F>>>,
}

#[derive(Clone, Debug)]
struct StageCache<F> {
    /// The stage's input, unless that is the first channels of y.
    input: Option<Array4<F>>,
    /// The statistics that the stage normalized with.
    statistics: Statistics<F>,
    /// The factor from dy to dv; none with mean weights.
    dv_per_dy: Option<Array4<F>>,
}

/// The gradient of the loss.
#[derive(Clone, Debug)]
pub struct Gradients<F> {
    /// (B, C, H, W).
    pub dx: Array4<F>,
    /// With respect to the parameters of each stage of each unit.
    pub units: Vec<Vec<ParameterGradients<F>>>,
}

impl<F: Real> Cache<F> {
    /// The batch's statistics that each stage normalized with, and the number of values per channel that they were
    /// computed from; none under running statistics.
    pub fn batch_statistics(&self) -> Option<(impl Iterator<Item = &Statistics<F>>, usize)> {
        let (batch, _, height, width) = self.y.dim();
        let stages = self.units.iter().flatten().map(|stage| &stage.statistics);
        self.statistics.as_ref().map(|_| (stages, batch * height * width))
    }
}

impl<F: Real> DenseBlock<'_, F> {
    /// y. Normalizes with the batch's own statistics, or with the running statistics given for each stage; uses sampled
    /// weights if there is noise, else mean weights.
    ///
    /// # Errors
    /// If a shape does not fit, or the batch's statistics are needed and there are fewer than two values a channel.
    pub fn forward(
        &self,
        x: Array4<F>,
        running: Option<&[Vec<Statistics<F>>]>,
        mut noise: Option<&mut Noise<'_, F>>,
    ) -> Result<(Array4<F>, Cache<F>)> {
        let (batch, channels, height, width) = x.dim();
        if running.is_none() {
            check_count(x.shape(), batch * height * width)?;
        }
        let total = channels + self.units.iter().map(|unit| appended(unit)).sum::<usize>();
        let mut y = Array4::zeros((batch, total, height, width));
        y.slice_mut(s![.., ..channels, .., ..]).assign(&x);
        let mut known = running.is_none().then(|| Statistics::of_images(x.view()));
        drop(x);

        let (mut filled, mut units) = (channels, Vec::with_capacity(self.units.len()));
        for (u, unit) in self.units.iter().enumerate() {
            let mut caches: Vec<StageCache<F>> = Vec::with_capacity(unit.len());
            let mut output: Option<Array4<F>> = None;
            for (s, stage) in unit.iter().enumerate() {
                let statistics = match (running, &known, &output) {
                    (Some(running), ..) => running[u][s].clone(),
                    (None, Some(known), None) => known.clone(),
                    (None, _, output) => Statistics::of_images(output.as_ref().expect("a stage before").view()),
                };
                let input = output.take();
                let (z, dv_per_dy) = {
                    let seen = input.as_ref().map_or_else(|| y.slice(s![.., ..filled, .., ..]), |input| input.view());
                    check_shape("gamma", &[seen.dim().1], stage.gamma.shape())?;
                    let operation = stage.operation(&statistics, self.epsilon)?;
                    match &mut noise {
                        Some(noise) => {
                            let shape = [batch, stage.conv.theta.dim().0, height, width];
                            let (z, dv_per_dy) = operation.sampled(seen, noise([u, s], shape)?)?;
                            (z, Some(dv_per_dy))
                        }
                        None => (operation.mean(seen)?, None),
                    }
                };
                caches.push(StageCache { input, statistics, dv_per_dy });
                output = Some(z);
            }
            if let Some(output) = output {
                check_shape("y of a unit", &[batch, appended(unit), height, width], output.shape())?;
                y.slice_mut(s![.., filled..filled + output.dim().1, .., ..]).assign(&output);
                filled += output.dim().1;
                if let Some(known) = &mut known {
                    known.extend(&Statistics::of_images(output.view()));
                }
            }
            units.push(caches);
        }
        Ok((y.clone(), Cache { y, statistics: known, units }))
    }

    /// The gradient, from `dy` of y's shape.
    ///
    /// # Panics
    /// If `dy` is not of y's shape.
    pub fn backward(&self, cache: &Cache<F>, mut dy: Array4<F>) -> Gradients<F> {
        assert_eq!(dy.dim(), cache.y.dim(), "dy has y's shape");
        let (batch, _, height, width) = dy.dim();
        let count = batch * height * width;
        let mut filled = cache.y.dim().1;
        let mut term = cache.statistics.as_ref().map(|statistics| BatchTerm::new(statistics, self.epsilon));
        let mut units: Vec<Vec<ParameterGradients<F>>> = Vec::with_capacity(self.units.len());
        for (unit, stages) in self.units.iter().zip(&cache.units).rev() {
            let first = filled - appended(unit);
            let mut dz = dy.slice(s![.., first..filled, .., ..]).to_owned();
            if let Some(term) = &term {
                // No unit before this one reads these channels, so their term is complete.
                term.subtract_from(dz.view_mut(), first, cache.y.slice(s![.., first..filled, .., ..]));
            }
            filled = first;
            let mut gradients = Vec::with_capacity(unit.len());
            for (stage, cached) in unit.iter().zip(stages).rev() {
                let operation =
                    stage.operation(&cached.statistics, self.epsilon).expect("the forward checked the shapes");
                let dv_per_dy = cached.dv_per_dy.as_ref();
                if let Some(input) = &cached.input {
                    let mut dinput = Array4::zeros(input.dim());
                    let d = operation.backward(input.view(), dv_per_dy, dz.view(), dinput.view_mut());
                    if term.is_some() {
                        let mut own = BatchTerm::new(&cached.statistics, self.epsilon);
                        own.add(&operation.activation, d.dgamma.view(), d.dbeta.view(), count);
                        own.subtract_from(dinput.view_mut(), 0, input.view());
                    }
                    gradients.push(d);
                    dz = dinput;
                } else {
                    let seen = cache.y.slice(s![.., ..filled, .., ..]);
                    let dseen = dy.slice_mut(s![.., ..filled, .., ..]);
                    let d = operation.backward(seen, dv_per_dy, dz.view(), dseen);
                    if let Some(term) = &mut term {
                        term.add(&operation.activation, d.dgamma.view(), d.dbeta.view(), count);
                    }
                    gradients.push(d);
                }
            }
            gradients.reverse();
            units.push(gradients);
        }
        units.reverse();
        let mut dx = dy.slice(s![.., ..filled, .., ..]).to_owned();
        if let Some(term) = &term {
            term.subtract_from(dx.view_mut(), 0, cache.y.slice(s![.., ..filled, .., ..]));
        }
        Gradients { dx, units }
    }
}

impl<'a, F: Real> Stage<'a, F> {
    fn operation(&self, statistics: &Statistics<F>, epsilon: F) -> Result<PreActivation<'a, F>> {
        Ok(PreActivation { activation: Activation::new(self.gamma, self.beta, epsilon, statistics)?, conv: self.conv })
    }
}

/// The channels that a unit appends.
fn appended<F>(unit: &[Stage<'_, F>]) -> usize {
    unit.last().map_or(0, |stage| stage.conv.theta.dim().0)
}

impl<F: Real> Statistics<F> {
    /// Appends the statistics of more channels.
    fn extend(&mut self, more: &Self) {
        let join = |own: &Array1<F>, more: &Array1<F>| {
            ndarray::concatenate(Axis(0), &[own.view(), more.view()]).expect("vectors")
        };
        self.mean = join(&self.mean, &more.mean);
        self.variance = join(&self.variance, &more.variance);
    }
}
