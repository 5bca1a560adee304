//! A vector of real numbers, and its comparisons.

use super::{Lane, MAX_LANES, SEGMENT, SEVERAL_LANES, epsilon, segment};
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Sub};

/// True or false in each lane of a vector.
pub trait Mask: Copy + BitAnd<Output = Self> + BitOr<Output = Self> {
    /// Whether every lane is true.
    fn all(self) -> bool;
    /// Whether any lane is true.
    fn any(self) -> bool;
}

/// A fixed number of real numbers, operated on element by element. The default is 0 in every lane.
pub trait Vector:
    Copy + Default + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The type of the numbers.
    type Element: Lane;
    /// The result of a comparison of two vectors.
    type Mask: Mask;
    /// The vector for the columns of a tile of a matrix product: wide enough that the products take longer than the
    /// loads.
    type Wide: Vector<Element = Self::Element>;
    /// Two such vectors as one, where the processor has registers for them. Where a computation takes many steps, each
    /// of which waits for the one before, the two vectors are computed side by side.
    type Several: Vector<Element = Self::Element>;
    /// The number of lanes.
    const LANES: usize;
    /// About the number of vectors that the processor's registers hold.
    const REGISTERS: usize;
    /// The number of lanes of a segment.
    const SEGMENT: usize = if Self::LANES < SEGMENT { Self::LANES } else { SEGMENT };
    /// The number of segments of a vector.
    const SEGMENTS: usize = Self::LANES / Self::SEGMENT;

    /// `x` in every lane.
    fn splat(x: Self::Element) -> Self;
    /// The first `LANES` elements of a slice.
    fn load(from: &[Self::Element]) -> Self;
    /// Overwrites the first `LANES` elements of a slice.
    fn store(self, to: &mut [Self::Element]);
    /// √self.
    fn sqrt(self) -> Self;
    /// |self|.
    fn abs(self) -> Self;
    /// self · factor + addend, rounded once or twice.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The larger of self and other; other where either is NaN.
    fn max(self, other: Self) -> Self;
    /// The smaller of self and other; other where either is NaN.
    fn min(self, other: Self) -> Self;
    /// self < other.
    fn below(self, other: Self) -> Self::Mask;
    /// self ≤ other.
    fn at_most(self, other: Self) -> Self::Mask;
    /// self = other.
    fn equals(self, other: Self) -> Self::Mask;
    /// `yes` where the mask is true, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// (m, e), so that self = 2ᵉ m and ½√2 ≤ m < √2, for positive normal numbers. Unspecified for other numbers.
    fn split(self) -> (Self, Self);
    /// 2^self, for integers for which this is a normal number. Unspecified for other numbers.
    fn power_of_2(self) -> Self;
    /// self · 2ⁿ, rounded once, for self from ½ to 2 and integers n; 2ⁿ itself need not be a normal number.
    #[inline(always)]
    fn scale_by_power_of_2(self, n: Self) -> Self {
        // In two steps, the first of which is exact. Adding `whole` rounds a number to an integer.
        let whole = Self::of(1.5 / epsilon::<Self::Element>());
        let half = (Self::of(0.5) * n + whole) - whole;
        self * half.power_of_2() * (n - half).power_of_2()
    }

    /// `table[n]`, where n is the number in the three lowest bits of each lane.
    fn pick(self, table: &[Self::Element; 8]) -> Self;

    /// self where `condition` > 0, else `otherwise`.
    #[inline(always)]
    fn where_positive(self, condition: Self, otherwise: Self) -> Self {
        Self::select(Self::zero().below(condition), self, otherwise)
    }

    /// The numbers, followed by zeros.
    #[inline(always)]
    fn lanes(self) -> [Self::Element; SEVERAL_LANES] {
        let mut lanes = [Self::Element::of(0.0); SEVERAL_LANES];
        self.store(&mut lanes);
        lanes
    }

    /// `f` of each number, computed one after another.
    #[inline(always)]
    fn map(self, f: impl Fn(Self::Element) -> Self::Element) -> Self {
        let mut lanes = self.lanes();
        for lane in &mut lanes[..Self::LANES] {
            *lane = f(*lane);
        }
        Self::load(&lanes)
    }

    /// The number in the first lane.
    #[inline(always)]
    fn first(self) -> Self::Element {
        self.lanes()[0]
    }

    /// `x` rounded to the type of the numbers, in every lane.
    #[inline(always)]
    fn of(x: f64) -> Self {
        Self::splat(Self::Element::of(x))
    }

    /// 0 in every lane.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(Self::Element::of(0.0))
    }

    /// A segment from `offset` after each of the first [`Vector::SEGMENTS`] `starts`; this default is for vectors of
    /// one segment.
    #[inline(always)]
    fn load_segments(from: &[Self::Element], offset: u32, starts: &[u32]) -> Self {
        Self::load(segment(from, offset, starts[0], Self::SEGMENT))
    }

    /// `table[n]` for each number n of four bits, the lower half of each byte first. The lanes of the result are
    /// permuted; [`Vector::in_order`] restores their order. Results may be added before their order is restored.
    #[inline(always)]
    fn look_up(table: &[Self::Element; MAX_LANES], fours: &[u8; MAX_LANES / 2]) -> Self {
        let four = |lane: usize| fours[lane / 2] >> (4 * (lane % 2)) & 15;
        let lanes: [Self::Element; MAX_LANES] = std::array::from_fn(|lane| table[usize::from(four(lane))]);
        Self::load(&lanes)
    }

    /// Restores the order of the lanes of a result of [`Vector::look_up`], or of a sum of such results.
    #[inline(always)]
    fn in_order(self) -> Self {
        self
    }

    /// Lane j of vector i becomes lane i of vector j, for the first `LANES` vectors.
    #[inline(always)]
    fn transpose(square: &mut [Self; MAX_LANES]) {
        let mut rows = [[Self::Element::of(0.0); MAX_LANES]; MAX_LANES];
        for (row, vector) in rows.iter_mut().zip(&*square) {
            vector.store(row);
        }
        for (lane, vector) in square.iter_mut().enumerate().take(Self::LANES) {
            let column: [Self::Element; MAX_LANES] = std::array::from_fn(|i| rows[i][lane]);
            *vector = Self::load(&column);
        }
    }

    /// From the lanes of self, followed by those of `next`: the lanes of even index, and those of odd index.
    #[inline(always)]
    fn unzip(self, next: Self) -> (Self, Self) {
        let mut both = [Self::Element::of(0.0); 2 * MAX_LANES];
        self.store(&mut both);
        next.store(&mut both[Self::LANES..]);
        let every_other = |first: usize| -> Self {
            let lanes: [Self::Element; MAX_LANES] = std::array::from_fn(|lane| both[2 * lane + first]);
            Self::load(&lanes)
        };
        (every_other(0), every_other(1))
    }

    /// A slice shorter than a vector, padded with zeros.
    #[inline(always)]
    fn load_part(from: &[Self::Element]) -> Self {
        let mut whole = [Self::Element::of(0.0); MAX_LANES];
        whole[..from.len()].copy_from_slice(from);
        Self::load(&whole)
    }

    /// A slice of at most a vector's length, padded with zeros.
    #[inline(always)]
    fn load_some(from: &[Self::Element]) -> Self {
        if from.len() == Self::LANES { Self::load(from) } else { Self::load_part(from) }
    }

    /// Overwrites a slice shorter than a vector with the first lanes.
    #[inline(always)]
    fn store_part(self, to: &mut [Self::Element]) {
        let mut whole = [Self::Element::of(0.0); MAX_LANES];
        self.store(&mut whole);
        to.copy_from_slice(&whole[..to.len()]);
    }

    /// Overwrites a slice of at most a vector's length with the first lanes.
    #[inline(always)]
    fn store_some(self, to: &mut [Self::Element]) {
        if to.len() == Self::LANES { self.store(to) } else { self.store_part(to) }
    }
}
