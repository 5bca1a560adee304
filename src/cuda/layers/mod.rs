//! One operation per file: see [`layers`](crate::layers).

pub mod add;
pub mod avg_pool;
pub mod batch_norm;
pub mod bayes_conv2d;
pub mod bayes_dense;
pub mod concat;
pub mod dense_block;
pub mod distillation;
pub mod flatten;
mod images;
pub mod max_pool;
pub mod pre_activation;
pub mod relu;
pub mod softmax_nll;
pub mod straight_through;
