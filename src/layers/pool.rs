//! The geometry of pooling, with PyTorch's conventions.
//!
//! ```text
//! OH = ⌊(H + 2·pad − k)/s⌋ + 1
//!      with `ceil_mode` rounded up; a last window that would
//!      start below the last row, p·s − pad ≥ H, is dropped
//! window p covers the rows p·s − pad … p·s − pad + k − 1;
//!      of these, those in 0 … H − 1 are pixels
//! ```
//!
//! and likewise for columns. The padding is at most half of the kernel, so that every window contains a pixel. Max
//! pooling ignores the other elements of a window. In average pooling they are zeros: with `count_include_pad` the
//! divisor is the number of a window's elements up to H + pad, otherwise the number of its pixels.

use crate::error::{Error, Result};
use std::ops::Range;

/// The windows of pooling; every pair is (vertical, horizontal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Extent of a window.
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows.
    pub stride: [usize; 2],
    /// How far the windows extend beyond the image on each side, at most half of the kernel.
    pub padding: [usize; 2],
    /// Whether remaining pixels at the end, too few for a whole window, get one more window.
    pub ceil_mode: bool,
    /// Whether the divisor of average pooling includes the padding.
    pub count_include_pad: bool,
}

impl Pool {
    /// Windows without padding; remaining pixels at the end, too few for a whole window, are ignored.
    pub fn new(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, padding: [0, 0], ceil_mode: false, count_include_pad: true }
    }

    /// The number of windows in each direction for an image of `size` (H, W).
    ///
    /// # Errors
    /// If a kernel or stride is 0, the padding is more than half of the kernel, or no window fits into the padded
    /// image.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        let mut output = [0; 2];
        for axis in 0..2 {
            let (kernel, stride, padding) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
            if kernel == 0 || stride == 0 {
                let seen = format!("kernel {kernel}, stride {stride}");
                return Err(Error::option("window", "kernel and stride of at least 1", seen));
            }
            if padding > kernel / 2 {
                let expected = format!("at most half of the kernel of {kernel}");
                return Err(Error::option("padding", expected, padding));
            }
            // u128 holds the sums of three sizes.
            let [size, kernel, stride, padding] = [size[axis], kernel, stride, padding].map(|size| size as u128);
            let rounding = if self.ceil_mode { stride - 1 } else { 0 };
            let Some(rest) = (size + 2 * padding + rounding).checked_sub(kernel).filter(|_| size > 0) else {
                return Err(Error::option(
                    "window",
                    format!("a kernel that fits into {size} pixels and their padding"),
                    format!("kernel {kernel}, padding {padding}"),
                ));
            };
            let last = rest / stride;
            let begins_beyond = last * stride >= size + padding;
            output[axis] = (last + u128::from(!begins_beyond)) as usize;
        }
        Ok(output)
    }

    /// The `count` windows along an axis (0 vertical, 1 horizontal) of `size` pixels.
    pub(crate) fn windows(&self, axis: usize, size: usize, count: usize) -> Vec<Span> {
        let (kernel, stride, padding) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
        let span = |p: usize| {
            // `first` and `end` are counted from the beginning of the padding. Windows begin before size + padding;
            // their ends may lie far beyond.
            let (first, end) = (p * stride, (p * stride).saturating_add(kernel));
            let pixels = first.saturating_sub(padding)..end.min(size + padding) - padding;
            let counted = end.min(size.saturating_add(2 * padding)) - first;
            Span { counted: if self.count_include_pad { counted } else { pixels.len() }, pixels }
        };
        (0..count).map(span).collect()
    }
}

/// A window along one axis.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// The window's pixels: at least one.
    pub pixels: Range<usize>,
    /// The number of elements that the divisor of an average counts.
    pub counted: usize,
}
