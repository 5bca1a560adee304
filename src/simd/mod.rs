//! Vectors of real numbers, with operators: the vectors of the processor, portable vectors for processors without
//! supported ones, and a single number, f32 or f64, as a vector of one lane.
//!
//! A [`Lane`] is a type of number that a vector can hold, f32 or f64. A [`Vector`] is a fixed number of them, with
//! arithmetic; a [`Mask`] is what a comparison of two vectors gives. They have no eˣ and no ln: [`scalar`](crate::scalar)
//! adds these. Its [`Real`](crate::scalar::Real) is a `Lane` with elementary functions, its
//! [`RealVector`](crate::scalar::RealVector) a `Vector` of `Real` numbers.
//!
//! A [`Kernel`] is written once, for any [`Vector`]; [`Lane::vectorize`] detects the processor and runs the kernel with
//! the widest vectors compiled in. With [`Lane::One`] the same code computes one number at a time. Vectors of AVX2 and
//! AVX-512 fuse a product and a sum; portable vectors round both. Results therefore agree to rounding between
//! processors, and to the bit between runs and thread counts on one processor. The environment variable
//! `SPIKESLAB_VECTORS`, one of `portable`, `avx2` and `avx512`, limits the vectors to this width.

#[cfg(target_arch = "x86_64")]
#[macro_use]
mod x86;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lane;
mod one;
#[cfg(target_arch = "x86_64")]
mod pair;
mod portable;
mod split;
mod vector;

use crate::error::{Error, Result};
pub use lane::Lane;
pub use portable::Portable;
use std::sync::OnceLock;
pub use vector::{Mask, Vector};

/// A multiple of the lanes of every vector that a kernel runs with, and of its [`Vector::Wide`]. A
/// [`Vector::Several`] may have twice as many lanes; `unzip`, `look_up` and `transpose` must not be
/// called on such a vector.
pub const MAX_LANES: usize = 16;

/// A multiple of the lanes of every [`Vector::Several`].
pub const SEVERAL_LANES: usize = 2 * MAX_LANES;

/// The elements of a segment: the successive elements that [`Vector::load_segments`] reads at once. A vector of fewer
/// lanes is one segment.
pub const SEGMENT: usize = 8;

/// A computation for any vector type. `run` and everything it calls must be `#[inline(always)]`, and must not cross
/// into another thread: only code inlined into [`Lane::vectorize`] is compiled for the processor detected there. A
/// closure cannot be `#[inline(always)]`: for vectors of several registers the compiler may not inline it, which is
/// several times slower.
pub trait Kernel<F: Lane> {
    /// The type of the result.
    type Output;
    /// Computes the result.
    fn run<V: Vector<Element = F>>(self) -> Self::Output;
}

/// The distance from 1 to the next number.
#[inline(always)]
pub(crate) fn epsilon<F: Lane>() -> f64 {
    F::epsilon().as_f64()
}

/// The segment of a slice that begins `offset` after `start`. The sum of two u32 cannot overflow here, so that one
/// bounds check is left.
#[inline(always)]
fn segment<F>(from: &[F], offset: u32, start: u32, len: usize) -> &[F] {
    let start = offset as usize + start as usize;
    &from[start..start + len]
}

/// The instruction set whose vectors are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Instructions {
    Portable,
    Avx2,
    Avx512,
}

/// The vectors of this process: `portable`, `avx2` or `avx512`. With the same vectors, results have the same bits.
pub fn in_use() -> &'static str {
    match instructions() {
        Instructions::Portable => "portable",
        Instructions::Avx2 => "avx2",
        Instructions::Avx512 => "avx512",
    }
}

/// Checks that `SPIKESLAB_VECTORS` is not set, or names vectors.
///
/// # Errors
/// [`Error::Option`] if its value names no vectors.
pub fn check_environment() -> Result<()> {
    match std::env::var("SPIKESLAB_VECTORS") {
        Err(std::env::VarError::NotPresent) => Ok(()),
        Ok(name) if ["portable", "avx2", "avx512"].contains(&&*name) => Ok(()),
        Ok(odd) => Err(Error::option("SPIKESLAB_VECTORS", "portable, avx2 or avx512", odd)),
        Err(std::env::VarError::NotUnicode(odd)) => {
            Err(Error::option("SPIKESLAB_VECTORS", "portable, avx2 or avx512", odd.to_string_lossy()))
        }
    }
}

/// The widest instruction set that the processor has and the environment allows.
fn instructions() -> Instructions {
    static WIDEST: OnceLock<Instructions> = OnceLock::new();
    *WIDEST.get_or_init(|| {
        let limit = match std::env::var("SPIKESLAB_VECTORS").as_deref() {
            Ok("portable") => Instructions::Portable,
            Ok("avx2") => Instructions::Avx2,
            _ => Instructions::Avx512,
        };
        detected().min(limit)
    })
}

#[cfg(target_arch = "x86_64")]
fn detected() -> Instructions {
    match (avx2::is_available(), avx512::is_available()) {
        (true, true) => Instructions::Avx512,
        (true, false) => Instructions::Avx2,
        _ => Instructions::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detected() -> Instructions {
    Instructions::Portable
}

/// Runs a kernel in f32.
pub(super) fn vectorize_f32<K: Kernel<f32>>(kernel: K) -> K::Output {
    match instructions() {
        // SAFETY: AVX-512 was detected.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { avx512::run_f32(kernel) },
        // SAFETY: AVX2 and FMA were detected.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { avx2::run_f32(kernel) },
        _ => kernel.run::<Portable<f32>>(),
    }
}

/// Runs a kernel in f64.
pub(super) fn vectorize_f64<K: Kernel<f64>>(kernel: K) -> K::Output {
    match instructions() {
        // SAFETY: AVX-512 was detected.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { avx512::run_f64(kernel) },
        // SAFETY: AVX2 and FMA were detected.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { avx2::run_f64(kernel) },
        _ => kernel.run::<Portable<f64>>(),
    }
}
