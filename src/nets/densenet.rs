//! `densenet` (Huang et al. 2017): conv0 3×3 → three blocks of densely connected units → bn → average pooling → fc (classes).
//!
//! ```text
//! unit:                   bn → ReLU → conv 3×3, k outputs
//! unit with bottleneck:   bn1 → ReLU → conv1 1×1, 4k outputs → bn2 → ReLU → conv2 3×3, k outputs
//! between blocks:         trans.bn → ReLU → trans.conv 1×1, ⌊compression · channels⌋ outputs → 2×2 average pooling
//! ```
//!
//! The depth L counts the Bayesian layers: 3n + 4 with n units a block, 6n + 4 with bottleneck. conv0 has 16 outputs, 2k with
//! bottleneck. All 3×3 convolutions are padded by 1; the last pooling spans the image, 8×8 of 32×32 pixels. L = 40, k = 12
//! without bottleneck and compression has 1,001,616 weights on CIFAR-10.

use super::{Builder, Plan};
use crate::error::{Error, Result};

/// The sizes of a DenseNet.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Densenet {
    /// L, the Bayesian layers.
    pub depth: usize,
    /// k, the channels that a unit appends.
    pub growth: usize,
    /// Whether 1×1 convolutions of 4k outputs precede the 3×3 ones.
    pub bottleneck: bool,
    /// The share of the channels that a transition keeps, in (0, 1].
    pub compression: f64,
}

/// The published one: L = 40, k = 12, neither bottleneck nor compression.
impl Default for Densenet {
    fn default() -> Self {
        Self { depth: 40, growth: 12, bottleneck: false, compression: 1.0 }
    }
}

/// The largest depth: a packed model counts its layers in a byte.
const DEEPEST: usize = 255;
/// The largest growth: beyond any that was trained, and the products of sizes stay below 2⁶⁴.
const LARGEST: usize = 1000;
const BLOCKS: usize = 3;

impl Densenet {
    /// The outputs of each layer but the last, whose outputs are the classes.
    ///
    /// # Errors
    /// If the depth does not fit the formula, or a size is out of range.
    pub fn hidden_widths(&self) -> Result<Vec<usize>> {
        let units = units(self.depth, self.bottleneck)?;
        if !(1..=LARGEST).contains(&self.growth) {
            return Err(Error::option("growth", format!("a whole number from 1 to {LARGEST}"), self.growth));
        }
        if !(self.compression > 0.0 && self.compression <= 1.0) {
            return Err(Error::option("compression", "a number above 0, up to 1", self.compression));
        }
        let mut channels = if self.bottleneck { 2 * self.growth } else { 16 };
        let mut widths = vec![channels];
        for block in 0..BLOCKS {
            for _ in 0..units {
                if self.bottleneck {
                    widths.push(4 * self.growth);
                }
                widths.push(self.growth);
                channels += self.growth;
            }
            if block + 1 < BLOCKS {
                let kept = (self.compression * channels as f64).floor();
                if kept < 1.0 {
                    let expected = format!("a share that keeps at least one of {channels} channels");
                    return Err(Error::option("compression", expected, self.compression));
                }
                channels = kept as usize;
                widths.push(channels);
            }
        }
        Ok(widths)
    }
}

/// The units of each block.
fn units(depth: usize, bottleneck: bool) -> Result<usize> {
    let (layers, formula) = if bottleneck { (2 * BLOCKS, "6n + 4") } else { (BLOCKS, "3n + 4") };
    match depth.checked_sub(4) {
        Some(rest) if rest > 0 && rest.is_multiple_of(layers) && depth <= DEEPEST => Ok(rest / layers),
        _ => {
            let examples = format!("{}, {}, … up to {DEEPEST}", layers + 4, 2 * layers + 4);
            Err(Error::option("depth", format!("{formula}: {examples}"), depth))
        }
    }
}

/// The names of the Bayesian layers.
pub(super) fn layer_names(depth: usize, bottleneck: bool) -> Result<Vec<String>> {
    let units = units(depth, bottleneck)?;
    let mut names = vec!["conv0".to_string()];
    for block in 1..=BLOCKS {
        names.extend((1..=units).flat_map(|unit| stages(block, unit, bottleneck)).map(|(_, conv, _)| conv));
        if block < BLOCKS {
            names.push(format!("trans{block}.conv"));
        }
    }
    names.push("fc".to_string());
    Ok(names)
}

/// The names of normalization and convolution and the kernel, of each stage of a unit.
fn stages(block: usize, unit: usize, bottleneck: bool) -> Vec<(String, String, usize)> {
    let name = |layer: &str| format!("block{block}.layer{unit}.{layer}");
    if bottleneck {
        vec![(name("bn1"), name("conv1"), 1), (name("bn2"), name("conv2"), 3)]
    } else {
        vec![(name("bn"), name("conv"), 3)]
    }
}

pub(super) fn wire(mut net: Builder, widths: &[usize], bottleneck: bool) -> Result<Plan> {
    let units = units(widths.len(), bottleneck)?;
    let mut widths = widths.iter().copied();
    let mut next = || widths.next().expect("one a layer");
    net.conv2d("conv0", next(), [3, 3], [1, 1])?;
    for block in 1..=BLOCKS {
        let mut unit =
            |unit| stages(block, unit, bottleneck).into_iter().map(|(bn, conv, k)| (bn, conv, next(), k)).collect();
        net.dense_block(&(1..=units).map(&mut unit).collect::<Vec<_>>());
        if block < BLOCKS {
            net.batch_norm(&format!("trans{block}.bn")).relu();
            net.conv2d(&format!("trans{block}.conv"), next(), [1, 1], [0, 0])?.avg_pool([2, 2])?;
        }
    }
    net.batch_norm("bn").relu().global_avg_pool()?.flatten();
    net.dense("fc", next()).bias();
    Ok(net.finish())
}
