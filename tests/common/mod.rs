//! Functions that the tests share: one comparison, one table of tolerances, one gradient checker.

#[cfg(feature = "files")]
pub mod cifar;
pub mod compare;
#[cfg(feature = "cuda")]
pub mod device;
#[cfg(feature = "cuda")]
pub mod emulator;
#[cfg(feature = "cli")]
pub mod external;
#[cfg(feature = "files")]
pub mod extremes;
pub mod fixture;
pub mod forms;
pub mod gradient;
pub mod graphs;
pub mod networks;
#[cfg(feature = "files")]
pub mod parsers;
pub mod random;
#[cfg(feature = "download")]
pub mod server;
pub mod threads;
pub mod tolerance;

#[macro_use]
mod precisions;
#[macro_use]
mod ways;

mod mirror;

use spikeslab::scalar::Real;
use spikeslab::simd::{Kernel, Vector};

/// The type of numbers with which a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    F32,
    F64,
}

/// A precision, with its type in the table of tolerances.
pub trait Precision: Real {
    const DTYPE: Dtype;
}

impl Precision for f32 {
    const DTYPE: Dtype = Dtype::F32;
}

impl Precision for f64 {
    const DTYPE: Dtype = Dtype::F64;
}

/// A kernel run with the columns of a tile, [`Vector::Wide`].
pub struct Wide<K>(pub K);

impl<F: Real, K: Kernel<F>> Kernel<F> for Wide<K> {
    type Output = K::Output;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> K::Output {
        self.0.run::<V::Wide>()
    }
}

/// A kernel run with two vectors as one, [`Vector::Several`].
pub struct Several<K>(pub K);

impl<F: Real, K: Kernel<F>> Kernel<F> for Several<K> {
    type Output = K::Output;

    #[inline(always)]
    fn run<V: Vector<Element = F>>(self) -> K::Output {
        self.0.run::<V::Several>()
    }
}

/// Asserts that `result` is an error whose message contains each of `parts`: the name of what was wrong, what was
/// expected, what was seen.
#[track_caller]
pub fn assert_error<T>(result: spikeslab::Result<T>, parts: &[&str]) {
    match result {
        Ok(_) => panic!("expected an error that names {parts:?}"),
        Err(error) => {
            let message = error.to_string();
            for part in parts {
                assert!(message.contains(part), "expected {part:?} in the error (saw: {message:?})");
            }
            assert_eq!(message.lines().count(), 1, "an error is one line (saw: {message:?})");
        }
    }
}

/// CRC-32 (IEEE 802.3), bit by bit.
#[cfg(feature = "files")]
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

/// Asserts that `action` panics, as its documentation says it does.
#[track_caller]
pub fn assert_panics<T>(what: &str, action: impl FnOnce() -> T) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));
    assert!(outcome.is_err(), "{what}: expected a panic, saw none");
}
