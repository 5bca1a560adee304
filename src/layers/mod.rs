//! One operation per file: its mathematics, its forward, its backward.
//!
//! A forward returns the output and a cache; the backward takes the cache and the gradient `dy` of the loss with
//! respect to the output. The two losses, `softmax_nll` and `distillation`, have no `dy`; `straight_through` has no
//! cache, and its backward is `level_gradient`. No layer draws noise (a dense block asks its caller for the ε of each
//! stage), holds optimizer state or depends on how its gradient is used. In the definition of a backward, a comment
//! quotes the forward equation that the lines below it differentiate.

pub mod add;
pub mod avg_pool;
pub mod batch_norm;
pub mod bayes_conv2d;
pub mod bayes_dense;
pub mod concat;
pub mod dense_block;
pub mod distillation;
pub mod flatten;
pub mod max_pool;
pub mod pool;
pub mod pooled_activation;
pub mod relu;
pub mod softmax_nll;
pub mod straight_through;

/// v₀, added to the variance of a pre-activation before its root is taken: it keeps ∂√v/∂v finite at zero input.
pub const V0: f64 = 1e-6;

pub(crate) use crate::arrays::{STANDARD, by_channel, check_shape, exp as sigma2, in_standard_layout};
