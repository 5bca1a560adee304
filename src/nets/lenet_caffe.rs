//! `lenet-caffe`: conv1 20, 5×5 → bn1 → conv2 50 → bn2 → fc1 500 → bn3 → fc2 (classes). No padding. 430,500 weights on
//! MNIST.

use super::{Builder, Plan};
use crate::error::Result;

pub(super) const LAYERS: [&str; 4] = ["conv1", "conv2", "fc1", "fc2"];
pub(super) const HIDDEN_WIDTHS: [usize; 3] = [20, 50, 500];

pub(super) fn wire(mut net: Builder, widths: &[usize]) -> Result<Plan> {
    net.conv2d("conv1", widths[0], [5, 5], [0, 0])?.batch_norm("bn1").relu().max_pool([2, 2])?;
    net.conv2d("conv2", widths[1], [5, 5], [0, 0])?.batch_norm("bn2").relu().max_pool([2, 2])?;
    net.flatten();
    net.dense("fc1", widths[2]).batch_norm("bn3").relu();
    net.dense("fc2", widths[3]).bias();
    Ok(net.finish())
}
