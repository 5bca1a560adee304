//! `lenet5` (LeCun et al. 1998, with normalization): conv1 6, 5×5 → bn1 → conv2 16 → bn2 → fc1 120 → bn3 → fc2 84 → bn4 →
//! fc3 (classes). No padding; 28×28×1 or 32×32×3 images. 44,190 weights on MNIST.

use super::{Builder, Plan};
use crate::error::Result;

pub(super) const LAYERS: [&str; 5] = ["conv1", "conv2", "fc1", "fc2", "fc3"];
pub(super) const HIDDEN_WIDTHS: [usize; 4] = [6, 16, 120, 84];

pub(super) fn wire(mut net: Builder, widths: &[usize]) -> Result<Plan> {
    net.conv2d("conv1", widths[0], [5, 5], [0, 0])?.batch_norm("bn1").relu().max_pool([2, 2])?;
    net.conv2d("conv2", widths[1], [5, 5], [0, 0])?.batch_norm("bn2").relu().max_pool([2, 2])?;
    net.flatten();
    net.dense("fc1", widths[2]).batch_norm("bn3").relu();
    net.dense("fc2", widths[3]).batch_norm("bn4").relu();
    net.dense("fc3", widths[4]).bias();
    Ok(net.finish())
}
