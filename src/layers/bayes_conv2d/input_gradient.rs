//! The gradient in one group of one image: the convolution that [`Layout::transposed`] describes, of dm and of dv.
//!
//! ```text
//! da[c, (h, w)] = Σ θ[o, (c, i, j)] dm[o, (p, q)] + 2 a[c, (h, w)] Σ σ²[o, (c, i, j)] dv[o, (p, q)]
//! ```
//!
//! over all o and all (i, j) for which (c, i, j) at (p, q) meets (h, w); a is the image x, or what an activation makes of it.

use super::layout::{Layout, blocks};
use super::products::{Interleave, Products, Second, channel_blocks, largest_tile};
use super::{Pixels, Scratch};
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};

/// The gradient in one group of one image.
pub(super) struct InputGradient<'a, F> {
    /// Transposed.
    pub layout: &'a Layout,
    pub image: Pixels<'a, F>,
    /// (O/groups, OH, OW).
    pub dm: &'a [F],
    /// Likewise; empty with mean weights.
    pub dv: &'a [F],
    /// θ and σ² by [`interleave`].
    pub weights: &'a [F],
    /// (C/groups, H, W), added to.
    pub dx: &'a mut [F],
    /// In the parameters of the group's activation, added to; empty without one.
    pub dgamma: &'a mut [F],
    pub dbeta: &'a mut [F],
    pub scratch: &'a mut Scratch<F>,
}

/// θ and σ² of a group, each (O/groups, C/groups, kh · kw), in the order of use; `layout` is the transposed one.
pub(super) fn interleave<F: Real>(theta: &[F], sigma2: &[F], layout: &Layout) -> Vec<F> {
    let at = |layout: &Layout, c: usize, o: usize, tap: usize| {
        let taps = layout.taps();
        (o * layout.channels_out + c) * taps + taps - 1 - tap
    };
    F::vectorize(Interleave { layout, w: theta, u: sigma2, at })
}

impl<F: Real> Kernel<F> for InputGradient<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) {
        let Self { layout, image, weights, dx, scratch, .. } = self;
        let Scratch { laid_out: [dm, dv], sums: [mean, variance] } = scratch;
        for (laid_out, outputs) in [(&mut *dm, self.dm), (dv, self.dv)] {
            laid_out.resize(layout.image_len(layout.image[0]), F::zero());
            layout.lay_out(outputs, laid_out, |_| |x| x);
        }
        let plane = layout.plane();
        let largest = largest_tile::<V>().min(layout.channels_out);
        let [mean, variance] = [mean, variance].map(|sums| {
            sums.resize(largest * plane, F::zero());
            &mut sums[..]
        });

        let pieces = layout.pieces::<V>(0..layout.output[0]);
        let positions = layout.positions();
        for tile in blocks(layout.channels_out, largest_tile::<V>()) {
            mean.fill(F::zero());
            variance.fill(F::zero());
            for block in channel_blocks(layout) {
                let a = &dm[block.0 * layout.channel..];
                let b = if self.dv.is_empty() { Second::None } else { Second::Other(&dv[block.0 * layout.channel..]) };
                let sums = [&mut *mean, &mut *variance];
                Products { layout, pieces: &pieces, block, tile, a, b, weights, sums }.run::<V>();
            }
            let sums = mean.chunks_exact_mut(plane).zip(variance.chunks_exact_mut(plane)).take(tile.1);
            for (c, (mean, variance)) in (tile.0..).zip(sums) {
                layout.without_ends(mean);
                layout.without_ends(variance);
                let pixels = c * positions..(c + 1) * positions;
                let (x, dx) = (&image.pixels[pixels.clone()], &mut dx[pixels]);
                let sums = mean[..positions].iter_mut().zip(&variance[..positions]);
                let two = F::of(2.0);
                match image.activation {
                    None => dx.iter_mut().zip(x).zip(sums).for_each(|((dx, x), (m, v))| *dx += *m + two * *x * *v),
                    Some((activation, first)) => {
                        let value = activation.value(first + c);
                        sums.zip(x).for_each(|((da, v), x)| *da += two * value(*x) * *v);
                        let (dgamma, dbeta) = activation.backward(first + c, x, &mean[..positions], dx);
                        self.dgamma[c] += dgamma;
                        self.dbeta[c] += dbeta;
                    }
                }
            }
        }
    }
}
