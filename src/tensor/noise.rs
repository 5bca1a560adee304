//! The counter-based generator Philox4x32-10 (Salmon et al., *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011).
//!
//! A random number depends only on its purpose, never on thread count or order: element e of a stream is a function of
//!
//! ```text
//! counter = (e/4 low, e/4 high, tensor id, step)
//! key     = the seed's two words, low first
//! ```
//!
//! | tensor id          | what it is for            | step                |
//! |--------------------|---------------------------|---------------------|
//! | layer              | noise of a training step  | training step       |
//! | 2²⁸ + parameter    | initialization            | 0                   |
//! | 2·2²⁸              | shuffling                 | epoch               |
//! | 3·2²⁸              | augmentation              | training step       |
//! | 4·2²⁸ + layer      | weights of an evaluation  | draw                |
//! | 5·2²⁸              | test images held out, validation images held out, order of a folder's images | 0, 1, 2 |
//!
//! Four words make four normals (Box & Muller 1958): u_i = (x_i + ½) 2⁻³², then √(−2 ln u₀) (cos, sin)(2π u₁) and the
//! same with u₂ and u₃, in f64, rounded once to the working precision.
//!
//! Derived in [chapter 9 of the course](crate::course::verification).

use super::fresh::{Fresh, FreshChunk};
use crate::scalar::Real;
use crate::scalar::circle::circle;
use crate::scalar::ln_unit::ln_unit;
use crate::simd::{Kernel, Vector};
use ndarray::{Array, Dimension, IntoDimension};
use ndarray_rand::rand::RngCore;
use rayon::prelude::*;

/// The number of blocks of four normals that one thread draws at a time.
const BLOCKS: usize = 1024;

/// The purpose of a stream of random words; with the seed and the step it determines the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The noise ε of a layer in a training step.
    Layer(u32),
    /// The initial value of a parameter.
    Initialization(u32),
    /// The order of the training images in an epoch.
    Shuffling,
    /// Random crops and flips of the training images.
    Augmentation,
    /// The noise ε of a layer's weights in a draw from the posterior, for evaluation.
    Evaluation(u32),
    /// The choice of the images of a data set that are held out.
    HoldingOut,
}

impl Purpose {
    /// The tensor id: see the module's table.
    pub fn tensor_id(self) -> u32 {
        match self {
            Self::Layer(layer) => layer,
            Self::Initialization(parameter) => (1 << 28) + parameter,
            Self::Shuffling => 2 << 28,
            Self::Augmentation => 3 << 28,
            Self::Evaluation(layer) => (4 << 28) + layer,
            Self::HoldingOut => 5 << 28,
        }
    }
}

/// A stream of random words, indexed by blocks of four; as an `RngCore` it is read from the beginning.
#[derive(Clone, Debug)]
pub struct Philox {
    pub(crate) key: [u32; 2],
    pub(crate) tensor: u32,
    pub(crate) step: u32,
    position: u64,
}

impl Philox {
    /// The stream of `seed` for a purpose and a step.
    pub fn new(seed: u64, purpose: Purpose, step: u32) -> Self {
        Self::with_tensor_id(seed, purpose.tensor_id(), step)
    }

    /// The stream of `seed` for a tensor id and a step.
    pub fn with_tensor_id(seed: u64, tensor: u32, step: u32) -> Self {
        Self { key: split(seed), tensor, step, position: 0 }
    }

    /// The four words of elements 4·`block` to 4·`block` + 3.
    pub fn words(&self, block: u64) -> [u32; 4] {
        let [low, high] = split(block);
        philox4x32_10([low, high, self.tensor, self.step], self.key)
    }

    /// The four normals of elements 4·`block` to 4·`block` + 3.
    pub fn normals<F: Real>(&self, block: u64) -> [F; 4] {
        let [x0, x1, x2, x3] = self.words(block).map(u64::from);
        let (z0, z1) = box_muller(x0, x1);
        let (z2, z3) = box_muller(x2, x3);
        [F::of(z0), F::of(z1), F::of(z2), F::of(z3)]
    }

    /// Elements 0, 1, … of the stream as standard normals, in standard layout.
    pub fn standard_normal<F: Real, Sh: IntoDimension>(&self, shape: Sh) -> Array<F, Sh::Dim> {
        let shape = shape.into_dimension();
        let mut normals = Fresh::new(shape.size());
        normals.chunks(4 * BLOCKS).enumerate().for_each(|(chunk, elements)| {
            F::vectorize(Normals { stream: self, first: (chunk * BLOCKS) as u64, elements });
        });
        normals.finish(shape)
    }
}

/// The normals from block `first` on: the same bits as [`Philox::normals`] returns, many blocks at a time.
struct Normals<'a, F> {
    stream: &'a Philox,
    first: u64,
    elements: FreshChunk<'a, F>,
}

/// The number of blocks drawn together, word by word: every loop below is over independent, contiguous elements.
const TOGETHER: usize = 32;

impl<F: Real> Kernel<F> for Normals<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = F>>(mut self) {
        let Philox { key, tensor, step, .. } = *self.stream;
        // Created once: clearing them for each of the chunks takes a fifteenth of the time.
        let [mut words0, mut words1, mut words2, mut words3] = [[0; TOGETHER]; 4];
        let mut normals = [[0.0; TOGETHER]; 4];
        let mut in_order = [F::zero(); 4 * TOGETHER];
        let mut first = self.first;
        while self.elements.missing() > 0 {
            for block in 0..TOGETHER {
                let [low, high] = split(first + block as u64).map(u64::from);
                let counter = [low, high, u64::from(tensor), u64::from(step)];
                [words0[block], words1[block], words2[block], words3[block]] = philox_in_low_halves(counter, key);
            }
            let [cos0, sin0, cos1, sin1] = &mut normals;
            for block in 0..TOGETHER {
                (cos0[block], sin0[block]) = box_muller(words0[block], words1[block]);
            }
            for block in 0..TOGETHER {
                (cos1[block], sin1[block]) = box_muller(words2[block], words3[block]);
            }
            for block in 0..TOGETHER {
                for word in 0..4 {
                    in_order[4 * block + word] = F::of(normals[word][block]);
                }
            }
            let drawn = self.elements.missing().min(in_order.len());
            self.elements.append(in_order[..drawn].iter().copied());
            first += TOGETHER as u64;
        }
    }
}

impl RngCore for Philox {
    fn next_u32(&mut self) -> u32 {
        let word = self.words(self.position / 4)[(self.position % 4) as usize];
        self.position += 1;
        word
    }

    fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    fn fill_bytes(&mut self, destination: &mut [u8]) {
        for bytes in destination.chunks_mut(4) {
            bytes.copy_from_slice(&self.next_u32().to_le_bytes()[..bytes.len()]);
        }
    }
}

/// The ten rounds: two 32×32 → 64 bit products per round; the Weyl constants are added to the key between rounds.
#[inline(always)]
pub fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        let [low0, high0] = split(0xD251_1F53 * u64::from(counter[0]));
        let [low1, high1] = split(0xCD9E_8D57 * u64::from(counter[2]));
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
    }
    counter
}

/// Two words of 32 bits, low first.
#[inline(always)]
fn split(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

/// [`philox4x32_10`] on the low halves of 64-bit words, where a vectorized product needs them; the high halves of the
/// argument and of the result have no meaning.
#[inline(always)]
fn philox_in_low_halves(mut counter: [u64; 4], mut key: [u32; 2]) -> [u64; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        let product0 = 0xD251_1F53 * (counter[0] & LOW_HALF);
        let product1 = 0xCD9E_8D57 * (counter[2] & LOW_HALF);
        counter = [
            product1 >> 32 ^ counter[1] ^ u64::from(key[0]),
            product1,
            product0 >> 32 ^ counter[3] ^ u64::from(key[1]),
            product0,
        ];
    }
    counter
}

const LOW_HALF: u64 = 0xFFFF_FFFF;

/// Two normals from two words, each in the low half of its argument.
#[inline(always)]
fn box_muller(x0: u64, x1: u64) -> (f64, f64) {
    let radius = (-2.0 * ln_unit(uniform(x0))).sqrt();
    let (cos, sin) = circle(uniform(x1));
    (radius * cos, radius * sin)
}

/// (x + ½) 2⁻³² for x in the low half.
#[inline(always)]
fn uniform(x: u64) -> f64 {
    // x as the low bits of 2⁵² makes the number 2⁵² + x; the difference is exact.
    const TWO_52: f64 = 4_503_599_627_370_496.0;
    const STEP: f64 = 1.0 / 4_294_967_296.0;
    (f64::from_bits(x & LOW_HALF | TWO_52.to_bits()) - (TWO_52 - 0.5)) * STEP
}
