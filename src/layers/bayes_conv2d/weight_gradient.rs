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
        let doutputs = self.in_order_of_use::<V, N>(first);
        let [rows, columns] = self.layout.output;
        let row_step = self.layout.row_step;
        let starts: Vec<usize> =
            (0..rows).flat_map(|p| (0..columns).step_by(V::LANES).map(move |q| p * row_step + q)).collect();
        for (k, size) in blocks(self.layout.fan_in, ELEMENTS) {
            match (size, self.dv.is_empty()) {
                (1, false) => self.tile::<V, N, 1, true>(&doutputs, &starts, first, k),
                (1, true) => self.tile::<V, N, 1, false>(&doutputs, &starts, first, k),
                (_, false) => self.tile::<V, N, ELEMENTS, true>(&doutputs, &starts, first, k),
                (_, true) => self.tile::<V, N, ELEMENTS, false>(&doutputs, &starts, first, k),
            }
        }
    }

    /// For each image, for each vector of positions: dm of the channels `first` to `first + N`, then dv (0 with mean
    /// weights). Every tile of these channels reads it from beginning to end.
    #[inline(always)]
    fn in_order_of_use<V: Vector<Element = F>, const N: usize>(&self, first: usize) -> Vec<F> {
        let layout = self.layout;
        let images = self.dm.len() / layout.output_len();
        let vectors = layout.output[0] * layout.output[1].div_ceil(V::LANES);
        let mut doutputs = vec![F::zero(); images * vectors * 2 * N * V::LANES];
        let mut parts = doutputs.chunks_exact_mut(2 * N * V::LANES);
        for image in 0..images {
            for p in 0..layout.output[0] {
                for q in (0..layout.output[1]).step_by(V::LANES) {
                    let part = parts.next().expect("one for each vector of positions");
                    let at = image * layout.output_len() + first * layout.plane() + p * layout.row + q;
                    for (from, part) in [self.dm, self.dv].into_iter().zip(part.chunks_exact_mut(N * V::LANES)) {
                        if !from.is_empty() {
                            for o in 0..N {
                                V::load(&from[at + o * layout.plane()..]).store(&mut part[o * V::LANES..]);
                            }
                        }
                    }
                }
            }
        }
        doutputs
    }

    /// Output channels `first` to `first + N`, elements `k` to `k + E` of the kernel; vector i of positions meets the image
    /// at `starts[i]`.
    #[inline(always)]
    fn tile<V: Vector<Element = F>, const N: usize, const E: usize, const VARIANCE: bool>(
        &mut self,
        doutputs: &[F],
        starts: &[usize],
        first: usize,
        k: usize,
    ) {
        let layout = self.layout;
        let offsets: [usize; E] = std::array::from_fn(|e| layout.offsets[k + e]);
        let (mut dtheta, mut dsigma2) = ([[V::zero(); E]; N], [[V::zero(); E]; N]);
        let doutputs = doutputs.chunks_exact(starts.len() * 2 * N * V::LANES);
        for (image, doutputs) in self.images.chunks_exact(layout.image_len).zip(doutputs) {
            for (start, doutput) in starts.iter().zip(doutputs.chunks_exact(2 * N * V::LANES)) {
                let mut x: [V; E] = std::array::from_fn(|e| V::load(&image[start + offsets[e]..]));
                for o in 0..N {
                    let dm = V::load(&doutput[o * V::LANES..]);
                    for e in 0..E {
                        dtheta[o][e] = dm.mul_add(x[e], dtheta[o][e]);
                    }
                }
                if VARIANCE {
                    x = x.map(|x| x.mul(x));
                    for o in 0..N {
                        let dv = V::load(&doutput[(N + o) * V::LANES..]);
                        for e in 0..E {
                            dsigma2[o][e] = dv.mul_add(x[e], dsigma2[o][e]);
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
