//! Every operation on the device, held to the CPU's.

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
