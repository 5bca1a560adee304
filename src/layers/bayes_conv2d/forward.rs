//! The forward kernel: mean and variance of one group of one image in a single pass, and what is made of them while they
//! are still in registers.
//!
//! ```text
//! m[o, (p, q)] = b_o + Σ_k θ[o, k] col[k, (p, q)]        v[o, (p, q)] = Σ_k σ²[o, k] col[k, (p, q)]²
//! ```
//!
//! A tile is [`TILE`] output channels by one vector of positions: twelve accumulators, fed by one load and one square.

use super::layout::{Layout, blocks};
use crate::layers::V0;
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};

/// Output channels of a tile.
pub(super) const TILE: usize = 6;

/// What to compute, and where it goes: slices (O/groups, OH, OW).
pub(super) enum Output<'a, F> {
    /// m.
    Mean { m: &'a mut [F] },
    /// m and v.
    Moments { m: &'a mut [F], v: &'a mut [F] },
    /// y = m + √(v + v₀) ε; ε is replaced by dv/dy = ε / (2 √(v + v₀)).
    Sampled { y: &'a mut [F], eps: &'a mut [F] },
}

/// The forward of one group of one image.
pub(super) struct Forward<'a, F> {
    pub layout: &'a Layout,
    /// Laid out.
    pub image: &'a [F],
    /// θ and σ² by [`interleave`].
    pub weights: &'a [F],
    /// (O/groups).
    pub bias: Option<&'a [F]>,
    pub output: Output<'a, F>,
}

/// For each tile, for each k: θ of its channels, then σ² of its channels. Both are (O/groups, K).
pub(super) fn interleave<F: Real>(theta: &[F], sigma2: &[F], layout: &Layout) -> Vec<F> {
    let mut weights = Vec::with_capacity(theta.len() + sigma2.len());
    for (first, size) in blocks(layout.channels_out, TILE) {
        for k in 0..layout.fan_in {
            for matrix in [theta, sigma2] {
                weights.extend((first..first + size).map(|o| matrix[o * layout.fan_in + k]));
            }
        }
    }
    weights
}

impl<F: Real> Kernel<F> for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        for (first, size) in blocks(self.layout.channels_out, TILE) {
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

impl<F: Real> Forward<'_, F> {
    /// Output channels `first` to `first + N`.
    #[inline(always)]
    fn channels<V: Vector<Element = F>, const N: usize>(&mut self, first: usize) {
        let layout = self.layout;
        let [rows, columns] = layout.output;
        let bias: [F; N] = std::array::from_fn(|o| self.bias.map_or(F::zero(), |bias| bias[first + o]));
        let weights = &self.weights[2 * first * layout.fan_in..][..2 * N * layout.fan_in];
        for p in 0..rows {
            for q in (0..columns).step_by(V::LANES) {
                let image = &self.image[p * layout.row_step + q..];
                let (m, v) = match self.output {
                    Output::Mean { .. } => tile::<V, N, false>(image, &layout.offsets, weights, &bias),
                    _ => tile::<V, N, true>(image, &layout.offsets, weights, &bias),
                };
                let lanes = V::LANES.min(columns - q);
                for o in 0..N {
                    let at = (first + o) * layout.positions() + p * columns + q;
                    self.output.put(at..at + lanes, m[o], v[o]);
                }
            }
        }
    }
}

/// Mean and variance of N channels at one vector of positions; `image` begins at the first of them.
#[inline(always)]
fn tile<V: Vector, const N: usize, const VARIANCE: bool>(
    image: &[V::Element],
    offsets: &[usize],
    weights: &[V::Element],
    bias: &[V::Element; N],
) -> ([V; N], [V; N]) {
    let mut m = bias.map(V::splat);
    let mut v = [V::zero(); N];
    for (weights, offset) in weights.chunks_exact(2 * N).zip(offsets) {
        let x = V::load(&image[*offset..]);
        for o in 0..N {
            m[o] = V::splat(weights[o]).mul_add(x, m[o]);
        }
        if VARIANCE {
            let x2 = x.mul(x);
            for o in 0..N {
                v[o] = V::splat(weights[N + o]).mul_add(x2, v[o]);
            }
        }
    }
    (m, v)
}

impl<F: Real> Output<'_, F> {
    /// What the moments of the positions `at`, at most a vector, give.
    #[inline(always)]
    fn put<V: Vector<Element = F>>(&mut self, at: std::ops::Range<usize>, mean: V, variance: V) {
        match self {
            Self::Mean { m } => mean.store_some(&mut m[at]),
            Self::Moments { m, v } => {
                mean.store_some(&mut m[at.clone()]);
                variance.store_some(&mut v[at]);
            }
            Self::Sampled { y, eps } => {
                let (y, eps) = (&mut y[at.clone()], &mut eps[at]);
                let noise = load::<V>(eps);
                let deviation = variance.add(V::splat(F::of(V0))).sqrt();
                deviation.mul_add(noise, mean).store_some(y);
                noise.mul(V::splat(F::of(0.5))).div(deviation).store_some(eps);
            }
        }
    }
}

#[inline(always)]
fn load<V: Vector>(from: &[V::Element]) -> V {
    if from.len() == V::LANES { V::load(from) } else { V::load_part(from) }
}
