//! Images that are some of the channels of a buffer, as a densely connected block reads and writes them.

use crate::cuda::{Argument, Buffer, Real};

/// Images: the channels from `first` on of the images in a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Images<'a> {
    /// The whole buffer.
    pub buffer: Argument<'a>,
    /// The shape of the images (B, channels, H, W).
    pub shape: [usize; 4],
    /// The number of elements of the buffer from each image to the next.
    pub image: usize,
    /// The first channel in the buffer.
    pub first: usize,
}

impl<'a> Images<'a> {
    /// All channels of a buffer (B, C, H, W).
    pub fn of<F: Real>(buffer: &'a Buffer<F>) -> Self {
        let shape = shape(buffer);
        Self::new(buffer.into(), shape)
    }

    /// Like [`Images::of`], for a buffer to be written.
    pub fn to<F: Real>(buffer: &'a mut Buffer<F>) -> Self {
        let shape = shape(buffer);
        Self::new(buffer.into(), shape)
    }

    fn new(buffer: Argument<'a>, shape: [usize; 4]) -> Self {
        Self { buffer, shape, image: shape[1..].iter().product(), first: 0 }
    }

    /// The images with only some of these channels.
    ///
    /// # Panics
    /// If there are fewer channels.
    pub fn channels(self, channels: std::ops::Range<usize>) -> Self {
        let [batch, all, height, width] = self.shape;
        assert!(channels.end <= all, "the images have these channels");
        Self { shape: [batch, channels.len(), height, width], first: self.first + channels.start, ..self }
    }

    /// H · W.
    pub fn positions(&self) -> usize {
        self.shape[2] * self.shape[3]
    }
}

/// The shape (B, C, H, W) of a buffer.
fn shape<F: Real>(buffer: &Buffer<F>) -> [usize; 4] {
    buffer.shape().try_into().expect("images are of rank 4")
}
