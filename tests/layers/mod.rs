//! A module for each file of `src/layers`.

mod add;
mod avg_pool;
mod batch_norm;
mod bayes_conv2d;
mod bayes_dense;
mod concat;
mod dense_block;
mod distillation;
mod flatten;
mod max_pool;
pub mod pool;
mod pooled_activation;
mod relu;
mod softmax_nll;
mod straight_through;
