//! The GPU on which operations are compared with the CPU's.

use super::Precision;
use super::compare::{ToTensor, assert_close};
use super::tolerance::{Check, tolerance};
use ndarray::{ArrayD, Dimension};
use spikeslab::cuda::{Buffer, Device, Real};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A precision that the device supports too.
pub trait DevicePrecision: Precision + Real {}

impl<F: Precision + Real> DevicePrecision for F {}

/// The device, whose memory is filled with NaN before it is overwritten. Without a device this prints that `test` is
/// skipped, or fails if REQUIRE_CUDA=1.
#[track_caller]
pub fn device(test: &str) -> Option<Device> {
    static DEVICE: OnceLock<Result<Device, String>> = OnceLock::new();
    static RAN: AtomicUsize = AtomicUsize::new(0);
    // Not with `eprintln`, whose output is hidden if the test passes.
    let say = |text: String| std::io::stderr().write_all(text.as_bytes()).expect("standard error is open");
    match DEVICE.get_or_init(|| Device::open_with(0, true).map_err(|error| error.to_string())) {
        Ok(device) => {
            let ran = RAN.fetch_add(1, Ordering::Relaxed) + 1;
            say(format!("parity test {ran} on {device:?}: {test}\n"));
            Some(device.clone())
        }
        Err(reason) => {
            let required = std::env::var("REQUIRE_CUDA").is_ok_and(|value| value == "1");
            assert!(!required, "REQUIRE_CUDA=1, but {reason}");
            say(format!("SKIPPED {test}: {reason}\n"));
            None
        }
    }
}

/// A copy of an array on the device.
pub fn on_device<F: Real, D: Dimension>(device: &Device, array: &ndarray::Array<F, D>) -> Buffer<F> {
    Buffer::from_host(device, array.view()).expect("memory")
}

/// A copy of a buffer on the host.
#[track_caller]
pub fn on_host<T: spikeslab::cuda::Element>(buffer: &Buffer<T>) -> ArrayD<T> {
    buffer.to_host().expect("the device works")
}

/// Asserts that a buffer has exactly the bits of an array, except that zeros of either sign are equal, and NaN equals
/// NaN.
#[track_caller]
pub fn assert_same_bits<F: DevicePrecision>(what: &str, actual: &Buffer<F>, expected: &(impl ToTensor + ?Sized)) {
    let (actual, expected) = (on_host(actual).to_tensor(), expected.to_tensor());
    assert_eq!(actual.shape, expected.shape, "{what}: shape");
    assert!(!expected.values.is_empty(), "{what}: nothing to compare");
    for (i, (actual, expected)) in actual.values.iter().zip(&expected.values).enumerate() {
        let same = actual == expected || (actual.is_nan() && expected.is_nan());
        assert!(same, "{what}, element {i}: expected {expected:e}, on the device {actual:e}");
    }
}

/// Asserts that a buffer is within the table's tolerance of an array.
#[track_caller]
pub fn assert_parity<F: DevicePrecision>(
    operation: &str,
    what: &str,
    actual: &Buffer<F>,
    expected: &(impl ToTensor + ?Sized),
) {
    let tolerance = tolerance(operation, F::DTYPE, Check::Reference);
    assert_close(&format!("{operation}, {what}"), &on_host(actual), expected, tolerance);
}
