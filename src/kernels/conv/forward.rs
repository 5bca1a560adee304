//! The forward of one group of one image: mean and variance in a single pass, then the output from them.
//!
//! ```text
//! m[o, (p, q)] = b_o + Σ_k θ[o, k] col[k, (p, q)]
//! v[o, (p, q)] = Σ_k σ²[o, k] col[k, (p, q)]²
//! ```

use super::layout::Layout;
use super::products::{Interleave, NONE, Order, Products, SQUARE, channel_blocks, tiles};
use super::{ConvolutionBuffers, Pixels};
use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use crate::tensor::fresh::FreshChunk;

/// What to compute, and the chunks (O/groups, OH, OW) to store it in.
pub(super) enum Output<'a, F> {
    /// m.
    Mean { m: FreshChunk<'a, F> },
    /// m and v.
    Moments { m: FreshChunk<'a, F>, v: FreshChunk<'a, F> },
    /// y = m + √(v + v₀) ε; ε is replaced by dv/dy = ε / (2 √(v + v₀)).
    Sampled { y: FreshChunk<'a, F>, eps: &'a mut [F], added_variance: F },
}

/// The forward of one group of one image.
pub(super) struct Forward<'a, F> {
    pub layout: &'a Layout,
    pub image: Pixels<'a, F>,
    /// θ and σ², or θ alone for the mean alone, by [`interleave`].
    pub weights: &'a [F],
    /// (O/groups).
    pub bias: Option<&'a [F]>,
    pub output: Output<'a, F>,
    pub buffers: &'a mut ConvolutionBuffers<F>,
}

/// θ and σ² of a group, each (O/groups, K), in the order in which the kernel reads them; θ alone for the mean alone.
pub(super) fn interleave<F: Real>(theta: &[F], sigma2: Option<&[F]>, layout: &Layout) -> Vec<F> {
    let order = Order { output: layout.fan_in, input: layout.taps(), turned: false };
    F::vectorize(Interleave { layout, w: theta, u: sigma2, order })
}

impl<F: Real> Kernel<F> for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let Self { layout, image, weights, bias, mut output, buffers } = self;
        let ConvolutionBuffers { laid_out: [laid_out, _], sums: [m, v] } = buffers;
        let plane = layout.plane();
        let [mean, variance] = [&mut *m, &mut *v].map(|sums| {
            sums.resize(layout.channels_out * plane, F::zero());
            &mut sums[..]
        });
        let mean_alone = matches!(output, Output::Mean { .. });

        let segments = layout.segments::<V::Wide>(0..layout.output[0]);
        let largest = channel_blocks(layout).map(|(_, size)| size).max().unwrap_or(0);
        laid_out.resize(layout.image_len(largest), F::zero());
        for block in channel_blocks(layout) {
            image.lay_out(layout, block, laid_out);
            for tile in tiles::<V::Wide>(layout, if mean_alone { 1 } else { 2 }) {
                let sums = tile.0 * plane..(tile.0 + tile.1) * plane;
                let sums = [&mut mean[sums.clone()], &mut variance[sums]];
                let products =
                    Products { layout, segments: &segments, block, tile, a: laid_out, b: &[], weights, sums };
                if mean_alone { products.run::<V::Wide, NONE>() } else { products.run::<V::Wide, SQUARE>() }
            }
        }

        let positions = layout.positions();
        for (o, (m, v)) in mean.chunks_exact_mut(plane).zip(variance.chunks_exact_mut(plane)).enumerate() {
            layout.without_ends(m);
            layout.without_ends(v);
            if let Some(bias) = bias {
                m[..positions].iter_mut().for_each(|m| *m += bias[o]);
            }
            output.put(o, &m[..positions], &v[..positions]);
        }
    }
}

impl<F: Real> Output<'_, F> {
    /// Stores the output of channel `o`, which must be the next one, from its moments.
    #[inline(always)]
    fn put(&mut self, o: usize, mean: &[F], variance: &[F]) {
        match self {
            Self::Mean { m } => m.append(mean.iter().copied()),
            Self::Moments { m, v } => {
                m.append(mean.iter().copied());
                v.append(variance.iter().copied());
            }
            Self::Sampled { y, eps, added_variance } => {
                let eps = &mut eps[o * mean.len()..][..mean.len()];
                y.append(mean.iter().zip(variance).zip(eps).map(|((mean, variance), eps)| {
                    let deviation = (*variance + *added_variance).sqrt();
                    let y = deviation * *eps + *mean;
                    *eps = F::of(0.5) * *eps / deviation;
                    y
                }));
            }
        }
    }
}
