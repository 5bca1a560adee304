//! The kinds of weights, and the predictions of each of them.

use super::Predict;
use crate::cli::source::run_of;
use crate::error::Result;
use crate::train::data::{Dataset, Split};
use crate::train::evaluate::Sink;
use crate::train::uncertainty::{Detections, Predictions, Uncertainty};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array2;
use std::fmt::{self, Display};
use std::io::IsTerminal;
use std::path::Path;

/// A kind of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mean,
    Sampled,
    Quantized,
    SampledMary,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Mean, Self::Sampled, Self::Quantized, Self::SampledMary];

    /// The name in tables and figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sampled => "sampled",
            Self::Quantized => "quantized",
            Self::SampledMary => "sampled M-ary",
        }
    }

    /// The name in JSON and files.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::SampledMary => "sampled_m_ary",
            _ => self.name(),
        }
    }

    pub(super) fn is_drawn(self) -> bool {
        matches!(self, Self::Sampled | Self::SampledMary)
    }
}

/// The name and the path of a data set.
pub(super) struct DataName {
    pub(super) name: String,
    /// None for the images in the program.
    pub(super) path: Option<String>,
}

impl DataName {
    pub(super) fn new(path: Option<&Path>, data: &Split) -> Self {
        let name = data.identity.as_ref().map_or_else(String::new, |identity| identity.name.clone());
        Self { name, path: path.map(|path| path.display().to_string()) }
    }
}

impl Display for DataName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}, from {path:?}", self.name),
            None => write!(f, "{}, from the program itself", self.name),
        }
    }
}

/// The test images of another data set, for which a network should be less certain.
pub(super) struct Other {
    pub(super) name: DataName,
    pub(super) test: Dataset,
}

/// The model that is evaluated.
pub(super) struct Model {
    pub(super) network: String,
    /// The epochs that are over, and those of the whole training; none for a packed model.
    pub(super) epochs: Option<(u32, u32)>,
    /// M, where the weights are quantized to the levels of k-means.
    pub(super) kmeans: Option<u16>,
    /// The number of training images from which the statistics were recomputed, if they were.
    pub(super) recalibrated: Option<usize>,
}

impl Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.epochs {
            Some(epochs) => f.write_str(&run_of(&self.network, epochs))?,
            None => write!(f, "packed model of {}", self.network)?,
        }
        if let Some(levels) = self.kmeans {
            write!(f, "; quantized to {levels} levels of k-means")?;
        }
        self.recalibrated
            .map_or(Ok(()), |images| write!(f, "; statistics of mean and quantized weights from {images} images"))
    }
}

/// The kinds of weights to evaluate, and the images to evaluate them on.
pub(super) struct Task<'a> {
    pub(super) model: Model,
    pub(super) kinds: &'a [Kind],
    pub(super) samples: u32,
    /// The data set of the test images.
    pub(super) own: DataName,
    pub(super) test: Dataset,
    /// The data set of `--ood`.
    pub(super) other: Option<Other>,
}

impl Task<'_> {
    pub(super) fn draws(&self, kind: Kind) -> u32 {
        if kind.is_drawn() { self.samples } else { 1 }
    }

    /// The data sets, each with its prefix before a kind's key.
    pub(super) fn data(&self) -> impl Iterator<Item = (&'static str, &Dataset)> {
        [("", &self.test)].into_iter().chain(self.other.iter().map(|other| ("other_", &other.test)))
    }
}

/// The predictions of one kind of weights, and their figures of merit.
pub(super) struct OfKind {
    pub(super) kind: Kind,
    pub(super) predictions: Predictions,
    pub(super) uncertainty: Uncertainty,
    /// The predictions for the images of `--ood`, if it was given, and how well they are detected.
    pub(super) other: Option<(Predictions, Detections)>,
}

/// The evaluation of every kind of weights.
pub(super) struct Evaluation {
    pub(super) kinds: Vec<OfKind>,
    /// The labels of the test images.
    pub(super) labels: Vec<usize>,
}

impl Evaluation {
    /// Evaluates the task. `sink` is called with the logits of each batch, for each draw, for each data set, for each
    /// kind of weights; the batch changes fastest, the kind slowest.
    pub(super) fn of(task: &Task<'_>, predict: &Predict<'_>, sink: &mut Sink<'_, f32>) -> Result<Self> {
        let labels = task.test.label_indices();
        let passes = task.kinds.iter().map(|kind| u64::from(task.draws(*kind))).sum::<u64>();
        let images = task.data().map(|(_, data)| data.len() as u64).sum::<u64>();
        let bar = bar(passes.saturating_mul(images));
        let mut sink = |logits: &Array2<f32>| {
            bar.inc(logits.nrows() as u64);
            sink(logits)
        };
        let mut kinds = Vec::new();
        for kind in task.kinds.iter().copied() {
            let mut of = task.data().map(|(_, data)| predict(kind, data, &mut sink));
            let predictions = of.next().expect("the test images are first")?;
            let other = of.next().transpose()?;
            let uncertainty = Uncertainty::of(&predictions, &labels)?;
            let detections = other.as_ref().map(|other| Detections::of(&predictions, other)).transpose()?;
            kinds.push(OfKind { kind, predictions, uncertainty, other: other.zip(detections) });
        }
        bar.finish_and_clear();
        Ok(Self { kinds, labels })
    }
}

/// A progress bar, which is hidden unless standard error is a terminal.
fn bar(images: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{bar:32} {pos}/{len} images  {per_sec}  {eta} left";
    ProgressBar::new(images)
        .with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
