//! The backward of a few images: lays out what the kernels need and runs them, group by group.

use super::input_gradient::InputGradient;
use super::layout::Layout;
use super::weight_gradient::WeightGradient;
use super::{Activation, lay_out, slice_of};
use crate::scalar::Real;
use ndarray::{ArrayView4, ArrayViewMut4, Axis};

/// A few images, one after the other.
pub(super) struct Images<'a, F> {
    pub layout: &'a Layout,
    pub groups: usize,
    /// (images, C, H, W).
    pub x: ArrayView4<'a, F>,
    /// What x goes through first.
    pub activation: Option<&'a Activation<F>>,
    /// (O, OH, OW) each.
    pub dy: &'a [F],
    /// Likewise; none with mean weights.
    pub dv_per_dy: Option<&'a [F]>,
    /// None if dx is not asked for.
    pub dx: Option<InputGradients<'a, F>>,
}

/// θ and σ² of each group by [`interleave`](super::input_gradient::interleave), and dx (images, C, H, W), which is added to.
pub(super) type InputGradients<'a, F> = (&'a [Vec<F>], ArrayViewMut4<'a, F>);

/// The gradient in the parameters, from a few images.
pub(super) struct Partial<F> {
    /// (O, K).
    pub dtheta: Vec<F>,
    /// (O, K).
    pub dsigma2: Vec<F>,
    /// (O).
    pub dbias: Vec<F>,
    /// Of the activation (C); empty without one.
    pub dgamma: Vec<F>,
    /// Likewise.
    pub dbeta: Vec<F>,
}

impl<F: Real> Partial<F> {
    pub(super) fn zeros(outputs: usize, fan_in: usize, activated: usize) -> Self {
        let zeros = |count: usize| vec![F::zero(); count];
        Self {
            dtheta: zeros(outputs * fan_in),
            dsigma2: zeros(outputs * fan_in),
            dbias: zeros(outputs),
            dgamma: zeros(activated),
            dbeta: zeros(activated),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let add = |sum: &mut [F], other: &[F]| sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += *other);
        add(&mut self.dtheta, &other.dtheta);
        add(&mut self.dsigma2, &other.dsigma2);
        add(&mut self.dbias, &other.dbias);
        add(&mut self.dgamma, &other.dgamma);
        add(&mut self.dbeta, &other.dbeta);
    }
}

impl<F: Real> Images<'_, F> {
    pub(super) fn backward(mut self) -> Partial<F> {
        let layout = self.layout;
        let image: usize = layout.image.iter().product();
        let count = self.x.dim().0;
        let activated = self.activation.map_or(0, Activation::channels);
        let mut sum = Partial::zeros(self.groups * layout.channels_out, layout.fan_in, activated);
        let mut images = vec![F::zero(); count * layout.image_len];
        let mut dm = vec![F::zero(); count * layout.output_len()];
        let mut dv = vec![F::zero(); if self.dv_per_dy.is_some() { dm.len() } else { 0 }];
        for group in 0..self.groups {
            let pixels = group * image..(group + 1) * image;
            for (laid_out, x) in images.chunks_exact_mut(layout.image_len).zip(self.x.axis_iter(Axis(0))) {
                lay_out(layout, &slice_of(x)[pixels.clone()], self.activation, group, laid_out);
            }
            self.lay_out_outputs(group, &mut dm, &mut dv);

            let outputs = group * layout.channels_out..(group + 1) * layout.channels_out;
            let weights = outputs.start * layout.fan_in..outputs.end * layout.fan_in;
            for plane in dm.chunks_exact(layout.output_len()) {
                let dbias = sum.dbias[outputs.clone()].iter_mut();
                dbias.zip(plane.chunks_exact(layout.plane())).for_each(|(dbias, dm)| *dbias += add_up(dm));
            }
            F::vectorize(WeightGradient {
                layout,
                images: &images,
                dm: &dm,
                dv: &dv,
                dtheta: &mut sum.dtheta[weights.clone()],
                dsigma2: &mut sum.dsigma2[weights],
            });

            let Some((weights, dx)) = &mut self.dx else { continue };
            let mut dimage = vec![F::zero(); layout.image_len];
            for (i, laid_out) in images.chunks_exact(layout.image_len).enumerate() {
                let outputs = i * layout.output_len()..(i + 1) * layout.output_len();
                dimage.fill(F::zero());
                F::vectorize(InputGradient {
                    layout,
                    image: laid_out,
                    dm: &dm[outputs.clone()],
                    dv: if dv.is_empty() { &[] } else { &dv[outputs] },
                    weights: &weights[group],
                    dimage: &mut dimage,
                });
                let mut dx = dx.index_axis_mut(Axis(0), i);
                let dx = &mut dx.as_slice_mut().expect("images are contiguous")[pixels.clone()];
                let Some(activation) = self.activation else {
                    layout.gather(&dimage, |_, row, da| dx[row].iter_mut().zip(da).for_each(|(dx, da)| *dx += *da));
                    continue;
                };
                let x = &slice_of(self.x.index_axis(Axis(0), i))[pixels.clone()];
                layout.gather(&dimage, |channel, row, da| {
                    let channel = group * layout.image[0] + channel;
                    let (dgamma, dbeta) = activation.backward(channel, &x[row.clone()], da, &mut dx[row]);
                    sum.dgamma[channel] += dgamma;
                    sum.dbeta[channel] += dbeta;
                });
            }
        }
        sum
    }

    /// dm = dy and dv = dy ⊙ dv/dy of a group, laid out; what is beyond the rows stays 0.
    fn lay_out_outputs(&self, group: usize, dm: &mut [F], dv: &mut [F]) {
        let [rows, columns] = self.layout.output;
        let channels = self.layout.channels_out;
        let count = dm.len() / self.layout.output_len();
        for (i, o, p) in ndarray::indices((count, channels, rows)) {
            let from = (((i * self.groups + group) * channels + o) * rows + p) * columns;
            let to = i * self.layout.output_len() + o * self.layout.plane() + p * self.layout.row;
            let dy = &self.dy[from..from + columns];
            dm[to..to + columns].copy_from_slice(dy);
            if let Some(dv_per_dy) = self.dv_per_dy {
                let dv = dv[to..to + columns].iter_mut();
                dv.zip(dy).zip(&dv_per_dy[from..]).for_each(|((dv, dy), dv_per_dy)| *dv = *dv_per_dy * *dy);
            }
        }
    }
}

/// Σ x by eight running sums; `x` is a multiple of eight long.
fn add_up<F: Real>(x: &[F]) -> F {
    let mut sums = [F::zero(); 8];
    for x in x.chunks_exact(8) {
        sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += *x);
    }
    sums.into_iter().sum()
}
