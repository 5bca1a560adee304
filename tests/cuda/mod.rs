//! Every operation on the device, held to the CPU's.

mod emulator;
mod layers;
mod nets;
