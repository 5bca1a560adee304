//! The gradient in the weights, summed over one group of a few images.
//!
//! ```text
//! dθ[o, k] = Σ_images,positions dm[o, (p, q)] col[k, (p, q)]        dσ²[o, k] = Σ_images,positions dv[o, (p, q)] col[k, (p, q)]²
//! ```
//!
//! A tile is [`CHANNELS`] output channels by [`ELEMENTS`] elements of the kernel: twelve accumulators, each a vector of
//! running sums over the positions that are added up at the end.

use super::layout::{Layout, blocks};
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};

/// Output channels of a tile.
const CHANNELS: usize = 3;
/// Elements of the kernel of a tile.
const ELEMENTS: usize = 2;

/// The gradient in the weights of one group, from a few images.
pub(super) struct WeightGradient<'a, F> {
    pub layout: &'a Layout,
    /// The images, laid out, one after the other.
    pub images: &'a [F],
    /// dm of the images, laid out, one after the other.
    pub dm: &'a [F],
    /// dv likewise; empty with mean weights.
    pub dv: &'a [F],
    /// dθ (O/groups, K), overwritten.
    pub dtheta: &'a mut [F],
    /// dσ² likewise; with mean weights left as it is.
    pub dsigma2: &'a mut [F],
}

impl<F: Real> Kernel<F> for WeightGradient<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        for (first, size) in blocks(self.layout.channels_out, CHANNELS) {
            match size {
                1 => self.channels::<V, 1>(first),
                2 => self.channels::<V, 2>(first),
                _ => self.channels::<V, CHANNELS>(first),
            }
        }
    }
}

impl<F: Real> WeightGradient<'_, F> {
    /// Output channels `first` to `first + N`.
    #[inline(always)]
    fn channels<V: Vector<Element = F>, const N: usize>(&mut self, first: usize) {
        for (k, size) in blocks(self.layout.fan_in, ELEMENTS) {
            match (size, self.dv.is_empty()) {
                (1, false) => self.tile::<V, N, 1, true>(first, k),
                (1, true) => self.tile::<V, N, 1, false>(first, k),
                (_, false) => self.tile::<V, N, ELEMENTS, true>(first, k),
                (_, true) => self.tile::<V, N, ELEMENTS, false>(first, k),
            }
        }
    }

    /// Output channels `first` to `first + N`, elements `k` to `k + E` of the kernel.
    #[inline(always)]
    fn tile<V: Vector<Element = F>, const N: usize, const E: usize, const VARIANCE: bool>(
        &mut self,
        first: usize,
        k: usize,
    ) {
        let layout = self.layout;
        let plane = layout.plane();
        let zero = V::zero();
        let (mut dtheta, mut dsigma2) = ([[zero; E]; N], [[zero; E]; N]);
        for (i, image) in self.images.chunks_exact(layout.image_len).enumerate() {
            let start = i * layout.output_len() + first * plane;
            let dm: [&[F]; N] = std::array::from_fn(|o| &self.dm[start + o * plane..][..plane]);
            let dv: [&[F]; N] =
                std::array::from_fn(|o| if VARIANCE { &self.dv[start + o * plane..][..plane] } else { &[][..] });
            for p in 0..layout.output[0] {
                let image: [&[F]; E] = std::array::from_fn(|e| &image[p * layout.row_step + layout.offsets[k + e]..]);
                for q in (0..layout.output[1]).step_by(V::LANES) {
                    let at = p * layout.row + q;
                    let mut x: [V; E] = std::array::from_fn(|e| V::load(&image[e][q..]));
                    for o in 0..N {
                        let dm = V::load(&dm[o][at..]);
                        for e in 0..E {
                            dtheta[o][e] = dm.mul_add(x[e], dtheta[o][e]);
                        }
                    }
                    if VARIANCE {
                        x = x.map(|x| x.mul(x));
                        for o in 0..N {
                            let dv = V::load(&dv[o][at..]);
                            for e in 0..E {
                                dsigma2[o][e] = dv.mul_add(x[e], dsigma2[o][e]);
                            }
                        }
                    }
                }
            }
        }
        for o in 0..N {
            for e in 0..E {
                let at = (first + o) * layout.fan_in + k + e;
                self.dtheta[at] = dtheta[o][e].sum();
                if VARIANCE {
                    self.dsigma2[at] = dsigma2[o][e].sum();
                }
            }
        }
    }
}
