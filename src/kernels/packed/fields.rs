//! The indices of levels in memory: fields of 1, 2 or 4 bits in cells of four, or of 8 bits.
//!
//! ```text
//! w[k, o] = ℓ_field
//! field (k, o): bits r·`bits` and up of cell (⌊k/R⌋, o),
//!               r = k mod R, R = 4/`bits`
//! ```
//!
//! A row of cells begins at a byte, with its first cell in the lowest bits. It holds the weights of all outputs for R
//! inputs, or R elements of a kernel, which the kernels read side by side. A table in registers has, for each of the
//! sixteen values of a cell, a weight or, for a single image, the sum of R products (Park et al. 2022, "LUT-GEMM").

use crate::simd::{MAX_LANES, Vector};
use std::ops::Range;

/// The most rows that share a cell.
pub(super) const MAX_ROWS: usize = 4;

/// A number for each value of a cell: a weight, or a sum of products.
type Table = [f32; MAX_LANES];
const NOTHING: Table = [0.0; MAX_LANES];

/// The bits of a field for an index below `levels`: 1, 2, 4 or 8.
pub fn field_bits(levels: usize) -> usize {
    match levels {
        ..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        _ => 8,
    }
}

/// The fields of a matrix of indices.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    bits: usize,
    row_len: usize,
    /// The rows of cells, and [`MAX_LANES`] bytes more, so that a vector may be loaded from the last cell on.
    bytes: Vec<u8>,
}

impl Fields {
    /// The fields of indices below `levels`, in the order of rows, with `columns` in each row.
    pub(crate) fn new(indices: impl IntoIterator<Item = usize>, columns: usize, levels: usize) -> Self {
        let mut fields = Self { bits: field_bits(levels), row_len: 0, bytes: Vec::new() };
        fields.row_len = (columns * fields.cell_bits()).div_ceil(8);
        for (i, index) in indices.into_iter().enumerate() {
            let (byte, shift) = fields.place(i / columns, i % columns);
            if byte >= fields.bytes.len() {
                fields.bytes.resize(byte + 1, 0);
            }
            fields.bytes[byte] |= (index << shift) as u8;
        }
        fields.bytes.extend([0; MAX_LANES]);
        fields
    }

    /// The index in a field.
    pub(crate) fn get(&self, row: usize, column: usize) -> usize {
        let (byte, shift) = self.place(row, column);
        usize::from(self.bytes[byte] >> shift) & ((1 << self.bits) - 1)
    }

    /// The number of bytes that the fields take.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// The byte that has a field, and the bit of the byte at which the field begins.
    fn place(&self, row: usize, column: usize) -> (usize, usize) {
        let bit = column * self.cell_bits();
        (row / self.rows() * self.row_len + bit / 8, bit % 8 + row % self.rows() * self.bits)
    }

    /// The rows that share a cell.
    fn rows(&self) -> usize {
        (MAX_ROWS / self.bits).max(1)
    }

    fn cell_bits(&self) -> usize {
        self.rows() * self.bits
    }
}

/// Some rows and columns of the matrix; the rows begin at the first row of a cell.
pub(super) struct Block {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

/// The weights of a layer: its fields and levels, or the values of an unquantized layer.
#[derive(Clone, Copy)]
pub(crate) struct PackedWeights<'a> {
    fields: &'a Fields,
    levels: &'a [f32],
    /// Row by row; empty where the layer is quantized.
    values: &'a [f32],
    /// K.
    pub(super) inputs: usize,
    /// O, the columns of `values`.
    pub(super) outputs: usize,
    /// For each row of a cell of four bits, the weight for each value of the cell.
    tables: [Table; MAX_ROWS],
}

impl<'a> PackedWeights<'a> {
    /// The weights of a layer of K inputs, or elements of a kernel, and O outputs: the `levels` at the indices in
    /// `fields` (K, O).
    pub(crate) fn quantized(levels: &'a [f32], fields: &'a Fields, [inputs, outputs]: [usize; 2]) -> Self {
        let index = |row: usize, value: usize| value >> (row * fields.bits) & ((1 << fields.bits) - 1);
        let level = |index: usize| levels.get(index).copied().unwrap_or(0.0);
        let table = |row: usize| std::array::from_fn(|value| level(index(row, value)));
        let tables = std::array::from_fn(|row| if row < fields.rows() { table(row) } else { NOTHING });
        Self { fields, levels, values: &[], inputs, outputs, tables }
    }

    /// The weights `values` (K, O) of an unquantized layer.
    pub(crate) fn unquantized(values: &'a [f32], [inputs, outputs]: [usize; 2]) -> Self {
        static NO_FIELDS: Fields = Fields { bits: 1, row_len: 0, bytes: Vec::new() };
        Self { fields: &NO_FIELDS, levels: &[], values, inputs, outputs, tables: [NOTHING; MAX_ROWS] }
    }

    /// Whether tables hold the weights: the layer is quantized, with cells of four bits.
    #[inline(always)]
    pub(super) fn in_tables(&self) -> bool {
        self.values.is_empty() && self.fields.cell_bits() == 4
    }

    /// The rows that share a cell.
    #[inline(always)]
    pub(super) fn rows(&self) -> usize {
        self.fields.rows()
    }

    /// A row of cells, and at least eight bytes more.
    #[inline(always)]
    pub(super) fn row_of_cells(&self, row: usize) -> &'a [u8] {
        &self.fields.bytes[row * self.fields.row_len..]
    }

    /// For each value of a cell, the sum of the products of `x`, one number for each row of the cell, and the weights.
    ///
    /// ```text
    /// table[value] = Σ_r x_r · ℓ_(field r of value)
    /// ```
    #[inline(always)]
    pub(super) fn products<V: Vector<Element = f32>, const ROWS: usize>(&self, x: &[f32; ROWS]) -> Table {
        let mut products = NOTHING;
        for (i, products) in products.chunks_exact_mut(V::LANES).enumerate() {
            let mut sums = V::zero();
            for (x, weights) in x.iter().zip(&self.tables) {
                sums = V::splat(*x).mul_add(V::load(&weights[i * V::LANES..]), sums);
            }
            sums.store(products);
        }
        products
    }

    /// Writes the weights of a block, in rows that are `stride` apart, and up to [`MAX_LANES`] numbers after each row.
    /// It requires
    ///
    /// - at most 15 columns, or an even first column;
    /// - at most `V::LANES` columns, or a `stride` that is a multiple of `V::LANES`: otherwise the numbers after a row
    ///   would overwrite the next row.
    #[inline(always)]
    pub(super) fn decode<V: Vector<Element = f32>>(&self, block: &Block, stride: usize, weights: &mut [f32]) {
        debug_assert!(block.columns.len() <= V::LANES || stride.is_multiple_of(V::LANES));
        match (self.in_tables(), self.rows()) {
            (false, _) if !self.values.is_empty() => {
                for (row, weights) in block.rows.clone().zip(weights.chunks_mut(stride)) {
                    let values = &self.values[row * self.outputs..][block.columns.clone()];
                    weights[..values.len()].copy_from_slice(values);
                }
            }
            (false, _) => {
                for (row, weights) in block.rows.clone().zip(weights.chunks_mut(stride)) {
                    let bytes = &self.row_of_cells(row)[block.columns.clone()];
                    weights.iter_mut().zip(bytes).for_each(|(weight, byte)| *weight = self.levels[usize::from(*byte)]);
                }
            }
            (true, 1) => self.decode_cells::<V, 1>(block, stride, weights),
            (true, 2) => self.decode_cells::<V, 2>(block, stride, weights),
            (true, _) => self.decode_cells::<V, MAX_ROWS>(block, stride, weights),
        }
    }

    /// Decodes a block of cells of `ROWS` rows.
    #[inline(always)]
    fn decode_cells<V: Vector<Element = f32>, const ROWS: usize>(
        &self,
        block: &Block,
        stride: usize,
        weights: &mut [f32],
    ) {
        let bytes = &self.row_of_cells(block.rows.start / ROWS)[block.columns.start / 2..];
        let odd = block.columns.start % 2 == 1;
        let (whole, rest) = (block.rows.len() / ROWS, block.rows.len() % ROWS);
        for first in (0..block.columns.len()).step_by(V::LANES) {
            let bytes = &bytes[first / 2..];
            for row in 0..whole {
                let cells = first_cells(&bytes[row * self.fields.row_len..]);
                self.decode_vectors::<V>(cells, odd, ROWS, stride, &mut weights[row * ROWS * stride + first..]);
            }
            if rest > 0 {
                let cells = first_cells(&bytes[whole * self.fields.row_len..]);
                self.decode_vectors::<V>(cells, odd, rest, stride, &mut weights[whole * ROWS * stride + first..]);
            }
        }
    }

    /// Stores a vector of the weights of each row of some cells. If the first column is odd, the first cell is that of
    /// the column before and is skipped.
    #[inline(always)]
    fn decode_vectors<V: Vector<Element = f32>>(
        &self,
        cells: &[u8; MAX_LANES / 2],
        odd: bool,
        rows: usize,
        stride: usize,
        weights: &mut [f32],
    ) {
        let cells = (u64::from_le_bytes(*cells) >> if odd { 4 } else { 0 }).to_le_bytes();
        for row in 0..rows {
            V::look_up(&self.tables[row], &cells).in_order().store(&mut weights[row * stride..]);
        }
    }
}

/// The first [`MAX_LANES`] cells of four bits.
#[inline(always)]
pub(super) fn first_cells(bytes: &[u8]) -> &[u8; MAX_LANES / 2] {
    bytes.first_chunk().expect("bytes follow the last row")
}
