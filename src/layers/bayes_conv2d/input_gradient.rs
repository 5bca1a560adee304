//! The gradient in one group of one image.
//!
//! ```text
//! dx at what k meets at (p, q)  +=  Σ_o θ[o, k] dm[o, (p, q)] + 2 x · Σ_o σ²[o, k] dv[o, (p, q)]
//! ```
//!
//! A tile is [`TILE`] input channels, at one element (i, j) of the kernel, by one vector of positions: twelve accumulators,
//! added onto dx when their sums over o are complete. Different channels of a tile, and different tiles long after each
//! other, never touch the same pixels at the same time.

use super::layout::{Layout, blocks};
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};

/// Input channels of a tile.
const TILE: usize = 6;

/// The gradient in one group of one image.
pub(super) struct InputGradient<'a, F> {
    pub layout: &'a Layout,
    /// Laid out.
    pub image: &'a [F],
    /// Laid out.
    pub dm: &'a [F],
    /// Laid out; empty with mean weights.
    pub dv: &'a [F],
    /// θ and σ² by [`interleave`].
    pub weights: &'a [F],
    /// dx, laid out; added to.
    pub dimage: &'a mut [F],
}

/// For each block of input channels, for each (i, j), for each o: θ of its channels, then σ² of its channels. Both are
/// (O/groups, C/groups, kh · kw).
pub(super) fn interleave<F: Real>(theta: &[F], sigma2: &[F], layout: &Layout) -> Vec<F> {
    let channels = layout.image[0];
    let taps = layout.fan_in / channels;
    let mut weights = Vec::with_capacity(theta.len() + sigma2.len());
    for (first, size) in blocks(channels, TILE) {
        for tap in 0..taps {
            for o in 0..layout.channels_out {
                for matrix in [theta, sigma2] {
                    let weight = |c: usize| matrix[o * layout.fan_in + c * taps + tap];
                    weights.extend((first..first + size).map(weight));
                }
            }
        }
    }
    weights
}

impl<F: Real> Kernel<F> for InputGradient<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        for (first, size) in blocks(self.layout.image[0], TILE) {
            match size {
                1 => self.channels::<V, 1>(first),
                2 => self.channels::<V, 2>(first),
                3 => self.channels::<V, 3>(first),
                4 => self.channels::<V, 4>(first),
                5 => self.channels::<V, 5>(first),
                _ => self.channels::<V, TILE>(first),
            }
        }
    }
}

impl<F: Real> InputGradient<'_, F> {
    /// Input channels `first` to `first + N`.
    #[inline(always)]
    fn channels<V: Vector<Element = F>, const N: usize>(&mut self, first: usize) {
        if self.dv.is_empty() {
            self.taps::<V, N, false>(first);
        } else {
            self.taps::<V, N, true>(first);
        }
    }

    #[inline(always)]
    fn taps<V: Vector<Element = F>, const N: usize, const VARIANCE: bool>(&mut self, first: usize) {
        let layout = self.layout;
        let taps = layout.fan_in / layout.image[0];
        let per_tap = 2 * N * layout.channels_out;
        let weights = &self.weights[2 * first * taps * layout.channels_out..];
        let two = V::splat(F::of(2.0));
        for (tap, weights) in weights.chunks_exact(per_tap).take(taps).enumerate() {
            let offsets: [usize; N] = std::array::from_fn(|c| layout.offsets[(first + c) * taps + tap]);
            for p in 0..layout.output[0] {
                for q in (0..layout.output[1]).step_by(V::LANES) {
                    let at = p * layout.row + q;
                    let dv = if VARIANCE { &self.dv[at..] } else { &[][..] };
                    let (mean, variance) = tile::<V, N, VARIANCE>(&self.dm[at..], dv, layout.plane(), weights);
                    for c in 0..N {
                        let at = p * layout.row_step + q + offsets[c];
                        let mut sum = V::load(&self.dimage[at..]).add(mean[c]);
                        if VARIANCE {
                            sum = V::load(&self.image[at..]).mul(two).mul_add(variance[c], sum);
                        }
                        sum.store(&mut self.dimage[at..]);
                    }
                }
            }
        }
    }
}

/// Σ_o θ dm and Σ_o σ² dv for N input channels at one vector of positions; `dm` and `dv` begin at the first of them and
/// output channels are `plane` apart.
#[inline(always)]
fn tile<V: Vector, const N: usize, const VARIANCE: bool>(
    dm: &[V::Element],
    dv: &[V::Element],
    plane: usize,
    weights: &[V::Element],
) -> ([V; N], [V; N]) {
    let zero = V::zero();
    let (mut mean, mut variance) = ([zero; N], [zero; N]);
    for (o, weights) in weights.chunks_exact(2 * N).enumerate() {
        let dm = V::load(&dm[o * plane..]);
        for c in 0..N {
            mean[c] = V::splat(weights[c]).mul_add(dm, mean[c]);
        }
        if VARIANCE {
            let dv = V::load(&dv[o * plane..]);
            for c in 0..N {
                variance[c] = V::splat(weights[N + c]).mul_add(dv, variance[c]);
            }
        }
    }
    (mean, variance)
}
