//! A data set in its parts.

#[cfg(feature = "files")]
use super::by;
use super::{Dataset, Standardization, TrainedOn};
use crate::error::{Error, Result};

/// A data set's parts. Their images have one shape, and their labels the same classes.
#[derive(Debug)]
pub struct Split {
    /// What is trained on.
    pub train: Dataset,
    /// Training images that were held out to watch the training by, if any.
    pub validation: Option<Dataset>,
    /// What is only ever evaluated on.
    pub test: Dataset,
    /// What this is and where it comes from, in one line.
    pub source: String,
    /// Which data set this is; its checksum is of all the training images. None of a data set made in memory.
    pub identity: Option<TrainedOn>,
}

impl Split {
    /// A data set made in memory; `source` tells what it is.
    pub fn new(train: Dataset, test: Dataset, source: impl Into<String>) -> Self {
        Self { train, validation: None, test, source: source.into(), identity: None }
    }

    /// The data set called `name`, read from the place that `from` tells.
    #[cfg(feature = "files")]
    pub(super) fn read_from(train: Dataset, test: Dataset, name: &str, from: &str) -> Self {
        let (shape, classes) = (by(train.shape()), train.class_names());
        let source = format!(
            "{} training and {} test images of {name}, {shape} in {} classes, from {from}",
            train.len(),
            test.len(),
            classes.len(),
        );
        let identity = TrainedOn { name: name.to_string(), checksum: train.checksum(), classes: classes.to_vec() };
        Self { train, validation: None, test, source, identity: Some(identity) }
    }

    /// Keeps the first `images` of those to train on.
    ///
    /// # Errors
    /// [`Error::Option`] if that is none, or more than there are.
    pub fn limit(&mut self, images: usize) -> Result<()> {
        let there = self.train.len();
        if !(1..=there).contains(&images) {
            return Err(Error::option("limit", format!("1 to {there}, the training images"), images));
        }
        self.train.keep_first(images);
        self.source = format!("the first {images} of {}", self.source);
        Ok(())
    }

    /// Holds out this share of the training images of each class, always the same ones, as validation images.
    ///
    /// # Errors
    /// [`Error::Option`] if the share is not between 0 and 1, or leaves no image on one of the sides.
    pub fn hold_out(&mut self, share: f64) -> Result<()> {
        let (train, validation) = self.train.hold_out(share)?;
        self.source = format!("{}, {} of the training images held out", self.source, validation.len());
        (self.train, self.validation) = (train, Some(validation));
        Ok(())
    }

    /// The images that a training is watched by: those held out or, where none are, the test images.
    pub fn watched(&self) -> &Dataset {
        self.validation.as_ref().unwrap_or(&self.test)
    }

    /// Has all parts standardized by `standardization`, if any.
    ///
    /// # Errors
    /// As [`Dataset::standardize`].
    pub fn standardize(&mut self, standardization: Option<&Standardization>) -> Result<()> {
        self.train.standardize(standardization)?;
        self.validation.as_mut().map_or(Ok(()), |images| images.standardize(standardization))?;
        self.test.standardize(standardization)
    }
}

/// Two parts whose labels are numbers and nothing more: the classes are those from the smallest label in either, if that is 0 or 1,
/// to the largest.
///
/// # Errors
/// [`Error::Tensor`] if there are fewer than two classes, or one has no image to train on: a wrong label is told by that.
#[cfg(feature = "files")]
pub(super) fn numbered(train: Dataset, test: Dataset) -> Result<(Dataset, Dataset)> {
    let labels = || train.labels().iter().chain(test.labels());
    let first = labels().min().map_or(0, |&smallest| smallest.min(1));
    let classes = labels().max().map_or(0, |&largest| usize::from(largest - first) + 1);
    if classes < 2 {
        return Err(Error::tensor("labels", "at least two classes", classes));
    }
    let (train, test) = (train.with_labels_from(first, classes), test.with_labels_from(first, classes));
    let mut is_there = vec![false; classes];
    train.labels().iter().for_each(|&label| is_there[usize::from(label)] = true);
    if let Some(empty) = is_there.iter().position(|is_there| !is_there) {
        let names = train.class_names();
        let expected = format!("training images of every label from {} to {}", names[0], names[classes - 1]);
        return Err(Error::tensor("labels", expected, format!("none of {}", names[empty])));
    }
    Ok((train, test))
}
