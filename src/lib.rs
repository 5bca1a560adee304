//! Bayesian neural-network layers with M-ary adaptive quantization: the reference implementation, on the CPU.
//!
//! Each weight has a Gaussian posterior. A multi-spike-and-slab prior pulls the weights of a layer to M learned levels;
//! after training every weight is replaced by its nearest level. Gradients are written by hand and verified
//! numerically.
//!
//! The [`course`] derives all of it, in nine chapters, from Bayes' rule on; each file has the equations that it
//! computes.
//!
//! # Notation
//!
//! | symbol  | identifier      | shape                                     | meaning                                      |
//! |---------|-----------------|-------------------------------------------|----------------------------------------------|
//! | θ       | `theta`         | dense (I, O); conv (O, C/groups, kh, kw)  | posterior mean                               |
//! | ln σ²   | `log_sigma2`    | like θ                                    | log posterior variance                       |
//! | ℓ_k     | `levels`        | (M), ascending                            | codebook: the values weights are drawn to    |
//! | a_k     | `level_weights` | (M), sum 1                                | prior mass of each spike                     |
//! | t_k     | `t`             | like θ                                    | (θ − ℓ_k)²/σ²                                |
//! | D(t)    | `exact`, `fit`  |                                           | KL to one log-uniform spike, nats            |
//! | F       | `weight_kl`     |                                           | KL of one weight to the prior, nats          |
//! | x, y    | `x`, `y`        | dense (B, I) → (B, O); images (B, C, H, W)| input, output                                |
//! | ε       | `eps`           | like y                                    | standard normal noise, always an argument    |
//! | ε_n     | `EPSILON`       |                                           | added to a normalization's variance: 1e-5    |
//! | ∂L/∂p   | `dp`            | like p                                    | gradient of the loss in any variable p       |
//! | κ       | `kl_weight`     |                                           | factor of the scaled KL in the loss           |
//!
//! Logarithms are natural; every KL is in nats. The KL of a layer, `kl`, is the sum of F over its weights. A variance
//! is never called `sigma`.
//!
//! # Reading order
//!
//! The modules, in the order in which data flows through them:
//!
//! 1. [`scalar`] has functions of one real number. Begin with [`scalar::spike_kl`], the KL to one spike. It is written
//!    for the vectors of [`simd`], one or several numbers at a time.
//! 2. [`tensor`] has the basic operations on arrays: matrix products, im2col, counter-based noise.
//! 3. [`prior`] has the multi-spike-and-slab prior in five forms, the codebook, the quantizer.
//! 4. [`layers`] has one operation per file: its mathematics and its definition, forward and backward. [`kernels`]
//!    compute the same, to rounding, and faster; read them only to learn why training is faster than the definitions.
//! 5. [`nets`] combines layers: a network is a text, its graph, its schedule.
//! 6. `files` reads files up to a limit, and writes them as a whole or not at all.
//! 7. [`train`] has the objective, Adam, the loop, the directory of a run, and [`train::uncertainty`], the measures of
//!    calibration and of uncertainty.
//! 8. [`packed`] has the quantized model; [`export`] writes it for other programs.
//! 9. [`report`] draws figures; `oracle` evaluates the operations of its list, and whole networks, on tensors from a
//!    file.
//!
//! # Example
//!
//! The KL of two weights to three levels, and its gradient:
//!
//! ```
//! use spikeslab::prior::{Codebook, Form, MultiSpike, Spike};
//!
//! let codebook = Codebook::new(vec![-0.2, 0.0, 0.2])?;
//! let prior = MultiSpike::new(Form::Nearest, Spike::Exact);
//! let kl = prior.kl(&[0.19, 0.08], &[-8.0, -6.0], &codebook);
//!
//! let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
//! // D(t) + ln 3 of each weight, summed, in nats.
//! assert!(near(kl.value, 3.223048488));
//! // A step against the gradient moves 0.19 up to 0.2, and 0.08 down to 0.
//! assert!(near(kl.dtheta[0], -27.01685938));
//! assert!(near(kl.dtheta[1], 14.77222246));
//! assert!(near(kl.dlog_sigma2[0], -0.13508430));
//! // The level 0 is pulled to 0.08, and the level 0.2 to 0.19.
//! assert!(near(kl.dlevels[1], -14.77222246));
//! assert!(near(kl.dlevels[2], 27.01685938));
//! # Ok::<(), spikeslab::Error>(())
//! ```
//!
//! # Features
//!
//! | feature    | default | adds                                                              |
//! |------------|---------|-------------------------------------------------------------------|
//! | `files`    | yes     | files: packed models, data sets, checkpoints, safetensors, oracle |
//! | `onnx`     | yes     | [`export`] as ONNX                                                |
//! | `cli`      | yes     | the command                                                       |
//! | `course`   | yes     | the course, which derives what the crate computes                 |
//! | `figures`  | no      | figures as PNG and PDF                                            |
//! | `download` | no      | `train --download`                                                |
//! | `cuda`     | no      | `cuda`: the same operations on an NVIDIA GPU                      |
//!
//! # What stays
//!
//! The names and the behaviour of [`layers`], [`prior`], [`nets`], [`train`], [`packed`] and [`export`] are the crate's
//! interface, and so are the types of other modules that these name: [`scalar::WeightKl`], [`kernels::Way`],
//! [`tensor::im2col::Window`], [`tensor::statistics::Statistics`], and the bound [`scalar::Real`], with its
//! [`simd::Lane`] and [`simd::Vector`], which f32 and f64 satisfy: its items serve the loops of the crate. All else is
//! public for the tests and for readers, and may change with any version.
//!
//! # Sources
//!
//! Kingma et al. 2015 (local reparameterization, variational dropout), Molchanov et al. 2017 (sparse variational
//! dropout), Achterhold et al. 2018 (variational network quantization), Chien & Chang, ICME 2020 ("M-ary quantized
//! neural networks") and Pattern Recognition 139, 2023 ("Bayesian asymmetric quantized neural networks"), Hron et al.
//! 2018 (on the improper prior).

// Links to the course are dead in a build without it.
#![cfg_attr(not(feature = "course"), allow(rustdoc::broken_intra_doc_links))]

mod arrays;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "course")]
pub mod course;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod error;
mod escape;
pub mod export;
#[cfg(feature = "files")]
pub mod files;
pub mod kernels;
pub mod layers;
pub mod nets;
#[cfg(feature = "files")]
pub mod oracle;
pub mod packed;
pub mod prior;
pub mod report;
#[cfg(feature = "files")]
mod reserve;
pub mod scalar;
pub mod simd;
mod spares;
mod team;
pub mod tensor;
pub mod train;
mod way;

pub use error::{Error, Result};
