//! Digits to weights, a run of them at a time.

use crate::packed::digits::{digits_per_byte, unpack};
use crate::packed::model::PackedLayer;
use crate::scalar::Real;
use crate::scalar::vector::{Kernel, Vector};

/// Digits of a byte at most.
const PLACES: usize = 8;
/// Codes of which a table of all bytes pays.
const MANY: usize = 64;

/// Decodes the weights of a layer.
pub(super) struct Decoder<'a> {
    layer: &'a PackedLayer,
    pub(super) per_byte: usize,
    /// The weights that each byte stands for. Bytes and places that digits do not give hold anything.
    table: Option<Box<[[f32; PLACES]; 256]>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(layer: &'a PackedLayer) -> Self {
        let levels = &layer.levels;
        let per_byte = digits_per_byte(levels.len());
        let table = (layer.codes.len() >= MANY).then(|| {
            let mut table = Box::new([[0.0; PLACES]; 256]);
            let mut rows = 1;
            for place in 0..per_byte {
                // The rows for one more place: those so far, once for each of its digits.
                let (known, more) = table.split_at_mut(rows);
                for (level, more) in levels[1..].iter().zip(more.chunks_exact_mut(rows)) {
                    for (row, known) in more.iter_mut().zip(&*known) {
                        *row = *known;
                        row[place] = *level;
                    }
                }
                known.iter_mut().for_each(|row| row[place] = levels[0]);
                rows *= levels.len();
            }
            table
        });
        Self { layer, per_byte, table }
    }

    /// Writes the weights from `first`, a multiple of the digits of a byte, on: at least `count` of them, up to the end of a
    /// byte.
    pub(super) fn decode(&self, first: usize, count: usize, weights: &mut [f32]) {
        let codes = &self.layer.codes[first / self.per_byte..][..count.div_ceil(self.per_byte)];
        let weights = &mut weights[..codes.len() * self.per_byte];
        match &self.table {
            Some(table) => f32::vectorize(LookUp { table, codes, per_byte: self.per_byte, weights }),
            None => {
                let levels = &self.layer.levels;
                let digits = unpack(codes, levels.len(), weights.len());
                weights.iter_mut().zip(digits).for_each(|(weight, digit)| *weight = levels[digit]);
            }
        }
    }
}

/// Copies the weights that each byte stands for.
struct LookUp<'a> {
    table: &'a [[f32; PLACES]; 256],
    codes: &'a [u8],
    per_byte: usize,
    /// `per_byte` of each code.
    weights: &'a mut [f32],
}

impl Kernel<f32> for LookUp<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Element = f32>>(self) {
        match self.per_byte {
            8 => self.copy::<8>(),
            5 => self.copy::<5>(),
            4 => self.copy::<4>(),
            3 => self.copy::<3>(),
            2 => self.copy::<2>(),
            _ => self.copy::<1>(),
        }
    }
}

impl LookUp<'_> {
    #[inline(always)]
    fn copy<const N: usize>(self) {
        /// Codes between two checks of a bound.
        const TOGETHER: usize = 8;
        let Self { table, codes, weights, .. } = self;
        let mut done = 0;
        // A whole row is copied at once; what it has too much, the next one overwrites.
        while let (Some(codes), Some(weights)) =
            (codes[done..].first_chunk::<TOGETHER>(), weights[done * N..].get_mut(..(TOGETHER - 1) * N + PLACES))
        {
            for (i, code) in codes.iter().enumerate() {
                weights[i * N..][..PLACES].copy_from_slice(&table[usize::from(*code)]);
            }
            done += TOGETHER;
        }
        for (weights, code) in weights[done * N..].chunks_exact_mut(N).zip(&codes[done..]) {
            weights.copy_from_slice(&table[usize::from(*code)][..N]);
        }
    }
}
