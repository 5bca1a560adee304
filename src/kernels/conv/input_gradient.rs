//! The input gradient of one group of one image.
//!
//! ```text
//! da[c, (h, w)] = Σ θ[o, (c, i, j)] dm[o, (p, q)]
//!                 + 2 a[c, (h, w)] Σ σ²[o, (c, i, j)] dv[o, (p, q)]
//! ```
//!
//! over all o and all (i, j) for which (c, i, j) reads (h, w) at (p, q); a is the image x, or its activation. There are
//! two methods. **Gathered**: at each pixel, the sums over o and (i, j) together, which is the convolution of
//! [`Layout::transposed`] with zeros around the outputs. **Scattered**: at each position and element of the kernel, the
//! sums over o alone, by [`Layout::elements`], which are then added to the pixel that the element reads at that
//! position.

use super::layout::Layout;
use super::products::{Interleave, NONE, OTHER, Order, Products, channel_blocks, tiles};
use super::{ConvolutionBuffers, Pixels};
use crate::scalar::Real;
use crate::simd::{Kernel, Lane, SEGMENT, Vector};
use crate::tensor::aligned::Aligned;
use crate::tensor::im2col::Window;

/// The method that forms an input gradient.
pub(super) struct Adjoint<'a> {
    /// The layout of the forward.
    layout: &'a Layout,
    /// The layout of the products.
    products: Layout,
    scattered: bool,
}

impl<'a> Adjoint<'a> {
    /// The cheaper method; with a stride other than 1 always the scattered one.
    pub(super) fn new(layout: &'a Layout, window: &Window) -> Self {
        // The cost of adding up a sum, in products.
        const ADDING_UP: usize = 12;
        let products = 2 * layout.channels_out;
        let pixels = layout.image[1] * layout.image[2].next_multiple_of(SEGMENT);
        let scattered = layout.output[0] * layout.row * (products + ADDING_UP) < pixels * products;
        if scattered || window.stride != [1, 1] {
            Self { layout, products: layout.elements(), scattered: true }
        } else {
            Self { layout, products: layout.transposed(window), scattered: false }
        }
    }

    /// θ and σ² of a group, each (O/groups, K), in the order in which the kernel reads them; θ alone for mean weights.
    pub(super) fn interleave<F: Real>(&self, theta: &[F], sigma2: Option<&[F]>) -> Vec<F> {
        let order = if self.scattered {
            // An output channel of these products is an element of the kernel.
            Order { output: 1, input: self.layout.fan_in, turned: false }
        } else {
            let taps = self.layout.taps();
            Order { output: taps, input: self.layout.fan_in, turned: true }
        };
        F::vectorize(Interleave { layout: &self.products, w: theta, u: sigma2, order })
    }
}

/// Adds the input gradient of one group of one image.
pub(super) struct InputGradient<'a, F> {
    pub adjoint: &'a Adjoint<'a>,
    pub image: Pixels<'a, F>,
    /// (O/groups, OH, OW).
    pub dm: &'a [F],
    /// (O/groups, OH, OW); empty with mean weights.
    pub dv: &'a [F],
    /// θ and σ², or θ alone with mean weights, by [`Adjoint::interleave`].
    pub weights: &'a [F],
    /// (C/groups, H, W), added to.
    pub dx: &'a mut [F],
    /// dγ and dβ of the activation of the group's channels, added to; empty without an activation.
    pub dgamma: &'a mut [f64],
    pub dbeta: &'a mut [f64],
    pub buffers: &'a mut InputGradientBuffers<F>,
}

/// Buffers that are reused for one layout.
#[derive(Default)]
pub(super) struct InputGradientBuffers<F> {
    /// dm, dv and the sums of a tile.
    products: ConvolutionBuffers<F>,
    /// The image and its gradient, laid out; only for the scattered method.
    image: Aligned<F>,
    da: Aligned<F>,
    /// The gradient of a channel.
    plane: Aligned<F>,
}

impl<F: Real> Kernel<F> for InputGradient<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        let (layout, products) = (self.adjoint.layout, &self.adjoint.products);
        let InputGradientBuffers { products: buffers, mut image, mut da, mut plane } = std::mem::take(self.buffers);
        let ConvolutionBuffers { laid_out: [mut dm, mut dv], sums: [mut mean, mut variance] } = buffers;
        for (laid_out, outputs) in [(&mut dm, self.dm), (&mut dv, self.dv)] {
            laid_out.resize(products.image_len(products.image[0]), F::zero());
            products.lay_out(outputs, laid_out, |_| |x| x);
        }
        if self.adjoint.scattered {
            image.resize(layout.image_len(layout.image[0]), F::zero());
            self.image.lay_out(layout, (0, layout.image[0]), &mut image);
            da.clear();
            da.resize(image.len(), F::zero());
        }
        plane.resize(layout.pixels(), F::zero());
        let len = products.plane();
        let tiles: Vec<(usize, usize)> = tiles::<V::Wide>(products, if self.dv.is_empty() { 1 } else { 2 }).collect();
        let largest = tiles.iter().map(|(_, size)| *size).max().unwrap_or(0);
        for sums in [&mut mean, &mut variance] {
            sums.resize(largest * len, F::zero());
        }

        let segments = products.segments::<V::Wide>(0..products.output[0]);
        let pixels = layout.segments::<V>(0..layout.output[0]);
        let pixels = &pixels[..layout.output[0] * layout.row / V::SEGMENT];
        for tile in tiles {
            for block in channel_blocks(products) {
                let from = block.0 * products.channel;
                let (a, sums, weights) = (&dm[from..], [&mut mean[..], &mut variance[..]], self.weights);
                let b = if self.dv.is_empty() { &[] } else { &dv[from..] };
                let products = Products { layout: products, segments: &segments, block, tile, a, b, weights, sums };
                if b.is_empty() { products.run::<V::Wide, NONE>() } else { products.run::<V::Wide, OTHER>() }
            }
            let sums = mean.chunks_exact_mut(len).zip(variance.chunks_exact_mut(len)).take(tile.1);
            for (channel, (mean, variance)) in (tile.0..).zip(sums) {
                if self.adjoint.scattered {
                    products.clear_ends(mean);
                    products.clear_ends(variance);
                    let offset = layout.offsets[channel] as usize;
                    scatter::<V>(pixels, (mean, variance), &image[offset..], &mut da[offset..]);
                } else {
                    products.without_ends(mean);
                    products.without_ends(variance);
                    let sums = (&mean[..products.positions()], &variance[..products.positions()]);
                    let x = &self.image.pixels[channel * layout.pixels()..][..layout.pixels()];
                    match self.image.activation {
                        None => combine(sums, x, &mut plane, |x| x),
                        Some((activation, first)) => combine(sums, x, &mut plane, activation.value(first + channel)),
                    }
                    self.add::<V>(channel, &plane);
                }
            }
        }
        if self.adjoint.scattered {
            for (channel, da) in da.chunks_exact(layout.channel).enumerate().take(layout.image[0]) {
                layout.gather(da, &mut plane);
                self.add::<V>(channel, &plane);
            }
        }
        let products = ConvolutionBuffers { laid_out: [dm, dv], sums: [mean, variance] };
        *self.buffers = InputGradientBuffers { products, image, da, plane };
    }
}

impl<F: Real> InputGradient<'_, F> {
    /// Adds the gradient that comes from da (H, W) of a channel to dx, dγ and dβ.
    #[inline(always)]
    fn add<V: Vector<Element = F>>(&mut self, channel: usize, da: &[F]) {
        let pixels = channel * da.len()..(channel + 1) * da.len();
        let dx = &mut self.dx[pixels.clone()];
        match self.image.activation {
            None => dx.iter_mut().zip(da).for_each(|(dx, da)| *dx += *da),
            Some((activation, first)) => {
                let x = &self.image.pixels[pixels];
                let (dgamma, dbeta) = activation.backward(first + channel, x, da, dx).run::<V>();
                self.dgamma[channel] += dgamma;
                self.dbeta[channel] += dbeta;
            }
        }
    }
}

/// da = mean + 2 a · variance, a = value(x).
#[inline(always)]
fn combine<F: Real>((mean, variance): (&[F], &[F]), x: &[F], da: &mut [F], value: impl Fn(F) -> F) {
    let two = F::of(2.0);
    let sums = mean.iter().zip(variance);
    da.iter_mut().zip(x).zip(sums).for_each(|((da, x), (m, v))| *da = *m + two * value(*x) * *v);
}

/// Adds mean + 2 a · variance of each segment of positions to da of the pixels that the segment reads; `a` and `da`
/// begin at the pixel that position (0, 0) reads.
#[inline(always)]
fn scatter<V: Vector>(
    segments: &[u32],
    (mean, variance): (&[V::Element], &[V::Element]),
    a: &[V::Element],
    da: &mut [V::Element],
) {
    let two = V::Element::of(2.0);
    let sums = mean.chunks_exact(V::SEGMENT).zip(variance.chunks_exact(V::SEGMENT));
    for (start, (mean, variance)) in segments.iter().zip(sums) {
        let pixels = *start as usize..*start as usize + V::SEGMENT;
        let (a, da) = (&a[pixels.clone()], &mut da[pixels]);
        // A segment is read as a whole, then written: the compiler need not know that the slices do not overlap.
        let mut sums = [V::Element::of(0.0); SEGMENT];
        for i in 0..V::SEGMENT {
            sums[i] = da[i] + (mean[i] + two * a[i] * variance[i]);
        }
        da.copy_from_slice(&sums[..V::SEGMENT]);
    }
}
