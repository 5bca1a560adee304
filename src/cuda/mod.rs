//! The operations of this crate on an NVIDIA GPU, held to the CPU code.
//!
//! The folder mirrors `src`: `cuda/layers/relu.cu` has the kernels of [`layers::relu`](crate::layers::relu) and
//! `cuda/layers/relu.rs` their host side, of the same names, shapes and caches. The CPU file has the mathematics; what is
//! written here is only what differs. The functions of [`scalar`](crate::scalar) are in one header, `scalar.cuh`, put before
//! every kernel.
//!
//! # How the two are held together
//!
//! Kernels are compiled without fusing products and sums (`fmad=false`) but where they ask for it, as the CPU's code does, so
//! that + − × ÷ √ and fma round as on the CPU. Operations of these alone, and of the functions of [`scalar`](crate::scalar)
//! written with them (eˣ and ln in f32, the noise), have the same bits on both wherever the order of operations is the same;
//! the C library's functions differ by a unit or two in the last place. Sums are taken in an order that depends on the shapes
//! alone, never by floating-point atomics: the same input gives the same bits on every run on one GPU. `tests/cuda` holds every
//! operation to the CPU's.
//!
//! # What it needs
//!
//! To build, nothing. To run, the NVIDIA driver, and the library NVRTC of CUDA 12 or 13, which compiles the kernels for the GPU
//! at hand; both are looked for where the system looks for shared libraries.

pub mod buffer;
pub mod device;
pub mod kernels;
pub mod layers;
pub mod nets;
pub mod prior;
pub mod tensor;
pub mod train;

pub use buffer::{Buffer, Element, Real};
pub use device::{Argument, Device, Grid};
