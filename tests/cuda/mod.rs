//! Compares every operation on the device with the CPU's.

mod emulator;
mod kernels;
mod layers;
mod nets;
#[cfg(feature = "files")]
mod oracle;
mod prior;
mod scalar;
mod tensor;
mod train;
