//! `mlp`: flatten → fc1 256 → bn1 → fc2 128 → bn2 → fc3 (classes).

use super::{Builder, Plan};
use crate::error::Result;

pub(super) const LAYERS: [&str; 3] = ["fc1", "fc2", "fc3"];
pub(super) const HIDDEN_WIDTHS: [usize; 2] = [256, 128];

pub(super) fn wire(mut net: Builder, widths: &[usize]) -> Result<Plan> {
    net.flatten();
    net.dense("fc1", widths[0]).batch_norm("bn1").relu();
    net.dense("fc2", widths[1]).batch_norm("bn2").relu();
    net.dense("fc3", widths[2]).bias();
    Ok(net.finish())
}
