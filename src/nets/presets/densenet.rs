//! `densenet` (Huang et al. 2017): conv0 3×3 → three blocks of densely connected units → bn → average pooling → fc
//! (classes).
//!
//! ```text
//! unit:                   bn → ReLU → conv 3×3, k outputs
//! unit with bottleneck:   bn1 → ReLU → conv1 1×1, 4k outputs
//!                         → bn2 → ReLU → conv2 3×3, k outputs
//! between blocks:         trans.bn → ReLU → trans.conv 1×1,
//!                           ⌊compression · channels⌋ outputs
//!                         → 2×2 average pooling
//! ```
//!
//! Each unit's outputs are appended to its input. The depth L is the number of Bayesian layers: 3n + 4 with n units per
//! block, 6n + 4 with bottleneck. conv0 has 16 outputs, 2k with bottleneck. All 3×3 convolutions are padded by 1; the
//! last pooling is over the whole image, 8×8 for images of 32×32 pixels. L = 40, k = 12 without bottleneck and
//! compression has 1,001,616 weights on CIFAR-10.

use super::Sizes;
use crate::error::{Error, Result};
use std::fmt::Write;

/// The largest depth and growth: beyond those of any network that was trained.
const DEEPEST: usize = 1000;
const LARGEST_GROWTH: usize = 1000;
const BLOCKS: usize = 3;

/// The text of the network with these sizes.
pub(super) fn text(sizes: &mut Sizes<'_>) -> Result<String> {
    let bottleneck = sizes.take("bottleneck", false, "true or false", |_| true)?;
    let layers = if bottleneck { 2 * BLOCKS } else { BLOCKS };
    let formula = format!("{layers}n + 4: {}, {}, … up to {DEEPEST}", layers + 4, 2 * layers + 4);
    let fits = |depth: &usize| (layers + 4..=DEEPEST).contains(depth) && (depth - 4).is_multiple_of(layers);
    let depth: usize = sizes.take("depth", 40, &formula, fits)?;
    let in_range = |growth: &usize| (1..=LARGEST_GROWTH).contains(growth);
    let growth = sizes.take("growth", 12, &format!("a whole number from 1 to {LARGEST_GROWTH}"), in_range)?;
    let is_share = |share: &f64| *share > 0.0 && *share <= 1.0;
    let compression = sizes.take("compression", 1.0, "a number above 0, up to 1", is_share)?;

    let mut channels = if bottleneck { 2 * growth } else { 16 };
    let mut text = String::from("input 3x32x32\n");
    let mut value = String::from("conv0");
    let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect("a string takes all");
    line(format_args!("conv0 conv {channels} 3x3 pad 1"));
    for block in 1..=BLOCKS {
        for unit in 1..=(depth - 4) / layers {
            let unit = format!("block{block}.layer{unit}");
            let appended = if bottleneck {
                line(format_args!("{unit}.bn1 norm of {value}\n relu\n{unit}.conv1 conv {} 1x1", 4 * growth));
                line(format_args!("{unit}.bn2 norm\n relu\n{unit}.conv2 conv {growth} 3x3 pad 1"));
                format!("{unit}.conv2")
            } else {
                line(format_args!("{unit}.bn norm of {value}\n relu\n{unit}.conv conv {growth} 3x3 pad 1"));
                format!("{unit}.conv")
            };
            line(format_args!("{unit} concat of {value} {appended}"));
            (channels, value) = (channels + growth, unit);
        }
        if block < BLOCKS {
            let kept = (compression * channels as f64).floor() as usize;
            if kept == 0 {
                let expected = format!("a share that keeps at least one of {channels} channels");
                return Err(Error::option("compression of densenet", expected, compression));
            }
            line(format_args!("trans{block}.bn norm\n relu\ntrans{block}.conv conv {kept} 1x1"));
            line(format_args!("trans{block} avg-pool 2x2"));
            (channels, value) = (kept, format!("trans{block}"));
        }
    }
    line(format_args!("bn norm\n relu\n global-avg-pool\n flatten\nfc dense classes bias"));
    Ok(text)
}
