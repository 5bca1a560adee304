//! Images in some of the channels of a buffer: what a densely connected block reads and writes.

use crate::cuda::{Argument, Buffer, Real};

/// The channels from `first` on of images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Images<'a> {
    /// The whole buffer.
    pub buffer: Argument<'a>,
    /// What is meant of it (B, channels, H, W).
    pub shape: [usize; 4],
    /// Elements from each image to the next.
    pub image: usize,
    /// The first channel.
    pub first: usize,
}

impl<'a> Images<'a> {
    /// All channels of a buffer (B, C, H, W).
    pub fn of<F: Real>(buffer: &'a Buffer<F>) -> Self {
        let shape = shape(buffer);
        Self::new(buffer.into(), shape)
    }

    /// As [`Images::of`], to be written.
    pub fn to<F: Real>(buffer: &'a mut Buffer<F>) -> Self {
        let shape = shape(buffer);
        Self::new(buffer.into(), shape)
    }

    fn new(buffer: Argument<'a>, shape: [usize; 4]) -> Self {
        Self { buffer, shape, image: shape[1..].iter().product(), first: 0 }
    }

    /// Some of these channels.
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

/// (B, C, H, W).
fn shape<F: Real>(buffer: &Buffer<F>) -> [usize; 4] {
    buffer.shape().try_into().expect("images are of rank 4")
}
