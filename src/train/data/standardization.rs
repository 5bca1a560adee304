//! Standardization of pixels: each channel gets mean 0 and standard deviation 1 over the training images.
//!
//! ```text
//! y = (x − mean) / deviation
//! x in [0, 1]; mean and deviation of its channel
//! ```
//!
//! Mean and deviation belong to the model: all images that it is evaluated on are standardized by those of its training
//! images or, if it learned from a teacher or began with trained weights, by those that these were trained with.

use ndarray::{Array4, Axis};

use super::Dataset;
use crate::error::{Error, Result};
use crate::scalar::Real;

/// The mean and deviation of each channel, for pixels in [0, 1].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Standardization {
    /// Means (C).
    pub mean: Vec<f32>,
    /// Standard deviations (C) of the population of all pixels, without Bessel's correction.
    pub deviation: Vec<f32>,
}

impl Standardization {
    /// The standardization for training on `data`: the result of [`of`](Self::of) for colour images; none for grey
    /// images, whose 0 is the background.
    ///
    /// # Errors
    /// [`Error::Tensor`] if all pixels of a channel are the same.
    pub fn for_training(data: &Dataset) -> Result<Option<Self>> {
        let [channels, ..] = data.shape();
        if channels == 1 { Ok(None) } else { Self::of(data).map(Some) }
    }

    /// The mean and deviation of the pixels of `data`, from exact integer sums.
    ///
    /// # Errors
    /// [`Error::Tensor`] if all pixels of a channel are the same.
    pub fn of(data: &Dataset) -> Result<Self> {
        let (mut mean, mut deviation) = (Vec::new(), Vec::new());
        for (channel, counts) in data.histograms().iter().enumerate() {
            let moment =
                |power| counts.iter().zip(0..).map(|(&n, p): (&u64, u128)| u128::from(n) * p.pow(power)).sum::<u128>();
            let [n, sum, squares] = [0, 1, 2].map(moment);
            // n² times the variance.
            let spread = n * squares - sum * sum;
            if spread == 0 {
                let seen = counts.iter().position(|&n| n > 0).map_or("none".into(), |p| format!("only {p}"));
                return Err(Error::tensor("images", format!("different pixels in channel {channel}"), seen));
            }
            let scale = n as f64 * 255.0;
            mean.push((sum as f64 / scale) as f32);
            deviation.push(((spread as f64).sqrt() / scale) as f32);
        }
        Ok(Self { mean, deviation })
    }

    /// Checks that these can be the means and deviations of images with `channels` channels.
    ///
    /// # Errors
    /// [`Error::Option`] if their number is not `channels`, a mean is not in [0, 1], or a deviation is not in (0, 1].
    pub fn check(&self, channels: usize) -> Result<()> {
        let odd = |values: &[f32], fits: fn(f32) -> bool| values.len() != channels || !values.iter().all(|&v| fits(v));
        for (name, expected, values, is_odd) in [
            ("mean", "from 0 to 1", &self.mean, odd(&self.mean, |v| (0.0..=1.0).contains(&v))),
            ("deviation", "above 0, to 1", &self.deviation, odd(&self.deviation, |v| v > 0.0 && v <= 1.0)),
        ] {
            if is_odd {
                let expected = format!("{channels} numbers {expected}");
                return Err(Error::option(format!("standardization {name}"), expected, format!("{values:?}")));
            }
        }
        Ok(())
    }

    /// Standardizes pixels (B, C, H, W).
    ///
    /// # Panics
    /// If C is not the number of means.
    pub fn apply<F: Real>(&self, x: &mut Array4<F>) {
        assert_eq!(x.dim().1, self.mean.len(), "one mean a channel");
        for (mut channel, (mean, deviation)) in x.axis_iter_mut(Axis(1)).zip(self.mean.iter().zip(&self.deviation)) {
            let [mean, deviation] = [mean, deviation].map(|&figure| F::of(figure.into()));
            channel.mapv_inplace(|x| (x - mean) / deviation);
        }
    }
}
