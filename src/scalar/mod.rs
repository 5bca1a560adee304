//! Functions of one real number, each with its derivative and the bound on its error.
//!
//! Layers, priors, networks and training are generic over [`Real`], so that gradients are checked in f64 with the same
//! code that trains in f32.

pub mod circle;
pub mod dawson;
pub mod elementary;
pub mod gaussian_kl;
pub mod ln_unit;
pub mod real;
pub mod spike_kl;
pub mod spike_pieces;
pub mod weight_kl;

pub use real::{Real, RealVector};
pub use weight_kl::WeightKl;

/// ½(γ + ln 2), where γ is Euler's constant. This constant makes D(0) = 0; see [`spike_kl`].
pub const HALF_GAMMA_PLUS_LN_2: f64 = 0.635_181_422_730_739_1;
