//! Training: data, objective, optimizer, loop, metrics, and the files of a run.
//!
//! There are two ways to train. On arrays of floats, call [`Trainer::step`] batch by batch, in an order of your choice:
//! see the example of [`nets`](crate::nets). On images of bytes, [`fit()`] shuffles, augments and evaluates:
//!
//! ```
//! use spikeslab::nets::{Description, Given, Network};
//! use spikeslab::prior::Codebook;
//! use spikeslab::train::data::{Dataset, Split};
//! use spikeslab::train::{Position, Recipe, Trainer, fit};
//!
//! // Twenty images of 4 x 4 that are dark or bright, by their class.
//! let labels: Vec<u16> = (0..20).map(|i| i % 2).collect();
//! let pixels = labels.iter().flat_map(|label| [40 + 160 * *label as u8; 16]);
//! let images = Dataset::new(pixels.collect(), labels, [1, 4, 4], 2)?;
//! let data = Split::new(images.clone(), images, "dark and bright");
//!
//! let given = Given { input: Some([1, 4, 4]), classes: Some(2), outputs: None };
//! let graph = Description::preset("mlp")?.graph(given)?;
//! let mut network = Network::<f32>::new(graph, &Codebook::symmetric(3)?);
//! network.initialize(0);
//! let recipe = Recipe { epochs: 2, batch_size: 10, ..Recipe::default() };
//! let mut trainer = Trainer::new(network, recipe, data.train.len())?;
//! fit(&mut trainer, &data, Position::default(), &mut ())?;
//! assert_eq!(trainer.steps_taken, 4);
//! # Ok::<(), spikeslab::Error>(())
//! ```

pub mod adam;
#[cfg(feature = "files")]
pub mod checkpoint;
#[cfg(feature = "files")]
pub mod comparison;
#[cfg(feature = "files")]
pub mod config;
pub mod data;
pub mod draw;
pub mod evaluate;
pub mod fit;
#[cfg(feature = "files")]
pub mod init;
pub mod objective;
#[cfg(feature = "files")]
pub mod overwrite;
pub mod phase;
pub mod projection;
pub mod recalibrate;
pub mod recipe;
#[cfg(feature = "files")]
pub mod result;
#[cfg(feature = "files")]
pub mod run;
pub mod teacher;
pub mod trainer;
pub mod uncertainty;

#[cfg(feature = "files")]
pub use comparison::Comparison;
#[cfg(feature = "files")]
pub use config::Config;
pub use data::{Dataset, Split};
pub use evaluate::{Score, Weights};
pub use fit::{Control, EpochMetrics, Observer, Position, fit};
pub use objective::{Forward, KlScale, Loss, Objective};
pub use recipe::{InitLevels, PriorName, Recipe, RecipeName};
#[cfg(feature = "files")]
pub use result::RunResult;
#[cfg(feature = "files")]
pub use run::Run;
pub use teacher::Teacher;
pub use trainer::{Trainer, Training};
