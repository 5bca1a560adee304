//! Two vectors as one: where registers are few, a tile of fewer rows by twice the columns needs fewer loads for as many
//! products.

use super::{MAX_LANES, Vector, piece};

/// Two vectors, the first lanes first.
#[derive(Clone, Copy)]
pub(super) struct Pair<V>(V, V);

impl<V: Vector> Pair<V> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(V, V) -> V) -> Self {
        Self(f(self.0, other.0), f(self.1, other.1))
    }
}

impl<V: Vector> Vector for Pair<V> {
    type Element = V::Element;
    type Wide = Self;
    const LANES: usize = 2 * V::LANES;
    const REGISTERS: usize = V::REGISTERS / 2;

    #[inline(always)]
    fn splat(x: V::Element) -> Self {
        let x = V::splat(x);
        Self(x, x)
    }
    #[inline(always)]
    fn load(from: &[V::Element]) -> Self {
        let (low, high) = from[..Self::LANES].split_at(V::LANES);
        Self(V::load(low), V::load(high))
    }
    #[inline(always)]
    fn store(self, to: &mut [V::Element]) {
        let (low, high) = to[..Self::LANES].split_at_mut(V::LANES);
        self.0.store(low);
        self.1.store(high);
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, V::add)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, V::sub)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, V::mul)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, V::div)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.mul_add(factor.0, addend.0), self.1.mul_add(factor.1, addend.1))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, V::max)
    }
    #[inline(always)]
    fn where_positive(self, condition: Self, otherwise: Self) -> Self {
        Self(self.0.where_positive(condition.0, otherwise.0), self.1.where_positive(condition.1, otherwise.1))
    }

    #[inline(always)]
    fn load_pieces(from: &[V::Element], offset: u32, starts: &[u32]) -> Self {
        if Self::PIECES == 1 {
            Self::load(piece(from, offset, starts[0], Self::PIECE))
        } else {
            Self(V::load_pieces(from, offset, starts), V::load_pieces(from, offset, &starts[V::PIECES..]))
        }
    }

    #[inline(always)]
    fn transpose(square: &mut [Self; MAX_LANES]) {
        // Quarter by quarter: those off the diagonal change places as well.
        let rows = *square;
        for (to, half) in [(0, false), (V::LANES, true)] {
            let [mut low, mut high] = [[V::zero(); MAX_LANES]; 2];
            for i in 0..V::LANES {
                let (row, beside) = (rows[i], rows[V::LANES + i]);
                (low[i], high[i]) = if half { (row.1, beside.1) } else { (row.0, beside.0) };
            }
            V::transpose(&mut low);
            V::transpose(&mut high);
            for i in 0..V::LANES {
                square[to + i] = Self(low[i], high[i]);
            }
        }
    }
}
