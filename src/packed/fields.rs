//! The indices of levels in memory: fields of 1, 2, 4 or 8 bits, that a vector's worth can be looked up from at once.
//!
//! ```text
//! w[k, o] = ℓ_field          field (k, o): `bits` · o and up of row k, which begins at a byte; the first the lowest
//! ```
//!
//! A row holds the weights of all outputs for one input, or for one element of a kernel: what the kernels read side by side.

use crate::scalar::vector::{MAX_LANES, Vector};
use std::ops::Range;

/// The fields of a matrix of indices.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    bits: usize,
    row_len: usize,
    /// The rows, and [`MAX_LANES`] bytes more: a vector may begin at the last field.
    bytes: Vec<u8>,
}

impl Fields {
    /// The fields of indices below `levels`, given row by row, `columns` in each.
    pub(super) fn new(indices: impl IntoIterator<Item = usize>, columns: usize, levels: usize) -> Self {
        let bits = match levels {
            ..=2 => 1,
            3..=4 => 2,
            5..=16 => 4,
            _ => 8,
        };
        let row_len = (columns * bits).div_ceil(8);
        let mut bytes = Vec::new();
        for (i, index) in indices.into_iter().enumerate() {
            let (row, bit) = (i / columns, i % columns * bits);
            if bit == 0 {
                bytes.resize((row + 1) * row_len, 0);
            }
            bytes[row * row_len + bit / 8] |= (index << (bit % 8)) as u8;
        }
        bytes.extend([0; MAX_LANES]);
        Self { bits, row_len, bytes }
    }

    /// The index in a field.
    pub(super) fn get(&self, row: usize, column: usize) -> usize {
        let bit = column * self.bits;
        let byte = self.bytes[row * self.row_len + bit / 8];
        usize::from(byte >> (bit % 8)) & ((1 << self.bits) - 1)
    }

    /// The bytes they take.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Some rows and columns of the matrix.
pub(super) struct Block {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

/// Looks weights up: the fields of a layer and its levels.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    fields: &'a Fields,
    levels: &'a [f32],
    /// What any [`MAX_LANES`] successive values of four bits stand for, of which a field is the lowest bits.
    table: [f32; MAX_LANES],
}

impl<'a> Weights<'a> {
    pub(super) fn new(fields: &'a Fields, levels: &'a [f32]) -> Self {
        let index = |value: usize| value & ((1 << fields.bits) - 1);
        let table = std::array::from_fn(|value| levels.get(index(value)).copied().unwrap_or(0.0));
        Self { fields, levels, table }
    }

    /// The bits of a field.
    #[inline(always)]
    pub(super) fn bits(&self) -> usize {
        self.fields.bits
    }

    /// The weights of a row from a column on, looked up in fields of `BITS` bits. Lanes beyond the row hold anything, and so
    /// does the last of [`MAX_LANES`] where `column` is odd.
    #[inline(always)]
    pub(super) fn vector<V: Vector<Element = f32>, const BITS: usize>(&self, row: usize, column: usize) -> V {
        let bit = column * BITS;
        let bytes = &self.fields.bytes[row * self.fields.row_len + bit / 8..];
        if BITS == 8 {
            let mut lanes = [0.0; MAX_LANES];
            for (lane, byte) in lanes.iter_mut().zip(&bytes[..MAX_LANES]) {
                *lane = self.levels[usize::from(*byte)];
            }
            return V::load(&lanes);
        }
        let fields = u64::from_le_bytes(*bytes.first_chunk().expect("bytes follow the last row"));
        V::look_up::<BITS>(&self.table, fields >> (bit % 8))
    }

    /// Writes the weights of a block, its rows at a distance of `stride`, and up to [`MAX_LANES`] numbers more. A block has at
    /// most 15 columns, or the first is even.
    #[inline(always)]
    pub(super) fn decode<V: Vector<Element = f32>>(&self, block: &Block, stride: usize, weights: &mut [f32]) {
        match self.fields.bits {
            1 => self.decode_fields::<V, 1>(block, stride, weights),
            2 => self.decode_fields::<V, 2>(block, stride, weights),
            4 => self.decode_fields::<V, 4>(block, stride, weights),
            _ => self.decode_fields::<V, 8>(block, stride, weights),
        }
    }

    #[inline(always)]
    fn decode_fields<V: Vector<Element = f32>, const BITS: usize>(
        &self,
        block: &Block,
        stride: usize,
        weights: &mut [f32],
    ) {
        for (i, row) in block.rows.clone().enumerate() {
            for (j, column) in block.columns.clone().enumerate().step_by(V::LANES) {
                self.vector::<V, BITS>(row, column).store(&mut weights[i * stride + j..]);
            }
        }
    }
}
