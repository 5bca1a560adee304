//! How the kernels lay out their operands, so that they see unit strides and no borders.
//!
//! **Image** (one group, C/groups channels): padded with its zeros, and the columns of each row sorted by their remainder
//! modulo the horizontal stride. What the kernel's element (c, i, j) meets along a row of output positions is then
//! contiguous, `offset(c, i, j)` after what output row p starts at, `p · row_step`: with the im2col of [`crate::tensor`],
//!
//! ```text
//! col[(c, i, j), (p, q)] = image[p · row_step + offsets[(c, i, j)] + q]
//! ```
//!
//! **Output** (one group, O/groups channels): the OW positions of a row followed by zeros up to `row`, a multiple of every
//! vector's length. A vector that reaches beyond the row reads pixels that belong to other positions; the zeros it meets
//! in an output cancel them.

use crate::scalar::Real;
use crate::scalar::vector::MAX_LANES;
use crate::tensor::im2col::Window;

/// The geometry of one group of one image.
pub(crate) struct Layout {
    /// Output channels of the group.
    pub channels_out: usize,
    /// K, the elements of a kernel (c, i, j).
    pub fan_in: usize,
    /// (C/groups, H, W).
    pub image: [usize; 3],
    /// (OH, OW).
    pub output: [usize; 2],
    /// OW rounded up: the length of an output row.
    pub row: usize,
    /// Where the kernel's element (c, i, j) meets output position (0, 0), in the order of θ.
    pub offsets: Vec<usize>,
    /// The distance between what successive output rows meet.
    pub row_step: usize,
    /// Elements of a laid-out image.
    pub image_len: usize,
    /// (vertical, horizontal).
    padding: [usize; 2],
    stride: usize,
    /// Columns of one remainder.
    phase: usize,
    /// Elements of one laid-out input channel.
    channel: usize,
}

impl Layout {
    pub(crate) fn new(image: [usize; 3], window: &Window, output: [usize; 2], channels_out: usize) -> Self {
        let [channels, height, width] = image;
        // A stride beyond the padded image is never taken.
        let [stride_h, stride] = [0, 1].map(|axis| window.stride[axis].min(image[1 + axis] + 2 * window.padding[axis]));
        let phase = (width + 2 * window.padding[1]).div_ceil(stride);
        let row_len = stride * phase;
        let channel = staggered((height + 2 * window.padding[0]) * row_len);
        let mut offsets = Vec::with_capacity(channels * window.kernel[0] * window.kernel[1]);
        for c in 0..channels {
            for i in 0..window.kernel[0] {
                for j in 0..window.kernel[1] {
                    let column = j * window.dilation[1];
                    let row = i * window.dilation[0];
                    offsets.push(c * channel + row * row_len + column % stride * phase + column / stride);
                }
            }
        }
        Self {
            channels_out,
            fan_in: offsets.len(),
            image,
            output,
            row: output[1].next_multiple_of(MAX_LANES),
            offsets,
            row_step: stride_h * row_len,
            // A vector may begin at the last element.
            image_len: channels * channel + MAX_LANES,
            padding: window.padding,
            stride,
            phase,
            channel,
        }
    }

    /// OH · OW.
    pub(crate) fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Elements of one laid-out output channel.
    pub(crate) fn plane(&self) -> usize {
        staggered(self.output[0] * self.row)
    }

    /// Elements of a laid-out output.
    pub(crate) fn output_len(&self) -> usize {
        self.channels_out * self.plane()
    }

    /// Lays out an image; the padding in `laid_out` is left as it is. `value` gives, for each channel, what is made of its
    /// pixels on the way.
    pub(crate) fn lay_out<F: Real, V: Fn(F) -> F>(&self, image: &[F], laid_out: &mut [F], value: impl Fn(usize) -> V) {
        self.for_each_row(|channel, row, start| {
            let (row, value) = (&image[row], value(channel));
            if self.stride == 1 {
                laid_out[start..].iter_mut().zip(row).for_each(|(to, x)| *to = value(*x));
            } else {
                row.iter().enumerate().for_each(|(column, x)| laid_out[start + self.column(column)] = value(*x));
            }
        });
    }

    /// The reverse of [`Layout::lay_out`]: gives `put` each channel's rows, as laid out and as they lie in an image.
    pub(crate) fn gather<F: Real>(&self, laid_out: &[F], mut put: impl FnMut(usize, std::ops::Range<usize>, &[F])) {
        let columns = self.image[2];
        let mut in_order = vec![F::zero(); if self.stride == 1 { 0 } else { columns }];
        self.for_each_row(|channel, row, start| {
            if self.stride == 1 {
                put(channel, row, &laid_out[start..start + columns]);
            } else {
                in_order.iter_mut().enumerate().for_each(|(column, x)| *x = laid_out[start + self.column(column)]);
                put(channel, row, &in_order);
            }
        });
    }

    /// Calls `visit(channel, range of an image's row, where it goes)`.
    fn for_each_row(&self, mut visit: impl FnMut(usize, std::ops::Range<usize>, usize)) {
        let [channels, height, width] = self.image;
        let left = if self.stride == 1 { self.padding[1] } else { 0 };
        for (row, (channel, h)) in (0..channels).flat_map(|c| (0..height).map(move |h| (c, h))).enumerate() {
            let start = channel * self.channel + (h + self.padding[0]) * self.stride * self.phase + left;
            visit(channel, row * width..(row + 1) * width, start);
        }
    }

    /// Where a column of an image goes within its row, for strides above 1.
    fn column(&self, column: usize) -> usize {
        let padded = column + self.padding[1];
        padded % self.stride * self.phase + padded / self.stride
    }
}

/// At least `elements`, an odd number of cache lines: the kernels read the same position of many channels in turn, and where
/// channels are a power of two apart, all of them compete for the same few places of the cache.
fn staggered(elements: usize) -> usize {
    /// 64 bytes of f32.
    const LINE: usize = 16;
    (elements.div_ceil(LINE) | 1) * LINE
}

/// Cuts `count` into blocks of nearly equal size, at most `largest`: (first, size) of each.
pub(crate) fn blocks(count: usize, largest: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks = count.div_ceil(largest);
    (0..blocks).map(move |block| {
        let first = block * count / blocks;
        (first, (block + 1) * count / blocks - first)
    })
}
