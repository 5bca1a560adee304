//! Which dimensions of an array of images are channels, rows and columns.

/// The order of the numbers of one image in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// (C, H, W).
    pub shape: [usize; 3],
    /// Whether the channels are the last dimension, not the first.
    pub is_channels_last: bool,
}

/// The shapes that [`Layout::of`] accepts, for messages.
pub const SHAPES: &str = "images (N, H, W), (N, C, H, W), (N, H, W, C) with 1 or 3 channels, or vectors (N, W)";

impl Layout {
    /// The layout of images of these sizes: (W), (H, W), (C, H, W) or (H, W, C). Of three sizes, the first or the last
    /// is C, whichever of them is 1 or 3; none if both are 1 or 3, or neither is.
    pub fn of(sizes: &[usize]) -> Option<Self> {
        let is_colours = |size: usize| size == 1 || size == 3;
        match *sizes {
            [w] => Some(Self { shape: [1, 1, w], is_channels_last: false }),
            [h, w] => Some(Self { shape: [1, h, w], is_channels_last: false }),
            [c, h, w] if is_colours(c) && !is_colours(w) => Some(Self { shape: [c, h, w], is_channels_last: false }),
            [h, w, c] if is_colours(c) && !is_colours(h) => Some(Self { shape: [c, h, w], is_channels_last: true }),
            _ => None,
        }
    }

    /// The bytes of images, reordered to (N, C, H, W).
    pub fn channels_first(&self, images: Vec<u8>) -> Vec<u8> {
        let [channels, height, width] = self.shape;
        if !self.is_channels_last || channels == 1 {
            return images;
        }
        let plane = height * width;
        let image = |image: &[u8]| {
            let at = |i: usize| image[i % plane * channels + i / plane];
            (0..channels * plane).map(at).collect::<Vec<_>>()
        };
        images.chunks_exact(channels * plane).flat_map(image).collect()
    }
}
