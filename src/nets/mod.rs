//! Networks. What each node computes, forward and backward, is in [`layers`](crate::layers).
//!
//! A [`Description`] is a text with one operation per line ([`text`] defines the language, [`presets`] has the networks
//! that come with the crate). With the shape of the images and the number of classes it becomes a [`Graph`]. A
//! [`Schedule`] says which nodes are computed together. A [`Network`] is a graph, its schedule, and a flat list of
//! named [`Parameter`]s.
//!
//! Example: a network is described, trained, packed, saved and loaded:
//!
#![cfg_attr(feature = "files", doc = "```")]
#![cfg_attr(not(feature = "files"), doc = "```ignore")]
//! use ndarray::Array4;
//! use spikeslab::nets::{Given, Graph, Network};
//! use spikeslab::packed::{PackedModel, format};
//! use spikeslab::prior::Codebook;
//! use spikeslab::train::{Recipe, Trainer};
//!
//! let text = "
//!     input 1x8x8
//!     stem  conv 8 3x3 pad 1
//!           norm
//!           relu
//!     x     max-pool 2x2
//!           conv 8 3x3 pad 1
//!     y     norm
//!           add of x y           # a residual unit
//!           relu
//!           global-avg-pool
//!           flatten
//!           dense classes bias";
//! let given = Given { classes: Some(2), ..Given::default() };
//! let graph = Graph::parse("stripes", text, given)?;
//! let codebook = Codebook::<f32>::symmetric(3)?;
//! let mut network = Network::new(graph, &codebook);
//! network.initialize(0);
//!
//! // Eight images with stripes down and eight with stripes across.
//! let labels: Vec<usize> = (0..16).map(|i| i % 2).collect();
//! let stripe = |(i, _, row, column)| [row, column][i % 2] / 2 % 2;
//! let shape = (16, 1, 8, 8);
//! let x = Array4::from_shape_fn(shape, |at| stripe(at) as f32);
//! let recipe =
//!     Recipe { epochs: 40, batch_size: 16, ..Recipe::default() };
//! let mut trainer = Trainer::new(network, recipe, labels.len())?;
//! for _ in 0..trainer.total_steps() {
//!     trainer.step(x.clone(), &labels)?;
//! }
//!
//! let model = PackedModel::new("stripes", &trainer.network, None);
//! let dir = tempfile::tempdir().expect("a directory");
//! let path = dir.path().join("stripes.packed");
//! format::save(&path, &model)?;
//! let logits = format::load(&path)?.predict(x)?;
//! for (row, label) in logits.rows().into_iter().zip(&labels) {
//!     assert!(row[*label] > row[1 - *label]);
//! }
//! # Ok::<(), spikeslab::Error>(())
//! ```

pub mod graph;
pub mod network;
pub mod parameters;
pub mod presets;
pub mod schedule;
pub mod text;

pub use graph::Graph;
pub use network::{Network, Noise, Normalization, Tape, WeightMode};
pub use parameters::{Gradients, Parameter, Role};
pub use presets::Description;
pub use schedule::Schedule;
pub use text::Given;
