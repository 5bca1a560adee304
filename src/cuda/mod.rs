//! The operations of this crate on an NVIDIA GPU, checked against the CPU code.
//!
//! The folder mirrors `src`: `cuda/layers/relu.cu` has the kernels of [`layers::relu`](crate::layers::relu) and
//! `cuda/layers/relu.rs` their host side, with the same names, shapes and caches. The CPU file documents the
//! mathematics; the files here document only what differs. The functions of [`scalar`](crate::scalar) are in one
//! header, `scalar.cuh`, which is put before every kernel.
//!
//! # Agreement with the CPU
//!
//! Kernels are compiled so that products and sums are fused only where they call fma (`fmad=false`), as in the CPU's
//! code, so that + − × ÷ √ and fma round as on the CPU. Operations that use only these, and the functions of
//! [`scalar`](crate::scalar) written with them (eˣ and ln in f32, the noise), have the same bits on both wherever the
//! order of operations is the same. The C library's functions differ by a unit or two in the last place; the
//! convolutions and the projection of θ compute σ² with them. The order of
//! every sum depends only on the shapes, and no sum uses floating-point atomics: the same input gives the same bits in
//! every run on one GPU. `tests/cuda` compares every operation with the CPU's.
//!
//! # Requirements
//!
//! Building needs nothing. Running needs the NVIDIA driver, and the library NVRTC of CUDA 12 or 13, which compiles the
//! kernels for the GPU that is used. Both are loaded from where the system searches for shared libraries.

pub mod buffer;
mod device;
pub mod kernels;
pub mod layers;
pub mod nets;
pub mod prior;
pub mod tensor;
pub mod train;

pub use buffer::{Buffer, Element, Real};
pub use device::Device;
pub(crate) use device::{Argument, Grid};
