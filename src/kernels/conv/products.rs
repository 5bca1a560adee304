//! The two products of the forward and of the input gradient, at all positions of one group of one image.
//!
//! ```text
//! first[o, (p, q)]  = Σ_k w[o, k] a[k, (p, q)]
//! second[o, (p, q)] = Σ_k u[o, k] b[k, (p, q)]
//! ```
//!
//! In the forward b is a²; in the input gradient b is a second operand of a's size. A tile holds the sums of up to
//! twelve channels o at one vector of positions, for each of the two products: they fill nearly all registers, so that
//! each load of a and b serves many products. The loop takes the elements k of a few input channels at a time, so that
//! their weights and pixels stay in the nearest cache; each sum adds its terms in the order of k, however the channels
//! are cut.

use super::layout::{Layout, blocks};
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};
use crate::tensor::tiles::{by_size, tiles};

/// About the number of elements of the kernel that the loop takes together: their weights for one tile fill half of the
/// nearest cache.
const ELEMENTS: usize = 160;

/// The blocks of input channels: (first, size) of each.
pub(super) fn channel_blocks(layout: &Layout) -> impl Iterator<Item = (usize, usize)> + use<> {
    blocks(layout.image[0], (ELEMENTS / layout.taps().max(1)).max(1))
}

/// w and u in the order of use: for each block of input channels, for each tile of output channels, for each k: w of the
/// tile's channels, then u.
pub(super) struct Interleave<'a, F> {
    pub layout: &'a Layout,
    pub w: &'a [F],
    pub u: &'a [F],
    pub order: Order,
}

/// The order of w and u in memory.
#[derive(Clone, Copy)]
pub(super) struct Order {
    /// The distance between successive output channels.
    pub output: usize,
    /// The distance between successive input channels, whose taps follow one another.
    pub input: usize,
    /// Whether the taps are read in reverse order.
    pub turned: bool,
}

impl<F: Real> Kernel<F> for Interleave<'_, F> {
    type Output = Vec<F>;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> Vec<F> {
        let Self { layout, w, u, order } = self;
        let taps = layout.taps();
        let mut weights = Vec::with_capacity(w.len() + u.len());
        for (channel, channels) in channel_blocks(layout) {
            for (first, size) in tiles::<V::Wide>(layout.channels_out) {
                for c in channel..channel + channels {
                    for tap in 0..taps {
                        let at = c * order.input + if order.turned { taps - 1 - tap } else { tap };
                        for matrix in [w, u] {
                            let of_outputs = matrix[first * order.output + at..].iter().step_by(order.output);
                            weights.extend(of_outputs.take(size));
                        }
                    }
                }
            }
        }
        weights
    }
}

/// The products over a block of input channels for a tile of output channels. The products over the first block
/// overwrite the sums; those over later blocks are added to them.
pub(super) struct Products<'a, F> {
    pub layout: &'a Layout,
    /// [`Layout::segments`].
    pub segments: &'a [u32],
    /// The block and the tile, (first, size) of each.
    pub block: (usize, usize),
    pub tile: (usize, usize),
    /// The block's channels, laid out.
    pub a: &'a [F],
    /// b, laid out like a; empty unless the second operand is [`OTHER`].
    pub b: &'a [F],
    /// The weights of all channels, in the order of [`Interleave`].
    pub weights: &'a [F],
    /// The sums of the tile's channels, [`Layout::plane`] elements each. The second sums are left unchanged if there is
    /// no b.
    pub sums: [&'a mut [F]; 2],
}

/// The second operand b: absent, the square of a, or separate data laid out like a.
pub(super) const NONE: u8 = 0;
pub(super) const SQUARE: u8 = 1;
pub(super) const OTHER: u8 = 2;

impl<F: Real> Products<'_, F> {
    #[inline(always)]
    pub(super) fn run<V: Vector<Element = F>, const SECOND: u8>(self) {
        by_size!(self.tile.1, V, N => self.vectors::<V, N, SECOND>());
    }

    #[inline(always)]
    fn vectors<V: Vector<Element = F>, const N: usize, const SECOND: u8>(self) {
        let Self { layout, a, b, weights, sums: [first, second], .. } = self;
        let elements = self.block.1 * layout.taps();
        let before = self.block.0 * layout.taps() * layout.channels_out + self.tile.0 * elements;
        let weights = &weights[2 * before..][..2 * N * elements];
        let offsets = &layout.offsets[..elements];
        let plane = layout.plane();
        // Since both have one length, one bounds check of a segment serves both.
        let b = if SECOND == OTHER { &b[..a.len()] } else { b };
        for (i, starts) in self.segments.chunks_exact(V::SEGMENTS).enumerate() {
            let at = |o: usize| o * plane + i * V::LANES;
            let (mut of_first, mut of_second) = ([V::zero(); N], [V::zero(); N]);
            if self.block.0 > 0 {
                for o in 0..N {
                    of_first[o] = V::load(&first[at(o)..]);
                    if SECOND != NONE {
                        of_second[o] = V::load(&second[at(o)..]);
                    }
                }
            }
            for (weights, offset) in weights.chunks_exact(2 * N).zip(offsets) {
                let a = V::load_segments(a, *offset, starts);
                for o in 0..N {
                    of_first[o] = V::splat(weights[o]).mul_add(a, of_first[o]);
                }
                if SECOND != NONE {
                    let b = if SECOND == SQUARE { a.mul(a) } else { V::load_segments(b, *offset, starts) };
                    for o in 0..N {
                        of_second[o] = V::splat(weights[N + o]).mul_add(b, of_second[o]);
                    }
                }
            }
            for o in 0..N {
                of_first[o].store(&mut first[at(o)..]);
                if SECOND != NONE {
                    of_second[o].store(&mut second[at(o)..]);
                }
            }
        }
    }
}
