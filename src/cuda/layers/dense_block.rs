//! [`layers::dense_block`](crate::layers::dense_block) on the device. Every unit reads its input channels directly from
//! y, and writes its output channels directly to y.

use super::batch_norm::{BatchNorm, Statistics};
use super::bayes_conv2d::BayesConv2d;
use super::concat::copy_channels;
use super::images::Images;
use super::pre_activation::{Activation, BatchTerm, Gradients as StageGradients, PreActivation};
use crate::cuda::{Buffer, Real};
use crate::error::Result;
use crate::layers::check_shape;
use crate::tensor::statistics::check_count;

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
    pub gamma: &'a Buffer<F>,
    /// β (C).
    pub beta: &'a Buffer<F>,
    /// The convolution, which keeps H and W.
    pub conv: BayesConv2d<'a, F>,
}

/// Returns ε of a stage (unit, stage), standard normal, with the given shape.
pub type Noise<'a, F> = dyn FnMut([usize; 2], [usize; 4]) -> Result<Buffer<F>> + 'a;

/// What the forward pass stores for the backward pass.
#[derive(Debug)]
pub struct Cache<F> {
    y: Buffer<F>,
    /// The number of channels of x.
    channels: usize,
    /// The statistics of y's channels; none under running statistics.
    statistics: Option<Statistics<F>>,
    units: Vec<Vec<StageCache<F>>>,
}

#[derive(Debug)]
struct StageCache<F> {
    /// The stage's input; none if it is the first channels of y.
    input: Option<Buffer<F>>,
    /// The statistics that the stage normalized with; none if they are the first of y's statistics.
    statistics: Option<Statistics<F>>,
    /// The factor from dy to dv; none with mean weights.
    dv_per_dy: Option<Buffer<F>>,
}

/// The gradient of the loss.
#[derive(Debug)]
pub struct Gradients<F> {
    /// The gradient with respect to x (B, C, H, W).
    pub dx: Buffer<F>,
    /// The gradient with respect to the parameters of each stage of each unit.
    pub units: Vec<Vec<StageGradients<F>>>,
}

impl<F: Real> Cache<F> {
    /// The batch's statistics that each stage normalized with, which may have more channels than the stage, and the
    /// number of values per channel; none under running statistics.
    pub fn batch_statistics(&self) -> Option<(impl Iterator<Item = &Statistics<F>>, usize)> {
        let count = self.y.len() / self.y.shape()[1].max(1);
        self.statistics.as_ref().map(|of_y| {
            (self.units.iter().flatten().map(move |stage| stage.statistics.as_ref().unwrap_or(of_y)), count)
        })
    }
}

impl<F: Real> DenseBlock<'_, F> {
    /// y. Normalizes with the batch's statistics, or with the running statistics of each stage if they are given. Uses
    /// noise if it is given, else the means.
    ///
    /// # Errors
    /// If a shape does not fit, statistics would be of fewer than two values per channel, or the device fails.
    pub fn forward(
        &self,
        x: &Buffer<F>,
        running: Option<Vec<Vec<Statistics<F>>>>,
        mut noise: Option<&mut Noise<'_, F>>,
    ) -> Result<(Buffer<F>, Cache<F>)> {
        let [batch, channels, height, width] = Images::of(x).shape;
        if running.is_none() {
            check_count(x.shape(), batch * height * width)?;
        }
        let device = x.device();
        let total = channels + self.units.iter().map(|unit| appended(unit)).sum::<usize>();
        let mut y = Buffer::unset(device, &[batch, total, height, width])?;
        copy_channels::<F>(device, Images::of(x), Images::to(&mut y).channels(0..channels))?;
        let mut known = running.is_none().then(|| Statistics::unset(device, total)).transpose()?;
        if let Some(known) = &mut known {
            known.measure(Images::of(x), 0, self.epsilon)?;
        }

        let mut running = running.map(|running| running.into_iter().flatten());
        let (mut filled, mut units) = (channels, Vec::with_capacity(self.units.len()));
        for (u, unit) in self.units.iter().enumerate() {
            let mut caches: Vec<StageCache<F>> = Vec::with_capacity(unit.len());
            let mut input: Option<Buffer<F>> = None;
            let after = filled + appended(unit);
            for (s, stage) in unit.iter().enumerate() {
                let own = match (&mut running, &input) {
                    (Some(running), _) => running.next(),
                    (None, Some(input)) => Some(Statistics::of_batch(input, self.epsilon)?),
                    (None, None) => None,
                };
                let statistics = own.as_ref().or(known.as_ref()).expect("statistics given or measured");
                let outputs = stage.conv.theta.shape()[0];
                let shape = [batch, outputs, height, width];
                let mut eps = noise.as_mut().map(|noise| noise([u, s], shape)).transpose()?;
                let operation = stage.operation(statistics, self.epsilon)?;
                let is_last = s + 1 == unit.len();
                let mut between = (!is_last).then(|| Buffer::unset(device, &shape)).transpose()?;
                let of_y = Images::to(&mut y);
                let seen = input.as_ref().map_or(of_y.channels(0..filled), Images::of);
                let to = between.as_mut().map_or(of_y.channels(filled..after), Images::to);
                operation.forward(seen, to, eps.as_mut())?;
                caches.push(StageCache { input: input.take(), statistics: own, dv_per_dy: eps });
                input = between;
            }
            if let (Some(known), false) = (&mut known, unit.is_empty()) {
                known.measure(Images::of(&y).channels(filled..after), filled, self.epsilon)?;
            }
            filled = after;
            units.push(caches);
        }
        Ok((y.copy()?, Cache { y, channels, statistics: known, units }))
    }

    /// The gradient, from `dy`, which has y's shape.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `dy` does not have y's shape.
    pub fn backward(&self, cache: &Cache<F>, mut dy: Buffer<F>) -> Result<Gradients<F>> {
        assert_eq!(dy.shape(), cache.y.shape(), "dy has y's shape");
        let device = dy.device().clone();
        let y = Images::of(&cache.y);
        let mut filled = y.shape[1];
        let mut term = cache.statistics.as_ref().map(|_| BatchTerm::new(&device, filled)).transpose()?;
        let mut units: Vec<Vec<StageGradients<F>>> = Vec::with_capacity(self.units.len());
        for (unit, stages) in self.units.iter().zip(&cache.units).rev() {
            let first = filled - appended(unit);
            let of_dy = Images::to(&mut dy);
            let own = of_dy.channels(first..filled);
            if let (Some(term), Some(statistics)) = (&term, &cache.statistics) {
                // No unit before this one reads these channels.
                term.subtract_from(own, y.channels(first..filled), statistics)?;
            }
            filled = first;
            let mut gradients = Vec::with_capacity(unit.len());
            // The gradient with respect to the stage's output; none if it is a part of dy.
            let mut dz: Option<Buffer<F>> = None;
            for (stage, cached) in unit.iter().zip(stages).rev() {
                let statistics =
                    cached.statistics.as_ref().or(cache.statistics.as_ref()).expect("the forward stored statistics");
                let operation = stage.operation(statistics, self.epsilon).expect("the forward checked the shapes");
                let dv_per_dy = cached.dv_per_dy.as_ref();
                let from = dz.as_ref().map_or(own, Images::of);
                if let Some(input) = &cached.input {
                    let x = Images::of(input);
                    let mut dinput = Buffer::zeros(&device, input.shape())?;
                    let mut own_term = term.as_ref().map(|_| BatchTerm::new(&device, x.shape[1])).transpose()?;
                    let dx = Images::to(&mut dinput);
                    gradients.push(operation.backward(x, dv_per_dy, from, dx, own_term.as_mut())?);
                    if let Some(own_term) = &own_term {
                        own_term.subtract_from(dx, x, statistics)?;
                    }
                    dz = Some(dinput);
                } else {
                    let (seen, dseen) = (y.channels(0..filled), of_dy.channels(0..filled));
                    gradients.push(operation.backward(seen, dv_per_dy, from, dseen, term.as_mut())?);
                }
            }
            gradients.reverse();
            units.push(gradients);
        }
        units.reverse();
        let (of_dy, first) = (Images::to(&mut dy).channels(0..cache.channels), y.channels(0..cache.channels));
        if let (Some(term), Some(statistics)) = (&term, &cache.statistics) {
            term.subtract_from(of_dy, first, statistics)?;
        }
        let mut dx = Buffer::unset(&device, &of_dy.shape)?;
        copy_channels::<F>(&device, of_dy, Images::to(&mut dx))?;
        Ok(Gradients { dx, units })
    }
}

impl<'a, F: Real> Stage<'a, F> {
    fn operation(&self, statistics: &'a Statistics<F>, epsilon: F) -> Result<PreActivation<'a, F>> {
        let norm = BatchNorm { gamma: self.gamma, beta: self.beta, epsilon, rectified: true };
        check_shape("beta", self.gamma.shape(), self.beta.shape())?;
        Ok(PreActivation { activation: Activation::new(&norm, statistics)?, conv: self.conv })
    }
}

/// The number of channels that a unit appends.
fn appended<F>(unit: &[Stage<'_, F>]) -> usize
where
    F: Real,
{
    unit.last().map_or(0, |stage| stage.conv.theta.shape()[0])
}
