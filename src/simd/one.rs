//! A single number as a vector of one lane, so that code for vectors also computes single numbers.

use super::{Mask, Vector, split};

impl Mask for bool {
    #[inline(always)]
    fn all(self) -> bool {
        self
    }
    #[inline(always)]
    fn any(self) -> bool {
        self
    }
}

macro_rules! one {
    ($type:ident) => {
        impl Vector for $type {
            type Element = Self;
            type Mask = bool;
            type Wide = Self;
            type Several = Self;
            const LANES: usize = 1;
            const REGISTERS: usize = 16;

            #[inline(always)]
            fn splat(x: Self) -> Self {
                x
            }
            #[inline(always)]
            fn load(from: &[Self]) -> Self {
                from[0]
            }
            #[inline(always)]
            fn store(self, to: &mut [Self]) {
                to[0] = self;
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                Self::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                Self::abs(self)
            }
            /// Rounded once.
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                Self::mul_add(self, factor, addend)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self > other { self } else { other }
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self < other { self } else { other }
            }
            #[inline(always)]
            fn below(self, other: Self) -> bool {
                self < other
            }
            #[inline(always)]
            fn at_most(self, other: Self) -> bool {
                self <= other
            }
            #[inline(always)]
            fn equals(self, other: Self) -> bool {
                self == other
            }
            #[inline(always)]
            fn select(mask: bool, yes: Self, no: Self) -> Self {
                if mask { yes } else { no }
            }
            #[inline(always)]
            fn split(self) -> (Self, Self) {
                split::$type(self)
            }
            #[inline(always)]
            fn power_of_2(self) -> Self {
                split::power_of_2::$type(self)
            }
            #[inline(always)]
            fn pick(self, table: &[Self; 8]) -> Self {
                table[(self.to_bits() & 7) as usize]
            }
            #[inline(always)]
            fn map(self, f: impl Fn(Self) -> Self) -> Self {
                f(self)
            }
            #[inline(always)]
            fn first(self) -> Self {
                self
            }
        }
    };
}
one!(f32);
one!(f64);
