//! The backward of a few images, group by group.

use super::input_gradient::{Adjoint, InputGradient, InputGradientBuffers};
use super::layout::Layout;
use super::weight_gradient::{self, AddUp, WeightGradient};
use super::{Activation, Pixels, slice_of};
use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use crate::tensor::aligned::Aligned;
use crate::tensor::sum::{BLOCK, Sums, sum};
use ndarray::{ArrayView4, ArrayViewMut4, Axis};
use rayon::prelude::*;

/// About the number of output positions that are taken together: their gradients stay in the cache.
const POSITIONS: usize = 1024;

/// A few images and what their backward needs.
pub(super) struct Images<'a, 'dx, F> {
    pub layout: &'a Layout,
    pub groups: usize,
    /// (images, C, H, W).
    pub x: ArrayView4<'a, F>,
    /// The activation that x goes through first.
    pub activation: Option<&'a Activation<F>>,
    /// dy of each image (O, OH, OW).
    pub dy: &'a [F],
    /// The factor from dy to dv of each image (O, OH, OW); none with mean weights.
    pub dv_per_dy: Option<&'a [F]>,
    /// None if the caller does not want dx.
    pub dx: Option<InputGradients<'dx, F>>,
}

/// dx, and what forms it.
pub(super) struct InputGradients<'a, F> {
    pub adjoint: &'a Adjoint<'a>,
    /// θ and σ² of each group, or θ alone with mean weights, by [`Adjoint::interleave`].
    pub weights: &'a [Vec<F>],
    /// (images, C, H, W), added to.
    pub dx: ArrayViewMut4<'a, F>,
}

/// Buffers that are reused for one layout.
#[derive(Default)]
pub(super) struct BackwardBuffers<F> {
    dv: Aligned<F>,
    sums: Aligned<F>,
    weights: weight_gradient::GradientBuffers<F>,
    images: InputGradientBuffers<F>,
}

/// The gradient with respect to the parameters, from a few images.
pub(super) struct Partial<F> {
    /// dθ and dσ² of each group, or dθ alone with mean weights, as [`AddUp`] returns them.
    pub weights: Vec<Aligned<F>>,
    /// (O).
    pub dbias: Vec<f64>,
    /// dγ of the activation (C); empty without an activation.
    pub dgamma: Vec<f64>,
    /// dβ of the activation (C); empty without an activation.
    pub dbeta: Vec<f64>,
}

impl<F: Real> Partial<F> {
    pub(super) fn zeros(groups: usize, outputs: usize, activated: usize) -> Self {
        let zeros = |count: usize| vec![0.0; count];
        Self {
            weights: (0..groups).map(|_| Aligned::default()).collect(),
            dbias: zeros(outputs),
            dgamma: zeros(activated),
            dbeta: zeros(activated),
        }
    }

    /// Adds the sums of `others`, in order.
    pub(super) fn add(&mut self, others: &[Self]) {
        /// The number of elements that one thread adds up at a time.
        const ELEMENTS: usize = 1 << 11;
        for (group, weights) in self.weights.iter_mut().enumerate() {
            weights.par_chunks_mut(ELEMENTS).enumerate().for_each(|(i, sum)| {
                let others = others.iter().map(|other| &other.weights[group][i * ELEMENTS..]);
                if others.len() < BLOCK {
                    return others.for_each(|other| add(sum, other));
                }
                let mut sums = Sums::new(sum.len());
                add(sums.next_term(), sum);
                others.for_each(|other| add(sums.next_term(), other));
                sum.iter_mut().zip(sums.total()).for_each(|(sum, total)| *sum = F::of(total));
            });
        }
        for other in others {
            add(&mut self.dbias, &other.dbias);
            add(&mut self.dgamma, &other.dgamma);
            add(&mut self.dbeta, &other.dbeta);
        }
    }
}

impl<F: Real> Images<'_, '_, F> {
    pub(super) fn backward(mut self, buffers: &mut BackwardBuffers<F>) -> Partial<F> {
        let layout = self.layout;
        let (image, output) = (layout.image[0] * layout.pixels(), layout.channels_out * layout.positions());
        let activated = self.activation.map_or(0, Activation::channels);
        let mut sum = Partial::zeros(self.groups, self.groups * layout.channels_out, activated);
        let count = self.x.dim().0;
        let together = POSITIONS.div_ceil(layout.positions().max(1)).min(count.max(1));
        buffers.dv.resize(if self.dv_per_dy.is_some() { together * output } else { 0 }, F::zero());
        for group in 0..self.groups {
            let of_output = |i: usize| (i * self.groups + group) * output..(i * self.groups + group + 1) * output;
            let pixels = group * image..(group + 1) * image;
            let dbias = &mut sum.dbias[group * layout.channels_out..][..layout.channels_out];
            buffers.sums.clear();
            let channels = if activated > 0 { layout.image[0] } else { 0 };
            let channels = group * channels..(group + 1) * channels;
            for first in (0..count).step_by(together) {
                let some = first..count.min(first + together);
                let images: Vec<Pixels<'_, F>> = some
                    .clone()
                    .map(|i| Pixels {
                        pixels: &slice_of(self.x.index_axis(Axis(0), i))[pixels.clone()],
                        activation: self.activation.map(|activation| (activation, group * layout.image[0])),
                    })
                    .collect();
                let dm: Vec<&[F]> = some.clone().map(|i| &self.dy[of_output(i)]).collect();
                // m = x ∗ θ + b
                for dm in &dm {
                    F::vectorize(AddBiasGradient { dm, dbias });
                }
                // y = m + √(v + v₀) ⊙ ε
                if let Some(dv_per_dy) = self.dv_per_dy {
                    for (i, dv) in some.clone().zip(buffers.dv.chunks_exact_mut(output)) {
                        F::vectorize(ElementwiseProduct {
                            a: &self.dy[of_output(i)],
                            b: &dv_per_dy[of_output(i)],
                            product: dv,
                        });
                    }
                }
                let dv: Vec<&[F]> = buffers.dv.chunks_exact(output).take(some.len()).collect();
                // m = θ col + b, v = σ² col²
                F::vectorize(WeightGradient {
                    layout,
                    images: &images,
                    dm: &dm,
                    dv: &dv,
                    sums: &mut buffers.sums,
                    buffers: &mut buffers.weights,
                });
                let Some(gradients) = &mut self.dx else { continue };
                for (i, (image, dm)) in some.zip(images.into_iter().zip(dm)) {
                    let mut dx = gradients.dx.index_axis_mut(Axis(0), i);
                    F::vectorize(InputGradient {
                        adjoint: gradients.adjoint,
                        image,
                        dm,
                        dv: dv.get(i - first).copied().unwrap_or_default(),
                        weights: &gradients.weights[group],
                        dx: &mut dx.as_slice_mut().expect("images are contiguous")[pixels.clone()],
                        dgamma: &mut sum.dgamma[channels.clone()],
                        dbeta: &mut sum.dbeta[channels.clone()],
                        buffers: &mut buffers.images,
                    });
                }
            }
            sum.weights[group] = F::vectorize(AddUp { layout, sums: std::mem::take(&mut buffers.sums) });
        }
        sum
    }
}

fn add<T: Real>(sum: &mut [T], other: &[T]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += *other);
}

/// a ⊙ b.
struct ElementwiseProduct<'a, F> {
    a: &'a [F],
    b: &'a [F],
    product: &'a mut [F],
}

impl<F: Real> Kernel<F> for ElementwiseProduct<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let factors = self.a.iter().zip(self.b);
        self.product.iter_mut().zip(factors).for_each(|(product, (a, b))| *product = *a * *b);
    }
}

/// Adds Σ dm over the positions of an image to db of each channel.
struct AddBiasGradient<'a, F> {
    dm: &'a [F],
    dbias: &'a mut [f64],
}

impl<F: Real> Kernel<F> for AddBiasGradient<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let planes = self.dm.chunks_exact(self.dm.len() / self.dbias.len());
        self.dbias.iter_mut().zip(planes).for_each(|(dbias, dm)| *dbias += sum(dm));
    }
}
