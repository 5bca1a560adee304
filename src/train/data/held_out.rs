//! Holds out a share of each class's images from the training images.

use super::Dataset;
use crate::error::{Error, Result};
use crate::tensor::noise::{Philox, Purpose};
use ndarray_rand::rand::seq::SliceRandom;

/// The share of each class's images that becomes test images if a data set has no test images.
#[cfg(feature = "files")]
pub(super) const TEST_SHARE: f64 = 0.2;

/// The purpose of a random choice of images. Each purpose has its own random numbers, which no seed changes, so that
/// every run and every evaluation on the same images holds out the same ones.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    /// Test images, if a data set has none.
    #[cfg(feature = "files")]
    Test = 0,
    /// Validation images.
    Validation = 1,
    /// The order of the images in a folder.
    #[cfg(feature = "files")]
    Order = 2,
}

impl Choice {
    /// Shuffles `items` with the random numbers of this purpose.
    pub(super) fn shuffle<T>(self, items: &mut [T]) {
        items.shuffle(&mut Philox::new(0, Purpose::HoldingOut, self as u32));
    }
}

/// Splits the images into those that stay and those held out, `share` of each class rounded to whole images. Both keep
/// their order, and at least one image of each class stays.
///
/// # Errors
/// [`Error::Option`] if the share is not between 0 and 1, or holds out no image.
pub(super) fn hold_out(data: &Dataset, share: f64, choice: Choice) -> Result<(Dataset, Dataset)> {
    if !(share > 0.0 && share < 1.0) {
        return Err(Error::option("validation", "a number between 0 and 1", share));
    }
    let mut left = vec![0_usize; data.classes()];
    data.labels().iter().for_each(|&label| left[usize::from(label)] += 1);
    for count in &mut left {
        *count = ((*count as f64 * share).round() as usize).min(count.saturating_sub(1));
    }
    let mut order: Vec<usize> = (0..data.len()).collect();
    choice.shuffle(&mut order);
    let mut is_held_out = vec![false; data.len()];
    for i in order {
        let left = &mut left[usize::from(data.labels()[i])];
        if *left > 0 {
            (*left, is_held_out[i]) = (*left - 1, true);
        }
    }
    let (held_out, stay): (Vec<usize>, Vec<usize>) = (0..data.len()).partition(|&i| is_held_out[i]);
    if held_out.is_empty() {
        let expected = format!("a share of the {} images that holds out at least one", data.len());
        return Err(Error::option("validation", expected, share));
    }
    Ok((data.subset(&stay), data.subset(&held_out)))
}
