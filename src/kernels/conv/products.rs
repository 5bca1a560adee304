//! The two products of the forward and of the input gradient, at all positions of one group of one image.
//!
//! ```text
//! first[o, (p, q)]  = Σ_k w[o, k] a[k, (p, q)]
//! second[o, (p, q)] = Σ_k u[o, k] b[k, (p, q)]
//! ```
//!
//! In the forward b is a²; in the input gradient b is a second operand of a's size. A tile holds the sums of up to
//! twelve channels o at one vector of positions, for each of the two products: they fill nearly all registers, so that
//! each load of a and b serves many products. Without the second product, a tile holds the sums of six channels where
//! it held three, with AVX2, or the sums at two vectors of positions, with 32 registers, so that each load of a weight
//! serves two products. The loop takes the elements k of a few input channels at a time, so that their weights and
//! pixels stay in the nearest cache; each sum adds its terms in the order of k, however the channels are cut.

use super::layout::{Layout, blocks};
use crate::scalar::Real;
use crate::simd::{Kernel, Vector};
use crate::tensor::tiles::{by_size, largest, tiles_up_to};

/// About the number of elements of the kernel that the loop takes together: their weights for one tile fill half of the
/// nearest cache.
const ELEMENTS: usize = 160;

/// The blocks of input channels: (first, size) of each.
pub(super) fn channel_blocks(layout: &Layout) -> impl Iterator<Item = (usize, usize)> + use<> {
    blocks(layout.image[0], (ELEMENTS / layout.taps().max(1)).max(1))
}

/// The tiles of output channels, (first, size) of each, where one or both of the products are formed.
#[inline(always)]
pub(super) fn tiles<V: Vector>(layout: &Layout, products: usize) -> impl Iterator<Item = (usize, usize)> + use<V> {
    tiles_up_to(largest::<V>(products), layout.channels_out)
}

/// w and u in the order of use: for each block of input channels, for each tile of output channels, for each k: w of
/// the tile's channels, then u.
pub(super) struct Interleave<'a, F> {
    pub layout: &'a Layout,
    pub w: &'a [F],
    /// None if the second product is not formed.
    pub u: Option<&'a [F]>,
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
        let matrices: Vec<&[F]> = [w].into_iter().chain(u).collect();
        let mut weights = Vec::with_capacity(matrices.len() * w.len());
        for (channel, channels) in channel_blocks(layout) {
            for (first, size) in tiles::<V::Wide>(layout, matrices.len()) {
                for c in channel..channel + channels {
                    for tap in 0..taps {
                        let at = c * order.input + if order.turned { taps - 1 - tap } else { tap };
                        for matrix in &matrices {
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
    /// The sums of the tile's channels, [`Layout::plane`] elements each. The second sums are left unchanged if the
    /// second product is not formed.
    pub sums: [&'a mut [F]; 2],
}

/// The second operand b: absent, the square of a, or separate data laid out like a.
pub(super) const NONE: u8 = 0;
pub(super) const SQUARE: u8 = 1;
pub(super) const OTHER: u8 = 2;

/// The number of products with this second operand.
const fn products(second: u8) -> usize {
    if second == NONE { 1 } else { 2 }
}

impl<F: Real> Products<'_, F> {
    #[inline(always)]
    pub(super) fn run<V: Vector<Element = F>, const SECOND: u8>(mut self) {
        by_size!(self.tile.1, largest::<V>(products(SECOND)), N => if SECOND == NONE && V::REGISTERS >= 32 {
            self.all_positions::<V, N, 2, SECOND>()
        } else {
            self.all_positions::<V, N, 1, SECOND>()
        });
    }

    /// The products at all positions, `VECTORS` vectors of them at a time.
    #[inline(always)]
    fn all_positions<V: Vector<Element = F>, const N: usize, const VECTORS: usize, const SECOND: u8>(&mut self) {
        let mut segments = self.segments.chunks_exact(VECTORS * V::SEGMENTS);
        let mut at = 0;
        for starts in &mut segments {
            self.vectors::<V, N, VECTORS, SECOND>(at, starts);
            at += VECTORS * V::LANES;
        }
        for starts in segments.remainder().chunks_exact(V::SEGMENTS) {
            self.vectors::<V, N, 1, SECOND>(at, starts);
            at += V::LANES;
        }
    }

    /// The products at the vectors of positions from the element `at` of a plane on, whose segments begin at `starts`.
    #[inline(always)]
    fn vectors<V: Vector<Element = F>, const N: usize, const VECTORS: usize, const SECOND: u8>(
        &mut self,
        at: usize,
        starts: &[u32],
    ) {
        let Self { layout, a, b, weights, sums: [first, second], .. } = self;
        let elements = self.block.1 * layout.taps();
        let before = self.block.0 * layout.taps() * layout.channels_out + self.tile.0 * elements;
        let weights = &weights[products(SECOND) * before..][..products(SECOND) * N * elements];
        let offsets = &layout.offsets[..elements];
        let plane = layout.plane();
        // Since both have one length, one bounds check of a segment serves both.
        let b = if SECOND == OTHER { &b[..a.len()] } else { b };
        let at = |o: usize, vector: usize| o * plane + at + vector * V::LANES;
        let mut of_first = [[V::zero(); VECTORS]; N];
        let mut of_second = [[V::zero(); VECTORS]; N];
        if self.block.0 > 0 {
            for o in 0..N {
                for i in 0..VECTORS {
                    of_first[o][i] = V::load(&first[at(o, i)..]);
                    if SECOND != NONE {
                        of_second[o][i] = V::load(&second[at(o, i)..]);
                    }
                }
            }
        }
        for (weights, offset) in weights.chunks_exact(products(SECOND) * N).zip(offsets) {
            let mut a_here = [V::zero(); VECTORS];
            for i in 0..VECTORS {
                a_here[i] = V::load_segments(a, *offset, &starts[i * V::SEGMENTS..]);
            }
            for o in 0..N {
                let weight = V::splat(weights[o]);
                for i in 0..VECTORS {
                    of_first[o][i] = weight.mul_add(a_here[i], of_first[o][i]);
                }
            }
            if SECOND != NONE {
                let mut b_here = [V::zero(); VECTORS];
                for i in 0..VECTORS {
                    b_here[i] = if SECOND == SQUARE {
                        a_here[i].mul(a_here[i])
                    } else {
                        V::load_segments(b, *offset, &starts[i * V::SEGMENTS..])
                    };
                }
                for o in 0..N {
                    let weight = V::splat(weights[N + o]);
                    for i in 0..VECTORS {
                        of_second[o][i] = weight.mul_add(b_here[i], of_second[o][i]);
                    }
                }
            }
        }
        for o in 0..N {
            for i in 0..VECTORS {
                of_first[o][i].store(&mut first[at(o, i)..]);
                if SECOND != NONE {
                    of_second[o][i].store(&mut second[at(o, i)..]);
                }
            }
        }
    }
}
