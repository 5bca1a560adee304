//! Digits to weights, a run of them at a time.

use crate::packed::digits::{digits_per_byte, unpack};
use crate::packed::model::PackedLayer;

/// Digits of a byte at most.
const PLACES: usize = 8;
/// Elements that [`Decoder::decode`] may overwrite beyond what it decodes.
pub(super) const SLACK: usize = PLACES;
/// Codes of which a table of all bytes pays.
const MANY: usize = 64;

/// Decodes the weights of a layer.
pub(super) struct Decoder<'a> {
    layer: &'a PackedLayer,
    pub(super) per_byte: usize,
    /// The weights that each byte stands for, the places it does not have filled with anything.
    table: Option<Vec<[f32; PLACES]>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(layer: &'a PackedLayer) -> Self {
        let levels = &layer.levels;
        let per_byte = digits_per_byte(levels.len());
        let table = (layer.codes.len() >= MANY).then(|| {
            let mut table = Vec::with_capacity(levels.len().pow(per_byte as u32));
            table.push([0.0; PLACES]);
            // The rows for one more place: those so far, once for each of its digits.
            for place in 0..per_byte {
                let rows = table.len();
                for level in &levels[1..] {
                    for row in 0..rows {
                        let mut weights = table[row];
                        weights[place] = *level;
                        table.push(weights);
                    }
                }
                table[..rows].iter_mut().for_each(|weights| weights[place] = levels[0]);
            }
            table
        });
        Self { layer, per_byte, table }
    }

    /// Writes the weights from `first`, a multiple of the digits of a byte, on: at least `count` of them. `weights` has
    /// [`SLACK`] more elements.
    pub(super) fn decode(&self, first: usize, count: usize, weights: &mut [f32]) {
        let codes = &self.layer.codes[first / self.per_byte..][..count.div_ceil(self.per_byte)];
        match &self.table {
            Some(table) => {
                for (i, code) in codes.iter().enumerate() {
                    weights[i * self.per_byte..][..PLACES].copy_from_slice(&table[usize::from(*code)]);
                }
            }
            None => {
                let levels = &self.layer.levels;
                let digits = unpack(codes, levels.len(), codes.len() * self.per_byte);
                weights.iter_mut().zip(digits).for_each(|(weight, digit)| *weight = levels[digit]);
            }
        }
    }
}
