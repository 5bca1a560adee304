//! The data that a model was trained on, as its run and its packed model record them: whoever evaluates the model is told whether
//! the images are those it knows.

/// A data set by its name, its checksum and the names of its classes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct TrainedOn {
    /// What the data set is called: of a standard one its name, else that of its folder or file.
    pub name: String,
    /// CRC-32 of the training images and labels, as of [`Dataset::checksum`](super::Dataset::checksum).
    pub checksum: u32,
    /// The name of each class, in the order of the network's outputs.
    pub classes: Vec<String>,
}
