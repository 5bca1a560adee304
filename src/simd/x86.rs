//! The methods that the vectors of x86-64 processors share.

/// A vector type whose methods are one intrinsic each. `$more` are the methods of [`Vector`](super::Vector) that differ
/// between the types, or that replace a default.
///
/// Invariant of the module that invokes it: the type is named only where its instructions were detected; so wherever
/// one of its methods runs, the processor has these instructions.
macro_rules! x86_vector {
    (@operator $name:ident, $trait:ident, $method:ident, $intrinsic:ident) => {
        impl std::ops::$trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, $wide:ty, $register:ty, $element:ty, $lanes:literal, $registers:literal,
     $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $sqrt:ident, $max:ident, $min:ident, $fma:ident,
     $xor:ident, $andnot:ident;
     $($more:item)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $name($register);

        impl Vector for $name {
            type Element = $element;
            type Wide = $wide;
            type Several = super::pair::Pair<Self>;
            const LANES: usize = $lanes;
            const REGISTERS: usize = $registers;

            #[inline(always)]
            fn splat(x: $element) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $splat(x) })
            }
            #[inline(always)]
            fn load(from: &[$element]) -> Self {
                let from = &from[..$lanes];
                // SAFETY: the module's invariant; the slice has all elements that are read; no alignment is needed.
                Self(unsafe { $load(from.as_ptr()) })
            }
            #[inline(always)]
            fn store(self, to: &mut [$element]) {
                let to = &mut to[..$lanes];
                // SAFETY: the module's invariant; the slice has all elements that are written; no alignment is needed.
                unsafe { $store(to.as_mut_ptr(), self.0) }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $andnot($splat(-0.0), self.0) })
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $fma(self.0, factor.0, addend.0) })
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $max(self.0, other.0) })
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $min(self.0, other.0) })
            }
            $($more)*
        }

        impl Default for $name {
            #[inline(always)]
            fn default() -> Self {
                Self::splat(0.0)
            }
        }

        impl std::ops::Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                // SAFETY: the module's invariant.
                Self(unsafe { $xor($splat(-0.0), self.0) })
            }
        }

        x86_vector!(@operator $name, Add, add, $add);
        x86_vector!(@operator $name, Sub, sub, $sub);
        x86_vector!(@operator $name, Mul, mul, $mul);
        x86_vector!(@operator $name, Div, div, $div);
    };
}
