//! Functions that the tests of training share: images that can be learned, narrow networks, an observer that records a
//! run.

mod adam;
mod data;
mod draw;
mod evaluate;
mod fit;
mod objective;
mod phase;
mod projection;
mod recalibrate;
mod recipe;
mod teacher;
mod trainer;
pub(crate) mod uncertainty;

#[cfg(feature = "files")]
mod checkpoint;
#[cfg(feature = "files")]
mod comparison;
#[cfg(feature = "files")]
mod config;
#[cfg(feature = "files")]
mod init;
#[cfg(feature = "files")]
mod overwrite;
#[cfg(feature = "files")]
mod result;
#[cfg(feature = "files")]
mod run;

#[cfg(feature = "files")]
use crate::common::compare::{Tensor, ToTensor};
use crate::common::random::Random;
#[cfg(feature = "files")]
pub(crate) use checkpoint::Parts;
use spikeslab::Result;
use spikeslab::nets::{Description, Graph, Network};
use spikeslab::prior::Codebook;
use spikeslab::scalar::Real;
use spikeslab::train::data::{Dataset, Split};
use spikeslab::train::fit::{Control, EpochMetrics, Observer, Position};
use spikeslab::train::{Loss, Recipe, Trainer, Training};

pub(crate) const CLASSES: usize = 10;

/// Pixels (count, size, size) and labels of noisy pictures: class c is a bright blob at the c-th of ten places on a
/// circle.
pub(crate) fn blobs(count: usize, size: usize, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let mut random = Random::new(seed);
    let labels: Vec<u8> = (0..count).map(|i| (i % CLASSES) as u8).collect();
    let mut pixels = Vec::with_capacity(count * size * size);
    for label in &labels {
        let angle = std::f64::consts::TAU * f64::from(*label) / CLASSES as f64;
        let half = size as f64 / 2.0;
        let (row, column) = (half + 0.6 * half * angle.sin(), half + 0.6 * half * angle.cos());
        for i in 0..size * size {
            let (down, right) = ((i / size) as f64 + 0.5 - row, (i % size) as f64 + 0.5 - column);
            let blob = 255.0 * (-(down * down + right * right) / (0.15 * half * half)).exp();
            pixels.push((blob + random.uniform(0.0, 60.0)).min(255.0) as u8);
        }
    }
    (pixels, labels)
}

/// A data set of blobs with training and test images.
pub(crate) fn split(train: usize, test: usize, size: usize) -> Split {
    let part = |count, seed| {
        let (pixels, labels) = blobs(count, size, seed);
        Dataset::new(pixels, labels.into_iter().map(u16::from).collect(), [1, size, size], CLASSES).unwrap()
    };
    Split::new(part(train, 1), part(test, 2), "blobs")
}

/// Small widths of the layers of each network.
pub(crate) fn narrow(name: &str) -> &'static [usize] {
    match name {
        "mlp" => &[12, 8, CLASSES],
        "lenet5" => &[3, 4, 12, 8, CLASSES],
        "lenet-caffe" => &[3, 4, 12, CLASSES],
        "densenet" => &[3, 2, 4, 3, 4, 2, CLASSES],
        "densenet-bottleneck" => &[3, 4, 2, 4, 5, 2, 4, 3, 2, CLASSES],
        other => panic!("no widths for {other}"),
    }
}

/// A network of `size` × `size` images with the codebook −0.2, 0, 0.2.
pub(crate) fn network<F: Real>(name: &str, widths: &[usize], size: usize) -> Network<F> {
    initialized(Description::with_widths(name, [1, size, size], widths).unwrap())
}

/// A network with the codebook −0.2, 0, 0.2.
pub(crate) fn initialized<F: Real>(graph: Graph) -> Network<F> {
    let codebook = Codebook::new([-0.2, 0.0, 0.2].map(F::of).to_vec()).unwrap();
    let mut network = Network::new(graph, &codebook);
    network.initialize(7);
    network
}

/// Two epochs, batches of 16.
pub(crate) fn short_recipe() -> Recipe {
    Recipe { epochs: 2, kl_weight: 0.1, kl_warmup: Some(1.0), batch_size: 16, learning_rate: 0.01, ..Recipe::default() }
}

/// Every parameter and moment.
pub(crate) fn state<F: Real>(trainer: &Trainer<F>) -> Vec<Tensor> {
    let parameters = trainer.network.parameters().iter().map(|parameter| parameter.value.to_tensor());
    let moments = trainer.moments.iter().flatten().map(|moment| moment.to_tensor());
    parameters.chain(moments).collect()
}

/// The bits of every parameter and moment.
pub(crate) fn bits<F: Real>(trainer: &Trainer<F>) -> Vec<Vec<u64>> {
    state(trainer).iter().map(|tensor| tensor.values.iter().map(|value| value.to_bits()).collect()).collect()
}

/// Records the reports of a run, and stops it after a number of steps.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) stop_after: Option<u64>,
    /// Evaluate only epochs whose number is a multiple of this.
    pub(crate) evaluate_every: Option<u32>,
    pub(crate) steps: Vec<(Position, Loss)>,
    pub(crate) epochs: Vec<EpochMetrics>,
    /// The position of the run.
    pub(crate) position: Position,
}

impl Notes {
    fn control<F: Real>(&mut self, trainer: &Trainer<F>, position: &Position) -> Control {
        self.position = *position;
        if self.stop_after == Some(trainer.steps_taken) { Control::Stop } else { Control::Continue }
    }
}

impl<F: Real> Observer<F> for Notes {
    fn evaluates(&self, epoch: u32) -> bool {
        self.evaluate_every.is_none_or(|every| epoch.is_multiple_of(every))
    }

    fn after_step(&mut self, training: &mut dyn Training<F>, position: &Position, loss: &Loss) -> Result<Control> {
        self.steps.push((*position, *loss));
        Ok(self.control(training.trainer(), position))
    }

    fn after_epoch(&mut self, trainer: &Trainer<F>, position: &Position, metrics: EpochMetrics) -> Result<Control> {
        self.epochs.push(EpochMetrics { seconds: 0.0, ..metrics });
        Ok(self.control(trainer, position))
    }
}
