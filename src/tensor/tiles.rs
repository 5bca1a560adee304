//! Tiles: the sums that a kernel computes at once, some rows by one or two vectors, each sum in its own register.

use crate::simd::{MAX_LANES, Vector};

/// The numbers of rows of tiles.
const SIZES: [usize; 7] = [LARGEST, 8, 6, 4, 3, 2, 1];
/// The rows of the largest tile.
pub const LARGEST: usize = 12;
/// With one vector of sums a row, the largest tile has at least this many rows.
const ONE_VECTOR: usize = 6;

/// Remainders below 8 rows that cannot be split into tiles of at least four rows; the tiling avoids leaving them.
/// Smaller tiles have too few independent sums to hide the latency of a product.
const AWKWARD: [usize; 5] = [1, 2, 3, 5, 7];

/// The most rows of a tile in which each row has at least `vectors` vectors of sums, one or two. With 32 registers,
/// [`LARGEST`] rows of two vectors fit.
#[inline(always)]
pub const fn largest<V: Vector>(vectors: usize) -> usize {
    let rows = LARGEST * V::REGISTERS / 32;
    if vectors == 1 && rows < ONE_VECTOR { ONE_VECTOR } else { rows }
}

/// Cuts a count of rows, or of output channels, into tiles with two vectors of sums a row: (first, size) of each.
#[inline(always)]
pub fn tiles<V: Vector>(count: usize) -> impl Iterator<Item = (usize, usize)> {
    tiles_up_to(largest::<V>(2), count)
}

/// As [`tiles`], with at most `largest` rows in each tile. After each tile, the remaining rows can be cut into tiles of
/// at least four rows where possible; a single row remains only if tiles have at most two rows.
#[inline(always)]
pub fn tiles_up_to(largest: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
    let awkward = if largest < 4 { &AWKWARD[..1] } else { &AWKWARD };
    let mut first = 0;
    std::iter::from_fn(move || {
        let rest = count - first;
        let mut sizes = SIZES.into_iter().filter(|size| *size <= largest.min(rest));
        let well = sizes.clone().find(|size| *size > 1 && !awkward.contains(&(rest - size)));
        let size = well.or_else(|| sizes.find(|size| rest != size + 1 || *size <= 2))?;
        first += size;
        Some((first - size, size))
    })
}

/// Evaluates an expression in which the size of a tile, at most `$largest`, is a constant.
macro_rules! by_size {
    ($size:expr, $largest:expr, $n:ident => $value:expr) => {
        by_size!(@ $size, $largest, $n, $value, 1 2 3 4 6 8 12)
    };
    (@ $size:expr, $largest:expr, $n:ident, $value:expr, $($rows:literal)*) => {
        match $size {
            // `$largest` is a constant too: sizes that are not used are not compiled.
            $($rows if $rows <= $largest => { const $n: usize = $rows; $value })*
            size => unreachable!("a tile of {size}"),
        }
    };
}
pub(crate) use by_size;

/// The most vectors that rows put side by side fill.
const VECTORS: usize = 3;

/// Puts rows of equal length side by side: element l of row r is stored at l·`stride` + r. Vectors are stored whole, so
/// up to a vector after the last element of all rows is overwritten too.
///
/// # Panics
/// If there are more rows than three vectors have lanes, if one is shorter than the first, or if `to` ends within a
/// vector.
#[inline(always)]
pub fn side_by_side<V: Vector>(rows: &[&[V::Element]], stride: usize, to: &mut [V::Element]) {
    let len = rows.first().map_or(0, |row| row.len());
    let mut squares = [[V::zero(); MAX_LANES]; VECTORS];
    let squares = &mut squares[..rows.len().div_ceil(V::LANES)];
    for at in (0..len).step_by(V::LANES) {
        let lanes = V::LANES.min(len - at);
        for (square, rows) in squares.iter_mut().zip(rows.chunks(V::LANES)) {
            for (vector, row) in square.iter_mut().zip(rows) {
                let row = &row[at..at + lanes];
                *vector = if lanes == V::LANES { V::load(row) } else { V::load_part(row) };
            }
            square[rows.len()..].fill(V::zero());
            V::transpose(square);
        }
        // The next vector overwrites the extra lanes of a vector.
        for i in 0..lanes {
            for (square, row) in squares.iter().zip((0..).step_by(V::LANES)) {
                square[i].store(&mut to[(at + i) * stride + row..]);
            }
        }
    }
}
