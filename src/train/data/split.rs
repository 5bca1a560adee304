//! A data set, split into training, validation and test images.

#[cfg(feature = "files")]
use super::by;
use super::{Dataset, Standardization, TrainedOn};
use crate::error::{Error, Result};

/// A data set's parts. Their images have the same shape, and their labels the same classes.
#[derive(Debug)]
pub struct Split {
    /// The images that are trained on.
    pub train: Dataset,
    /// Training images that were held out for validation, if any.
    pub validation: Option<Dataset>,
    /// The images that are only evaluated on.
    pub test: Dataset,
    /// Whether the test images were held out from the images of a data set that has none.
    pub test_is_held_out: bool,
    /// A description of the data set and its origin, in one line.
    pub source: String,
    /// The identity of the data set; its checksum is of all the training images. None for a data set made in memory.
    pub identity: Option<TrainedOn>,
}

impl Split {
    /// A data set made in memory, of two parts with one shape and the same classes, which is not checked here; `source`
    /// describes it.
    pub fn new(train: Dataset, test: Dataset, source: impl Into<String>) -> Self {
        Self { train, validation: None, test, test_is_held_out: false, source: source.into(), identity: None }
    }

    /// The data set named `name`, read from the place that `from` describes.
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
        Self { train, validation: None, test, test_is_held_out: false, source, identity: Some(identity) }
    }

    /// Test images alone, of the data set named `name`, read from the place that `from` describes.
    #[cfg(feature = "files")]
    pub(super) fn of_test_images(test: Dataset, name: &str, from: &str) -> Self {
        Self::read_from(test.subset(&[]), test, name, from)
    }

    /// Keeps the first `images` training images.
    ///
    /// # Errors
    /// [`Error::Option`] if `images` is 0, or more than there are.
    pub fn limit(&mut self, images: usize) -> Result<()> {
        let there = self.train.len();
        if !(1..=there).contains(&images) {
            return Err(Error::option("limit", format!("1 to {there}, the training images"), images));
        }
        self.train.keep_first(images);
        self.source = format!("{}, of which the first {images} training images are used", self.source);
        Ok(())
    }

    /// Holds out this share of the training images of each class as validation images. The choice is the same in every
    /// run.
    ///
    /// # Errors
    /// [`Error::Option`] if the share is not between 0 and 1, or holds out no image.
    pub fn hold_out(&mut self, share: f64) -> Result<()> {
        let (train, validation) = self.train.hold_out(share)?;
        self.source = format!("{}, {} of the training images held out", self.source, validation.len());
        (self.train, self.validation) = (train, Some(validation));
        Ok(())
    }

    /// The images on which a training is evaluated after each epoch: the validation images or, if there are none, the
    /// test images.
    pub fn watched(&self) -> &Dataset {
        self.validation.as_ref().unwrap_or(&self.test)
    }

    /// Sets the standardization of the images of all parts; none for pixels in [0, 1].
    ///
    /// # Errors
    /// The errors of [`Dataset::standardize`].
    pub fn standardize(&mut self, standardization: Option<&Standardization>) -> Result<()> {
        self.train.standardize(standardization)?;
        self.validation.as_mut().map_or(Ok(()), |images| images.standardize(standardization))?;
        self.test.standardize(standardization)
    }
}

/// Two parts of a data set whose classes have no names: the classes are the numbers from 0, or from 1 if no label of
/// either part is 0, to the largest label.
///
/// # Errors
/// [`Error::Tensor`] if there are training images, but fewer than two classes, or none of a class, which a wrong label
/// would cause.
#[cfg(feature = "files")]
pub(super) fn numbered(train: Dataset, test: Dataset) -> Result<(Dataset, Dataset)> {
    let labels = || train.labels().iter().chain(test.labels());
    let first = labels().min().map_or(0, |&smallest| smallest.min(1));
    let classes = labels().max().map_or(0, |&largest| usize::from(largest - first) + 1);
    if classes < 2 && !train.is_empty() {
        return Err(Error::tensor("labels", "at least two classes", classes));
    }
    let (train, test) = (train.with_labels_from(first, classes), test.with_labels_from(first, classes));
    if let (false, Some(empty)) = (train.is_empty(), train.missing_classes().first()) {
        let names = train.class_names();
        let expected = format!("training images of every label from {} to {}", names[0], names[classes - 1]);
        return Err(Error::tensor("labels", expected, format!("none of {empty}")));
    }
    Ok((train, test))
}
