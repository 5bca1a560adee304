//! The options that quantize the weights of a run otherwise than to its learned levels.

use clap::Args;

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Requantize {
    /// Quantize to the M levels of k-means on each layer's weights instead of the learned levels
    #[arg(
        long, value_name = "M",
        value_parser = clap::value_parser!(u16).range(2..=256), allow_negative_numbers = true
    )]
    pub(super) kmeans: Option<u16>,
    /// Recompute the running statistics of the batch normalizations, for the weights that are used, over this many
    /// training images of the data [without a number: 4096]
    #[arg(
        long, value_name = "IMAGES", num_args = 0..=1, require_equals = true, default_missing_value = "4096",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(super) recalibrate: Option<u32>,
}
