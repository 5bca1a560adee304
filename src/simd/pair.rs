//! Two vectors as one. With few registers, a tile of fewer rows by twice the columns needs fewer loads for the same
//! number of products. A long computation runs on both vectors side by side: see [`Vector::Several`].

use super::{MAX_LANES, Mask, Vector, segment};
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Sub};

/// Two vectors, the first lanes first.
#[derive(Clone, Copy, Default)]
pub(super) struct Pair<V>(V, V);

impl<V: Vector> Vector for Pair<V> {
    type Element = V::Element;
    type Mask = Pair<V::Mask>;
    type Wide = Self;
    type Several = Self;
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
    fn sqrt(self) -> Self {
        Self(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.mul_add(factor.0, addend.0), self.1.mul_add(factor.1, addend.1))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0), self.1.max(other.1))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0), self.1.min(other.1))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.abs(), self.1.abs())
    }
    #[inline(always)]
    fn below(self, other: Self) -> Self::Mask {
        Pair(self.0.below(other.0), self.1.below(other.1))
    }
    #[inline(always)]
    fn at_most(self, other: Self) -> Self::Mask {
        Pair(self.0.at_most(other.0), self.1.at_most(other.1))
    }
    #[inline(always)]
    fn equals(self, other: Self) -> Self::Mask {
        Pair(self.0.equals(other.0), self.1.equals(other.1))
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(V::select(mask.0, yes.0, no.0), V::select(mask.1, yes.1, no.1))
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let (low, high) = (self.0.split(), self.1.split());
        (Self(low.0, high.0), Self(low.1, high.1))
    }
    #[inline(always)]
    fn power_of_2(self) -> Self {
        Self(self.0.power_of_2(), self.1.power_of_2())
    }
    #[inline(always)]
    fn scale_by_power_of_2(self, n: Self) -> Self {
        Self(self.0.scale_by_power_of_2(n.0), self.1.scale_by_power_of_2(n.1))
    }
    #[inline(always)]
    fn pick(self, table: &[V::Element; 8]) -> Self {
        Self(self.0.pick(table), self.1.pick(table))
    }

    #[inline(always)]
    fn load_segments(from: &[V::Element], offset: u32, starts: &[u32]) -> Self {
        if Self::SEGMENTS == 1 {
            Self::load(segment(from, offset, starts[0], Self::SEGMENT))
        } else {
            Self(V::load_segments(from, offset, starts), V::load_segments(from, offset, &starts[V::SEGMENTS..]))
        }
    }

    #[inline(always)]
    fn load_part(from: &[V::Element]) -> Self {
        let (low, high) = from.split_at(from.len().min(V::LANES));
        Self(V::load_some(low), V::load_some(high))
    }

    #[inline(always)]
    fn store_part(self, to: &mut [V::Element]) {
        let (low, high) = to.split_at_mut(to.len().min(V::LANES));
        self.0.store_some(low);
        self.1.store_some(high);
    }

    #[inline(always)]
    fn transpose(square: &mut [Self; MAX_LANES]) {
        // Quarter by quarter; the quarters off the diagonal are exchanged as well.
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

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<V: Vector> $trait for Pair<V> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0), self.1.$method(other.1))
            }
        }
    };
}
operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<V: Vector> Neg for Pair<V> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

impl<M: Mask> BitAnd for Pair<M> {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0, self.1 & other.1)
    }
}

impl<M: Mask> BitOr for Pair<M> {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0, self.1 | other.1)
    }
}

impl<M: Mask> Mask for Pair<M> {
    #[inline(always)]
    fn all(self) -> bool {
        self.0.all() & self.1.all()
    }
    #[inline(always)]
    fn any(self) -> bool {
        self.0.any() | self.1.any()
    }
}
