//! The fast implementations (kernels) of the operations whose definitions, in [`layers`](crate::layers), are too slow
//! to train with. A kernel computes the same as the definition, to rounding; every test of an operation runs on both.
//! No kernel names a type of `layers`. `src/kernels/README.md` defines the words used here and has each loop as
//! pseudo-code.
//!
//! | kernel                | what it computes                                                                          |
//! |-----------------------|-------------------------------------------------------------------------------------------|
//! | [`matmul`](mod@matmul) | a matrix product, on all threads                                                          |
//! | [`conv`]              | the products of a convolution, forward and backward, without an image's columns            |
//! | [`norm`]              | the passes of a batch normalization                                                        |
//! | [`activation`]        | normalization and ReLU of a pixel wherever a kernel reads it, and their backward           |
//! | [`pre_activation`]    | normalization and ReLU in front of a convolution, computed as it lays out its images       |
//! | [`dense_block`]       | a densely connected block in one array                                                     |
//! | [`pooled_activation`] | normalization, ReLU and 2×2 max pooling in one pass                                         |
//! | [`packed`]            | dense layers and convolutions of weights that are indices of levels                        |

pub mod activation;
pub mod conv;
pub mod dense_block;
pub mod matmul;
pub mod norm;
pub mod packed;
pub mod pooled_activation;
pub mod pre_activation;

pub use crate::way::{Way, check_environment};
