//! Random inputs from another generator than the crate's: SplitMix64 (Steele, Lea & Flood 2014).

use ndarray::{Array, IntoDimension};
use spikeslab::scalar::Real;

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A whole number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }

    /// Bytes that look random.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }

    /// `bytes` with one to four changes: a byte overwritten or removed, bytes inserted, or the end removed.
    pub fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len().max(1));
            match self.below(8) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.insert(at, self.below(256) as u8),
                3 => bytes.extend(Self::new(at as u64).bytes(self.below(50))),
                _ if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, at as u8][self.below(6)],
                _ => {}
            }
        }
        bytes
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number from −`bound` to `bound`.
    pub fn integer(&mut self, bound: i64) -> f64 {
        ((self.word() % (2 * bound as u64 + 1)) as i64 - bound) as f64
    }

    /// 1 or −1.
    pub fn sign(&mut self) -> f64 {
        if self.word() & 1 == 0 { 1.0 } else { -1.0 }
    }

    /// A number with mean 0, variance 1 and a bell-shaped density: the sum of twelve uniform numbers.
    pub fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.uniform(-0.5, 0.5)).sum()
    }

    pub fn uniforms<F: Real, Sh: IntoDimension>(&mut self, low: f64, high: f64, shape: Sh) -> Array<F, Sh::Dim> {
        Array::from_shape_simple_fn(shape.into_dimension(), || F::of(self.uniform(low, high)))
    }

    /// Numbers of either sign, not near zero: their size is 0.3 to 1.8.
    pub fn away_from_zero<F: Real, Sh: IntoDimension>(&mut self, shape: Sh) -> Array<F, Sh::Dim> {
        Array::from_shape_simple_fn(shape.into_dimension(), || F::of(self.sign() * self.uniform(0.3, 1.8)))
    }

    pub fn integers<F: Real, Sh: IntoDimension>(&mut self, bound: i64, shape: Sh) -> Array<F, Sh::Dim> {
        Array::from_shape_simple_fn(shape.into_dimension(), || F::of(self.integer(bound)))
    }

    pub fn bells<F: Real, Sh: IntoDimension>(&mut self, shape: Sh) -> Array<F, Sh::Dim> {
        Array::from_shape_simple_fn(shape.into_dimension(), || F::of(self.bell()))
    }
}
