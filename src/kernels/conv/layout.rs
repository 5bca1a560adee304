//! How the kernels lay out their operands, so that all strides are 1 and there are no borders.
//!
//! **Image** (some channels of one group): with its zero padding, and the columns of each row sorted by their remainder
//! modulo the horizontal stride. The pixels that the kernel's element (c, i, j) reads along a row of output positions
//! are then contiguous. For output row p they begin at `p · row_step + offsets[(c, i, j)]`: with the im2col of
//! [`crate::tensor`],
//!
//! ```text
//! col[(c, i, j), (p, q)]
//!     = image[p · row_step + offsets[(c, i, j)] + q]
//! ```
//!
//! **Sums** over the kernel's elements, at each output position: a row has OW positions, rounded up to `row`, a
//! multiple of [`SEGMENT`]. A vector is gathered from segments, of one row or of successive rows. A segment that
//! extends beyond its row reads pixels of other positions; the sums formed from them are dropped.
//!
//! **Backward**: the input gradient is also a convolution, of the output gradients: [`Layout::transposed`] or
//! [`Layout::elements`].

use crate::scalar::Real;
use crate::simd::{MAX_LANES, SEGMENT, Vector};
use crate::tensor::im2col::Window;
use std::ops::Range;

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
    /// OW rounded up: the length of a row of sums.
    pub row: usize,
    /// The index, in a laid-out image, of the pixel that the kernel's element (c, i, j) reads at output position (0,
    /// 0), in the order of θ.
    pub offsets: Vec<u32>,
    /// The distance between the pixels that successive output rows read.
    pub row_step: usize,
    /// Elements of one laid-out input channel.
    pub channel: usize,
    /// Elements of a laid-out channel between the first and the last that one output row reads.
    reach: usize,
    /// For each row of the image that is laid out: its number, and the element of a laid-out channel at which it
    /// begins.
    rows: Vec<(usize, usize)>,
    /// The number of rows that are copied as one: all rows where each follows the one before without a gap, else 1.
    together: usize,
    columns: Columns,
}

/// The columns of an image that are laid out, and where they go in their row.
enum Columns {
    Run { from: Range<usize>, to: usize },
    Scattered(Vec<(usize, usize)>),
}

impl Columns {
    /// How many successive rows of `width` columns, laid out `row_len` apart, can be copied as one.
    fn together(&self, width: usize, row_len: usize) -> usize {
        match self {
            Self::Run { from, .. } if from.len() == width && width == row_len => usize::MAX,
            _ => 1,
        }
    }
}

impl Layout {
    pub(crate) fn new(image: [usize; 3], window: &Window, output: [usize; 2], channels_out: usize) -> Self {
        let [channels, height, width] = image;
        // With a stride of the padded image's size or more there is one output position, so a larger stride is cut to
        // this size.
        let [stride_h, stride] = [0, 1].map(|axis| window.stride[axis].min(image[1 + axis] + 2 * window.padding[axis]));
        let phase = (width + 2 * window.padding[1]).div_ceil(stride);
        let row_len = stride * phase;
        let channel = staggered((height + 2 * window.padding[0]) * row_len);
        let within_row = |column: usize| column % stride * phase + column / stride;
        let offsets = offsets(channels, channel, window.kernel, |i, j| {
            i * window.dilation[0] * row_len + within_row(j * window.dilation[1])
        });
        let columns = match stride {
            1 => Columns::Run { from: 0..width, to: window.padding[1] },
            _ => {
                Columns::Scattered((0..width).map(|column| (column, within_row(column + window.padding[1]))).collect())
            }
        };
        Self {
            channels_out,
            fan_in: offsets.len(),
            image,
            output,
            row: output[1].next_multiple_of(SEGMENT),
            offsets,
            row_step: stride_h * row_len,
            channel,
            reach: ((window.kernel[0] - 1) * window.dilation[0] + 1) * row_len,
            rows: (0..height).map(|h| (h, (h + window.padding[0]) * row_len)).collect(),
            together: columns.together(width, row_len),
            columns,
        }
    }

    /// The adjoint of this convolution, which has stride 1 and the window given: a convolution of outputs (O/groups,
    /// OH, OW) with each kernel rotated by 180°.
    ///
    /// ```text
    /// da[c, (h, w)]
    ///     = Σ_(o, i', j') weight[o, (c, kh − 1 − i', kw − 1 − j')]
    ///                     · laid out[(o, i', j'), (h, w)]
    /// ```
    pub(crate) fn transposed(&self, window: &Window) -> Self {
        let [channels, height, width] = self.image;
        // Output row p reads image row h at element i if p = h + padding − i · dilation; i' counts from the last i.
        let reach = [0, 1].map(|axis| (window.kernel[axis] - 1) * window.dilation[axis]);
        let row_len = width + reach[1];
        let channel = staggered((height + reach[0]) * row_len);
        // Outputs that read only padding are not laid out.
        let place = |axis: usize, p: usize| (p + reach[axis]).checked_sub(window.padding[axis]);
        let places = |axis: usize, size: usize| {
            let places = (0..self.output[axis]).filter_map(move |p| Some((p, place(axis, p)?)));
            places.filter(move |(_, place)| *place < size)
        };
        let rows = places(0, height + reach[0]).map(|(p, row)| (p, row * row_len)).collect();
        let columns: Vec<(usize, usize)> = places(1, row_len).collect();
        let (from, to) = columns.first().copied().unwrap_or_default();
        let columns = Columns::Run { from: from..from + columns.len(), to };
        let offsets = offsets(self.channels_out, channel, window.kernel, |i, j| {
            i * window.dilation[0] * row_len + j * window.dilation[1]
        });
        Self {
            channels_out: channels,
            fan_in: offsets.len(),
            image: [self.channels_out, self.output[0], self.output[1]],
            output: [height, width],
            row: width.next_multiple_of(SEGMENT),
            offsets,
            row_step: row_len,
            channel,
            reach: (reach[0] + 1) * row_len,
            rows,
            together: columns.together(self.output[1], row_len),
            columns,
        }
    }

    /// The products of outputs (O/groups, OH, OW) and weights for each element of the kernel at each position, as a
    /// convolution with a kernel of one element.
    pub(crate) fn elements(&self) -> Self {
        let image = [self.channels_out, self.output[0], self.output[1]];
        Self::new(image, &Window::new([1, 1], [1, 1]), self.output, self.fan_in)
    }

    /// Elements of a kernel in one input channel.
    pub(crate) fn taps(&self) -> usize {
        self.fan_in / self.image[0].max(1)
    }

    /// H · W.
    pub(crate) fn pixels(&self) -> usize {
        self.image[1] * self.image[2]
    }

    /// OH · OW.
    pub(crate) fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// The length of a buffer for `channels` laid-out input channels, from whose last element a vector may be loaded.
    pub(crate) fn image_len(&self, channels: usize) -> usize {
        channels * self.channel + MAX_LANES
    }

    /// The elements of a laid-out channel that these output rows read.
    pub(crate) fn read_by(&self, rows: Range<usize>) -> Range<usize> {
        let last = rows.end.saturating_sub(1) * self.row_step;
        rows.start * self.row_step..(last + self.reach).min(self.channel)
    }

    /// The number of elements of the sums of one output channel.
    pub(crate) fn plane(&self) -> usize {
        staggered(self.output[0] * self.row)
    }

    /// The element of a laid-out image at which each segment of these rows of sums begins, padded with zeros to whole
    /// vectors.
    #[inline(always)]
    pub(crate) fn segments<V: Vector>(&self, rows: impl ExactSizeIterator<Item = usize>) -> Vec<u32> {
        let mut segments = Vec::with_capacity((rows.len() * self.row / V::SEGMENT).next_multiple_of(V::SEGMENTS));
        for row in rows {
            for q in (0..self.row).step_by(V::SEGMENT) {
                segments.push((row * self.row_step + q) as u32);
            }
        }
        segments.resize(segments.len().next_multiple_of(V::SEGMENTS), 0);
        segments
    }

    /// Lays out the channels of `image`; the padding in `laid_out` is left unchanged. `value` returns, for each
    /// channel, the function that is applied to its pixels.
    #[inline(always)]
    pub(crate) fn lay_out<F: Real, V: Fn(F) -> F>(&self, image: &[F], laid_out: &mut [F], value: impl Fn(usize) -> V) {
        self.lay_out_part(0..self.channel, image, laid_out, value);
    }

    /// As [`Layout::lay_out`], for only the rows that begin within `elements` of a laid-out channel.
    #[inline(always)]
    pub(crate) fn lay_out_part<F: Real, V: Fn(F) -> F>(
        &self,
        elements: Range<usize>,
        image: &[F],
        laid_out: &mut [F],
        value: impl Fn(usize) -> V,
    ) {
        let width = self.image[2];
        let [first, end] = [elements.start, elements.end].map(|place| self.rows.partition_point(|row| row.1 < place));
        let channels = image.chunks_exact(self.pixels().max(1)).zip(laid_out.chunks_exact_mut(self.channel));
        for (c, (image, laid_out)) in channels.enumerate() {
            let value = value(c);
            for rows in self.rows[first..end].chunks(self.together) {
                let (row, start) = rows[0];
                let (from, to) = (&image[row * width..][..rows.len() * width], &mut laid_out[start..]);
                match &self.columns {
                    Columns::Run { from: columns, to: first } => {
                        let from = &from[columns.start..columns.end + (rows.len() - 1) * width];
                        map(from, &mut to[*first..][..from.len()], &value);
                    }
                    Columns::Scattered(columns) => columns.iter().for_each(|(x, at)| to[*at] = value(from[*x])),
                }
            }
        }
    }

    /// The reverse of [`Layout::lay_out`], for one channel.
    #[inline(always)]
    pub(crate) fn gather<F: Real>(&self, laid_out: &[F], image: &mut [F]) {
        let width = self.image[2];
        for rows in self.rows.chunks(self.together) {
            let (row, start) = rows[0];
            let (from, to) = (&laid_out[start..], &mut image[row * width..][..rows.len() * width]);
            match &self.columns {
                Columns::Run { from: columns, to: first } => {
                    let to = &mut to[columns.start..columns.end + (rows.len() - 1) * width];
                    map(&from[*first..][..to.len()], to, |x| x);
                }
                Columns::Scattered(columns) => columns.iter().for_each(|(x, at)| to[*x] = from[*at]),
            }
        }
    }

    /// Sets the elements beyond the OW sums of each row of one output channel to 0.
    #[inline(always)]
    pub(crate) fn clear_ends<F: Real>(&self, plane: &mut [F]) {
        let columns = self.output[1];
        if columns != self.row {
            plane[..self.output[0] * self.row]
                .chunks_exact_mut(self.row)
                .for_each(|row| row[columns..].fill(F::zero()));
        }
    }

    /// The reverse of [`Layout::without_ends`]; the elements beyond the OW sums of each row are left unchanged.
    #[inline(always)]
    pub(crate) fn with_ends<F: Real>(&self, positions: &[F], plane: &mut [F]) {
        let columns = self.output[1];
        if columns == self.row {
            return plane[..positions.len()].copy_from_slice(positions);
        }
        let rows = positions.chunks_exact(columns.max(1)).zip(plane.chunks_exact_mut(self.row.max(1)));
        rows.for_each(|(from, to)| to[..columns].copy_from_slice(from));
    }

    /// Moves the OW sums of each row of one output channel together, in the order of positions.
    #[inline(always)]
    pub(crate) fn without_ends<F: Real>(&self, plane: &mut [F]) {
        let [rows, columns] = self.output;
        if columns != self.row {
            (1..rows).for_each(|p| plane.copy_within(p * self.row..p * self.row + columns, p * columns));
        }
    }
}

/// Sets `to` to f of each element of `from`, which has the same length, most often a segment or two.
#[inline(always)]
fn map<F: Real>(from: &[F], to: &mut [F], f: impl Fn(F) -> F) {
    let whole = from.len() / SEGMENT * SEGMENT;
    for (from, to) in from.chunks_exact(SEGMENT).zip(to.chunks_exact_mut(SEGMENT)) {
        // A segment is read as a whole, then written: the compiler need not know that the slices do not overlap.
        let mut segment = [F::zero(); SEGMENT];
        segment.copy_from_slice(from);
        for x in &mut segment {
            *x = f(*x);
        }
        to.copy_from_slice(&segment);
    }
    from[whole..].iter().zip(&mut to[whole..]).for_each(|(from, to)| *to = f(*from));
}

/// The index of each element (c, i, j) of a kernel in a laid-out image, from its index `within` a channel.
fn offsets(channels: usize, channel: usize, kernel: [usize; 2], within: impl Fn(usize, usize) -> usize) -> Vec<u32> {
    let of_row = |i: usize| (0..kernel[1]).map(move |j| (i, j));
    let taps: Vec<usize> = (0..kernel[0]).flat_map(of_row).map(|(i, j)| within(i, j)).collect();
    let mut offsets = Vec::with_capacity(channels * taps.len());
    for c in 0..channels {
        offsets.extend(taps.iter().map(|within| (c * channel + within) as u32));
    }
    offsets
}

/// `elements`, rounded up to an odd number of cache lines: the kernels read the same position of many channels in turn,
/// and where channels are a power of two apart, these positions all compete for the same few places of the cache.
fn staggered(elements: usize) -> usize {
    /// 64 bytes of f32; a multiple of every vector's length.
    const LINE: usize = MAX_LANES;
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
