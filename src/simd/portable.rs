//! Vectors of eight for any processor, in plain arithmetic.

use super::{Lane, Mask, Vector};
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Sub};

const LANES: usize = 8;

/// Eight numbers.
#[derive(Clone, Copy, Debug)]
pub struct Portable<F>([F; LANES]);

impl<F: Lane> Portable<F> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(F, F) -> F) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
}

impl<F: Lane> Vector for Portable<F> {
    type Element = F;
    type Mask = Lanes;
    type Wide = Self;
    type Several = Self;
    const LANES: usize = LANES;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn splat(x: F) -> Self {
        Self([x; LANES])
    }
    #[inline(always)]
    fn load(from: &[F]) -> Self {
        let from = &from[..LANES];
        Self(std::array::from_fn(|lane| from[lane]))
    }
    #[inline(always)]
    fn store(self, to: &mut [F]) {
        to[..LANES].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(F::sqrt))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        self * factor + addend
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(F::abs))
    }
    #[inline(always)]
    fn below(self, other: Self) -> Lanes {
        Lanes(std::array::from_fn(|lane| self.0[lane] < other.0[lane]))
    }
    #[inline(always)]
    fn at_most(self, other: Self) -> Lanes {
        Lanes(std::array::from_fn(|lane| self.0[lane] <= other.0[lane]))
    }
    #[inline(always)]
    fn equals(self, other: Self) -> Lanes {
        Lanes(std::array::from_fn(|lane| self.0[lane] == other.0[lane]))
    }
    #[inline(always)]
    fn select(mask: Lanes, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|lane| if mask.0[lane] { yes.0[lane] } else { no.0[lane] }))
    }
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let both = self.0.map(|x| F::One::splat(x).split());
        (Self(both.map(|(m, _)| m.first())), Self(both.map(|(_, e)| e.first())))
    }
    #[inline(always)]
    fn power_of_2(self) -> Self {
        Self(self.0.map(|n| F::One::splat(n).power_of_2().first()))
    }
    #[inline(always)]
    fn pick(self, table: &[F; 8]) -> Self {
        Self(self.0.map(|x| F::One::splat(x).pick(table).first()))
    }
}

/// True or false for each of the eight numbers.
#[derive(Clone, Copy, Debug)]
pub struct Lanes([bool; LANES]);

impl BitAnd for Lanes {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] & other.0[lane]))
    }
}

impl BitOr for Lanes {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] | other.0[lane]))
    }
}

impl Mask for Lanes {
    #[inline(always)]
    fn all(self) -> bool {
        self.0.iter().fold(true, |all, lane| all & lane)
    }
    #[inline(always)]
    fn any(self) -> bool {
        self.0.iter().fold(false, |any, lane| any | lane)
    }
}

impl<F: Lane> Default for Portable<F> {
    #[inline(always)]
    fn default() -> Self {
        Self([F::zero(); LANES])
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $operator:tt) => {
        impl<F: Lane> $trait for Portable<F> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, |a, b| a $operator b)
            }
        }
    };
}
operator!(Add, add, +);
operator!(Sub, sub, -);
operator!(Mul, mul, *);
operator!(Div, div, /);

impl<F: Lane> Neg for Portable<F> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(self.0.map(F::neg))
    }
}
