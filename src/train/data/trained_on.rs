//! The identity of the data that a model was trained on. Its run and its packed model record it, so that an evaluation
//! can report whether the model was trained on the same data set.

/// A data set by its name, its checksum and the names of its classes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct TrainedOn {
    /// The name of the data set: that of a published data set, else the name of its folder or file.
    pub name: String,
    /// CRC-32 of the training images and labels, as of [`Dataset::checksum`](super::Dataset::checksum).
    pub checksum: u32,
    /// The name of each class, in the order of the network's outputs.
    pub classes: Vec<String>,
}
