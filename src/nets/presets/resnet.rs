//! `resnet20`, `resnet32`, `resnet44`, `resnet56` (He et al. 2016, the form for CIFAR): conv1 3×3 → three stages of n
//! residual units, 6n + 2 layers in all → average pooling → fc (classes).
//!
//! ```text
//! unit:   y = ReLU(x' + bn2(conv2(ReLU(bn1(conv1(x))))))
//! ```
//!
//! The stages have w, 2w and 4w channels, w = 16 unless given. The first unit of the second and of the third stage
//! halves the image: its shortcut x' is a projection, a 1×1 convolution of stride 2 with a normalization (option B of
//! the paper); in all other units x' = x. The paper's networks for CIFAR pad x with zero channels instead (option A),
//! which needs an operation that no other network has; the projections add 2,560 weights to the 268,336 of `resnet20`.

use super::Sizes;
use crate::error::Result;
use std::fmt::Write;

const WIDEST: usize = 1000;

/// The text of the network with `depth` layers.
pub(super) fn text(depth: usize, sizes: &mut Sizes<'_>) -> Result<String> {
    let in_range = |width: &usize| (1..=WIDEST).contains(width);
    let width = sizes.take("width", 16, &format!("a whole number from 1 to {WIDEST}"), in_range)?;
    let mut text = format!("input 3x32x32\nconv1 conv {width} 3x3 pad 1\nbn1 norm\nstem relu\n");
    let mut value = String::from("stem");
    let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect("a string takes all");
    for stage in 1..=3 {
        let channels = width << (stage - 1);
        for unit in 1..=(depth - 2) / 6 {
            let halves = stage > 1 && unit == 1;
            let unit = format!("stage{stage}.unit{unit}");
            let stride = if halves { " stride 2" } else { "" };
            line(format_args!("{unit}.conv1 conv {channels} 3x3{stride} pad 1 of {value}\n{unit}.bn1 norm\n relu"));
            line(format_args!("{unit}.conv2 conv {channels} 3x3 pad 1\n{unit}.bn2 norm"));
            if halves {
                line(format_args!("{unit}.conv3 conv {channels} 1x1 stride 2 of {value}\n{unit}.bn3 norm"));
                value = format!("{unit}.bn3");
            }
            line(format_args!("add of {unit}.bn2 {value}\n{unit} relu"));
            value = unit;
        }
    }
    line(format_args!("global-avg-pool\n flatten\nfc dense classes bias"));
    Ok(text)
}
