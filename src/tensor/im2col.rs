//! A convolution as a matrix product: `im2col` copies the patch under each output position into a column, `col2im`
//! is its adjoint.
//!
//! ```text
//! col[(c, i, j), (p, q)] = x[c, p·stride + i·dilation − padding,
//!                               q·stride + j·dilation − padding]
//!                          (0 outside x)
//! ```
//!
//! Derived in [chapter 5 of the course](crate::course::backward).

use crate::arrays::check_shape;
use crate::error::{Error, Result};
use crate::scalar::Real;
use crate::simd::MAX_LANES;

/// The largest number of pixels of a padded image, in all input or all output channels of a group: more than any
/// network has, and few enough that 32 bits index the pixels of several laid-out images.
const LARGEST_IMAGE: usize = 1 << 28;
/// The most elements by which `staggered`, in `kernels::conv::layout`, lengthens a laid-out channel.
const MOST_ADDED: usize = 2 * MAX_LANES;

/// The geometry of a sliding window; every pair is (vertical, horizontal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Extent of the kernel.
    pub kernel: [usize; 2],
    /// Distance between neighbouring output positions.
    pub stride: [usize; 2],
    /// Zeros assumed on either side of the image.
    pub padding: [usize; 2],
    /// Distance between neighbouring elements of the kernel.
    pub dilation: [usize; 2],
}

impl Window {
    /// A window without padding or dilation.
    pub fn new(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, padding: [0, 0], dilation: [1, 1] }
    }

    /// The number of output positions in each direction for an image of `size` (H, W).
    ///
    /// # Errors
    /// If a kernel, stride or dilation is 0, or if the window does not fit into the padded image.
    pub fn output_size(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        let mut output = [0; 2];
        for axis in 0..2 {
            let (kernel, stride, dilation) = (self.kernel[axis], self.stride[axis], self.dilation[axis]);
            if kernel == 0 || stride == 0 || dilation == 0 {
                return Err(Error::option(
                    "window",
                    "kernel, stride and dilation of at least 1",
                    format!("kernel {kernel}, stride {stride}, dilation {dilation}"),
                ));
            }
            let span = (kernel - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
            let padded = self.padding[axis].checked_mul(2).and_then(|both| both.checked_add(size[axis]));
            output[axis] = match (span, padded) {
                (Some(span), Some(padded)) if span <= padded => (padded - span) / stride + 1,
                _ => {
                    return Err(Error::option(
                        "window",
                        format!("a kernel that fits into {} pixels and their padding", size[axis]),
                        format!("kernel {kernel}, dilation {dilation}, padding {}", self.padding[axis]),
                    ));
                }
            };
        }
        Ok(output)
    }

    /// Checks that images (H, W) of `channels` input or output channels a group, whichever are more, can be laid out with
    /// their padding, as the kernels of a convolution need them.
    ///
    /// # Errors
    /// [`Error::Option`] if they are too large.
    pub(crate) fn check_layout(&self, channels: usize, size: [usize; 2]) -> Result<()> {
        let padded = [0, 1].map(|axis| size[axis].saturating_add(self.padding[axis].saturating_mul(2)));
        let channel = padded[0].saturating_mul(padded[1]).saturating_add(MOST_ADDED);
        if channel.saturating_mul(channels) <= LARGEST_IMAGE {
            return Ok(());
        }
        let expected = format!(
            "at most {LARGEST_IMAGE} pixels in an image and its padding, with the input or the output channels of a group"
        );
        Err(Error::option("window", expected, format!("{channels} x {} x {}", padded[0], padded[1])))
    }

    /// Calls `visit(row of col, output row, index in x, run)` for each element of the kernel and each output row at
    /// which the element reads a row of the image. `run` is the range of output columns at which it reads a pixel of
    /// the image; `index in x` is the index of the first of these pixels.
    fn for_each_run(
        &self,
        [channels, height, width]: [usize; 3],
        output: [usize; 2],
        mut visit: impl FnMut(usize, usize, usize, std::ops::Range<usize>),
    ) {
        let [kernel_h, kernel_w] = self.kernel;
        for channel in 0..channels {
            for i in 0..kernel_h {
                for j in 0..kernel_w {
                    let row = (channel * kernel_h + i) * kernel_w + j;
                    // q·stride + offset − padding must lie in 0..width.
                    let offset = j * self.dilation[1];
                    let first = self.padding[1].saturating_sub(offset).div_ceil(self.stride[1]);
                    let end = (width + self.padding[1]).saturating_sub(offset).div_ceil(self.stride[1]);
                    let run = first..end.min(output[1]);
                    if run.is_empty() {
                        continue;
                    }
                    let x_column = first * self.stride[1] + offset - self.padding[1];
                    for p in 0..output[0] {
                        let padded_row = p * self.stride[0] + i * self.dilation[0];
                        if (self.padding[0]..height + self.padding[0]).contains(&padded_row) {
                            let x_row = channel * height + padded_row - self.padding[0];
                            visit(row, p, x_row * width + x_column, run.clone());
                        }
                    }
                }
            }
        }
    }
}

/// The sizes of a convolution.
pub(crate) struct Sizes {
    /// One group of an image (C/groups, H, W).
    pub image: [usize; 3],
    /// Output positions in each direction (OH, OW).
    pub output: [usize; 2],
}

impl Sizes {
    /// The sizes of a convolution whose parameters and images have these shapes.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub(crate) fn of(
        theta: &[usize],
        log_sigma2: &[usize],
        bias: Option<&[usize]>,
        window: &Window,
        groups: usize,
        x: &[usize],
    ) -> Result<Self> {
        let (outputs, channels) = (theta[0], theta[1]);
        let [kernel_h, kernel_w] = window.kernel;
        check_shape("theta", &[outputs, channels, kernel_h, kernel_w], theta)?;
        if theta.contains(&0) {
            return Err(Error::tensor("theta", "sizes of at least 1", format!("{theta:?}")));
        }
        check_shape("log_sigma2", theta, log_sigma2)?;
        if groups == 0 || outputs % groups != 0 {
            let expected = format!("a divisor of the {outputs} output channels");
            return Err(Error::option("groups", expected, groups));
        }
        check_shape("x", &[x[0], channels * groups, x[2], x[3]], x)?;
        if let Some(bias) = bias {
            check_shape("bias", &[outputs], bias)?;
        }
        let output = window.output_size([x[2], x[3]])?;
        window.check_layout(channels.max(outputs / groups), [x[2], x[3]])?;
        Ok(Self { image: [channels, x[2], x[3]], output })
    }
}

/// Copies one image `x` (C, H, W) into `col` (C·kh·kw, OH·OW), both in standard layout.
///
/// # Panics
/// If the lengths do not fit the shapes.
pub fn im2col<F: Real>(x: &[F], shape: [usize; 3], window: &Window, output: [usize; 2], col: &mut [F]) {
    let positions = output[0] * output[1];
    let stride = window.stride[1];
    if window.padding != [0, 0] {
        col.fill(F::zero());
    }
    window.for_each_run(shape, output, |row, p, start, run| {
        let target = &mut col[row * positions + p * output[1]..][run];
        if stride == 1 {
            target.copy_from_slice(&x[start..start + target.len()]);
        } else {
            target.iter_mut().zip(x[start..].iter().step_by(stride)).for_each(|(to, from)| *to = *from);
        }
    });
}

/// The adjoint of [`im2col`]: adds each element of `col` (C·kh·kw, OH·OW) to the pixel of the image `dx` (C, H, W) that
/// [`im2col`] copies to it.
///
/// # Panics
/// If the lengths do not fit the shapes.
pub fn col2im<F: Real>(col: &[F], shape: [usize; 3], window: &Window, output: [usize; 2], dx: &mut [F]) {
    let positions = output[0] * output[1];
    let stride = window.stride[1];
    window.for_each_run(shape, output, |row, p, start, run| {
        let source = &col[row * positions + p * output[1]..][run];
        if stride == 1 {
            dx[start..start + source.len()].iter_mut().zip(source).for_each(|(to, from)| *to += *from);
        } else {
            dx[start..].iter_mut().step_by(stride).zip(source).for_each(|(to, from)| *to += *from);
        }
    });
}
